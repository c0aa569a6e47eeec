//! Choosing the store for a new credential, by trying it, before a browser opens.

use super::App;
use crate::credential::{Entry, StoreKind};
use crate::failure::{Code, Failure};
use crate::secret::Secret;
use crate::store::{Protection, SHORTEST_PASSPHRASE, Vault};
use std::time::Duration;

/// The store for a new credential: the one that was named, or the keychain if it works, or an
/// existing vault, or (with a person at the terminal) a new vault. A weaker store is never chosen
/// silently: `-v` explains each step.
///
/// # Errors
/// The named store does not work, or there is none; the hint gives both remedies.
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
            "storing new credentials in the {}: {}",
            choice.store,
            choice.because
        );
        app.stores.probe(choice.store)?;
        return Ok(choice.store);
    }
    let trouble = match app.stores.probe(StoreKind::Keychain) {
        Ok(()) => {
            tracing::info!("storing new credentials in the keychain, which works");
            return Ok(StoreKind::Keychain);
        }
        Err(error) => error,
    };
    tracing::info!("cannot use the keychain: {trouble}");
    if app.stores.vault().exists() {
        // Reported even with `-q`, because the user may expect another store.
        app.ui
            .warn(&format!("{trouble}; storing new credentials in the vault"));
        app.stores.probe(StoreKind::Vault)?;
        return Ok(StoreKind::Vault);
    }
    if app.ui.can_ask() {
        app.ui.say(&format!(
            "{trouble}; creating a vault with a passphrase instead"
        ));
        let protection = Protection::Passphrase(new_passphrase(app, false)?);
        create_vault(app, &protection)?;
        return Ok(StoreKind::Vault);
    }
    Err(Failure::from(trouble).hint(
        "unlock or start the keychain, or run `authctl vault init` (`--unattended` on a server)",
    ))
}

/// How long a vault stays unlocked by default.
const UNLOCKED: Duration = Duration::from_secs(8 * 3600);

/// Creates a vault. Whoever has just typed its passphrase is not asked for it again at once; a
/// script that has it in a file leaves the vault locked.
///
/// # Errors
/// There is one already, or the disk refused.
pub fn create_vault(app: &App, protection: &Protection) -> Result<(), Failure> {
    let vault = app.stores.vault();
    vault.init(protection)?;
    let is_typed = matches!(protection, Protection::Passphrase(_)) && app.ui.can_ask();
    let stays = is_typed
        && vault
            .unlock(UNLOCKED)
            .inspect_err(|error| tracing::info!(%error, "cannot keep the vault unlocked"))
            .is_ok();
    app.ui.say(if stays {
        "created the vault; it stays unlocked for 8 hours"
    } else {
        "created the vault"
    });
    Ok(())
}

/// The store for a credential: the one that already contains it, or the result of [`new_store`].
///
/// # Errors
/// It is in a store other than the one that was named, or no store can take a new credential.
pub fn store_for(app: &App, existing: Option<&Entry>) -> Result<StoreKind, Failure> {
    let Some(entry) = existing else {
        return new_store(app);
    };
    match app.choice.filter(|choice| choice.store != entry.store) {
        Some(choice) => Err(Failure::new(
            Code::Usage,
            format!(
                "`{}` is in the {}, not in the {} ({})",
                entry.name, entry.store, choice.store, choice.because
            ),
        )
        .hint("omit `--store` and unset AUTHCTL_STORE, or remove the credential first")),
        None => Ok(entry.store),
    }
}

/// Asks for a new passphrase, twice. If every command will need the passphrase, says so first.
///
/// # Errors
/// There is no terminal to prompt in, or the passphrase is too short.
pub fn new_passphrase(app: &App, replaces: bool) -> Result<Secret, Failure> {
    // The file contains the current passphrase, so it cannot be the new one.
    let from_file = if replaces {
        None
    } else {
        super::passphrase_file(app.ui)
    };
    if let Some(passphrase) = from_file {
        return long_enough(passphrase);
    }
    if !app.ui.can_ask() {
        let hint = if replaces {
            "run the command in a terminal, or add `--unattended` to remove the passphrase"
        } else {
            "run the command in a terminal, set AUTHCTL_VAULT_PASSPHRASE_FILE, or add `--unattended`"
        };
        return Err(Failure::new(
            Code::Usage,
            "cannot ask for a passphrase without a terminal",
        )
        .hint(hint));
    }
    if let Err(reason) = Vault::can_stay_unlocked() {
        app.ui
            .say(&format!("note: {reason}; every command will need the passphrase, from a terminal or from AUTHCTL_VAULT_PASSPHRASE_FILE"));
    }
    let first = app.ui.ask_hidden(&format!(
        "new vault passphrase (hidden, at least {SHORTEST_PASSPHRASE} characters):"
    ))?;
    let first = long_enough(first)?;
    let second = app.ui.ask_hidden("repeat the passphrase:")?;
    if !first.same_as(second.expose()) {
        return Err(Failure::new(Code::Usage, "the passphrases do not match"));
    }
    Ok(first)
}

fn long_enough(passphrase: Secret) -> Result<Secret, Failure> {
    if passphrase.expose().chars().count() < SHORTEST_PASSPHRASE {
        return Err(Failure::new(
            Code::Usage,
            format!("the passphrase must have at least {SHORTEST_PASSPHRASE} characters"),
        ));
    }
    Ok(passphrase)
}
