//! Opening the vault: its recipient and its identity.

use super::{STORE, Vault, identity, kernel, parse, refused};
use crate::disk::{self, Privacy};
use crate::secret::Secret;
use crate::store::Error;
use age::x25519;
use std::str::FromStr;

impl Vault {
    pub(super) fn recipient(&self) -> Result<x25519::Recipient, Error> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity.to_public());
        }
        match self.stored_recipient()? {
            Some(recipient) => Ok(recipient),
            None => self.open().map(x25519::Identity::to_public),
        }
    }

    /// The recipient in the file; `None` if the file is missing and can be made from the identity.
    pub(super) fn stored_recipient(&self) -> Result<Option<x25519::Recipient>, Error> {
        let found = disk::read(&self.recipient_file(), Privacy::Private)
            .map_err(|error| refused(STORE, &error))?;
        let Some(bytes) = found else {
            if self.exists() {
                return Ok(None);
            }
            return Err(Error::NoVault {
                folder: self.folder.clone(),
            });
        };
        let text = String::from_utf8(bytes).unwrap_or_default();
        let recipient = x25519::Recipient::from_str(text.trim());
        recipient.map(Some).map_err(|_| Error::Tampered {
            store: STORE,
            reason: format!("{} is damaged", self.recipient_file().display()),
        })
    }

    pub(super) fn kernel_name(&self) -> Result<String, Error> {
        Ok(format!("authctl:vault:{}", self.recipient()?))
    }

    /// The identity: from outside, raw, from the kernel, or decrypted with the passphrase.
    pub(super) fn open(&self) -> Result<&x25519::Identity, Error> {
        self.open_with(&*self.passphrase)
    }

    pub(super) fn open_with(
        &self,
        passphrase: &dyn Fn() -> Option<Secret>,
    ) -> Result<&x25519::Identity, Error> {
        if let Some(identity) = self.identity.get() {
            return Ok(identity);
        }
        let recipient = self
            .stored_recipient()?
            .map(|recipient| recipient.to_string());
        let opened = self.opened.as_ref();
        let opened = opened.and_then(|text| parse(text.expose().as_bytes()));
        let identity = match (opened, &self.outside_identity) {
            (Some(identity), _) => identity,
            (None, Some(path)) => identity::outside(path)?,
            (None, None) => self.inside_identity(recipient.as_deref(), passphrase)?,
        };
        let own = identity.to_public().to_string();
        match recipient {
            // Whoever replaces the recipient could read everything that is stored from then on.
            Some(recipient) if recipient != own => {
                return Err(Error::Tampered {
                    store: STORE,
                    reason: "its recipient does not match its identity".into(),
                });
            }
            Some(_) => {}
            None => disk::write(&self.recipient_file(), format!("{own}\n").as_bytes())
                .map_err(|error| refused(STORE, &error))?,
        }
        Ok(self.identity.get_or_init(|| identity))
    }

    pub(super) fn inside_identity(
        &self,
        recipient: Option<&str>,
        passphrase: &dyn Fn() -> Option<Secret>,
    ) -> Result<x25519::Identity, Error> {
        let path = self.identity_file();
        let bytes = disk::read(&path, Privacy::Private).map_err(|error| refused(STORE, &error))?;
        let Some(bytes) = bytes else {
            let reason = format!(
                "{} is missing; if the identity is stored elsewhere, set AUTHCTL_VAULT_IDENTITY",
                path.display()
            );
            return Err(Error::Unavailable {
                store: STORE,
                reason,
            });
        };
        if let Some(identity) = parse(&bytes) {
            return Ok(identity);
        }
        let kept =
            recipient.and_then(|recipient| kernel::get(&format!("authctl:vault:{recipient}")));
        if let Some(identity) = kept.and_then(|text| parse(text.expose().as_bytes())) {
            return Ok(identity);
        }
        identity::check_wrapped(&path, &bytes)?;
        let passphrase = passphrase().ok_or(Error::Locked {
            store: STORE,
            reason: None,
        })?;
        identity::unwrap(&path, &bytes, &passphrase)
    }
}
