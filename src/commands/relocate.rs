//! `authctl move` and `authctl rename`.

use super::registration::{Registration, stored_secret};
use super::{answer, complete, documents, warn_all};
use crate::app::App;
use crate::config::Client;
use crate::credential::{Index, Kind, Name, State, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle::{relocate, rename as rename_credential, settle};

/// Keep a credential in another store
///
/// It is stored there under a new id and read back before the old one goes, so it is never lost and never in two places.
/// The secret of the client that a login was made with goes along.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl move github --to vault\n  authctl move stripe --to keychain"
)]
pub struct MoveArgs {
    /// The credential: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::credentials())]
    pub(super) name: Name,
    /// The store
    #[arg(long, value_name = "STORE")]
    to: StoreKind,
}

/// Call a credential otherwise
///
/// A credential stays with its provider; what changes is the account behind the slash. The old name is free afterwards.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl rename github github/work\n  authctl rename stripe/test stripe"
)]
pub struct RenameArgs {
    /// The name it has
    #[arg(value_name = "OLD", add = complete::credentials())]
    pub(super) old: Name,
    /// The name it gets
    #[arg(value_name = "NEW")]
    new: Name,
}

pub(super) fn run_move(app: &App, args: &MoveArgs) -> Result<(), Failure> {
    let keeper = app.keeper();
    let name = &args.name;
    let index = existing(app, name)?;
    if index.store == args.to && index.state == State::Active && index.leftovers.is_empty() {
        // What an interrupted move may have left behind.
        if index.kind == Kind::Login && move_client_secret(app, &index, args.to)? {
            app.ui.say(&format!(
                "the client secret of {} is kept in the {} now, too",
                name.provider(),
                args.to
            ));
            return answer(
                app.output,
                || documents::Moved {
                    name: name.to_string(),
                    store: args.to.to_string(),
                },
                |_| Ok(()),
            );
        }
        return Err(Failure::new(
            Code::Usage,
            format!("`{name}` is kept in the {} already", args.to),
        ));
    }
    if index.store == StoreKind::Vault || args.to == StoreKind::Vault {
        // A passphrase is asked for before the lock is taken and anything waits for it.
        app.stores.vault().open_now()?;
    }
    app.stores.probe(args.to)?;
    let lock = keeper.lock(name)?;
    if index.store == args.to {
        // Only what was left behind in the other store is still to be deleted.
        warn_all(app, &settle(&keeper, &lock, name)?);
    } else {
        warn_all(app, &relocate(&keeper, &lock, name, args.to)?.warnings);
    }
    drop(lock);
    if index.kind == Kind::Login {
        move_client_secret(app, &index, args.to)?;
    }
    app.ui
        .say(&format!("{name} is kept in the {} now", args.to));
    answer(
        app.output,
        || documents::Moved {
            name: name.to_string(),
            store: args.to.to_string(),
        },
        |_| Ok(()),
    )
}

/// The client secret is needed wherever the login is: a login in an open vault is of no use while its client's secret
/// lies in a locked keychain. It stays where it is while another login of the same client does. Tells whether it moved.
fn move_client_secret(app: &App, index: &Index, to: StoreKind) -> Result<bool, Failure> {
    let (name, bound) = (&index.name, &index.bound);
    let client = Client::read(&app.paths, name.provider())?
        .filter(|client| bound.client_id.as_ref() == Some(&client.client_id));
    let Some(client) = client.filter(|client| client.secret_store.is_some_and(|store| store != to))
    else {
        return Ok(false);
    };
    let entries = Index::all(&app.paths.credentials());
    let shares = |other: &&Index| {
        other.name != *name
            && other.name.provider() == name.provider()
            && other.bound.client_id == bound.client_id
    };
    if let Some(other) = entries
        .iter()
        .flatten()
        .filter(shares)
        .find(|other| other.store != to)
    {
        let stays = client
            .secret_store
            .map(|store| store.to_string())
            .unwrap_or_default();
        app.ui.warn(&format!(
            "the client secret stays in the {stays}, since `{}` needs it there; move that one, too",
            other.name
        ));
        return Ok(false);
    }
    let Some(oauth) = app
        .catalogue
        .get(name.provider())?
        .resolve(&bound.variables)?
        .oauth
    else {
        return Ok(false);
    };
    let secret = stored_secret(app, name.provider(), &oauth, &client)?;
    let registration = Registration {
        id: client.client_id,
        secret,
        is_new: true,
    };
    registration.keep(app, name, &oauth, to)?;
    registration.settle_in(app, name.provider())?;
    Ok(true)
}

pub(super) fn run_rename(app: &App, args: &RenameArgs) -> Result<(), Failure> {
    let (old, new) = (&args.old, &args.new);
    if old == new {
        return Err(Failure::new(Code::Usage, "that is its name already"));
    }
    if old.provider() != new.provider() {
        return Err(
            Failure::new(Code::Usage, "a credential stays with its provider").hint(format!(
                "choose another account: `authctl rename {old} {}/ACCOUNT`",
                old.provider()
            )),
        );
    }
    let index = existing(app, old)?;
    if Index::read(&app.paths.credentials(), new)?.is_some() {
        return Err(Failure::new(
            Code::Refused,
            format!("there is a credential called `{new}` already"),
        )
        .hint("choose another name, or remove that one first"));
    }
    if index.store == StoreKind::Vault {
        app.stores.vault().open_now()?;
    }
    let saved = rename_credential(&app.keeper(), old, new)?;
    warn_all(app, &saved.warnings);
    tell_managed(app, old, new);
    app.ui.say(&format!("{old} is called {new} now"));
    answer(
        app.output,
        || documents::Renamed {
            name: new.to_string(),
            was: old.to_string(),
        },
        |_| Ok(()),
    )
}

/// The keys that it manages learn its new name; what cannot be written says so when it is rotated.
fn tell_managed(app: &App, old: &Name, new: &Name) {
    let folder = app.paths.credentials();
    for entry in Index::all(&folder)
        .into_iter()
        .flatten()
        .filter(|entry| entry.manager.as_ref() == Some(old))
    {
        let Ok(_lock) = app.keeper().lock(&entry.name) else {
            continue;
        };
        let Ok(Some(entry)) = Index::read(&folder, &entry.name) else {
            continue;
        };
        if let Err(error) = (Index {
            manager: Some(new.clone()),
            ..entry
        })
        .write(&folder)
        {
            app.ui.warn(&error.to_string());
        }
    }
}

/// Asked before any lock, so that a wrong name leaves no lock file behind.
fn existing(app: &App, name: &Name) -> Result<Index, Failure> {
    let index = Index::read(&app.paths.credentials(), name)?;
    index.ok_or_else(|| crate::lifecycle::Error::NotFound(name.clone()).into())
}
