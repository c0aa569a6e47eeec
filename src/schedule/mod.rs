//! Running `authctl rotate --due` every day: by systemd, launchd, the Task Scheduler or cron. What is installed is files
//! and one marked region, made here as text; `remove` takes away exactly that.

mod cron;
mod install;
mod last;
mod launchd;
mod systemd;
mod task;

pub use install::{Error, How, Installed, install, installed, remove};
pub use last::{LastRun, notify};

use std::path::PathBuf;

/// What every one of them runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Variables that this session has set and a scheduled run would lack.
    pub variables: Vec<(String, String)>,
}

/// Its arguments.
pub const ARGUMENTS: [&str; 5] = ["--quiet", "--no-input", "rotate", "--due", "--scheduled"];

/// What a person may have set, and a scheduled run would lack.
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

/// What stands in every file, so that no other is taken for one of ours.
pub const MARK: &str = "written by `authctl schedule install`";

/// What it is called everywhere.
pub const NAME: &str = "authctl-rotate";
