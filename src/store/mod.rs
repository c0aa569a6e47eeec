//! Where records live. This file alone knows which store it is; each backend keeps text under a slot, nothing else.

mod kernel;
mod keychain;
#[cfg(target_os = "linux")]
mod secret_service;
mod transfer;
mod vault;

use crate::credential::{Id, Name, StoreKind};
use crate::disk;
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

pub use transfer::{decrypt_with, encrypt_for};
pub use vault::{Protection, SHORTEST_PASSPHRASE, Vault};

use keychain::Keychain;

/// Where one text lies: what a person sees in the keychain's own window, and the id that makes it unique.
#[derive(Clone, Debug)]
pub struct Slot {
    user: String,
    id: Id,
}

impl Slot {
    /// The slot of a credential's record.
    pub fn record(name: &Name, id: &Id) -> Self {
        Self {
            user: format!("{name}@{id}"),
            id: id.clone(),
        }
    }

    /// The slot of a client secret.
    pub fn client(provider: &str, id: &Id) -> Self {
        Self {
            user: format!("client:{provider}@{id}"),
            id: id.clone(),
        }
    }
}

/// Why a store gave nothing. Absence is not an error: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is there and needs to be unlocked first.
    #[error("the {store} is locked{}", reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Locked {
        /// Which store.
        store: StoreKind,
        /// The store's words, where they help.
        reason: Option<String>,
    },
    /// It cannot be reached at all.
    #[error("the {store} is not available: {reason}")]
    Unavailable {
        /// Which store.
        store: StoreKind,
        /// Why not.
        reason: String,
    },
    /// It did not answer in time. A write may still land later.
    #[error("the {store} did not answer within {} seconds", patience.as_secs())]
    TimedOut {
        /// Which store.
        store: StoreKind,
        /// The budget that was used up.
        patience: Duration,
    },
    /// It answered and refused.
    #[error("the {store} refused: {reason}")]
    Refused {
        /// Which store.
        store: StoreKind,
        /// Its reason.
        reason: String,
    },
    /// It is open, and what it holds there cannot be read.
    #[error("what the {store} holds cannot be read: {reason}")]
    Damaged {
        /// Which store.
        store: StoreKind,
        /// What is wrong.
        reason: String,
    },
    /// Its own files were changed by somebody else.
    #[error("the {store} was changed from outside: {reason}")]
    Tampered {
        /// Which store.
        store: StoreKind,
        /// What does not fit.
        reason: String,
    },
}

impl Error {
    /// Which store it is about.
    pub fn store(&self) -> StoreKind {
        match self {
            Self::Locked { store, .. }
            | Self::Unavailable { store, .. }
            | Self::TimedOut { store, .. }
            | Self::Refused { store, .. }
            | Self::Damaged { store, .. }
            | Self::Tampered { store, .. } => *store,
        }
    }

    /// Whether a write that ended this way may still take effect.
    pub fn may_land_later(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }
}

/// How the stores are to behave in this command.
pub struct Settings {
    /// The vault's folder.
    pub vault: PathBuf,
    /// A raw identity outside the vault (`AUTHCTL_VAULT_IDENTITY`).
    pub identity: Option<PathBuf>,
    /// The budget of all keychain calls together.
    pub patience: Duration,
    /// Called once when the keychain takes long, so that a person knows what to do.
    pub on_wait: Box<dyn Fn()>,
    /// Asks for the vault's passphrase; `None` when there is nobody to ask.
    pub passphrase: Box<dyn Fn() -> Option<Secret>>,
}

/// All stores.
pub struct Stores {
    keychain: Keychain,
    vault: Vault,
}

impl Stores {
    /// Prepares them. Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            keychain: Keychain::new(settings.patience, settings.on_wait),
            vault: Vault::new(settings.vault, settings.identity, settings.passphrase),
        }
    }

    /// The vault, for the commands that are about it.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Reads a text; `None` when the store is open and holds nothing there.
    ///
    /// # Errors
    /// The store cannot say.
    pub fn read(&self, store: StoreKind, slot: &Slot) -> Result<Option<Secret>, Error> {
        tracing::debug!(%store, "reading an item");
        match store {
            StoreKind::Keychain => self.keychain.read(&slot.user),
            StoreKind::Vault => self.vault.read(&slot.id),
        }
    }

    /// Writes a text, replacing what was there.
    ///
    /// # Errors
    /// The store did not take it, or did not say so in time.
    pub fn write(&self, store: StoreKind, slot: &Slot, text: &Secret) -> Result<(), Error> {
        tracing::debug!(%store, "writing an item");
        match store {
            StoreKind::Keychain => self.keychain.write(&slot.user, text),
            StoreKind::Vault => self.vault.write(&slot.id, text),
        }
    }

    /// Reads back what was just written.
    ///
    /// # Errors
    /// The store cannot say, or says something else.
    pub fn verify(&self, store: StoreKind, slot: &Slot, text: &Secret) -> Result<(), Error> {
        let same = match store {
            StoreKind::Keychain => self
                .keychain
                .read(&slot.user)?
                .is_some_and(|found| found.same_as(text.expose())),
            // A locked vault takes records without its passphrase; that they are on the disk is all it can show.
            StoreKind::Vault if !self.vault.opens_without_asking()? => return Ok(()),
            StoreKind::Vault => self
                .vault
                .read(&slot.id)?
                .is_some_and(|found| found.same_as(text.expose())),
        };
        if same {
            Ok(())
        } else {
            Err(Error::Refused {
                store,
                reason: "it does not give back what was written".into(),
            })
        }
    }

    /// Deletes a text; a missing one is what was wanted.
    ///
    /// # Errors
    /// It may still be there.
    pub fn delete(&self, store: StoreKind, slot: &Slot) -> Result<(), Error> {
        match store {
            StoreKind::Keychain => self.keychain.delete(&slot.user),
            StoreKind::Vault => self.vault.delete(&slot.id),
        }
    }

    /// Tries the store with a text of no value: set, get, delete. A locked keychain also "opens", so this is the only
    /// way to know before a browser is opened.
    ///
    /// # Errors
    /// New credentials cannot be kept there now.
    pub fn probe(&self, store: StoreKind) -> Result<(), Error> {
        match store {
            StoreKind::Keychain => self.keychain.probe(),
            StoreKind::Vault => self.vault.probe(),
        }
    }

    /// The largest text an item may hold, in bytes; `None` for no limit that matters.
    pub fn item_limit(store: StoreKind) -> Option<usize> {
        match store {
            // CRED_MAX_CREDENTIAL_BLOB_SIZE of the Windows Credential Manager.
            StoreKind::Keychain if cfg!(windows) => Some(2560),
            StoreKind::Keychain | StoreKind::Vault => None,
        }
    }
}

fn refused(store: StoreKind, error: &disk::Error) -> Error {
    Error::Refused {
        store,
        reason: error.to_string(),
    }
}
