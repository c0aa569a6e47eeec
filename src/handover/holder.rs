//! The holder (Linux): this program again, keeping a sealed memory file open until curl has read it.
//!
//! Two readers both get the whole text; when the holder is killed the path is gone and curl stops with exit code 26;
//! other users get EACCES; nothing touches a file system. The holder never reads the memory file, and it closes every
//! descriptor of the caller: a script's `flock` would be held on otherwise.

use super::{Error, HOLD, high};
use crate::secret::Secret;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, inotify, memfd_create};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a path waits for its first reader.
const UNREAD: Duration = Duration::from_secs(30);

/// How long it stays after its first reader has closed it, for a second one that opens it at the same time.
const READ: Duration = Duration::from_secs(1);

/// Puts `config` where curl can read it and gives the path.
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
    let mut holder = Command::new("/proc/self/exe")
        .arg0("authctl")
        .args([HOLD, &number.to_string()])
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Error::System(format!("cannot start the holder: {error}")))?;
    let path = format!("/proc/{}/fd/{number}", holder.id());
    let ready = introduce(&mut holder, &path, config);
    if ready.is_err() {
        let _ = holder.kill();
        let _ = holder.wait();
    }
    ready.map(|()| path)
}

/// What the holder says when it runs: until then the kernel may still treat it as this process, which nobody may look
/// into.
const RUNNING: &[u8] = b"run";

/// What it says once it watches for readers.
const WATCHING: &[u8] = b"watch";

/// Brings the holder up: it runs, our own check of the path (which must not count as a reader), it watches.
fn introduce(holder: &mut Child, path: &str, config: &Secret) -> Result<(), Error> {
    let system = |error: std::io::Error| Error::System(error.to_string());
    let (Some(input), Some(mut output)) = (holder.stdin.take(), holder.stdout.take()) else {
        return Err(Error::System("the holder has no pipes".into()));
    };
    let mut word = [0; RUNNING.len()];
    output
        .read_exact(&mut word)
        .map_err(|_| Error::System("the holder did not start".into()))?;
    check(path, config)?;
    // End of input: the check is over.
    drop(input);
    let mut word = Vec::new();
    output.read_to_end(&mut word).map_err(system)?;
    if word == WATCHING {
        Ok(())
    } else {
        Err(Error::System("the holder cannot watch for readers".into()))
    }
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
        Err(Error::System(format!("{path} does not read back")))
    }
}

/// The holder's whole life.
///
/// # Errors
/// A system call failed; the memory file goes with the process.
pub fn hold(descriptor: i32) -> Result<(), Error> {
    let failed = |error: Errno| Error::System(error.to_string());
    // Its own session: a Ctrl-C at the terminal ends the pipeline, not what a second curl may still read.
    rustix::process::setsid().map_err(failed)?;
    // Run from /proc/self/exe it would be called `exe` in a process list.
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
    // Standard error is the null device already; giving up the pipes tells the parent that all is said.
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

/// How the holder notices that somebody has read.
enum Readers {
    /// The kernel says so when a reader closes the file.
    Told(OwnedFd),
    /// A user may have 128 inotify instances, and a busy script more holders than that: then the time of the last
    /// access is looked at now and again.
    Asked {
        path: String,
        before: Option<(i64, i64)>,
    },
}

/// Longer than the coarsest tick in use (100 Hz).
const TICK: Duration = Duration::from_millis(21);

/// How often the time of the last access is looked at.
const LOOK: Duration = Duration::from_millis(100);

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
                // Access times move with the kernel's tick: a reader must not fall into the tick of our own check.
                std::thread::sleep(TICK);
                Self::Asked {
                    before: accessed(&path),
                    path,
                }
            }
        }
    }

    /// Whether somebody has read, waiting for at most `time`.
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
                        // What the events say does not matter: somebody has read and closed.
                        let _ = rustix::io::read(watcher, &mut [0_u8; 4096]);
                        Ok(true)
                    }
                    Err(error) => Err(error),
                }
            }
            Self::Asked { path, before } => {
                std::thread::sleep(LOOK.min(time));
                Ok(accessed(path) != *before)
            }
        }
    }
}

/// When the memory file was last read.
fn accessed(path: &str) -> Option<(i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.atime(), metadata.atime_nsec()))
}
