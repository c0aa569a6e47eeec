//! The config for a program that replaces this one: a pipe, written and closed before.
//!
//! A pipe is used instead of an in-memory file because it can be read only once: when curl has read
//! its config, there is nothing left that an option such as `-d @/dev/fd/N` could send.

use super::{Error, LOW_DESCRIPTOR};
use crate::secret::Secret;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

/// The read end of the pipe; it must live until the program starts.
pub struct Handed(OwnedFd);

impl Handed {
    /// The path for the program to read.
    pub fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}

/// Writes `config` to a pipe that the next program inherits.
///
/// # Errors
/// A system call failed, or the text is larger than the pipe (64 KiB at least).
pub fn hand_to_child(config: &Secret) -> Result<Handed, Error> {
    let failed = |error: Errno| Error::System(error.to_string());
    let (output, mut input) = std::io::pipe().map_err(|error| Error::System(error.to_string()))?;
    // Nobody reads yet, so a write that does not fit must fail instead of blocking.
    fcntl_setfl(&input, OFlags::NONBLOCK).map_err(failed)?;
    input
        .write_all(config.expose().as_bytes())
        .map_err(|error| Error::System(format!("the header is too large: {error}")))?;
    // A free descriptor, but not a high one. If a keychain was used, there are threads, and then a
    // larger descriptor table costs several milliseconds in the kernel.
    let kept = fcntl_dupfd_cloexec(&output, LOW_DESCRIPTOR).map_err(failed)?;
    fcntl_setfd(&kept, FdFlags::empty()).map_err(failed)?;
    Ok(Handed(kept))
}
