use super::words::relative;
use super::{answer, complete, documents, warn_all};
use crate::app::App;
use crate::credential::{Index, Kind, Name, State, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Error, Revocation, remove, settle};
use jiff::Timestamp;

/// Log out: revoke at the provider, then delete here
///
/// When the provider cannot be reached the login is deleted here all the same; then it is said how long it stays good
/// there and where to revoke it, and the exit code is 8.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl logout github\n  authctl logout gitlab/work --local")]
pub struct LogoutArgs {
    /// The login: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::logins())]
    pub(super) name: Name,
    /// Delete here only, ask nothing of the provider
    #[arg(long)]
    local: bool,
}

pub(super) fn run(app: &App, args: &LogoutArgs) -> Result<(), Failure> {
    let name = &args.name;
    let revocation = take_away(app, name, Kind::Login, !args.local)?;
    let (revoked, finding) = match revocation {
        (Revocation::Done, _) => (true, None),
        (Revocation::Skipped, _) => (false, None),
        (Revocation::Failed { reason, page }, index) => (false, Some((reason, page, index))),
    };
    let how = if revoked {
        "revoked at the provider and deleted here"
    } else {
        "deleted here"
    };
    app.ui.say(&format!("logged out of {name}: {how}"));
    answer(
        app.output,
        || documents::Removed {
            name: name.to_string(),
            revoked,
            deleted: true,
        },
        |_| Ok(()),
    )?;
    let Some((reason, page, index)) = finding else {
        return Ok(());
    };
    let message = format!(
        "`{name}` was not revoked at the provider: {reason}; {}",
        still_good(&index)
    );
    let failure = Failure::new(Code::Findings, message);
    Err(match page {
        Some(page) => failure.hint(format!("revoke it by hand at {page}")),
        None => failure,
    })
}

/// What is left of a login that was deleted without being revoked.
fn still_good(index: &Index) -> String {
    let access = match index.access_expires_at {
        Some(ends) if ends > Timestamp::now() => {
            format!("an access token ends {}", relative(ends, Timestamp::now()))
        }
        Some(_) => "its access token has ended".into(),
        None => "its access token stays good until it is revoked".into(),
    };
    format!("{access}, and a refresh token stays good there as long as the provider keeps it")
}

/// Removes a credential of one kind under its lock.
pub(super) fn take_away(
    app: &App,
    name: &Name,
    kind: Kind,
    revoke: bool,
) -> Result<(Revocation, Index), Failure> {
    let keeper = app.keeper();
    let credentials = app.paths.credentials();
    let missing = || Failure::from(Error::NotFound(name.clone()));
    // Asked before the lock, so that a wrong name leaves no lock file behind.
    Index::read(&credentials, name)?.ok_or_else(missing)?;
    let lock = keeper.lock(name)?;
    let index = Index::read(&credentials, name)?.ok_or_else(missing)?;
    if matches!(index.state, State::Adding | State::Renaming) || index.predecessor.is_some() {
        // What is there to remove is known only once the addition is finished or taken back.
        warn_all(app, &settle(&keeper, &lock, name)?);
    }
    let index = Index::read(&credentials, name)?.ok_or_else(missing)?;
    if index.kind != kind {
        let command = if index.kind == Kind::Key {
            "key remove"
        } else {
            "logout"
        };
        return Err(
            Failure::new(Code::Usage, format!("`{name}` is a {}", index.kind))
                .hint(format!("run `authctl {command} {name}`")),
        );
    }
    if index.store == StoreKind::Vault {
        // A question and a spinner would fight for the same line.
        app.stores.vault().open_now()?;
    }
    let spinner = app.ui.spinner(&format!("removing {name}"));
    let revocation = remove(&keeper, &lock, index.clone(), revoke);
    drop(spinner);
    Ok((revocation?, index))
}
