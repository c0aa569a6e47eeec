use super::words::relative;
use super::{answer, complete};
use crate::app::App;
use crate::audit;
use crate::credential::Name;
use crate::failure::Failure;
use jiff::Timestamp;

/// Show what was done with the credentials
///
/// The trail holds every login, refresh, change and removal, and what failed of these; no secret, and no cached token that
/// was handed out. It keeps about the last half megabyte.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl audit\n  authctl audit github --last 5\n  authctl audit --json | jq '.[] | select(.outcome != \"done\")'"
)]
pub struct AuditArgs {
    /// Only what concerns this credential
    #[arg(add = complete::credentials())]
    name: Option<Name>,
    /// Only the last so many events
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    last: usize,
}

pub(super) fn run(app: &App, args: &AuditArgs) -> Result<(), Failure> {
    let (mut events, damaged) = audit::read(&app.paths.audit())?;
    if damaged > 0 {
        app.ui.warn(&format!(
            "{damaged} lines of the trail cannot be read and are left out"
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
            event.outcome.clone(),
            detail,
        ]
    };
    answer(
        app.output,
        || &events,
        |output| {
            if events.is_empty() {
                app.ui.say("nothing is in the trail");
                return Ok(());
            }
            output.table(
                &["WHEN", "WHAT", "NAME", "OUTCOME", "DETAIL"],
                events.iter().map(line).collect(),
            )
        },
    )
}
