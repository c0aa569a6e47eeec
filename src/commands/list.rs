use super::rotate::plans;
use super::words::{self, relative};
use super::{answer, documents};
use crate::app::App;
use crate::credential::{Entries, Index, State};
use crate::failure::{Code, Failure};
use crate::rotation::{Plan, What};
use jiff::Timestamp;

/// List the credentials
///
/// Reads the index alone: no store is opened, nothing is asked.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl list\n  authctl list --json")]
pub struct ListArgs {}

pub(super) fn run(app: &App, _: &ListArgs) -> Result<(), Failure> {
    let now = Timestamp::now();
    let Entries {
        sound: found,
        damaged,
    } = Index::sorted_out(&app.paths.credentials());
    for (_, error) in &damaged {
        app.ui.warn(&error.to_string());
    }
    let plans = plans(app, &found, now);
    let lines = || found.iter().zip(&plans);
    answer(
        app.output,
        || {
            lines()
                .map(|(index, plan)| documents::Entry::of(index, plan.is_due))
                .collect::<Vec<_>>()
        },
        |output| {
            if found.is_empty() && damaged.is_empty() {
                app.ui.say("there are no credentials yet; `authctl login NAME` or `authctl key add NAME` makes one");
                return Ok(());
            }
            output.table(
                &["NAME", "KIND", "STORE", "ENDS", "WHOSE", "FOR"],
                lines().map(|(index, plan)| row(index, plan, now)).collect(),
            )
        },
    )?;
    if damaged.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(
            Code::Findings,
            format!("damaged index files: {}", damaged.len()),
        ))
    }
}

fn row(index: &Index, plan: &Plan, now: Timestamp) -> Vec<String> {
    let ends = match (index.state, index.access_expires_at, index.expires) {
        (State::Adding, ..) => Some("(half added)".into()),
        (State::Renaming, ..) => Some("(half renamed)".into()),
        (State::Removing | State::Forgetting, ..) => Some("(half removed)".into()),
        (State::Active, Some(ends), _) => Some(relative(ends, now)),
        (State::Active, None, Some(day)) if day < words::day(now) => Some(format!("{day}, over")),
        (State::Active, None, Some(day)) => Some(day.to_string()),
        (State::Active, None, None) => None,
    };
    let due = match plan.what {
        What::Refresh => "refresh due",
        What::Finish => "rotation unfinished",
        _ => "rotation due",
    };
    let told: Vec<String> = ends
        .into_iter()
        .chain(plan.is_due.then(|| due.to_owned()))
        .collect();
    let ends = if told.is_empty() {
        "-".into()
    } else {
        told.join("; ")
    };
    let whose = index
        .bound
        .label
        .clone()
        .or_else(|| index.bound.subject.clone())
        .unwrap_or_else(|| "-".into());
    let origins: Vec<String> = index
        .bound
        .origins
        .iter()
        .map(ToString::to_string)
        .collect();
    vec![
        index.name.to_string(),
        index.kind.to_string(),
        index.store.to_string(),
        ends,
        whose,
        origins.join(" "),
    ]
}
