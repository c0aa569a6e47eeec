//! Running another program with a deadline.

use std::io::{self, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The longest output taken from a program, in bytes; what it writes beyond that is not read.
pub const MAX_OUTPUT: u64 = 256 * 1024;

/// How often a program is asked whether it is done.
const PAUSE: Duration = Duration::from_millis(5);

/// What a program left.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, which may hold a secret.
    pub stdout: Zeroizing<Vec<u8>>,
    /// Its standard error, if the command says that it is piped.
    pub stderr: Zeroizing<Vec<u8>>,
}

/// Runs a program with `input` on its standard input. `None` when it is not done in time, and then it is killed.
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
    // It may answer before it has read, or never read at all.
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
    // Something that it started may hold the pipe open.
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
            // What was read before an error is what there is.
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
        assert!(shell("sleep 30", b"", 50).is_none());
        assert!(
            shell("sleep 30 & echo done", b"", 200).is_none(),
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
