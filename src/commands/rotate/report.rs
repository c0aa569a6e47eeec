//! The outcome of rotations: for people, for scripts, and for the next command after a scheduled
//! run.

use super::super::documents::{Action, RotationOutcome, RotationResult, RotationStep, word};
use super::super::words::{count, relative};
use crate::app::App;
use crate::code::Code;
use crate::config::Paths;
use crate::credential::Name;
use crate::failure::Failure;
use crate::output::Output;
use crate::rotation::{Plan, Report, What};
use crate::schedule::LastRun;
use crate::ui::Ui;
use jiff::Timestamp;

/// One credential of a run.
pub(super) struct Line {
    pub(super) name: String,
    result: RotationOutcome,
    detail: String,
    old_until: Option<Timestamp>,
    /// Whether somebody still has to do something.
    pub(super) is_left: bool,
}

impl Line {
    pub(super) fn of(name: &Name, report: &Report) -> Self {
        let now = Timestamp::now();
        let revoked = match report.revoked {
            0 => String::new(),
            revoked => format!("revoked {}", count(revoked, "previous key")),
        };
        let waits = report.waits_until.map(|until| {
            format!(
                "the grace period of the previous key ends {}",
                relative(until, now)
            )
        });
        let by_hand = "revoke the previous key on the provider's page; authctl cannot check whether that was done";
        let (step, detail) = match report {
            Report {
                switched: false,
                to_revoke_manually: 1..,
                ..
            } => (RotationStep::Manual, by_hand.into()),
            Report { switched: true, .. } => (RotationStep::Rotated, waits.unwrap_or(revoked)),
            Report {
                refreshed: true, ..
            } => (RotationStep::Refreshed, "got a fresh token".into()),
            Report { revoked: 1.., .. } => (RotationStep::Ended, revoked),
            _ => (
                RotationStep::Nothing,
                waits.unwrap_or_else(|| "nothing to do".into()),
            ),
        };
        Self {
            name: name.to_string(),
            result: RotationOutcome::Done(step),
            detail,
            old_until: report.waits_until,
            is_left: report.to_revoke_manually > 0,
        }
    }

    pub(super) fn by_hand(name: &Name) -> Self {
        Self {
            name: name.to_string(),
            result: RotationOutcome::Done(RotationStep::Manual),
            detail: format!("create a new key, then run `authctl rotate {name}` in a terminal"),
            old_until: None,
            is_left: true,
        }
    }

    pub(super) fn over(name: &Name) -> Self {
        let message = format!("the login is no longer valid; run `authctl login {name}`");
        Self::failed(name, &Failure::new(Code::LoginRequired, message))
    }

    pub(super) fn failed(name: &Name, failure: &Failure) -> Self {
        Self {
            name: name.to_string(),
            result: RotationOutcome::Failed(failure.code),
            detail: failure.message.clone(),
            old_until: None,
            is_left: true,
        }
    }

    pub(super) fn document(&self) -> RotationResult {
        RotationResult {
            name: self.name.clone(),
            result: self.result,
            detail: self.detail.clone(),
            old_until: self.old_until.map(|until| until.to_string()),
        }
    }

    /// The outcome for the one credential that was named.
    pub(super) fn sentence(&self) -> String {
        let verb = match self.result {
            RotationOutcome::Done(RotationStep::Rotated) => "rotated",
            RotationOutcome::Done(RotationStep::Refreshed) => "refreshed",
            _ if self.detail.is_empty() => return format!("{}: {}", self.name, word(self.result)),
            _ => return format!("{}: {}", self.name, self.detail),
        };
        let detail = if self.detail.is_empty() {
            String::new()
        } else {
            format!("; {}", self.detail)
        };
        format!("{verb} {}{detail}", self.name)
    }
}

/// The table at the end of a run.
pub(super) fn summary(output: Output, lines: &[Line]) -> std::io::Result<()> {
    let row = |line: &Line| vec![line.name.clone(), result(line), line.detail.clone()];
    output.table(
        &["NAME", "RESULT", "DETAIL"],
        lines.iter().map(row).collect(),
    )
}

fn result(line: &Line) -> String {
    match line.result {
        RotationOutcome::Done(RotationStep::Ended) => "revoked".into(),
        RotationOutcome::Done(RotationStep::Manual) => "manual".into(),
        RotationOutcome::Done(RotationStep::Nothing) => "none".into(),
        result => word(result),
    }
}

/// What would be done.
pub(super) fn action(what: What) -> Action {
    match what {
        What::Nothing => Action::Nothing,
        What::Refresh => Action::Refresh,
        What::LogIn => Action::LogIn,
        What::Finish => Action::Finish,
        What::Rotate(_) => Action::Rotate,
    }
}

pub(super) fn due(plan: &Plan, now: Timestamp) -> String {
    match plan.due {
        _ if plan.is_due => "now".into(),
        Some(due) => relative(due, now),
        None => "never".into(),
    }
}

/// Saves the outcome of a scheduled run for `schedule status` and the next command in a terminal,
/// and runs the user's program if the run failed.
pub(super) fn save(app: &App, failure: Option<&Failure>) {
    write(app.ui, &app.paths, &app.notify, failure);
}

/// What to do if a signal ends the run: record that it was interrupted.
pub(super) fn save_interrupted(app: &App) -> Box<dyn FnOnce() + Send> {
    let (ui, paths, notify) = (app.ui, app.paths.clone(), app.notify.clone());
    Box::new(move || write(ui, &paths, &notify, Some(&Failure::interrupted())))
}

fn write(ui: Ui, paths: &Paths, notify: &[String], failure: Option<&Failure>) {
    let run = LastRun {
        at: Timestamp::now(),
        code: failure.map_or(0, |failure| failure.code as u8),
        outcome: failure
            .map_or("done", |failure| failure.code.name())
            .to_owned(),
        reason: failure.map(|failure| failure.message.clone()),
        told: failure.is_none(),
    };
    if let Err(error) = run.write(&paths.last_run()) {
        ui.warn(&format!("cannot save the outcome of the run: {error}"));
    }
    if failure.is_some()
        && let Err(error) = crate::schedule::notify(notify, &run)
    {
        ui.warn(&format!("cannot run the `notify` program: {error}"));
    }
}
