//! Running `authctl rotate --due` once a day: by systemd, launchd, the Task Scheduler or cron. A
//! schedule consists of files or one marked region, which are made here as text; `remove` deletes
//! exactly these.

mod cron;
mod install;
mod last;
mod launchd;
#[cfg(target_os = "linux")]
mod linger;
mod program;
mod systemd;
mod task;

pub use install::{Error, How, Installed, install, installed, programs, remove};
pub use last::{LastRun, notify};
#[cfg(target_os = "linux")]
pub use linger::sleeps;
pub use program::{ProgramProblem, missing, problem};

use std::path::PathBuf;

/// The job that every scheduler runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// The variables of this session that a scheduled run would lack.
    pub variables: Vec<(String, String)>,
}

/// Its arguments.
pub const ARGUMENTS: [&str; 5] = ["--quiet", "--no-input", "rotate", "--due", "--scheduled"];

/// The variables that a scheduled run would lack.
pub const CARRIED: [&str; 15] = [
    "AUTHCTL_HOME",
    "AUTHCTL_STORE",
    "AUTHCTL_VAULT_PASSPHRASE_FILE",
    "AUTHCTL_VAULT_IDENTITY",
    "SSL_CERT_FILE",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// The mark in every file, by which our files are recognized.
pub const MARK: &str = "written by `authctl schedule install`";

/// The name of the job.
pub const NAME: &str = "authctl-rotate";

/// What to say if a user timer of systemd, which other systems do not have, stops with the session.
#[cfg(not(target_os = "linux"))]
pub fn sleeps() -> Option<&'static str> {
    None
}
