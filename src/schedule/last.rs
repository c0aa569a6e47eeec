//! The outcome of the last scheduled run: shown by `schedule status`, and reported once by the next
//! command in a terminal.

use crate::disk::{self, Privacy};
use crate::process::run_within;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The time limit for the user's program.
const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRun {
    /// When it ended.
    pub at: Timestamp,
    /// Its exit code.
    pub code: u8,
    /// `done`, or the code of the failure.
    pub outcome: String,
    /// The message of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it was reported.
    pub told: bool,
}

impl LastRun {
    /// Saves the outcome.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, path: &Path) -> Result<(), disk::Error> {
        let text = toml::to_string(self).unwrap_or_default();
        disk::write(path, text.as_bytes())
    }

    /// The last run; `None` if there was none, or its outcome cannot be read.
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = disk::read(path, Privacy::Private).ok()??;
        toml::from_str(std::str::from_utf8(&bytes).ok()?).ok()
    }

    /// A failure that was not reported yet; from now on it counts as reported.
    pub fn news(path: &Path) -> Option<Self> {
        let run = Self::read(path).filter(|run| !run.told)?;
        // On a disk that cannot be written, it is reported again.
        let _ = Self {
            told: true,
            ..run.clone()
        }
        .write(path);
        Some(run)
    }
}

/// Runs the user's program, with one JSON document on its standard input.
///
/// # Errors
/// It cannot be run, or does not finish in time.
pub fn notify(program: &[String], run: &LastRun) -> io::Result<()> {
    let Some((program, arguments)) = program.split_first() else {
        return Ok(());
    };
    let document = serde_json::json!({ "at": run.at.to_string(), "code": run.code, "outcome": run.outcome, "message": run.reason });
    let done = run_within(
        Command::new(program).args(arguments),
        document.to_string().as_bytes(),
        PATIENCE,
    )?;
    done.map(drop).ok_or_else(|| io::ErrorKind::TimedOut.into())
}
