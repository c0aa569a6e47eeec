//! The one type for what must not be seen, and the sealing of files.

mod remove;
mod seal;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serializer};

pub use seal::{SealError, SealKey};

/// A value that must never reach a log, an error, an argument list or a terminal.
///
/// There is no `Display`, no `Deref` and no derived `Debug`; [`Secret::expose`] marks every place
/// where the value leaves. The memory is wiped on drop. Copies made by the keychain, TLS and JSON
/// libraries cannot be wiped, so the promise is "not logged, not in argv, not in a core dump", not
/// "never in memory".
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// 256 random bits as base64url text, for states, nonces and PKCE verifiers.
    ///
    /// # Errors
    /// The system's random generator failed.
    pub fn random() -> Result<Self, SealError> {
        Ok(Self::new(base64url(&random_bytes::<32>()?)))
    }

    /// The value itself. Every call is a place where a secret leaves this type, so there should be
    /// few.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Compares in constant time.
    pub fn same_as(&self, other: &str) -> bool {
        digest(&SHA256, self.expose().as_bytes()).as_ref()
            == digest(&SHA256, other.as_bytes()).as_ref()
    }

    /// Checks that the value is safe in a header or a line of curl config: not empty, and only
    /// bytes of `allowed`.
    ///
    /// # Errors
    /// Says what is wrong, never the value.
    pub fn check(&self, allowed: Alphabet) -> Result<(), BadSecret> {
        self.check_within(allowed, MAX_BYTES)
    }

    /// Checks a refresh token: it is sent in the body of a request, which may be longer than a
    /// header, and refusing it would end the login.
    ///
    /// # Errors
    /// Says what is wrong, never the value.
    pub fn check_refresh_token(&self) -> Result<(), BadSecret> {
        self.check_within(Alphabet::Visible, MAX_REFRESH_TOKEN)
    }

    fn check_within(&self, allowed: Alphabet, limit: usize) -> Result<(), BadSecret> {
        let value = self.expose();
        if value.is_empty() {
            return Err(BadSecret::Empty);
        }
        if value.len() > limit {
            return Err(BadSecret::TooLong {
                length: value.len(),
                limit,
            });
        }
        match value.bytes().position(|byte| !allowed.holds(byte)) {
            Some(position) => Err(BadSecret::Byte(position)),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

/// The longest access token or part of a key, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// The longest refresh token, in bytes.
const MAX_REFRESH_TOKEN: usize = 128 * 1024;

/// The bytes that a secret may contain.
#[derive(Clone, Copy, Debug)]
pub enum Alphabet {
    /// `!` to `~`, for OAuth tokens. RFC 6749 appendix A.12 would also allow the space, which no
    /// server sends and which would break every shell pipeline.
    Visible,
    /// Space to `~`, for parts of API keys.
    Printable,
    /// Everything but control characters, for the ids of keys. They are never part of a header.
    Text,
}

impl Alphabet {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Visible => byte.is_ascii_graphic(),
            Self::Printable => byte.is_ascii_graphic() || byte == b' ',
            Self::Text => !byte.is_ascii_control(),
        }
    }
}

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("is {length} bytes long, but only {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The largest length in bytes.
        limit: usize,
    },
    /// A byte could end a header line or start a new option.
    #[error("contains a character that is not allowed, at byte {0}")]
    Byte(usize),
}

/// `#[serde(serialize_with = "secret::stored")]`: the only way to serialize a secret, named at each
/// field.
pub fn stored<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

/// [`stored`] for an optional secret.
pub fn stored_option<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => to.serialize_some(secret.expose()),
        None => to.serialize_none(),
    }
}

/// [`stored`] for a list.
pub fn stored_list<S: Serializer>(secrets: &[Secret], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(secrets.iter().map(Secret::expose))
}

/// [`stored`] for named parts.
pub fn stored_map<S: Serializer>(
    parts: &std::collections::BTreeMap<String, Secret>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_map(parts.iter().map(|(name, secret)| (name, secret.expose())))
}

/// Random bytes from the operating system.
///
/// # Errors
/// The system's random generator failed.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SealError::Random)?;
    Ok(bytes)
}

/// Base64url without padding (RFC 4648 section 5), as RFC 7636 requires.
pub fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_value() {
        let shown = format!(
            "{:?}",
            (Secret::new("hunter2"), Some(Secret::new("hunter2")))
        );
        assert_eq!(shown, "(Secret(…), Some(Secret(…)))");
    }

    #[test]
    fn control_and_non_ascii_bytes_are_refused_on_input() {
        for bad in ["a\nb", "a\0b", "a\rb", "ä", "a\tb", "a\u{7f}"] {
            assert!(
                Secret::new(bad).check(Alphabet::Printable).is_err(),
                "{bad:?}"
            );
        }
        assert_eq!(
            Secret::new("").check(Alphabet::Visible),
            Err(BadSecret::Empty)
        );
        assert_eq!(
            Secret::new("a b").check(Alphabet::Visible),
            Err(BadSecret::Byte(1))
        );
        assert_eq!(Secret::new("a b").check(Alphabet::Printable), Ok(()));
        assert!(
            Secret::new("x".repeat(MAX_BYTES + 1))
                .check(Alphabet::Visible)
                .is_err()
        );
    }

    #[test]
    fn b3_a_refresh_token_may_be_longer_than_a_header() {
        for (length, is_good) in [
            (1, true),
            (MAX_BYTES + 1, true),
            (MAX_REFRESH_TOKEN, true),
            (MAX_REFRESH_TOKEN + 1, false),
            (0, false),
        ] {
            let token = Secret::new("x".repeat(length));
            assert_eq!(token.check_refresh_token().is_ok(), is_good, "{length}");
        }
        assert!(Secret::new("a b").check_refresh_token().is_err());
    }

    #[test]
    fn comparison_is_by_value() {
        assert!(Secret::new("abc").same_as("abc"));
        assert!(!Secret::new("abc").same_as("abd"));
    }

    #[test]
    fn random_secrets_are_long_and_differ() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        // RFC 7636 section 4.1: a code verifier is 43 to 128 characters.
        assert_eq!(one.len(), 43);
        assert!(!one.same_as(two.expose()));
    }
}
