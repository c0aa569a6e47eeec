use super::words::{self, relative};
use super::{answer, documents};
use crate::app::App;
use crate::credential::{Entries, Index, State};
use crate::failure::{Code, Failure};
use crate::rotation::plan;
use jiff::Timestamp;

/// List the credentials
///
/// Reads the index alone: no store is opened, nothing is asked.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl list\n  authctl list --json")]
pub struct ListArgs {}

pub(super) fn run(app: &App, _: &ListArgs) -> Result<(), Failure> {
    let now = Timestamp::now();
    let Entries { sound: found, damaged } = Index::sorted_out(&app.paths.credentials());
    for (_, error) in &damaged {
        app.ui.warn(&error.to_string());
    }
    answer(
        app.output,
        || found.iter().map(documents::Entry::of).collect::<Vec<_>>(),
        |output| {
            if found.is_empty() && damaged.is_empty() {
                app.ui.say("there are no credentials yet; `authctl login NAME` or `authctl key add NAME` makes one");
                return Ok(());
            }
            output
                .table(&["NAME", "KIND", "STORE", "ACCESS ENDS", "WHOSE", "FOR"], found.iter().map(|index| row(app, index, now)).collect())
        },
    )?;
    if damaged.is_empty() { Ok(()) } else { Err(Failure::new(Code::Findings, format!("damaged index files: {}", damaged.len()))) }
}

fn row(app: &App, index: &Index, now: Timestamp) -> Vec<String> {
    let ends = match (index.state, index.access_expires_at, index.expires) {
        (State::Adding, ..) => "(half added)".into(),
        (State::Renaming, ..) => "(half renamed)".into(),
        (State::Removing | State::Forgetting, ..) => "(half removed)".into(),
        (State::Active, Some(ends), _) => relative(ends, now),
        (State::Active, None, Some(day)) if day < words::day(now) => format!("{day}, over"),
        (State::Active, None, Some(day)) => day.to_string(),
        (State::Active, None, None) if plan(index, None, &app.policy, now).is_due => "rotation due".into(),
        (State::Active, None, None) => "-".into(),
    };
    let whose = index.bound.label.clone().or_else(|| index.bound.subject.clone()).unwrap_or_else(|| "-".into());
    let origins: Vec<String> = index.bound.origins.iter().map(ToString::to_string).collect();
    vec![index.name.to_string(), index.kind.to_string(), index.store.to_string(), ends, whose, origins.join(" ")]
}
