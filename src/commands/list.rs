use super::words::{self, relative};
use super::{Profile, Run, documents};
use crate::app::App;
use crate::credential::{Entry, State};
use crate::failure::{Code, Failure};
use crate::provider::Rows;
use crate::rotation::{Plan, What, plan};
use jiff::Timestamp;

/// List the stored credentials
///
/// Reads only the index: opens no store and never prompts.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl list\n  authctl list --json")]
pub struct ListArgs {}

impl Run for ListArgs {
    fn profile(&self) -> Profile {
        Profile::reading()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app)
    }
}

fn run(app: &App) -> Result<(), Failure> {
    let now = Timestamp::now();
    let (rows, policy) = (Rows::new(&app.catalogue), &app.policy);
    let plan = |entry: &Entry| {
        let provider = rows.get(entry.name.provider());
        plan(entry, provider.row(), policy, now)
    };
    let damaged = if app.output.is_json() {
        let document = |entry: Entry| documents::Entry::of(&entry, plan(&entry).is_due);
        let found = app.index.read_all(document)?;
        app.output.json(&found.readable)?;
        found.damaged
    } else {
        let found = app
            .index
            .read_all(|entry| row(&entry, &plan(&entry), now))?;
        if found.readable.is_empty() && found.damaged.is_empty() {
            app.ui.say(words::NO_CREDENTIALS);
            return Ok(());
        }
        app.output.table(
            &["NAME", "TYPE", "STORE", "EXPIRES", "ACCOUNT", "ORIGINS"],
            found.readable,
        )?;
        found.damaged
    };
    if damaged.is_empty() {
        return Ok(());
    }
    for (_, error) in &damaged {
        app.ui.warn(&error.to_string());
    }
    let files = words::count(damaged.len(), "index file");
    Err(Failure::new(
        Code::Findings,
        format!("{files} cannot be read"),
    ))
}

fn row(entry: &Entry, plan: &Plan, now: Timestamp) -> Vec<String> {
    let access = entry.login.access_expires_at;
    let expires = match (&entry.state, access, entry.rotation.expires) {
        (State::Adding { .. }, ..) => Some("(addition incomplete)".into()),
        (State::Renaming { .. }, ..) => Some("(renaming incomplete)".into()),
        (State::Removing { .. } | State::Forgetting { .. }, ..) => {
            Some("(removal incomplete)".into())
        }
        (State::Active, Some(end), _) if end > now => Some(relative(end, now)),
        (State::Active, Some(end), _) => Some(format!("expired {}", relative(end, now))),
        (State::Active, None, Some(day)) if day < words::day(now) => {
            Some(format!("{day}, expired"))
        }
        (State::Active, None, Some(day)) => Some(day.to_string()),
        (State::Active, None, None) => None,
    };
    let due = match plan.what {
        What::Refresh => "refresh due",
        What::LogIn => "login required",
        What::Finish => "rotation incomplete",
        _ => "rotation due",
    };
    let notes: Vec<String> = expires
        .into_iter()
        .chain(plan.is_due.then(|| due.to_owned()))
        .collect();
    let or_dash = |text: String| if text.is_empty() { "-".into() } else { text };
    let account = entry.bound.label.clone().or(entry.bound.subject.clone());
    let origins: Vec<String> = entry
        .bound
        .origins
        .iter()
        .map(ToString::to_string)
        .collect();
    vec![
        entry.name.to_string(),
        entry.kind.to_string(),
        entry.store.to_string(),
        or_dash(notes.join("; ")),
        or_dash(account.unwrap_or_default()),
        origins.join(" "),
    ]
}
