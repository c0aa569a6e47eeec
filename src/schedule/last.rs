//! The outcome of the last scheduled run: told by `schedule status`, and once by the next command in a terminal.

use crate::disk::{self, Privacy};
use crate::process::run_within;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long the user's program may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRun {
    /// When it ended.
    pub at: Timestamp,
    /// Its exit code.
    pub code: u8,
    /// `done`, or the name of the failure.
    pub outcome: String,
    /// The failure's sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether a person was told.
    pub told: bool,
}

impl LastRun {
    /// Keeps it.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, path: &Path) -> Result<(), disk::Error> {
        let text = toml::to_string(self).unwrap_or_default();
        disk::write(path, text.as_bytes())
    }

    /// The last run; `None` when there was none, or nobody can read what became of it.
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = disk::read(path, Privacy::Private).ok()??;
        toml::from_str(std::str::from_utf8(&bytes).ok()?).ok()
    }

    /// The failure that nobody was told of yet; from now on somebody was.
    pub fn news(path: &Path) -> Option<Self> {
        let run = Self::read(path).filter(|run| !run.told)?;
        // On a disk that cannot be written to it is told again.
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
/// It cannot be run, or does not come to its end.
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
