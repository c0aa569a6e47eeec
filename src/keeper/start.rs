//! The caller's half: starts a keeper and waits for its outcome.

use super::{END, Error, KEEP, MAX_MESSAGE, Opened, Outcome, READY, Request, START};
use crate::disk::Lock;
use crate::process;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use zeroize::Zeroizing;

/// Runs a task in a keeper, which gets the lock. `what` and `name` say in a list of processes what
/// it does.
///
/// # Errors
/// The task failed, or there is no outcome within `patience`, not counting the keychain; then the
/// keeper goes on all the same.
pub fn run<T: Serialize, R: DeserializeOwned>(
    lock: Lock,
    (what, name): (&str, &str),
    stores: Opened,
    task: T,
    patience: Duration,
) -> Result<R, Error> {
    let patience = patience + stores.patience;
    let request = Request {
        verbosity: verbosity(),
        stores,
        task,
    };
    let text = serde_json::to_vec(&request)
        .map(Zeroizing::new)
        .map_err(|error| Error::Start(error.into()))?;
    let mut keeper = start(&lock, what, name).map_err(Error::Start)?;
    let output = read(&mut keeper)?;
    // The request contains secrets. Without one, a keeper does nothing.
    if !matches!(output.recv_timeout(START), Ok(ready) if ready.as_slice() == [READY]) {
        return Err(Error::Start(std::io::ErrorKind::BrokenPipe.into()));
    }
    // From here on, only the keeper holds it.
    drop(lock);
    tracing::debug!(
        what,
        name,
        pid = keeper.id(),
        "started a background process for this task"
    );
    if let Some(mut input) = keeper.stdin.take() {
        // A keeper that does not read it has ended, and gives no outcome.
        let _ = input.write_all(&text);
    }
    match output.recv_timeout(patience) {
        Ok(outcome) => {
            leave(keeper);
            match serde_json::from_slice(&outcome) {
                Ok(Outcome::Done(done)) => Ok(done),
                Ok(Outcome::Failed(reported)) => Err(Error::Failed(reported)),
                Err(_) => Err(Error::Ended),
            }
        }
        Err(RecvTimeoutError::Timeout) => Err(Error::Late { patience }),
        Err(RecvTimeoutError::Disconnected) => Err(Error::Ended),
    }
}

/// Keepers that have given their outcome and are about to exit, which takes as long as the rest of
/// a command.
static ENDING: Mutex<Vec<Child>> = Mutex::new(Vec::new());

fn leave(keeper: Child) {
    let mut ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    ending.retain_mut(|keeper| matches!(keeper.try_wait(), Ok(None)));
    ending.push(keeper);
}

/// Waits until the keepers that have given their outcome have exited. A program that takes the
/// place of this process must not inherit them as children that nobody waits for.
#[cfg(unix)]
pub fn reap() {
    let mut ending = ENDING.lock().unwrap_or_else(PoisonError::into_inner);
    for mut keeper in ending.drain(..) {
        let _ = keeper.wait();
    }
}

fn start(lock: &Lock, what: &str, name: &str) -> std::io::Result<Child> {
    let mut command = process::this_program()?;
    command.args([KEEP, &lock.hand_down()?, what, name]);
    // With `-v` the keeper explains its decisions as well. Otherwise it must not hold a pipe of the
    // caller open.
    let log = if verbosity() > 0 {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    #[cfg(windows)]
    return detached(command);
    #[cfg(not(windows))]
    command.spawn()
}

/// Outside the group of the console, whose Ctrl-C ends every process in it, and outside the job of
/// the caller where that allows it.
#[cfg(windows)]
fn detached(command: &mut std::process::Command) -> std::io::Result<Child> {
    use std::os::windows::process::CommandExt;
    const DETACHED: u32 = 0x0000_0008;
    const NEW_GROUP: u32 = 0x0000_0200;
    const OUT_OF_JOB: u32 = 0x0100_0000;
    command
        .creation_flags(DETACHED | NEW_GROUP | OUT_OF_JOB)
        .spawn()
        .or_else(|_| command.creation_flags(DETACHED | NEW_GROUP).spawn())
}

fn verbosity() -> u8 {
    match LevelFilter::current() {
        LevelFilter::OFF | LevelFilter::ERROR | LevelFilter::WARN => 0,
        LevelFilter::INFO => 1,
        _ => 2,
    }
}

/// Reads what the keeper writes, on a thread of its own: first one byte, then a line, its outcome.
fn read(keeper: &mut Child) -> Result<Receiver<Zeroizing<Vec<u8>>>, Error> {
    let output = keeper.stdout.take();
    let (sender, receiver) = channel();
    let reader = move || {
        let Some(mut output) = output else {
            return;
        };
        let mut ready = Zeroizing::new(vec![0]);
        if output.read_exact(&mut ready).is_err() || sender.send(ready).is_err() {
            return;
        }
        // Not through `BufReader`, whose buffer would keep the secrets.
        let mut output = output.take(MAX_MESSAGE);
        let mut outcome = Zeroizing::new(Vec::new());
        let mut piece = Zeroizing::new([0; 16 * 1024]);
        while outcome.last() != Some(&END) {
            match output.read(&mut *piece) {
                // A half-read outcome is none.
                Ok(0) | Err(_) => break,
                Ok(length) => outcome.extend_from_slice(piece.get(..length).unwrap_or_default()),
            }
        }
        let _ = sender.send(outcome);
    };
    std::thread::Builder::new()
        .spawn(reader)
        .map_err(Error::Start)?;
    Ok(receiver)
}
