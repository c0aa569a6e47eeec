use super::{Profile, Run, answer, complete, documents};
use crate::app::App;
use crate::credential::{Entry, Kind, Name, StoreKind};
use crate::failure::Failure;
use crate::lifecycle::{SecretMove, move_client_secret, recover, relocate};

/// Move a credential to another store
///
/// The credential is stored under a new id and read back before the old item is deleted, so it is
/// never lost. Only one of the two items is in use at any time. The client secret that a login
/// needs moves with it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl move github --to vault\n  authctl move stripe --to keychain"
)]
pub struct MoveArgs {
    /// The credential: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::credentials())]
    name: Name,
    /// The store to move it to
    #[arg(long, value_name = "STORE")]
    to: StoreKind,
}

impl Run for MoveArgs {
    fn profile(&self) -> Profile {
        Profile::asking().logged("move", Some(&self.name))
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

fn run(app: &App, args: &MoveArgs) -> Result<(), Failure> {
    let (name, to) = (&args.name, args.to);
    // Read before the lock, so that a mistyped name leaves no lock file behind.
    let entry = app.index.entry(name)?;
    let document = || documents::Moved {
        name: name.to_string(),
        store: to,
    };
    if entry.store == to && entry.state.is_active() && entry.leftovers.is_empty() {
        // An interrupted move may have left the client secret behind.
        if !move_secret(app, &entry, to)? {
            return Err(Failure::usage(format!("`{name}` is already in the {to}")));
        }
        app.ui.say(&format!(
            "moved the client secret of {} to the {to}",
            name.provider()
        ));
        return answer(app, document, |_| Ok(()));
    }
    // A passphrase is asked for before the lock is taken, so that nobody waits for it.
    app.stores.open_now(entry.store)?;
    app.stores.open_now(to)?;
    app.stores.probe(to)?;
    let claim = app.context().claim(name)?;
    let warnings = if entry.store == to {
        // Only an item in the previous store is still to be deleted.
        recover(&claim)?
    } else {
        let _spinner = app.ui.spinner(&format!("moving {name} to the {to}"));
        relocate(&claim, to)?.warnings
    };
    drop(claim);
    app.ui.warn_all(&warnings);
    move_secret(app, &entry, to)?;
    app.ui.say(&format!("moved {name} to the {to}"));
    answer(app, document, |_| Ok(()))
}

/// Moves the client secret of a login. Returns whether it was moved.
fn move_secret(app: &App, entry: &Entry, to: StoreKind) -> Result<bool, Failure> {
    if entry.kind != Kind::Login {
        return Ok(false);
    }
    match move_client_secret(&app.context(), entry, to)? {
        SecretMove::Moved => Ok(true),
        SecretMove::Nothing => Ok(false),
        SecretMove::Shared { store, login } => {
            app.ui.warn(&format!(
                "the client secret stays in the {store}, because `{login}` needs it there; move that login, too"
            ));
            Ok(false)
        }
    }
}
