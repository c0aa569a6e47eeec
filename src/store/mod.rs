//! The credential stores. This file alone knows which store is used; each store saves text under a
//! slot and knows nothing about records.

mod cache;
mod kernel;
mod keychain;
#[cfg(target_os = "linux")]
mod secret_service;
mod transfer;
mod vault;

use crate::config::CacheTimes;
use crate::credential::{Entry, Id, Leftover, Name, StoreKind};
use crate::disk;
use crate::keeper::Opened;
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

pub use cache::Cache;
pub use transfer::{decrypt_with, encrypt_for};
#[cfg(any(test, fuzzing))]
pub use vault::fuzz;
pub use vault::{Protection, SHORTEST_PASSPHRASE, Vault};

use keychain::Keychain;

/// The place of one text: the name that a person sees in the keychain, and the id that makes it
/// unique.
#[derive(Clone, Debug)]
pub struct Slot {
    user: String,
    id: Id,
    /// The program that took the text, if that is known and the store has several.
    provided_by: Option<String>,
}

impl Slot {
    /// The slot of the record of a credential.
    pub fn record(name: &Name, id: &Id) -> Self {
        Self {
            user: format!("{name}@{id}"),
            id: id.clone(),
            provided_by: None,
        }
    }

    /// The slot of the record that an entry names.
    pub fn of(entry: &Entry) -> Self {
        Self {
            provided_by: entry.provided_by.clone(),
            ..Self::record(&entry.name, &entry.id)
        }
    }

    /// The slot of an item that is still to be deleted.
    pub fn left(left: &Leftover) -> Self {
        Self {
            provided_by: left.provided_by.clone(),
            ..Self::record(&left.name, &left.id)
        }
    }

    /// The slot of a client secret.
    pub fn client(provider: &str, id: &Id) -> Self {
        Self {
            user: format!("client:{provider}@{id}"),
            id: id.clone(),
            provided_by: None,
        }
    }
}

/// Why a store failed. A missing text is not an error: it is `Ok(None)`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store has to be unlocked first.
    #[error("the {store} is locked{}", reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Locked {
        /// The store.
        store: StoreKind,
        /// A reason that helps the user.
        reason: Option<String>,
    },
    /// There is no vault.
    #[error("there is no vault in {}", folder.display())]
    NoVault {
        /// The folder where it would be.
        folder: PathBuf,
    },
    /// The store cannot be reached.
    #[error("the {store} is not available: {reason}")]
    Unavailable {
        /// The store.
        store: StoreKind,
        /// The reason.
        reason: String,
    },
    /// Another program provides the keychain than the one that took the item.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "other systems have one keychain")
    )]
    #[error("{now} provides the keychain now, and {then} has the item")]
    OtherKeychain {
        /// The program that provides it now.
        now: String,
        /// The program that took the item.
        then: String,
    },
    /// The store did not answer in time. A write may still take effect later.
    #[error("the {store} did not answer within {} seconds", patience.as_secs())]
    TimedOut {
        /// The store.
        store: StoreKind,
        /// The time limit.
        patience: Duration,
    },
    /// The store refused.
    #[error("the {store} refused the request: {reason}")]
    Refused {
        /// The store.
        store: StoreKind,
        /// The reason.
        reason: String,
    },
    /// The files of the store belong to another user.
    #[error("cannot write to the {store}: {reason}")]
    Foreign {
        /// The store.
        store: StoreKind,
        /// Whose they are.
        reason: String,
    },
    /// The store accepted a text and did not return it.
    #[error("the {store} is not reliable: it did not return what was stored")]
    Unreliable {
        /// The store.
        store: StoreKind,
    },
    /// The store is open, but its content cannot be read.
    #[error("cannot read from the {store}: {reason}")]
    Damaged {
        /// The store.
        store: StoreKind,
        /// What is wrong.
        reason: String,
    },
    /// The files of the store were changed by another program.
    #[error("the {store} was modified by another program: {reason}")]
    Tampered {
        /// The store.
        store: StoreKind,
        /// What does not match.
        reason: String,
    },
}

impl Error {
    /// The store.
    pub fn store(&self) -> StoreKind {
        match self {
            Self::Locked { store, .. }
            | Self::Unavailable { store, .. }
            | Self::TimedOut { store, .. }
            | Self::Refused { store, .. }
            | Self::Foreign { store, .. }
            | Self::Unreliable { store }
            | Self::Damaged { store, .. }
            | Self::Tampered { store, .. } => *store,
            Self::NoVault { .. } => StoreKind::Vault,
            Self::OtherKeychain { .. } => StoreKind::Keychain,
        }
    }

    /// Whether a write that failed in this way may still take effect.
    pub fn may_land_later(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }
}

/// How the stores behave in this command.
pub struct Settings {
    /// The vault folder.
    pub vault: PathBuf,
    /// An identity outside the vault (`AUTHCTL_VAULT_IDENTITY`).
    pub identity: Option<PathBuf>,
    /// The vault identity, if the caller of this process has opened it already.
    pub opened: Option<Secret>,
    /// For how long keys of sealed files are kept.
    pub cache: CacheTimes,
    /// The time limit for all keychain calls together.
    pub patience: Duration,
    /// Called once if the keychain takes long, to tell the user what to do.
    pub on_wait: Box<dyn Fn()>,
    /// Asks for the vault passphrase; `None` if there is no terminal.
    pub passphrase: Box<dyn Fn() -> Option<Secret>>,
}

/// All stores.
pub struct Stores {
    keychain: Keychain,
    vault: Vault,
    cache: Cache,
}

impl Stores {
    /// Prepares the stores. None is opened yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            keychain: Keychain::new(settings.patience, settings.on_wait),
            vault: Vault::new(
                settings.vault,
                settings.identity,
                settings.opened,
                settings.passphrase,
            ),
            cache: Cache::new(settings.cache),
        }
    }

    /// The keys of sealed files that are kept, so that cached tokens need no keychain.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The vault, for the commands that manage it.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// How a keeper opens the stores.
    pub fn opened(&self) -> Opened {
        Opened {
            identity: self.vault.opened_identity(),
            patience: self.keychain.patience(),
        }
    }

    /// Asks for whatever a store needs before it can be read: the passphrase of a locked vault.
    /// Called before a lock is taken or a spinner is shown.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn open_now(&self, store: StoreKind) -> Result<(), Error> {
        match store {
            StoreKind::Keychain => Ok(()),
            StoreKind::Vault => self.vault.open_now(),
        }
    }

    /// Whether everybody who can read the folder of the store can read the credentials.
    pub fn is_unattended(&self, store: StoreKind) -> bool {
        store == StoreKind::Vault && self.vault.is_unattended()
    }

    /// Reads a text; `None` if the store is open and has no such text.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read(&self, store: StoreKind, slot: &Slot) -> Result<Option<Secret>, Error> {
        tracing::debug!(%store, "reading an item");
        match store {
            StoreKind::Keychain => self.keychain.read(&slot.user, slot.provided_by.as_deref()),
            StoreKind::Vault => self.vault.read(&slot.id),
        }
    }

    /// Writes a text, replacing the previous one.
    ///
    /// # Errors
    /// The store refused, or did not answer in time.
    pub fn write(&self, store: StoreKind, slot: &Slot, text: &Secret) -> Result<(), Error> {
        tracing::debug!(%store, "writing an item");
        match store {
            StoreKind::Keychain => self.keychain.write(&slot.user, text),
            StoreKind::Vault => self.vault.write(&slot.id, text),
        }
    }

    /// Reads back a text that was just written.
    ///
    /// # Errors
    /// The store cannot be read, or returns another text.
    pub fn read_back(&self, store: StoreKind, slot: &Slot, text: &Secret) -> Result<(), Error> {
        let same = match store {
            StoreKind::Keychain => self
                .keychain
                .read(&slot.user, None)?
                .is_some_and(|found| found.same_as(text.expose())),
            // A locked vault can be written to without its passphrase, but not read.
            StoreKind::Vault if !self.vault.opens_without_asking()? => return Ok(()),
            StoreKind::Vault => self
                .vault
                .read(&slot.id)?
                .is_some_and(|found| found.same_as(text.expose())),
        };
        if same {
            Ok(())
        } else {
            Err(Error::Unreliable { store })
        }
    }

    /// Waits until what was just written survives the end of the store's service, so that what it
    /// replaces can be deleted.
    pub fn settle(&self, store: StoreKind) {
        #[cfg(target_os = "linux")]
        if store == StoreKind::Keychain {
            self.keychain.settle();
        }
        #[cfg(not(target_os = "linux"))]
        let _ = store;
    }

    /// The program that provides a store now, if there are several for it.
    pub fn provider(&self, store: StoreKind) -> Option<String> {
        #[cfg(target_os = "linux")]
        if store == StoreKind::Keychain {
            return self.keychain.provider();
        }
        let _ = store;
        None
    }

    /// Deletes a text. A missing text is no error.
    ///
    /// # Errors
    /// The text may still be there.
    pub fn delete(&self, store: StoreKind, slot: &Slot) -> Result<(), Error> {
        match store {
            StoreKind::Keychain => {
                let provided_by = slot.provided_by.as_deref();
                self.keychain.delete(&slot.user, provided_by)
            }
            StoreKind::Vault => self.vault.delete(&slot.id),
        }
    }

    /// Checks that the store can take new credentials, with a text of no value where that is not
    /// known: write, read, delete. A locked keychain also "opens", so this is the only way to know
    /// before a browser opens.
    ///
    /// # Errors
    /// The store cannot take new credentials now.
    pub fn probe(&self, store: StoreKind) -> Result<(), Error> {
        match store {
            StoreKind::Keychain => self.keychain.probe(),
            StoreKind::Vault => self.vault.probe(),
        }
    }

    /// Writes, reads and deletes an item of the keychain.
    ///
    /// # Errors
    /// One of these does not work.
    pub fn try_keychain(&self) -> Result<(), Error> {
        self.keychain.try_item()
    }

    /// The largest text of an item, in bytes; `None` if there is no limit that matters.
    pub fn item_limit(store: StoreKind) -> Option<usize> {
        match store {
            // CRED_MAX_CREDENTIAL_BLOB_SIZE of the Windows Credential Manager.
            StoreKind::Keychain if cfg!(windows) => Some(2560),
            StoreKind::Keychain | StoreKind::Vault => None,
        }
    }
}

fn refused(store: StoreKind, error: &disk::Error) -> Error {
    if matches!(error, disk::Error::Foreign { .. }) {
        return Error::Foreign {
            store,
            reason: error.to_string(),
        };
    }
    Error::Refused {
        store,
        reason: error.to_string(),
    }
}
