//! The holder (Linux): this program again, keeping a sealed in-memory file open until curl has read
//! it.
//!
//! Two readers both get the whole text. If the holder is killed, the path is gone and curl stops
//! with exit code 26. Other users get EACCES, and nothing touches a file system. The holder never
//! reads the in-memory file, and it closes every descriptor of the caller: otherwise it would keep
//! the `flock` of a script.

use super::{Error, HOLD, high};
use crate::process;
use crate::secret::Secret;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{
    AtFlags, CWD, MemfdFlags, SealFlags, Timestamps, UTIME_OMIT, fcntl_add_seals, inotify,
    memfd_create, utimensat,
};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long a path waits for its first reader.
const UNREAD: Duration = Duration::from_secs(30);

/// How long the holder stays after its first reader has closed the file, for a second one that
/// opens it at the same time.
const READ: Duration = Duration::from_secs(1);

/// Puts `config` where curl can read it, and returns the path.
///
/// # Errors
/// A system call failed; then there is no path and no holder.
pub fn hand_over(config: &Secret) -> Result<String, Error> {
    let failed = |what: &'static str| move |error: Errno| Error::System(format!("{what}: {error}"));
    let memory = memfd_create("authctl", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(failed("memfd_create"))?;
    let mut memory = File::from(memory);
    memory
        .write_all(config.expose().as_bytes())
        .map_err(|error| Error::System(error.to_string()))?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&memory, seals).map_err(failed("seal"))?;
    // The only descriptor besides the standard ones that outlives exec.
    let kept = high(&memory).map_err(failed("dup"))?;
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
    fcntl_setfd(&kept, FdFlags::empty()).map_err(failed("keep"))?;

    let number = kept.as_raw_fd();
    let system =
        |error: std::io::Error| Error::System(format!("cannot start the helper process: {error}"));
    let mut holder = process::this_program()
        .map_err(system)?
        .args([HOLD, &number.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(system)?;
    let path = format!("/proc/{}/fd/{number}", holder.id());
    let ready = introduce(&mut holder, &path, config);
    if ready.is_err() {
        let _ = holder.kill();
        let _ = holder.wait();
    }
    ready.map(|()| path)
}

/// The byte that the holder writes when it runs. Until then, the kernel may still treat it as this
/// process, which nobody may inspect.
const RUNNING: &[u8] = b"run";

/// The byte that it writes once it watches for readers.
const WATCHING: &[u8] = b"watch";

/// Starts the holder: it runs, the parent checks the path (which must not count as a reader), it
/// watches.
fn introduce(holder: &mut Child, path: &str, config: &Secret) -> Result<(), Error> {
    let (Some(input), Some(mut output)) = (holder.stdin.take(), holder.stdout.take()) else {
        return Err(Error::System("the helper process has no pipes".into()));
    };
    let mut word = [0; RUNNING.len()];
    output
        .read_exact(&mut word)
        .map_err(|_| Error::System("the helper process did not start".into()))?;
    check(path, config)?;
    // End of input: the check is done.
    drop(input);
    let mut word = [0; WATCHING.len()];
    output
        .read_exact(&mut word)
        .map_err(|_| Error::System("the helper process cannot monitor the in-memory file".into()))
}

/// Reads the path as curl will.
fn check(path: &str, config: &Secret) -> Result<(), Error> {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut text))
        .map_err(|error| Error::System(format!("{path}: {error}")))?;
    if text.as_slice() == config.expose().as_bytes() {
        Ok(())
    } else {
        Err(Error::System(format!(
            "reading {path} does not return the curl configuration"
        )))
    }
}

/// Runs the holder. `arguments` are those after the hidden command.
pub fn hold(arguments: &[std::ffi::OsString]) -> ExitCode {
    let [descriptor] = arguments else {
        return ExitCode::FAILURE;
    };
    let descriptor = descriptor.to_str().and_then(|text| text.parse().ok());
    // If a system call fails, the in-memory file is gone with the process.
    match descriptor.map(hold_until_read) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn hold_until_read(descriptor: i32) -> Result<(), Error> {
    let failed = |error: Errno| Error::System(error.to_string());
    // A session of its own: Ctrl-C in the terminal ends the pipeline, but a second curl may still
    // read the file.
    rustix::process::setsid().map_err(failed)?;
    // The folder of the caller can be removed or unmounted. (Changing it here and not when the
    // holder is started: a static program would have to be forked for it, which costs more than
    // the start.)
    rustix::process::chdir("/").map_err(failed)?;
    // Started as /proc/self/exe, it would be named `exe` in a list of processes.
    let _ = rustix::thread::set_name(c"authctl");
    let system = |error: std::io::Error| Error::System(error.to_string());
    let say = |word: &[u8]| {
        let mut out = std::io::stdout();
        out.write_all(word)
            .and_then(|()| out.flush())
            .map_err(system)
    };
    say(RUNNING)?;
    std::io::stdin()
        .read_to_end(&mut Vec::new())
        .map_err(system)?;
    let readers = Readers::watch(format!("/proc/self/fd/{descriptor}"));
    say(WATCHING)?;
    // Standard error is the null device already.
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(system)?;
    rustix::stdio::dup2_stdin(&null).map_err(failed)?;
    rustix::stdio::dup2_stdout(&null).map_err(failed)?;
    let mut leave = Instant::now() + UNREAD;
    while Instant::now() < leave {
        if readers
            .came(leave.saturating_duration_since(Instant::now()))
            .map_err(failed)?
        {
            leave = leave.min(Instant::now() + READ);
        }
    }
    Ok(())
}

/// How the holder notices that somebody has read the file.
enum Readers {
    /// The kernel reports that a reader closed the file.
    Told(OwnedFd),
    /// A user may have 128 inotify instances, and a busy script more holders than that. Then the
    /// access time is checked at intervals.
    Asked { path: String },
}

/// The pause between two checks of the access time.
const LOOK: Duration = Duration::from_millis(500);

impl Readers {
    fn watch(path: String) -> Self {
        let watched = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .and_then(|watcher| {
                let closed = inotify::WatchFlags::CLOSE_NOWRITE | inotify::WatchFlags::CLOSE_WRITE;
                inotify::add_watch(&watcher, &path, closed).map(|_| watcher)
            });
        match watched {
            Ok(watcher) => Self::Told(watcher),
            Err(_) => {
                forget_readers(&path);
                Self::Asked { path }
            }
        }
    }

    /// Whether somebody has read the file, waiting for at most `time`.
    fn came(&self, time: Duration) -> Result<bool, Errno> {
        match self {
            Self::Told(watcher) => {
                let timeout = Timespec {
                    tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: time.subsec_nanos().into(),
                };
                match poll(&mut [PollFd::new(watcher, PollFlags::IN)], Some(&timeout)) {
                    Ok(0) | Err(Errno::INTR) => Ok(false),
                    Ok(_) => {
                        // The content of the events does not matter: somebody has read and closed
                        // the file.
                        let _ = rustix::io::read(watcher, &mut [0_u8; 4096]);
                        Ok(true)
                    }
                    Err(error) => Err(error),
                }
            }
            Self::Asked { path } => {
                std::thread::sleep(LOOK.min(time));
                Ok(accessed(path) != Some(NEVER))
            }
        }
    }
}

/// An access time that no reader leaves, in seconds since 1970.
const NEVER: i64 = 0;

/// Sets the access time back: the parent's check was no reader. (The time itself would not tell the
/// two apart, since it only advances with the tick of the kernel.) If that fails, the holder leaves
/// early, and curl stops.
fn forget_readers(path: &str) {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: NEVER,
            tv_nsec: 0,
        },
        last_modification: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
    };
    let _ = utimensat(CWD, path, &times, AtFlags::empty());
}

/// When the in-memory file was last read.
fn accessed(path: &str) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata(path).ok()?.atime())
}
