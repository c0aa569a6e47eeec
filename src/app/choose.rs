//! Where a new credential goes. Decided once, before anything is asked of a browser, by trying.

use super::App;
use crate::credential::{Index, StoreKind};
use crate::failure::{Code, Failure};
use crate::secret::Secret;
use crate::store::{Protection, SHORTEST_PASSPHRASE, Vault};

/// The store for a new credential: the one that was named, else the keychain if it works, else a vault that exists,
/// else (with a person there) a new vault. Never a weaker one in silence: each step is told with `-v`.
///
/// # Errors
/// The named store does not work, or there is none; both ways out are named.
fn new_store(app: &App) -> Result<StoreKind, Failure> {
    if let Some(store) = app.new_store.get() {
        return Ok(*store);
    }
    let store = find_store(app)?;
    Ok(*app.new_store.get_or_init(|| store))
}

fn find_store(app: &App) -> Result<StoreKind, Failure> {
    if let Some(choice) = app.choice {
        tracing::info!(
            "new credentials go to the {}: {}",
            choice.store,
            choice.because
        );
        app.stores.probe(choice.store)?;
        return Ok(choice.store);
    }
    let trouble = match app.stores.probe(StoreKind::Keychain) {
        Ok(()) => {
            tracing::info!("new credentials go to the keychain: a set, a get and a delete worked");
            return Ok(StoreKind::Keychain);
        }
        Err(error) => error,
    };
    tracing::info!("the keychain cannot be used: {trouble}");
    if app.stores.vault().exists() {
        // Said even with `-q`: it is another place than the one that a person may expect.
        app.ui
            .warn(&format!("{trouble}: what is new is kept in the vault"));
        app.stores.probe(StoreKind::Vault)?;
        return Ok(StoreKind::Vault);
    }
    if app.ui.can_ask() {
        app.ui.say(&format!(
            "{trouble}; a vault protected by a passphrase will be used instead"
        ));
        app.stores
            .vault()
            .init(&Protection::Passphrase(new_passphrase(app, false)?))?;
        return Ok(StoreKind::Vault);
    }
    Err(Failure::from(trouble).hint(
        "unlock or start the keychain, or run `authctl vault init` (`--unattended` on a server)",
    ))
}

/// The store of a credential that is about to be stored: where it is already, else [`new_store`].
///
/// # Errors
/// It is kept in another store than the one that was named, or nothing new can be kept anywhere.
pub fn store_for(app: &App, existing: Option<&Index>) -> Result<StoreKind, Failure> {
    let Some(index) = existing else {
        return new_store(app);
    };
    match app.choice.filter(|choice| choice.store != index.store) {
        Some(choice) => Err(Failure::new(
            Code::Usage,
            format!(
                "`{}` is kept in the {}, not in the {} ({})",
                index.name, index.store, choice.store, choice.because
            ),
        )
        .hint("name no store, or remove it first")),
        None => Ok(index.store),
    }
}

/// Asks for a new passphrase, twice. Says first when it will be asked for again and again.
///
/// # Errors
/// Nobody can be asked, or what they typed cannot be used.
pub fn new_passphrase(app: &App, replaces: bool) -> Result<Secret, Failure> {
    // The file holds the passphrase that is in force: it cannot be the one that takes its place.
    let from_file = if replaces {
        None
    } else {
        super::passphrase_file(app.ui)
    };
    if let Some(passphrase) = from_file {
        return long_enough(passphrase);
    }
    if !app.ui.can_ask() {
        return Err(
            Failure::new(Code::Usage, "a passphrase must be typed at a terminal").hint(
                "run it in a terminal, set AUTHCTL_VAULT_PASSPHRASE_FILE, or add `--unattended`",
            ),
        );
    }
    if let Err(reason) = Vault::can_stay_unlocked() {
        app.ui
            .say(&format!("note: {reason}; each command will need the passphrase, from a terminal or from AUTHCTL_VAULT_PASSPHRASE_FILE"));
    }
    let first = app.ui.ask_hidden(&format!(
        "new passphrase of the vault (at least {SHORTEST_PASSPHRASE} characters):"
    ))?;
    let first = long_enough(first)?;
    let second = app.ui.ask_hidden("the same again:")?;
    if !first.same_as(second.expose()) {
        return Err(Failure::new(Code::Usage, "the two passphrases differ"));
    }
    Ok(first)
}

fn long_enough(passphrase: Secret) -> Result<Secret, Failure> {
    if passphrase.expose().chars().count() < SHORTEST_PASSPHRASE {
        return Err(Failure::new(
            Code::Usage,
            format!("the passphrase is shorter than {SHORTEST_PASSPHRASE} characters"),
        ));
    }
    Ok(passphrase)
}
