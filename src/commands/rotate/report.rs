//! What became of rotations: for people, for scripts, and for the next command after a scheduled run.

use super::super::documents::RotationResult;
use super::super::words::relative;
use crate::app::App;
use crate::credential::Name;
use crate::failure::Failure;
use crate::output::Output;
use crate::rotation::{Plan, Report, What};
use crate::schedule::LastRun;
use jiff::Timestamp;

/// One credential of a run.
pub(super) struct Line {
    pub(super) name: String,
    result: String,
    detail: String,
    old_until: Option<Timestamp>,
    /// Whether somebody still has to do something.
    pub(super) is_left: bool,
}

impl Line {
    pub(super) fn of(name: &Name, report: &Report) -> Self {
        let now = Timestamp::now();
        let ended = match report.ended {
            0 => String::new(),
            1 => "the key before it is ended".into(),
            count => format!("{count} keys before it are ended"),
        };
        let waits = report
            .waits_until
            .map(|until| format!("the key before it may be ended {}", relative(until, now)));
        let by_hand = "end the key before it on the provider's page; nobody can be asked whether that is done";
        let (result, detail) = match report {
            Report {
                switched: false,
                to_end_by_hand: 1..,
                ..
            } => ("by_hand", by_hand.into()),
            Report { switched: true, .. } => ("rotated", waits.unwrap_or(ended)),
            Report {
                refreshed: true, ..
            } => ("refreshed", "the login has a fresh token".into()),
            Report { ended: 1.., .. } => ("ended", ended),
            _ => (
                "nothing",
                waits.unwrap_or_else(|| "nothing was left to do".into()),
            ),
        };
        let is_left = report.to_end_by_hand > 0;
        Self {
            name: name.to_string(),
            result: result.into(),
            detail,
            old_until: report.waits_until,
            is_left,
        }
    }

    pub(super) fn by_hand(name: &Name) -> Self {
        let detail = format!("make a new key, then run `authctl rotate {name}` in a terminal");
        Self {
            name: name.to_string(),
            result: "by_hand".into(),
            detail,
            old_until: None,
            is_left: true,
        }
    }

    pub(super) fn failed(name: &Name, failure: &Failure) -> Self {
        let (result, detail) = (failure.code.name().to_owned(), failure.message.clone());
        Self {
            name: name.to_string(),
            result,
            detail,
            old_until: None,
            is_left: true,
        }
    }

    pub(super) fn document(&self) -> RotationResult {
        let old_until = self.old_until.map(|until| until.to_string());
        RotationResult {
            name: self.name.clone(),
            result: self.result.clone(),
            detail: self.detail.clone(),
            old_until,
        }
    }

    /// For the one credential that was named.
    pub(super) fn sentence(&self) -> String {
        let detail = if self.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", self.detail)
        };
        format!("{} {}{detail}", self.result.replace('_', " "), self.name)
    }
}

/// The table at the end of a run.
pub(super) fn summary(output: Output, lines: &[Line]) -> std::io::Result<()> {
    let row = |line: &Line| {
        vec![
            line.name.clone(),
            line.result.replace('_', " "),
            line.detail.clone(),
        ]
    };
    output.table(
        &["NAME", "RESULT", "DETAIL"],
        lines.iter().map(row).collect(),
    )
}

/// What would be done, in a word.
pub(super) fn action(what: What) -> &'static str {
    match what {
        What::Nothing => "nothing",
        What::Refresh => "refresh",
        What::Finish => "finish",
        What::Rotate(_) => "rotate",
    }
}

pub(super) fn due(plan: &Plan, now: Timestamp) -> String {
    match plan.due {
        _ if plan.is_due => "now".into(),
        Some(due) => relative(due, now),
        None => "never".into(),
    }
}

/// Leaves the outcome of a scheduled run for `schedule status` and the next command in a terminal, and runs the user's
/// program when it failed.
pub(super) fn leave(app: &App, result: &Result<(), Failure>) {
    let failure = result.as_ref().err();
    let run = LastRun {
        at: Timestamp::now(),
        code: failure.map_or(0, |failure| failure.code as u8),
        outcome: failure
            .map_or("done", |failure| failure.code.name())
            .to_owned(),
        reason: failure.map(|failure| failure.message.clone()),
        told: failure.is_none(),
    };
    if let Err(error) = run.write(&app.paths.last_run()) {
        app.ui.warn(&format!("the outcome is not kept: {error}"));
    }
    if failure.is_some()
        && let Err(error) = crate::schedule::notify(&app.notify, &run)
    {
        app.ui.warn(&format!(
            "the program that `notify` names could not be run: {error}"
        ));
    }
}
