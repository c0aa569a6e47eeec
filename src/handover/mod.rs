//! Passing headers to curl: `-K` and a path that contains curl config. The secret itself never
//! reaches an argument list, an environment or a file system.

mod config;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(unix)]
mod pipe;

pub use config::{curl_config, curl_request};
#[cfg(target_os = "linux")]
pub use holder::{hand_over, hold};
#[cfg(unix)]
pub use pipe::hand_to_child;

/// The hidden command that runs this program as the holder.
pub const HOLD: &str = "__hold";

/// A descriptor that does not collide with those that shell scripts number by hand, below the usual
/// limit of 1024.
#[cfg(target_os = "linux")]
const DESCRIPTOR: i32 = 900;

/// A lower one, if the limit of open files is lower.
#[cfg(unix)]
const LOW_DESCRIPTOR: i32 = 40;

/// Duplicates a file to such a descriptor, which is closed on exec.
#[cfg(target_os = "linux")]
fn high(file: &impl std::os::fd::AsFd) -> Result<std::os::fd::OwnedFd, rustix::io::Errno> {
    rustix::io::fcntl_dupfd_cloexec(file, DESCRIPTOR)
        .or_else(|_| rustix::io::fcntl_dupfd_cloexec(file, LOW_DESCRIPTOR))
}

/// Why no header was passed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This system does not support it.
    #[error("`--format curl` needs Linux")]
    Unsupported,
    /// A system call failed.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only Unix passes headers"))]
    #[error("cannot pass the header to curl: {0}")]
    System(String),
}

/// The curl option before the path.
pub const OPTION: &str = "-K";

/// The path that is printed if there is no header: `curl $(authctl header …)` must stop with exit
/// code 26 and send nothing, while an empty output would send the request without the credential.
pub fn refusal(reason: &str) -> String {
    format!("/dev/null/authctl-{reason}")
}

/// Other systems have no in-memory file that another process can open by its path.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn hand_over(_: &crate::secret::Secret) -> Result<String, Error> {
    Err(Error::Unsupported)
}

/// Other systems have no holder.
#[cfg(not(target_os = "linux"))]
pub fn hold(_: &[std::ffi::OsString]) -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}

/// Takes the place of a config for the next program.
#[cfg(not(unix))]
pub struct Handed(std::convert::Infallible);

#[cfg(not(unix))]
impl Handed {
    /// Never called.
    pub fn path(&self) -> String {
        match self.0 {}
    }
}

/// Other systems cannot tell a program to read a descriptor.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn hand_to_child(_: &crate::secret::Secret) -> Result<Handed, Error> {
    Err(Error::Unsupported)
}
