use super::words::relative;
use super::{answer, documents, warn_all};
use crate::app::App;
use crate::credential::Name;
use crate::failure::Failure;
use crate::lifecycle::{Wanted, token};
use jiff::Timestamp;

/// Refresh a login now
///
/// Nothing is printed but how long the new access token lives. One refresh runs at a time, whoever asks.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl refresh github\n  authctl refresh gitlab/work --json")]
pub struct RefreshArgs {
    /// The login: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = super::complete::logins())]
    name: Name,
}

pub(super) fn run(app: &App, args: &RefreshArgs) -> Result<(), Failure> {
    let spinner = app.ui.spinner(&format!("refreshing {}", args.name));
    let handed = token(
        &app.keeper(),
        &args.name,
        &Wanted {
            force: true,
            ..Wanted::default()
        },
    );
    drop(spinner);
    let handed = handed?;
    warn_all(app, &handed.warnings);
    let ends = handed.expires_at.map(|ends| {
        format!(
            ", its access token ends {}",
            relative(ends, Timestamp::now())
        )
    });
    app.ui.say(&format!(
        "refreshed {}{}",
        args.name,
        ends.unwrap_or_default()
    ));
    answer(
        app.output,
        || documents::Refreshed {
            name: args.name.to_string(),
            expires_at: handed.expires_at.map(|time| time.to_string()),
        },
        |_| Ok(()),
    )
}
