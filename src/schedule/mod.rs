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
pub const ARGUMENTS: [&str; 4] = ["--no-input", "rotate", "--due", "--scheduled"];

/// What it is called everywhere.
pub const NAME: &str = "authctl-rotate";
