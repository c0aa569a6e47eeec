//! The audit log: one line of JSON for every change of a credential, every refresh, and every
//! failure of these. It contains no secrets, has no line for a cached token (that path writes
//! nothing), and never makes a command fail.

use crate::code::Outcome;
use crate::disk::{self, Privacy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The size of the log in bytes at which it becomes the older half; the previous older half is
/// deleted.
const LIMIT: u64 = 256 * 1024;

/// The longest detail, in characters: a line must be one small write.
const MAX_DETAIL: usize = 400;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Event {
    /// When it happened (RFC 3339).
    #[cfg_attr(test, schemars(with = "String"))]
    pub at: Timestamp,
    /// What was done: `login`, `refresh`, `key add`, …
    pub event: String,
    /// The credential or provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `done`, or the code of the failure as in `--json` errors.
    pub outcome: Outcome,
    /// The message of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id of the process.
    pub pid: u32,
}

impl Event {
    /// An event of this process, now.
    pub fn now(event: &str, name: Option<String>, outcome: Outcome, detail: Option<&str>) -> Self {
        let detail = detail.map(|text| text.chars().take(MAX_DETAIL).collect());
        Self {
            at: Timestamp::now(),
            event: event.to_owned(),
            name,
            outcome,
            detail,
            pid: std::process::id(),
        }
    }

    /// Appends it to the log. A failure is only reported with `-v`.
    pub fn append(&self, path: &Path) {
        let Ok(mut line) = serde_json::to_vec(self) else {
            return;
        };
        line.push(b'\n');
        if let Err(error) = disk::append(path, &line, LIMIT) {
            tracing::info!(%error, "cannot write to the audit log");
        }
    }
}

/// All events, oldest first, and the number of lines that cannot be read (a full disk leaves half a
/// line).
///
/// # Errors
/// The file is there and cannot be read.
pub fn read(path: &Path) -> Result<(Vec<Event>, usize), disk::Error> {
    let older: PathBuf = disk::older(path);
    let mut events = Vec::new();
    let mut damaged = 0;
    for path in [older.as_path(), path] {
        let bytes = match disk::read(path, Privacy::Private) {
            Ok(bytes) => bytes.unwrap_or_default(),
            // Another program has written to it, and its lines cannot be told from ours.
            Err(disk::Error::TooLarge { .. }) => {
                damaged += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            match serde_json::from_slice(line) {
                Ok(event) => events.push(event),
                Err(_) => damaged += 1,
            }
        }
    }
    Ok((events, damaged))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_survives_a_truncated_line() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/audit.jsonl");
        assert_eq!(read(&path).unwrap(), (Vec::new(), 0));
        for round in 0..3000 {
            Event::now(
                "login",
                Some(format!("acme/{round}")),
                Outcome::Failed(crate::code::Code::Unreachable),
                Some(&"x".repeat(900)),
            )
            .append(&path);
        }
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(size(&path) <= LIMIT + 1024 && size(&disk::older(&path)) <= LIMIT + 1024);
        let (events, damaged) = read(&path).unwrap();
        assert_eq!(events.last().unwrap().name.as_deref(), Some("acme/2999"));
        assert!(events.len() > 400 && damaged == 0);
        use std::io::Write;
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"at\":\"20\n\xff\n")
            .unwrap();
        assert_eq!(read(&path).unwrap().1, 2);
    }
}
