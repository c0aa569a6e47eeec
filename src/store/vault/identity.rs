//! The vault identity: raw, or encrypted with a passphrase in an age file of its own.

use super::{Error, STORE, refused};
use crate::disk::{self, Privacy};
use crate::secret::Secret;
use age::secrecy::{ExposeSecret, SecretString};
use age::{scrypt, x25519};
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

/// log2 of the scrypt cost. Fixed, because `age` would otherwise measure the speed of the machine.
const COST: u8 = 18;

/// The highest cost that is accepted when reading: four times the memory and time of [`COST`].
const MAX_COST: u8 = 20;

/// How the identity is protected.
pub enum Protection {
    /// By a passphrase.
    Passphrase(Secret),
    /// Not at all: the key is beside the vault.
    None,
}

/// The bytes of an identity file.
pub(super) fn wrap(identity: &x25519::Identity, protection: &Protection) -> Result<Vec<u8>, Error> {
    let raw = exposed(identity);
    match protection {
        Protection::None => Ok(format!("{}\n", raw.expose()).into_bytes()),
        Protection::Passphrase(passphrase) => {
            let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose()));
            recipient.set_work_factor(COST);
            age::encrypt(&recipient, raw.expose().as_bytes()).map_err(|_| Error::Refused {
                store: STORE,
                reason: "cannot encrypt the identity".into(),
            })
        }
    }
}

/// Checks that a passphrase can open the file, before anybody is asked for one.
pub(super) fn check_wrapped(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if bytes.starts_with(b"age-encryption.org/v1\n") {
        Ok(())
    } else {
        Err(damaged(path))
    }
}

/// Decrypts what [`wrap`] encrypted.
pub(super) fn unwrap(
    path: &Path,
    bytes: &[u8],
    passphrase: &Secret,
) -> Result<x25519::Identity, Error> {
    let mut key = scrypt::Identity::new(SecretString::from(passphrase.expose()));
    key.set_max_work_factor(MAX_COST);
    match decrypt(&key, bytes) {
        Ok(plain) => parse(&plain).ok_or_else(|| damaged(path)),
        Err(
            age::DecryptError::DecryptionFailed
            | age::DecryptError::NoMatchingKeys
            | age::DecryptError::KeyDecryptionFailed,
        ) => Err(Error::Locked {
            store: STORE,
            reason: Some("wrong passphrase".into()),
        }),
        Err(_) => Err(damaged(path)),
    }
}

/// An identity outside the vault.
pub(super) fn outside(path: &Path) -> Result<x25519::Identity, Error> {
    let bytes = disk::read(path, Privacy::Private).map_err(|error| refused(STORE, &error))?;
    let bytes = bytes.ok_or_else(|| Error::Unavailable {
        store: STORE,
        reason: format!("{} is missing", path.display()),
    })?;
    parse(&bytes).ok_or_else(|| damaged(path))
}

/// Parses a raw identity file: comments, and one line with the key.
pub(in crate::store) fn parse(bytes: &[u8]) -> Option<x25519::Identity> {
    let text = std::str::from_utf8(bytes).ok()?;
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'))?;
    x25519::Identity::from_str(line).ok()
}

/// The identity as text.
pub(super) fn exposed(identity: &x25519::Identity) -> Secret {
    Secret::new(identity.to_string().expose_secret())
}

/// Decrypts an age file. Its content is bounded, as that of every file.
pub(super) fn decrypt(
    key: &dyn age::Identity,
    sealed: &[u8],
) -> Result<zeroize::Zeroizing<Vec<u8>>, age::DecryptError> {
    let mut plain = zeroize::Zeroizing::new(Vec::new());
    let reader = age::Decryptor::new_buffered(sealed)?.decrypt(std::iter::once(key))?;
    reader.take(disk::MAX_FILE).read_to_end(&mut plain)?;
    Ok(plain)
}

fn damaged(path: &Path) -> Error {
    Error::Damaged {
        store: STORE,
        reason: format!("{} is damaged; restore it from a backup", path.display()),
    }
}

/// Reads any file of a vault, for the fuzzer: a record, and an identity. (Not with a passphrase: the
/// cost of scrypt, which the file chooses up to a limit, is a second and 1 GiB.)
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer stops at a panic")]
pub fn fuzz(data: &[u8]) {
    use std::sync::OnceLock;
    // It protects nothing but the corpus.
    const KEY: &str = "AGE-SECRET-KEY-18TSA2CH0YKV0YFC0H32MD58AWXDSHUSZU4U69FRYVPKQWMKT2C9Q25XQDN";
    static IDENTITY: OnceLock<x25519::Identity> = OnceLock::new();
    let identity = IDENTITY.get_or_init(|| KEY.parse().expect("an identity"));
    let _ = (parse(data), check_wrapped("vault".as_ref(), data));
    if let Ok(plain) = decrypt(identity, data) {
        assert!(plain.len() <= data.len());
    }
}
