use super::words::relative;
use super::{Profile, Run, answer, documents};
use crate::app::App;
use crate::credential::Name;
use crate::failure::Failure;
use crate::lifecycle::{Wanted, token};
use jiff::Timestamp;

/// Refresh a login now
///
/// Prints when the new access token expires. Only one process refreshes a login at a time.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl refresh github\n  authctl refresh gitlab/work --json")]
pub struct RefreshArgs {
    /// The login: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = super::complete::logins())]
    name: Name,
}

impl Run for RefreshArgs {
    fn profile(&self) -> Profile {
        Profile::reading()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, args: &RefreshArgs) -> Result<(), Failure> {
    let spinner = app.ui.spinner(&format!("refreshing {}", args.name));
    let handed = token(
        &app.context(),
        &args.name,
        &Wanted {
            force: true,
            ..Wanted::default()
        },
    );
    drop(spinner);
    let handed = handed?;
    app.ui.warn_all(&handed.warnings);
    let ends = handed.expires_at.map(|ends| {
        format!(
            "; its access token expires {}",
            relative(ends, Timestamp::now())
        )
    });
    app.ui.say(&format!(
        "refreshed {}{}",
        args.name,
        ends.unwrap_or_default()
    ));
    answer(
        app,
        || documents::Refreshed {
            name: args.name.to_string(),
            expires_at: handed.expires_at.map(|time| time.to_string()),
        },
        |_| Ok(()),
    )
}
