//! Handing headers to curl: `-K` and a path that holds curl config. The secret itself never reaches an argument list, an
//! environment or a file system.

mod config;
#[cfg(target_os = "linux")]
mod holder;

pub use config::curl_config;
#[cfg(target_os = "linux")]
pub use holder::{hand_over, hold};

/// The hidden command under which this program runs again as the holder.
pub const HOLD: &str = "__hold";

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This system has no way for it.
    #[error("`--format curl` needs Linux")]
    Unsupported,
    /// A system call failed.
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
