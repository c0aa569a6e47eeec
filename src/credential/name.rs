//! Names of credentials: `PROVIDER` or `PROVIDER/ACCOUNT`. They are file names on every system, so
//! the rules are strict.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The account of a name without one.
const DEFAULT: &str = "default";

/// The longest part of a name, in characters.
const MAX: usize = 64;

/// The name of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name {
    provider: String,
    account: String,
}

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A part breaks a rule.
    #[error(
        "`{0}` is not a valid name: use up to 64 lower-case letters, digits, `.`, `_` and `-` (an account also `@` and `+`), begin with a letter or digit, and do not end with `.`"
    )]
    Shape(String),
    /// Windows would open a device instead of a file.
    #[error("`{0}` is the name of a Windows device; choose another name")]
    Device(String),
}

impl Name {
    /// The name of an account at a provider.
    ///
    /// # Errors
    /// A part breaks a rule.
    pub fn new(provider: &str, account: &str) -> Result<Self, NameError> {
        check_part(provider, "")?;
        check_part(account, "@+")?;
        Ok(Self {
            provider: provider.to_owned(),
            account: account.to_owned(),
        })
    }

    /// The provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The account, `default` for a bare name.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// In the order of a list: the name without an account comes before those with one.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |name: &Self| name.account != DEFAULT;
        (self.provider.as_str(), key(self), self.account.as_str()).cmp(&(
            other.provider.as_str(),
            key(other),
            other.account.as_str(),
        ))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Checks one part of a name; `extra` lists further characters that are allowed.
///
/// # Errors
/// The part breaks a rule.
pub fn check_part(part: &str, extra: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let first = part.chars().next().is_some_and(plain);
    let all = part
        .chars()
        .all(|c| plain(c) || "._-".contains(c) || extra.contains(c));
    if !first || !all || part.len() > MAX || part.ends_with('.') {
        return Err(NameError::Shape(
            part.escape_default().take(2 * MAX).collect(),
        ));
    }
    let stem = part.split('.').next().unwrap_or(part);
    let numbered = |prefix| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest != "0" && rest.parse::<u8>().is_ok())
    };
    if matches!(stem, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt") {
        return Err(NameError::Device(part.to_owned()));
    }
    Ok(())
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            Some((provider, account)) => Self::new(provider, account),
            None => Self::new(text, DEFAULT),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.provider)?;
        if self.account != DEFAULT {
            write!(f, "/{}", self.account)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

/// The random id of a stored record. A credential that is added again gets a new one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// A new id of 128 random bits.
    ///
    /// # Errors
    /// The system's random generator failed.
    pub fn random() -> Result<Self, crate::secret::SealError> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(32);
        for byte in crate::secret::random_bytes::<16>()? {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// The id as text: 32 hexadecimal digits, safe as a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 32 && text.chars().all(hex) {
            Ok(Self(text))
        } else {
            Err("an id is 32 hexadecimal digits")
        }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r5_the_name_without_an_account_comes_first() {
        let mut names: Vec<Name> = [
            "stripe/z",
            "stripe/auth",
            "stripe",
            "aws/dev",
            "aws",
            "stripes",
            "strip/x",
        ]
        .map(|name| name.parse().unwrap())
        .to_vec();
        names.sort();
        let names: Vec<String> = names.iter().map(Name::to_string).collect();
        assert_eq!(
            names,
            [
                "aws",
                "aws/dev",
                "strip/x",
                "stripe",
                "stripe/auth",
                "stripe/z",
                "stripes"
            ]
        );
    }

    #[test]
    fn a_bare_name_is_the_default_account() {
        let name: Name = "github".parse().unwrap();
        assert_eq!((name.provider(), name.account()), ("github", "default"));
        assert_eq!(name.to_string(), "github");
        assert_eq!("github/default".parse::<Name>().unwrap(), name);
        assert_eq!(
            "github/me+x@example.com"
                .parse::<Name>()
                .unwrap()
                .to_string(),
            "github/me+x@example.com"
        );
    }

    #[test]
    fn an_id_is_32_hexadecimal_digits() {
        for good in ["0123456789abcdef".repeat(2), "f".repeat(32)] {
            assert!(Id::try_from(good).is_ok());
        }
        let traversal = format!("../{}", "a".repeat(29));
        for bad in [
            traversal,
            "a".repeat(31),
            "a".repeat(33),
            "A".repeat(32),
            "g".repeat(32),
        ] {
            assert!(Id::try_from(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_has_up_to_64_characters() {
        assert!("x".repeat(64).parse::<Name>().is_ok());
        assert!("x".repeat(65).parse::<Name>().is_err());
    }

    #[test]
    fn names_that_are_not_safe_file_names_are_refused() {
        let long = "x".repeat(65);
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "A",
            "a b",
            "..",
            ".a",
            "a.",
            "a/b/c",
            "a\\b",
            "a@b",
            "-a",
            "ä",
            "a\n",
            long.as_str(),
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        for device in ["con", "nul.txt", "com1", "lpt9", "a/aux"] {
            assert!(
                matches!(device.parse::<Name>(), Err(NameError::Device(_))),
                "{device}"
            );
        }
        for fine in ["console", "com", "com0", "com10", "lpt", "a/con1"] {
            assert!(fine.parse::<Name>().is_ok(), "{fine}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_name_survives_a_round_trip(text: String) {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
            }
        }
    }
}
