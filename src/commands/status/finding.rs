//! Findings: how they are made, and the phrases that several of them use.

use super::super::documents::Finding;
use super::super::words::length;
use crate::credential::{Entry, Name};
use crate::provider::Row;
use crate::rotation::since;
use jiff::Timestamp;

/// The findings about one credential.
pub(super) struct Findings<'a> {
    name: &'a Name,
    found: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(name: &'a Name) -> Self {
        Self {
            name,
            found: Vec::new(),
        }
    }

    /// A finding that needs attention.
    pub(super) fn add(&mut self, code: &str, message: impl Into<String>, hint: Option<String>) {
        let finding = finding(self.name, code, message.into(), hint.as_deref());
        self.found.push(finding);
    }

    /// A finding that is only advice.
    pub(super) fn advise(&mut self, code: &str, message: impl Into<String>, hint: Option<String>) {
        let finding = finding(self.name, code, message.into(), hint.as_deref());
        self.found.push(Finding {
            advice: true,
            ..finding
        });
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.found
    }
}

/// A finding that needs attention.
pub(super) fn finding(
    subject: impl ToString,
    code: &str,
    message: impl ToString,
    hint: Option<&str>,
) -> Finding {
    Finding {
        subject: subject.to_string(),
        code: code.to_owned(),
        advice: false,
        message: message.to_string(),
        hint: hint.map(str::to_owned),
    }
}

/// The age of a key.
pub(super) fn age(entry: &Entry, now: Timestamp) -> String {
    let age = now.duration_since(since(entry)).as_secs();
    length(u64::try_from(age).unwrap_or_default())
}

/// How to replace a key.
pub(super) fn renew(entry: &Entry, row: Option<&Row>) -> String {
    let place = row
        .and_then(|row| row.key.as_ref()?.page.as_ref())
        .map(|page| format!("create a new key at {page}, then "))
        .unwrap_or_default();
    format!("{place}run `authctl key add {} --replace`", entry.name)
}
