//! The vault: age files (age-encryption.org/v1), one for each record, encrypted to one X25519
//! recipient, so that writing needs no passphrase. The identity that decrypts them is encrypted
//! with a passphrase, or raw if the user says so.

mod identity;
mod open;

use super::{Error, kernel, refused};
use crate::credential::{Id, StoreKind};
use crate::disk::{self, Privacy};
use crate::secret::Secret;
use age::x25519;
use std::cell::OnceCell;
use std::path::PathBuf;
use std::time::Duration;

pub use identity::Protection;
#[cfg(any(test, fuzzing))]
pub use identity::fuzz;
pub(super) use identity::parse as parse_identity;
use identity::{decrypt, exposed, parse};

/// The shortest passphrase, in characters.
pub const SHORTEST_PASSPHRASE: usize = 8;

const STORE: StoreKind = StoreKind::Vault;

/// A folder of age files.
pub struct Vault {
    folder: PathBuf,
    outside_identity: Option<PathBuf>,
    /// The identity, if the caller of this process has opened the vault already.
    opened: Option<Secret>,
    passphrase: Box<dyn Fn() -> Option<Secret>>,
    identity: OnceCell<x25519::Identity>,
}

impl Vault {
    pub(super) fn new(
        folder: PathBuf,
        outside_identity: Option<PathBuf>,
        opened: Option<Secret>,
        passphrase: Box<dyn Fn() -> Option<Secret>>,
    ) -> Self {
        Self {
            folder,
            outside_identity,
            opened,
            passphrase,
            identity: OnceCell::new(),
        }
    }

    /// The identity, if it was opened in this process.
    pub(super) fn opened_identity(&self) -> Option<Secret> {
        self.identity.get().map(exposed)
    }

    /// Whether there is a vault, or what is left of one.
    pub fn exists(&self) -> bool {
        let files = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten();
        self.recipient_file().exists()
            || files
                .map(|entry| entry.path())
                .any(|path| path.extension().is_some_and(|kind| kind == "age"))
    }

    /// Whether its identity is raw, beside the records.
    pub fn is_unattended(&self) -> bool {
        disk::read(&self.identity_file(), Privacy::Private)
            .ok()
            .flatten()
            .is_some_and(|bytes| bytes.starts_with(b"AGE-SECRET-KEY-"))
    }

    /// Whether the kernel can keep the identity of an unlocked vault.
    ///
    /// # Errors
    /// It cannot; the text says why.
    pub fn can_stay_unlocked() -> Result<(), String> {
        kernel::works()
    }

    fn identity_file(&self) -> PathBuf {
        self.folder.join("identity.age")
    }

    /// The public key, so that writing needs no passphrase. It is compared with the identity
    /// whenever that is open.
    fn recipient_file(&self) -> PathBuf {
        self.folder.join("recipient")
    }

    fn record_file(&self, id: &Id) -> PathBuf {
        self.folder.join(format!("{id}.age"))
    }

    /// Creates a vault.
    ///
    /// # Errors
    /// There is one already, or the disk refused.
    pub fn init(&self, protection: &Protection) -> Result<(), Error> {
        let lock = disk::Lock::acquire(&self.folder.join("lock"), Duration::from_secs(10));
        let _lock = lock.map_err(|error| match error {
            disk::LockError::Disk(error) => refused(STORE, &error),
            busy @ disk::LockError::Busy { .. } => Error::Refused {
                store: STORE,
                reason: busy.to_string(),
            },
        })?;
        if self.exists() {
            return Err(Error::Refused {
                store: STORE,
                reason: format!("the vault in {} already exists", self.folder.display()),
            });
        }
        let identity = x25519::Identity::generate();
        self.write_identity(&identity, protection)?;
        let recipient = format!("{}\n", identity.to_public());
        disk::write(&self.recipient_file(), recipient.as_bytes())
            .map_err(|error| refused(STORE, &error))?;
        let _ = self.identity.set(identity);
        Ok(())
    }

    /// Keeps the identity in the kernel's user keyring for `time`.
    ///
    /// # Errors
    /// The passphrase is wrong, nobody can be asked for it, or the kernel refuses.
    pub fn unlock(&self, time: Duration) -> Result<(), Error> {
        let identity = self.open()?;
        kernel::put(&self.kernel_name()?, &exposed(identity), time).map_err(|reason| {
            Error::Unavailable {
                store: STORE,
                reason,
            }
        })
    }

    /// Deletes the identity from the kernel's user keyring; false if it was not there.
    ///
    /// # Errors
    /// There is no vault.
    pub fn lock(&self) -> Result<bool, Error> {
        Ok(kernel::forget(&self.kernel_name()?))
    }

    /// Opens the vault for this process.
    ///
    /// # Errors
    /// The passphrase is wrong, or nobody can be asked for it.
    pub fn open_now(&self) -> Result<(), Error> {
        self.open().map(drop)
    }

    /// Changes how the identity is protected; the records stay as they are.
    ///
    /// # Errors
    /// The old passphrase is wrong, or the disk refused.
    pub fn protect(&self, protection: &Protection) -> Result<(), Error> {
        let identity = self.open()?;
        self.write_identity(identity, protection)
    }

    fn write_identity(
        &self,
        identity: &x25519::Identity,
        protection: &Protection,
    ) -> Result<(), Error> {
        disk::write(
            &self.identity_file(),
            &identity::wrap(identity, protection)?,
        )
        .map_err(|error| refused(STORE, &error))
    }

    /// Whether records can be read without asking for a passphrase.
    ///
    /// # Errors
    /// There is no vault, or its files were modified.
    pub fn opens_without_asking(&self) -> Result<bool, Error> {
        match self.open_with(&|| None) {
            Ok(_) => Ok(true),
            Err(Error::Locked { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn probe(&self) -> Result<(), Error> {
        self.recipient()?;
        let probe = disk::Reserved::beside(&self.recipient_file(), 4096);
        probe.map(drop).map_err(|error| refused(STORE, &error))
    }

    pub(super) fn read(&self, id: &Id) -> Result<Option<Secret>, Error> {
        let path = self.record_file(id);
        let Some(sealed) =
            disk::read(&path, Privacy::Private).map_err(|error| refused(STORE, &error))?
        else {
            // An empty folder is not a vault: its records may be on a disk that is not mounted (any
            // more).
            if self.stored_recipient()?.is_none() {
                self.open()?;
            }
            return Ok(None);
        };
        let plain = decrypt(self.open()?, &sealed)
            .ok()
            .and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        let damaged = || Error::Damaged {
            store: STORE,
            reason: format!("{} is damaged, or belongs to another vault", path.display()),
        };
        plain
            .map(|plain| Some(Secret::new(plain)))
            .ok_or_else(damaged)
    }

    pub(super) fn write(&self, id: &Id, text: &Secret) -> Result<(), Error> {
        let sealed = age::encrypt(&self.recipient()?, text.expose().as_bytes()).map_err(|_| {
            Error::Refused {
                store: STORE,
                reason: "cannot encrypt the record".into(),
            }
        })?;
        disk::write(&self.record_file(id), &sealed).map_err(|error| refused(STORE, &error))
    }

    pub(super) fn delete(&self, id: &Id) -> Result<(), Error> {
        disk::remove(&self.record_file(id)).map_err(|error| refused(STORE, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    fn vault(home: &Path, passphrase: Option<&str>) -> Vault {
        let passphrase = passphrase.map(str::to_owned);
        Vault::new(
            home.join("vault"),
            None,
            None,
            Box::new(move || passphrase.clone().map(Secret::new)),
        )
    }

    fn text(secret: Result<Option<Secret>, Error>) -> String {
        secret.unwrap().unwrap().expose().to_owned()
    }

    #[test]
    fn an_unattended_vault_returns_what_was_stored_and_a_missing_vault_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let id = Id::random().unwrap();
        let first = vault(home.path(), None);
        assert!(
            matches!(first.read(&id), Err(Error::NoVault { .. })),
            "no vault is not an empty one"
        );
        first.init(&Protection::None).unwrap();
        assert!(first.is_unattended());
        first.write(&id, &Secret::new("text")).unwrap();
        let second = vault(home.path(), None);
        assert_eq!(text(second.read(&id)), "text");
        second.delete(&id).unwrap();
        assert!(second.read(&id).unwrap().is_none());
        assert!(matches!(
            second.init(&Protection::None),
            Err(Error::Refused { .. })
        ));
    }

    #[test]
    fn a_passphrase_vault_takes_without_it_and_gives_only_with_it() {
        let home = tempfile::tempdir().unwrap();
        let id = Id::random().unwrap();
        vault(home.path(), None)
            .init(&Protection::Passphrase(Secret::new("correct horse")))
            .unwrap();
        let locked = vault(home.path(), None);
        locked.write(&id, &Secret::new("text")).unwrap();
        assert!(matches!(
            locked.read(&id),
            Err(Error::Locked { reason: None, .. })
        ));
        assert!(matches!(
            vault(home.path(), Some("wrong")).read(&id),
            Err(Error::Locked {
                reason: Some(_),
                ..
            })
        ));
        let open = vault(home.path(), Some("correct horse"));
        assert_eq!(text(open.read(&id)), "text");
        open.protect(&Protection::None).unwrap();
        assert_eq!(text(vault(home.path(), None).read(&id)), "text");
    }

    #[test]
    fn a_missing_recipient_is_restored_and_never_causes_a_new_vault() {
        let home = tempfile::tempdir().unwrap();
        let id = Id::random().unwrap();
        let ours = vault(home.path(), None);
        ours.init(&Protection::None).unwrap();
        ours.write(&id, &Secret::new("text")).unwrap();
        std::fs::remove_file(ours.recipient_file()).unwrap();
        assert!(matches!(
            vault(home.path(), None).init(&Protection::None),
            Err(Error::Refused { .. })
        ));
        assert_eq!(text(vault(home.path(), None).read(&id)), "text");
        assert!(ours.recipient_file().exists());
    }

    #[test]
    fn an_edited_recipient_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let id = Id::random().unwrap();
        let ours = vault(home.path(), None);
        ours.init(&Protection::None).unwrap();
        ours.write(&id, &Secret::new("text")).unwrap();
        let theirs = x25519::Identity::generate().to_public().to_string();
        disk::write(&ours.recipient_file(), theirs.as_bytes()).unwrap();
        assert!(matches!(
            vault(home.path(), None).read(&id),
            Err(Error::Tampered { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn damaged_files_are_named_and_never_panic(garbage: Vec<u8>, cut in 0usize..200) {
            let home = tempfile::tempdir().unwrap();
            let id = Id::random().unwrap();
            let vault = vault(home.path(), None);
            vault.init(&Protection::None).unwrap();
            vault.write(&id, &Secret::new("text")).unwrap();
            let whole = std::fs::read(vault.record_file(&id)).unwrap();
            for bytes in [&garbage[..], &whole[..cut.min(whole.len() - 1)]] {
                disk::write(&vault.record_file(&id), bytes).unwrap();
                let damaged = matches!(vault.read(&id), Err(Error::Damaged { .. }));
                prop_assert!(damaged);
            }
        }
    }
}
