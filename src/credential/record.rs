//! The secret part of a credential, as the JSON text in its store.

use super::{Bound, Id, Kind, Name, Slots};
use crate::secret::{
    Alphabet, BadSecret, MAX_BYTES, SealError, SealKey, Secret, stored, stored_option,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The format this program writes.
const VERSION: u32 = 1;

/// The secrets of a credential and what they are bound to. Only a save changes it, and increases
/// the generation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The number of saves: of two copies, the one with the higher generation counts.
    pub generation: u64,
    /// The id in the store; it never changes.
    pub id: Id,
    /// The name, so that a record under another name is noticed.
    pub name: Name,
    #[serde(serialize_with = "stored")]
    seal_key: Secret,
    /// What the secrets are bound to.
    pub bound: Bound,
    /// The secrets; `None` if the item in the store is too small for them and they are in the
    /// sealed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretPart>,
}

/// The secrets of the two kinds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SecretPart {
    /// An API key.
    Key(Slots),
    /// A login.
    Login {
        /// The token that gets new access tokens; `None` if the provider issues none.
        #[serde(default, serialize_with = "stored_option")]
        refresh_token: Option<Secret>,
        /// The access token, only if there is no refresh token: then it is the durable secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        access: Option<AccessToken>,
    },
}

/// An access token and its lifetime.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessToken {
    /// The token.
    #[serde(serialize_with = "stored")]
    pub token: Secret,
    /// When it was received. If the clock is behind this time, it has jumped, and the token is not
    /// used.
    pub received_at: Timestamp,
    /// When it expires, counted from receipt; `None` if the lifetime is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The narrower scope that was requested, sorted; empty for all granted scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// The resource that it was requested for (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// Why a stored text is not a record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is damaged, or was not written by this program.
    #[error("it is not a valid record (line {line}, column {column})")]
    Malformed {
        /// Line of the JSON text.
        line: usize,
        /// Column of the JSON text.
        column: usize,
    },
    /// The item is there, but its content is not: KWallet writes both at different times.
    #[error(
        "its item in the store is empty (KWallet loses the content of a new item if KWallet exits within five seconds)"
    )]
    Empty,
    /// It was written by a newer version.
    #[error("it was written by a newer version of authctl (format {0})")]
    Newer(u32),
    /// A secret in it could break out of a header.
    #[error("a secret in it {0}")]
    Secret(#[from] BadSecret),
}

impl Record {
    /// The first generation of a new record, with a new id and seal key.
    ///
    /// # Errors
    /// The system's random generator failed.
    pub fn new(name: Name, bound: Bound, secret: SecretPart) -> Result<Self, SealError> {
        Ok(Self {
            version: VERSION,
            generation: 1,
            id: Id::random()?,
            name,
            seal_key: SealKey::generate()?,
            bound,
            secret: Some(secret),
        })
    }

    /// The next generation, with the same id, name and seal key.
    pub fn next(&self, bound: Bound, secret: SecretPart) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            bound,
            secret: Some(secret),
            ..self.clone()
        }
    }

    /// What stays in a store whose items are too small: everything but the secrets.
    pub fn stub(&self) -> Self {
        Self {
            secret: None,
            ..self.clone()
        }
    }

    /// The key of its sealed file.
    ///
    /// # Errors
    /// The record is damaged.
    pub fn seal_key(&self) -> Result<SealKey, SealError> {
        SealKey::from_text(&self.seal_key)
    }

    /// The key of its sealed file, as text.
    pub fn seal_key_text(&self) -> &Secret {
        &self.seal_key
    }

    /// Key or login; `None` for a stub.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self.secret.as_ref()? {
            SecretPart::Key(_) => Kind::Key,
            SecretPart::Login { .. } => Kind::Login,
        })
    }

    /// Whether it can get new access tokens.
    pub fn is_refreshable(&self) -> bool {
        matches!(
            &self.secret,
            Some(SecretPart::Login {
                refresh_token: Some(_),
                ..
            })
        )
    }

    /// The slots of a key.
    pub fn slots(&self) -> Option<&Slots> {
        match self.secret.as_ref()? {
            SecretPart::Key(slots) => Some(slots),
            SecretPart::Login { .. } => None,
        }
    }

    /// The text for the store: one line of JSON.
    pub fn to_text(&self) -> Secret {
        // Serializing plain data cannot fail: every map key is a string.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads what [`Record::to_text`] wrote, and checks every secret in it again: a store can be
    /// edited, too.
    ///
    /// # Errors
    /// It is damaged, newer than this program, or contains a secret that must not reach a header.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let malformed = |error: serde_json::Error| RecordError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        if text.is_empty() {
            return Err(RecordError::Empty);
        }
        let Version { version } = serde_json::from_str(text).map_err(malformed)?;
        if version > VERSION {
            return Err(RecordError::Newer(version));
        }
        let record: Self = serde_json::from_str(text).map_err(malformed)?;
        record.check()?;
        Ok(record)
    }

    /// Checks that every secret may be handed out. Also called before a save, because a record that
    /// cannot be read again would replace one that can.
    ///
    /// # Errors
    /// It contains a secret that must not reach a header.
    pub fn check(&self) -> Result<(), RecordError> {
        match &self.secret {
            Some(SecretPart::Key(slots)) => slots.check()?,
            Some(SecretPart::Login {
                refresh_token,
                access,
            }) => {
                if let Some(token) = refresh_token {
                    token.check_refresh_token()?;
                }
                if let Some(access) = access {
                    access.token.check(Alphabet::Visible)?;
                }
            }
            None => {}
        }
        Ok(())
    }

    /// The room for the sealed file after one more refresh of this record, in bytes: for two tokens
    /// of the usual largest size, or twice the size of this record if that is more.
    pub fn room(&self) -> usize {
        let now = self.to_text().len();
        now + now.max(2 * MAX_BYTES)
    }
}

/// Reads any record, for the fuzzer.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(record) = Record::from_text(text) {
        let again = Record::from_text(record.to_text().expose());
        assert!(again.is_ok(), "what was read can be written and read again");
        let _ = (record.kind(), record.room(), record.seal_key());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn record() -> Record {
        let secret = SecretPart::Login {
            refresh_token: Some(Secret::new("r1")),
            access: None,
        };
        Record::new("github".parse().unwrap(), Bound::default(), secret).unwrap()
    }

    #[test]
    fn a_record_survives_the_store_and_counts_up() {
        let first = record();
        let read = Record::from_text(first.to_text().expose()).unwrap();
        assert_eq!(
            (read.generation, &read.id, &read.name),
            (1, &first.id, &first.name)
        );
        let next = read.next(
            Bound::default(),
            SecretPart::Key(Slots::of(BTreeMap::new())),
        );
        assert_eq!((next.generation, &next.id), (2, &first.id));
        assert!(next.seal_key.same_as(first.seal_key.expose()));
        assert_eq!(next.kind(), Some(Kind::Key));
        assert_eq!(first.stub().kind(), None);
    }

    #[test]
    fn a_newer_format_is_named_and_a_bad_secret_refused() {
        let text = record()
            .to_text()
            .expose()
            .replacen("\"version\":1", "\"version\":2", 1);
        assert!(matches!(
            Record::from_text(&text),
            Err(RecordError::Newer(2))
        ));
        // With its quotes: the random seal key may contain the letters.
        let text = record()
            .to_text()
            .expose()
            .replacen("\"r1\"", "\"r\\n1\"", 1);
        assert!(matches!(
            Record::from_text(&text),
            Err(RecordError::Secret(_))
        ));
    }

    proptest! {
        #[test]
        fn a_damaged_record_is_an_error_and_never_a_panic(cut in 0usize..200, at in 0usize..200, garbage: String) {
            let text = record().to_text();
            let text = text.expose();
            prop_assert!(Record::from_text(&text[..cut.min(text.len() - 1)]).is_err());
            prop_assert!(Record::from_text(&garbage).is_err());
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = b'\x01';
            prop_assert!(Record::from_text(std::str::from_utf8(&bytes).unwrap()).is_err());
        }
    }
}
