//! The sealed file: what a credential needs besides its item in the store, encrypted with the key
//! in that item. It contains the cached access tokens, the newest record, and the last failure.

use crate::credential::{AccessToken, Id, Record, RecordError};
use crate::disk::{self, Privacy, Reserved};
use crate::secret::{SealError, SealKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The largest number of cached access tokens: each narrower scope and each resource has its own.
const MAX_TOKENS: usize = 16;

/// The content of a sealed file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sealed {
    /// The newest record. It is never cleared: a store write that timed out may take effect later,
    /// and then the newer one counts.
    pub record: Option<Record>,
    /// Cached access tokens, newest first.
    #[serde(default)]
    pub access: Vec<AccessToken>,
    /// The last failed attempt, so that other processes do not repeat it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailedAttempt>,
}

/// A failed refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// When it failed.
    pub at: Timestamp,
    /// What other processes report meanwhile.
    pub kind: FailureKind,
    /// The reason, without secrets.
    pub reason: String,
    /// Nobody asks the server again before this time.
    pub retry_after: Timestamp,
}

/// The kinds of failure that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Temporary.
    Unreachable,
    /// The login is no longer valid.
    LoginRequired,
    /// The server refused for another reason.
    Refused,
}

/// Why a sealed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// It cannot be decrypted with this key, or was not written by this program.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Written by a newer version.
    #[error("the sealed file was written by a newer version of authctl")]
    Newer,
}

impl Sealed {
    fn path(dir: &Path, id: &Id) -> PathBuf {
        dir.join(id.as_str())
    }

    /// The ids of all sealed files; none if there is no folder yet.
    ///
    /// # Errors
    /// The folder cannot be read: nobody knows what is in it.
    pub fn ids(dir: &Path) -> Result<Vec<Id>, Error> {
        let failed = |error| Error::Disk(disk::Error::io("read", dir, error));
        let files = match std::fs::read_dir(dir) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut ids = Vec::new();
        for file in files {
            let name = file.map_err(failed)?.file_name().into_string();
            ids.extend(name.ok().and_then(|name| Id::try_from(name).ok()));
        }
        Ok(ids)
    }

    /// Reads the sealed file of `id`; empty if there is none.
    ///
    /// # Errors
    /// The file exists, but cannot be read.
    pub fn read(dir: &Path, id: &Id, key: &SealKey) -> Result<Self, Error> {
        let Some(bytes) = disk::read(&Self::path(dir, id), Privacy::Private)? else {
            return Ok(Self::default());
        };
        Self::parse(&key.open(id.as_str(), &bytes)?)
    }

    /// Reads what was decrypted.
    fn parse(plain: &[u8]) -> Result<Self, Error> {
        let sealed: Self = serde_json::from_slice(plain).map_err(|_| SealError::Damaged)?;
        // Checked in the same way as a record from the store.
        match sealed
            .record
            .as_ref()
            .map(|record| Record::from_text(record.to_text().expose()))
        {
            Some(Err(RecordError::Newer(_))) => Err(Error::Newer),
            Some(Err(_)) => Err(SealError::Damaged.into()),
            _ => Ok(sealed),
        }
    }

    /// Writes the file durably, with its folder.
    ///
    /// # Errors
    /// The disk refused; the old file is still there.
    pub fn write(&self, dir: &Path, id: &Id, key: &SealKey) -> Result<(), Error> {
        Ok(disk::write(&Self::path(dir, id), &self.seal(id, key)?)?)
    }

    /// Reserves room for a later [`Sealed::write_into`], so that a full disk is found before a
    /// token is spent.
    ///
    /// # Errors
    /// There is no room, or the folder cannot be written.
    pub fn reserve(dir: &Path, id: &Id, bytes: usize) -> Result<Reserved, Error> {
        Ok(Reserved::beside(&Self::path(dir, id), bytes)?)
    }

    /// Writes the file into the reserved room.
    ///
    /// # Errors
    /// The disk refused; the old file is still there.
    pub fn write_into(&self, room: Reserved, id: &Id, key: &SealKey) -> Result<(), Error> {
        Ok(room.commit(&self.seal(id, key)?)?)
    }

    /// Syncs a file that an interrupted process may not have synced.
    ///
    /// # Errors
    /// The disk refused.
    pub fn sync(dir: &Path, id: &Id) -> Result<(), Error> {
        Ok(disk::sync(&Self::path(dir, id))?)
    }

    /// Deletes the file.
    ///
    /// # Errors
    /// The file is still there.
    pub fn delete(dir: &Path, id: &Id) -> Result<(), Error> {
        Ok(disk::remove(&Self::path(dir, id))?)
    }

    fn seal(&self, id: &Id, key: &SealKey) -> Result<Vec<u8>, Error> {
        let plain =
            zeroize::Zeroizing::new(serde_json::to_vec(self).map_err(|_| SealError::Damaged)?);
        Ok(key.seal(id.as_str(), &plain)?)
    }

    /// The cached token for exactly this scope and resource.
    pub fn token(&self, scope: &[String], resource: Option<&str>) -> Option<&AccessToken> {
        self.access
            .iter()
            .find(|token| token.scope == scope && token.resource.as_deref() == resource)
    }

    /// Caches a new token. The one that it replaces is dropped, and the oldest if there are more
    /// than [`MAX_TOKENS`].
    pub fn keep(&mut self, token: AccessToken) {
        self.access
            .retain(|old| old.scope != token.scope || old.resource != token.resource);
        self.access.insert(0, token);
        self.access.truncate(MAX_TOKENS);
        self.failure = None;
    }

    /// The approximate size of the sealed form, in bytes.
    pub fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |text| text.len()) + 64
    }
}

/// Reads any sealed file, for the fuzzer: as it lies on the disk, and as if it had been decrypted.
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer stops at a panic")]
pub fn fuzz(data: &[u8]) {
    use crate::secret::Secret;
    let key = Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let key = SealKey::from_text(&key).expect("a key");
    if let Ok(plain) = key.open("0", data) {
        let _ = Sealed::parse(&plain);
    }
    if let Ok(sealed) = Sealed::parse(data) {
        let text = serde_json::to_vec(&sealed).expect("what was read can be written");
        assert!(Sealed::parse(&text).is_ok(), "and read again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Bound, SecretPart};
    use crate::secret::Secret;
    use proptest::prelude::*;

    fn token(text: &str, scope: &[&str]) -> AccessToken {
        AccessToken {
            token: Secret::new(text),
            received_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            scope: scope.iter().map(|word| (*word).to_owned()).collect(),
            resource: None,
        }
    }

    fn record() -> Record {
        let secret = SecretPart::Login {
            refresh_token: Some(Secret::new("r")),
            access: None,
        };
        Record::new("acme".parse().unwrap(), Bound::default(), secret).unwrap()
    }

    #[test]
    fn it_survives_the_disk_and_shows_nothing() {
        let home = tempfile::tempdir().unwrap();
        let record = record();
        let key = record.seal_key().unwrap();
        let mut sealed = Sealed {
            record: Some(record.clone()),
            ..Sealed::default()
        };
        sealed.keep(token("planted-access", &[]));
        sealed
            .write(&home.path().join("sealed"), &record.id, &key)
            .unwrap();
        let bytes = std::fs::read(home.path().join("sealed").join(record.id.as_str())).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"planted"));
        let read = Sealed::read(&home.path().join("sealed"), &record.id, &key).unwrap();
        assert_eq!(
            read.token(&[], None).unwrap().token.expose(),
            "planted-access"
        );
        assert!(read.token(&["narrow".to_owned()], None).is_none());
    }

    #[test]
    fn a_token_replaces_its_own_kind_and_their_number_is_bounded() {
        let mut sealed = Sealed::default();
        for round in 0..3 {
            sealed.keep(token(&format!("t{round}"), &[]));
        }
        assert_eq!(sealed.access.len(), 1);
        for round in 0..50 {
            sealed.keep(token("x", &[&format!("s{round}")]));
        }
        assert_eq!(sealed.access.len(), MAX_TOKENS);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn a_malformed_file_is_damaged_and_never_a_panic(garbage: Vec<u8>) {
            let home = tempfile::tempdir().unwrap();
            let record = record();
            let key = record.seal_key().unwrap();
            let path = Sealed::path(&home.path().join("sealed"), &record.id);
            disk::write(&path, &garbage).unwrap();
            prop_assert!(Sealed::read(&home.path().join("sealed"), &record.id, &key).is_err());
            disk::write(&path, &key.seal(record.id.as_str(), &garbage).unwrap()).unwrap();
            prop_assert!(Sealed::read(&home.path().join("sealed"), &record.id, &key).is_err());
        }
    }
}
