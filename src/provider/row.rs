//! One row of the catalogue, its variables, and its rules.

use super::{KeySpec, OAuthSpec, Recipe, Template};
use crate::config;
use crate::credential::{Kind, NameError, Origin, Parts, trusted_url};
use crate::secret::{Secret, base64url};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A provider: a service, its OAuth endpoints and behaviour, its API keys, and the origins of both.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The name of the provider, with which the names of its credentials start.
    pub name: String,
    /// Its display name.
    pub title: String,
    /// The day on which its values were last compared with their sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub verified: Option<jiff::civil::Date>,
    /// The sources of the information in this definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Fields whose values have no source, as dotted paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
    /// The origins to which its credentials may be sent; a host that starts with `*.` includes its
    /// subdomains.
    pub origins: Vec<String>,
    /// Values that differ between installations: `{name}` stands for them in URLs and origins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// How to log in to the provider with OAuth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthSpec>,
    /// The format of the provider's API keys, and how they are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySpec>,
    /// How its keys are rotated; the first recipe that applies to a key is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotation: Vec<Recipe>,
    /// The origins of the requests that a manager authorizes, if they differ from those of the
    /// keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manager_origins: Vec<String>,
}

/// A value that differs between installations.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its description.
    pub help: String,
    /// Its default; a variable without one must be set with `--set`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The reason why a row cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No row has that name.
    #[error("no provider named `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// A name that is nearly the same.
        similar: Option<String>,
    },
    /// The user's file cannot be read.
    #[error(transparent)]
    File(#[from] config::Error),
    /// The row is contradictory or breaks a rule.
    #[error("provider `{row}`: {reason}")]
    Invalid {
        /// The row.
        row: String,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// A value for one of its variables is not valid.
    #[error("provider `{row}`: {reason}")]
    Variable {
        /// The row.
        row: String,
        /// The value and what is wrong with it.
        reason: String,
    },
    /// Its name cannot be a file name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Row {
    /// The row of an authorization server, made from the metadata that it publishes at `source`.
    pub fn of_issuer(name: &str, source: &str, origins: &[Origin], oauth: OAuthSpec) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            verified: None,
            sources: vec![source.to_owned()],
            unverified: Vec::new(),
            origins: origins.iter().map(ToString::to_string).collect(),
            variables: BTreeMap::new(),
            oauth: Some(oauth),
            key: None,
            rotation: Vec::new(),
            manager_origins: Vec::new(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.oauth.is_none() && self.key.is_none() {
            return Err("it needs an [oauth] or a [key] table".into());
        }
        if self.title.is_empty()
            || self.title.len() > 80
            || self.title.chars().any(char::is_control)
        {
            return Err("`title` must be a line of at most 80 characters".into());
        }
        let origins = self.bound_origins()?;
        if self.origins.is_empty() {
            return Err(
                "`origins` needs at least one origin to which the provider's credentials may be sent".into(),
            );
        }
        if let Some(oauth) = &self.oauth {
            oauth.check().map_err(|reason| format!("oauth.{reason}"))?;
        }
        if let Some(key) = &self.key {
            key.check().map_err(|reason| format!("key.{reason}"))?;
        }
        // Our own requests contain the credential as well, so that the same rule applies to them.
        let key_check = self
            .key
            .as_ref()
            .and_then(|key| key.check.as_ref())
            .map(|check| ("key.check.url", &check.url));
        let whoami = self
            .oauth
            .as_ref()
            .and_then(|oauth| oauth.whoami.as_ref())
            .map(|whoami| ("oauth.whoami.url", &whoami.url));
        for (field, text) in [key_check, whoami].into_iter().flatten() {
            let url = trusted_url(text).map_err(|error| format!("{field}: {error}"))?;
            if !origins.iter().any(|origin| origin.covers(&url)) {
                return Err(format!("{field} {url} is outside `origins`"));
            }
        }
        Ok(())
    }

    /// The origins, parsed.
    ///
    /// # Errors
    /// One of them is not an origin.
    pub fn bound_origins(&self) -> Result<Vec<Origin>, String> {
        self.origins
            .iter()
            .map(|text| text.parse().map_err(|error| format!("origins: {error}")))
            .collect()
    }

    /// Checks its recipes. Not done when a key is only printed, which is frequent.
    ///
    /// # Errors
    /// Says which field is wrong and why.
    pub fn check_rotation(&self) -> Result<(), ProviderError> {
        let check = |(number, recipe): (usize, &Recipe)| {
            recipe
                .check()
                .map_err(|reason| format!("rotation[{number}].{reason}"))
        };
        let checked = self.rotation.iter().enumerate().try_for_each(check);
        checked.map_err(|reason| ProviderError::Invalid {
            row: self.name.clone(),
            reason,
        })
    }

    /// The recipe that applies to a key with these parts.
    pub fn recipe(&self, parts: &Parts) -> Option<&Recipe> {
        self.rotation.iter().find(|recipe| {
            recipe.when.as_ref().is_none_or(|when| {
                let value = parts
                    .get(&when.part)
                    .map(Secret::expose)
                    .unwrap_or_default();
                when.prefixes.iter().any(|prefix| value.starts_with(prefix))
            })
        })
    }

    /// The header templates for a login's access token (RFC 6750 section 2.1 unless the row says
    /// otherwise).
    pub fn login_headers(&self) -> Vec<Template> {
        let own = self
            .oauth
            .as_ref()
            .map(|oauth| oauth.headers.clone())
            .unwrap_or_default();
        if own.is_empty() {
            vec![Template::bearer()]
        } else {
            own
        }
    }

    /// A digest of how a credential of this row is used: header templates, variables, parts and
    /// their order.
    pub fn shape(&self, kind: Kind) -> String {
        let text = match kind {
            Kind::Login => {
                let env = self
                    .oauth
                    .as_ref()
                    .map(|oauth| oauth.env.as_slice())
                    .unwrap_or_default();
                serde_json::json!([self.login_headers(), env])
            }
            Kind::Key => {
                let key = self.key.as_ref();
                let parts: Vec<&str> = key
                    .iter()
                    .flat_map(|key| &key.parts)
                    .map(|part| part.name.as_str())
                    .collect();
                let mut shape = serde_json::json!([
                    key.map(|key| &key.headers),
                    key.map(|key| &key.env),
                    parts
                ]);
                // The rotation counts as well: it decides who creates and revokes keys, and may run
                // a program with them.
                if let Some(shape) = shape.as_array_mut().filter(|_| !self.rotation.is_empty()) {
                    shape.push(serde_json::json!(self.rotation));
                }
                shape
            }
        };
        base64url(digest(&SHA256, text.to_string().as_bytes()).as_ref())
    }

    /// The facts of a recipe that have no source and that a request depends on.
    pub fn unverified_in(&self, recipe: &Recipe) -> Vec<String> {
        let prefix = recipe.name.as_ref().map_or_else(
            || "rotation.".to_owned(),
            |name| format!("rotation.{name}."),
        );
        self.unverified
            .iter()
            .filter_map(|entry| entry.strip_prefix(&prefix))
            .filter(|field| *field != "steps")
            .map(str::to_owned)
            .collect()
    }

    /// Whether a fact has no source.
    pub fn is_unverified(&self, field: &str) -> bool {
        self.unverified.iter().any(|entry| entry == field)
    }
}

/// Reads any row, for the fuzzer.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    let Ok(row) = std::str::from_utf8(data).map(toml::from_str::<Row>) else {
        return;
    };
    let Ok(row) = row else { return };
    let _ = row.check();
    let Ok(row) = row.example() else { return };
    // A row without an error can be used.
    assert!(row.bound_origins().is_ok_and(|origins| !origins.is_empty()));
    let _ = row.check_rotation();
    let _ = row.login_headers();
    let _ = toml::to_string(&row);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROW: &str = r#"
        name = "acme"
        title = "Acme"
        origins = ["https://api.{host}"]
        variables = { host = { help = "the host", default = "acme.test" } }
        [key]
        headers = ["X-Key: {key}"]
    "#;

    fn row(text: &str) -> Row {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_row_that_could_leak_is_refused() {
        for (from, to, says) in [
            ("https://api.{host}", "http://api.{host}", "https://"),
            (
                "https://api.{host}",
                "https://api.{host}/path",
                "not an origin",
            ),
            ("\"https://api.{host}\"", "", "at least one"),
            ("X-Key: {key}", "X-Key: {other}", "other"),
            ("X-Key: {key}", "X-Key", "Name: value"),
            ("X-Key: {key}", "Host: {key}", "Host"),
            (
                "[key]",
                "[key]\ncheck = { url = \"https://evil.test/\" }",
                "outside",
            ),
        ] {
            let error = row(&ROW.replace(from, to))
                .resolve(&BTreeMap::new())
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{to}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_row_panic(garbage: String, cut in 0usize..200) {
            let _ = toml::from_str::<Row>(&garbage).map(|row| row.resolve(&BTreeMap::new()));
            let _ = toml::from_str::<Row>(&ROW[..cut.min(ROW.len())]).map(|row| row.resolve(&BTreeMap::new()));
        }
    }
}
