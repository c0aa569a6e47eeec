//! The document inside an exported file.

use super::found::RecognizedKey;
use crate::credential::{Bound, Name};
use crate::provider::Template;
use crate::secret::{Alphabet, Secret, stored_map};
use crate::time::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format that this program writes.
const VERSION: u32 = 1;

/// Exported keys.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    version: u32,
    /// The keys.
    pub keys: Vec<Bundled>,
}

/// One exported key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundled {
    /// Its name.
    pub name: Name,
    /// Where it may be sent.
    pub bound: Bound,
    /// How often it is rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_every: Option<Interval>,
    /// The day on which the key expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<jiff::civil::Date>,
    /// Its parts.
    #[serde(serialize_with = "stored_map")]
    pub parts: BTreeMap<String, Secret>,
    /// Whether the file has nothing but the key. Then the binding and the rotation of a stored key
    /// of that name stay.
    #[serde(skip)]
    pub is_bare: bool,
}

impl Bundle {
    /// A bundle of these keys.
    pub fn of(keys: Vec<Bundled>) -> Self {
        Self {
            version: VERSION,
            keys,
        }
    }

    /// The text that is encrypted.
    pub fn to_text(&self) -> Secret {
        // Serializing plain data into memory has no way to fail: every map key is a string.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads what [`Bundle::to_text`] wrote. The file may come from anywhere, so its secrets are
    /// checked as if they were typed.
    ///
    /// # Errors
    /// It is not a bundle, or contains a key that must not be stored.
    pub fn from_text(text: &Secret) -> Result<Self, String> {
        // The message of a JSON error may quote a secret.
        let bundle: Self = serde_json::from_str(text.expose()).map_err(|error| {
            format!(
                "it contains no exported keys (line {}, column {})",
                error.line(),
                error.column()
            )
        })?;
        if bundle.version != VERSION {
            return Err(format!(
                "format {} is not supported by this version",
                bundle.version
            ));
        }
        let mut names: Vec<&Name> = bundle.keys.iter().map(|key| &key.name).collect();
        names.sort();
        if let Some(twice) = names
            .windows(2)
            .find_map(|pair| pair.first().filter(|first| pair.last() == Some(*first)))
        {
            return Err(format!("it contains `{twice}` twice"));
        }
        for key in &bundle.keys {
            key.check()
                .map_err(|reason| format!("the key `{}`: {reason}", key.name))?;
            if key.parts.is_empty() || key.bound.origins.is_empty() {
                return Err(format!("the key `{}` has no parts or no origins", key.name));
            }
            key.parts
                .values()
                .try_for_each(|part| part.check(Alphabet::Printable))
                .map_err(|reason| format!("a part of the key `{}` {reason}", key.name))?;
        }
        Ok(bundle)
    }
}

impl Bundled {
    /// A key that was recognized in another program's file.
    pub fn from_file(found: &RecognizedKey) -> Self {
        Self {
            name: found.name.clone(),
            bound: found.bound.clone(),
            rotate_every: None,
            expires: None,
            parts: found.parts.clone(),
            is_bare: true,
        }
    }

    /// Checks what is checked on every other way in.
    fn check(&self) -> Result<(), String> {
        let parts: Vec<&str> = self.parts.keys().map(String::as_str).collect();
        self.bound
            .headers
            .iter()
            .try_for_each(|header| Template::new(header).check(&parts))?;
        if self.bound.token_endpoint.is_some() || self.bound.client_id.is_some() {
            return Err("it has a token endpoint or a client id, which only logins have".into());
        }
        let texts = [&self.bound.label, &self.bound.subject]
            .into_iter()
            .flatten();
        if texts.flat_map(|text| text.chars()).any(char::is_control) {
            return Err("its account name contains control characters".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bundle_survives_and_a_hostile_one_is_refused() {
        let bound = Bound {
            origins: vec!["https://a.test".parse().unwrap()],
            ..Bound::default()
        };
        let key = |value: &str| Bundled {
            name: "acme".parse().unwrap(),
            bound: bound.clone(),
            rotate_every: None,
            expires: None,
            parts: BTreeMap::from([("key".to_owned(), Secret::new(value))]),
            is_bare: false,
        };
        let text = Bundle::of(vec![key("k 1")]).to_text();
        assert!(Bundle::from_text(&text).unwrap().keys[0].parts["key"].same_as("k 1"));
        assert!(
            Bundle::from_text(&Bundle::of(vec![key("a\r\nX: b")]).to_text())
                .unwrap_err()
                .contains("acme")
        );
        assert!(
            Bundle::from_text(&Secret::new(
                text.expose().replace("\"version\":1", "\"version\":2")
            ))
            .is_err()
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            prop_assert!(Bundle::from_text(&Secret::new(text)).is_err());
        }
    }
}
