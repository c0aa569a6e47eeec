//! Running another program with a time limit, and this one again.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest output that is read, in bytes.
pub const MAX_OUTPUT: u64 = 256 * 1024;

/// The pause between two checks whether a program has finished.
const PAUSE: Duration = Duration::from_millis(5);

/// The result of a program.
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output, which may contain a secret.
    pub stdout: Zeroizing<Vec<u8>>,
    /// Its standard error, if the command pipes it.
    pub stderr: Zeroizing<Vec<u8>>,
}

/// This program, to be run again. On Linux it is found although its file may have been replaced,
/// and the list of processes shows its name.
///
/// # Errors
/// The system does not say where it is.
#[cfg_attr(
    target_os = "linux",
    allow(
        clippy::unnecessary_wraps,
        reason = "other systems have to look for it"
    )
)]
pub fn this_program() -> io::Result<Command> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("authctl");
        Ok(command)
    }
    #[cfg(not(target_os = "linux"))]
    std::env::current_exe().map(Command::new)
}

/// This program, by a path that an upgrade keeps: as PATH or the caller names it, if that leads to
/// the same file; otherwise the file itself.
///
/// # Errors
/// The system does not say where it is.
pub fn lasting_path() -> io::Result<PathBuf> {
    let file = std::env::current_exe()?;
    let own = std::fs::canonicalize(&file)?;
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(Path::file_name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let in_path = folders.filter_map(|folder| name.map(|name| folder.join(name)));
    let same = in_path
        .chain(called.clone())
        .filter(|path| std::fs::canonicalize(path).is_ok_and(|found| found == own))
        .find_map(|path| std::path::absolute(path).ok());
    Ok(same.unwrap_or(file))
}

/// Runs a program with `input` on its standard input. `None` if it does not finish in time; then it
/// is killed.
///
/// # Errors
/// It cannot be started.
pub fn run_within(
    command: &mut Command,
    input: &[u8],
    patience: Duration,
) -> io::Result<Option<Finished>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (began, input) = (Instant::now(), Zeroizing::new(input.to_vec()));
    // The program may answer before it has read its input, or never read it.
    let stdin = child.stdin.take();
    std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if began.elapsed() < patience => std::thread::sleep(PAUSE),
            None => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
        }
    };
    // A child of the program may hold the pipe open.
    let rest = |pipe: Receiver<Zeroizing<Vec<u8>>>| {
        pipe.recv_timeout(patience.saturating_sub(began.elapsed()))
            .ok()
    };
    let (Some(stdout), Some(stderr)) = (rest(stdout), rest(stderr)) else {
        return Ok(None);
    };
    Ok(Some(Finished {
        status,
        stdout,
        stderr,
    }))
}

fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(pipe) = pipe {
            // What was read before an error is kept.
            let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        sender.send(bytes)
    });
    receiver
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, input: &[u8], patience: u64) -> Option<Finished> {
        run_within(
            Command::new("sh").args(["-c", script]),
            input,
            Duration::from_millis(patience),
        )
        .unwrap()
    }

    #[test]
    fn a_program_is_given_its_input_and_its_time() {
        let done = shell("cat; exit 3", b"text", 5000).unwrap();
        assert_eq!(
            (done.status.code(), done.stdout.as_slice()),
            (Some(3), b"text".as_slice())
        );
        assert!(
            shell("true", &vec![b'x'; 1 << 20], 5000)
                .unwrap()
                .status
                .success(),
            "nobody reads"
        );
        assert!(shell("sleep 2", b"", 50).is_none());
        assert!(
            shell("sleep 2 & echo done", b"", 200).is_none(),
            "a child of its own holds the pipe"
        );
        assert_eq!(
            shell("yes", b"", 5000).map(|done| done.stdout.len() as u64),
            Some(MAX_OUTPUT),
            "no more is read"
        );
        assert!(run_within(&mut Command::new("/nonexistent"), b"", Duration::ZERO).is_err());
    }
}
