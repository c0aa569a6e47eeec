//! A config for a program that takes this one's place: a pipe, written and closed before.
//!
//! A pipe and not a memory file, since it can be read once: when curl has read its config, there is nothing left that an
//! option like `-d @/dev/fd/N` could send along.

use super::{Error, LOW_DESCRIPTOR};
use crate::secret::Secret;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

/// The open end of the pipe; it must live until the program starts.
pub struct Handed(OwnedFd);

impl Handed {
    /// What the program is told to read.
    pub fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}

/// Puts `config` into a pipe that the next program inherits.
///
/// # Errors
/// A system call failed, or the text is larger than a pipe holds (64 KiB at least).
pub fn hand_to_child(config: &Secret) -> Result<Handed, Error> {
    let failed = |error: Errno| Error::System(error.to_string());
    let (output, mut input) = std::io::pipe().map_err(|error| Error::System(error.to_string()))?;
    // Nobody reads yet: what does not fit must fail and not wait.
    fcntl_setfl(&input, OFlags::NONBLOCK).map_err(failed)?;
    input
        .write_all(config.expose().as_bytes())
        .map_err(|error| Error::System(format!("the header is too large: {error}")))?;
    // A free one, but not a high one: where a keychain was asked there are threads, and with them a larger table of
    // descriptors costs the kernel a grace period of several milliseconds.
    let kept = fcntl_dupfd_cloexec(&output, LOW_DESCRIPTOR).map_err(failed)?;
    fcntl_setfd(&kept, FdFlags::empty()).map_err(failed)?;
    Ok(Handed(kept))
}
