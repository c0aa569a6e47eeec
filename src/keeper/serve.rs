//! The keeper's half: takes the request, and gives the outcome.

use super::{END, MAX_MESSAGE, Outcome, READY};
use serde::Serialize;
use std::ffi::OsString;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// How a keeper was called.
pub struct Call {
    /// What it is asked to do.
    pub what: String,
    /// The descriptor of the lock, where one is inherited.
    pub lock: Option<i32>,
    /// The request.
    pub request: Zeroizing<Vec<u8>>,
}

/// Becomes a keeper: leaves the session of the caller, closes the caller's files, and reads the
/// request. `arguments` are those after the hidden command.
///
/// # Errors
/// The arguments are not those of a caller, or the system refuses; then nothing was done.
pub fn receive(arguments: &[OsString]) -> std::io::Result<Call> {
    let [lock, what, rest @ ..] = arguments else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let lock = lock.to_str().and_then(|text| text.parse().ok());
    #[cfg(unix)]
    {
        // Before the request is read: a signal for the group of the caller ends a keeper that has
        // not begun, and reaches no other.
        let _ = rustix::process::setsid();
        super::inherit::close_others(lock, rest.len() < super::inherit::AGAIN, arguments)?;
        // A program that this process starts must not hold the lock.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::set_name(c"authctl-keeper");
    }
    #[cfg(not(unix))]
    let _ = rest;
    let mut output = std::io::stdout();
    output.write_all(&[READY])?;
    output.flush()?;
    let mut request = Zeroizing::new(Vec::new());
    std::io::stdin()
        .take(MAX_MESSAGE)
        .read_to_end(&mut request)?;
    Ok(Call {
        what: what.to_string_lossy().into_owned(),
        lock,
        request,
    })
}

/// Gives the outcome to the caller. A caller that is gone does not need it.
pub fn answer<T: Serialize>(outcome: &Outcome<T>) {
    // The types of this program can be serialized.
    let mut text = Zeroizing::new(serde_json::to_vec(outcome).unwrap_or_default());
    text.push(END);
    let mut output = std::io::stdout();
    let _ = output.write_all(&text).and_then(|()| output.flush());
}
