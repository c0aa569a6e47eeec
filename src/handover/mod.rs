//! Handing headers to curl: `-K` and a path that holds curl config. The secret itself never reaches an argument list, an
//! environment or a file system.

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

/// The hidden command under which this program runs again as the holder.
pub const HOLD: &str = "__hold";

/// High enough to be out of the way of descriptors that a shell script numbers by hand, below the usual limit of 1024.
#[cfg(target_os = "linux")]
const DESCRIPTOR: i32 = 900;

/// Where the limit of open files is lower, or nobody numbers any more.
#[cfg(unix)]
const LOW_DESCRIPTOR: i32 = 40;

/// The same file under a descriptor that is out of the way; closed on exec.
#[cfg(target_os = "linux")]
fn high(file: &impl std::os::fd::AsFd) -> Result<std::os::fd::OwnedFd, rustix::io::Errno> {
    rustix::io::fcntl_dupfd_cloexec(file, DESCRIPTOR)
        .or_else(|_| rustix::io::fcntl_dupfd_cloexec(file, LOW_DESCRIPTOR))
}

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This system has no way for it.
    #[error("`--format curl` needs Linux")]
    Unsupported,
    /// A system call failed.
    #[cfg_attr(
        not(unix),
        allow(dead_code, reason = "elsewhere nothing is handed over")
    )]
    #[error("cannot hand the header over: {0}")]
    System(String),
}

/// The curl option before the path.
pub const OPTION: &str = "-K";

/// The path that is printed when there is no header: `curl $(authctl header …)` must stop with exit code 26 and send
/// nothing, where an empty answer would send the request bare.
pub fn refusal(reason: &str) -> String {
    format!("/dev/null/authctl-{reason}")
}

/// Elsewhere there is no memory file that another process can open by path.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn hand_over(_: &crate::secret::Secret) -> Result<String, Error> {
    Err(Error::Unsupported)
}

/// Stands where a config for the next program would.
#[cfg(not(unix))]
pub struct Handed(std::convert::Infallible);

#[cfg(not(unix))]
impl Handed {
    /// Never called: there is none.
    pub fn path(&self) -> String {
        match self.0 {}
    }
}

/// Elsewhere a program cannot be told to read a descriptor.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn hand_to_child(_: &crate::secret::Secret) -> Result<Handed, Error> {
    Err(Error::Unsupported)
}
