use super::words::relative;
use super::{Profile, Run, answer, complete, documents};
use crate::app::App;
use crate::credential::{Entry, ErrorCode, Kind, Name};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Revocation, recover, remove};
use jiff::Timestamp;

/// Revoke a login at the provider and delete it
///
/// If the provider cannot be reached, the login is deleted anyway; authctl then reports how long its
/// tokens stay valid and where to revoke them, and exits with code 8.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl logout github\n  authctl logout gitlab/work --local")]
pub struct LogoutArgs {
    /// The login: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::logins())]
    pub(super) name: Name,
    /// Delete the login without revoking it at the provider
    #[arg(long)]
    local: bool,
}

impl Run for LogoutArgs {
    fn profile(&self) -> Profile {
        Profile::asking().logged("logout", Some(&self.name))
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

fn run(app: &App, args: &LogoutArgs) -> Result<(), Failure> {
    let name = &args.name;
    let revocation = take_away(app, name, Kind::Login, !args.local)?;
    let (revoked, finding) = match revocation {
        (Revocation::Done, _) => (true, None),
        (Revocation::Skipped, _) => (false, None),
        (Revocation::Failed { reason, page }, entry) => (false, Some((reason, page, entry))),
    };
    let how = if revoked {
        "revoked at the provider and deleted"
    } else {
        "deleted"
    };
    app.ui.say(&format!("logged out of {name}: {how}"));
    answer(app, || documents::Removed::of(name, revoked), |_| Ok(()))?;
    let Some((reason, page, entry)) = finding else {
        return Ok(());
    };
    let message = format!(
        "`{name}` was not revoked at the provider: {reason}; {}",
        remaining(&entry)
    );
    let failure = Failure::new(Code::Findings, message);
    Err(match page {
        Some(page) => failure.hint(format!("revoke it manually at {page}")),
        None => failure,
    })
}

/// Which tokens remain valid after a login is deleted without being revoked.
fn remaining(entry: &Entry) -> String {
    let access = match entry.login.access_expires_at {
        Some(ends) if ends > Timestamp::now() => {
            format!(
                "its access token expires {}",
                relative(ends, Timestamp::now())
            )
        }
        Some(_) => "its access token has expired".into(),
        None => "its access token stays valid until it is revoked".into(),
    };
    // RFC 7009 section 2.2: to revoke what is not valid is no error, but some servers refuse it.
    let last_error = entry.login.last_error.as_ref();
    if last_error.is_some_and(|error| error.code == ErrorCode::LoginRequired) {
        return format!("{access}, and the provider has already refused its refresh token");
    }
    format!(
        "{access}, and its refresh token, if there is one, stays valid until it expires at the provider"
    )
}

/// Removes a credential of one kind. Returns its entry as it was.
pub(super) fn take_away(
    app: &App,
    name: &Name,
    kind: Kind,
    revoke: bool,
) -> Result<(Revocation, Entry), Failure> {
    // Read before the lock, so that a mistyped name leaves no lock file behind.
    app.index.entry(name)?;
    let claim = app.context().claim(name)?;
    let entry = app.index.entry(name)?;
    let is_incomplete = entry.state.is_adding() || entry.state.is_renaming();
    if is_incomplete || entry.predecessor.is_some() {
        // What there is to remove is known once the interrupted command is finished or undone.
        app.ui.warn_all(&recover(&claim)?);
    }
    let entry = app.index.entry(name)?;
    if entry.kind != kind {
        let command = match entry.kind {
            Kind::Key => "key remove",
            Kind::Login => "logout",
        };
        return Err(Failure::usage(format!("`{name}` is a {}", entry.kind))
            .hint(format!("run `authctl {command} {name}`")));
    }
    // A question and a spinner would write to the same line.
    app.stores.open_now(entry.store)?;
    let spinner = app.ui.spinner(&format!("removing {name}"));
    let revocation = remove(&claim, entry.clone(), revoke);
    drop(spinner);
    Ok((revocation?, entry))
}
