use super::words::{count, relative};
use super::{Profile, Run, answer, complete};
use crate::app::App;
use crate::audit;
use crate::credential::Name;
use crate::failure::Failure;
use jiff::Timestamp;

/// Show the audit log
///
/// The log contains every login, refresh, change and removal of a credential, including failed
/// attempts. It contains no secrets. Printing a cached token is not logged. Only about the last 512
/// KiB are retained.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl audit\n  authctl audit github --last 5\n  authctl audit --json | jq '.[] | select(.outcome != \"done\")'"
)]
pub struct AuditArgs {
    /// Show only events that concern this credential
    #[arg(add = complete::credentials())]
    name: Option<Name>,
    /// Show only the NUMBER most recent events
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    last: usize,
}

impl Run for AuditArgs {
    fn profile(&self) -> Profile {
        Profile::reading()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, args: &AuditArgs) -> Result<(), Failure> {
    let (mut events, damaged) = audit::read(&app.paths.audit())?;
    if damaged > 0 {
        app.ui.warn(&format!(
            "skipped {} in the audit log",
            count(damaged, "unreadable line")
        ));
    }
    if let Some(name) = args.name.as_ref().map(ToString::to_string) {
        events.retain(|event| event.name.as_ref() == Some(&name));
    }
    let events = events.split_off(events.len().saturating_sub(args.last));
    let now = Timestamp::now();
    let line = |event: &audit::Event| {
        let detail = event.detail.clone().unwrap_or_default();
        vec![
            relative(event.at, now),
            event.event.clone(),
            event.name.clone().unwrap_or_else(|| "-".into()),
            event.outcome.name().replace('_', " "),
            detail,
        ]
    };
    answer(
        app,
        || &events,
        |output| {
            if events.is_empty() {
                app.ui.say("no events in the audit log");
                return Ok(());
            }
            output.table(
                &["TIME", "EVENT", "NAME", "OUTCOME", "DETAIL"],
                events.iter().map(line).collect(),
            )
        },
    )
}
