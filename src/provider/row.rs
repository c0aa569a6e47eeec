//! One catalogue row, its variables, and what must hold of it.

use super::{KeySpec, OAuthSpec, Recipe, Template};
use crate::config;
use crate::credential::{Kind, NameError, Origin, Parts, check_part, trusted_url};
use crate::secret::{Secret, base64url};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A provider: a service, its OAuth endpoints and behaviour, the shape of its API keys, where both may be sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The name that credentials start with.
    pub name: String,
    /// How people call it.
    pub title: String,
    /// The day its facts were last compared with their sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub verified: Option<jiff::civil::Date>,
    /// Where its facts come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Fields whose facts no source was seen for, as dotted paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
    /// Where its credentials may be sent; a host that starts with `*.` covers the hosts below it.
    pub origins: Vec<String>,
    /// Values that differ between installations: `{name}` stands for them in URLs and origins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// Its logins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthSpec>,
    /// Its API keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySpec>,
    /// How its keys are rotated; the first recipe that is for a key counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotation: Vec<Recipe>,
    /// Where its managers ask, where that is another origin than where its keys are used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manager_origins: Vec<String>,
}

/// A value that differs between installations.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it is, for people.
    pub help: String,
    /// Its value unless `--set` gives another; without one it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// Why a row cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No such row.
    #[error("no provider is called `{0}`")]
    Unknown(String),
    /// The user's file cannot be read.
    #[error(transparent)]
    File(#[from] config::Error),
    /// The row contradicts itself or a rule.
    #[error("provider `{row}`: {reason}")]
    Invalid {
        /// The row.
        row: String,
        /// What is wrong with which field.
        reason: String,
    },
    /// A value given for one of its variables does not fit.
    #[error("provider `{row}`: {reason}")]
    Variable {
        /// The row.
        row: String,
        /// What is wrong with which value.
        reason: String,
    },
    /// Its name cannot be a file name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Row {
    /// A row with its variables filled in, checked: every URL https (or loopback), the endpoints well-formed, the
    /// header templates complete.
    ///
    /// # Errors
    /// Says which field is wrong and why.
    pub fn resolve(&self, values: &BTreeMap<String, String>) -> Result<Self, ProviderError> {
        let invalid = |reason: String| ProviderError::Invalid {
            row: self.name.clone(),
            reason,
        };
        check_part(&self.name, "")?;
        let mut known: BTreeMap<&str, &str> = self
            .variables
            .iter()
            .filter_map(|(name, variable)| Some((name.as_str(), variable.default.as_deref()?)))
            .collect();
        let settings: Vec<&String> = self
            .rotation
            .iter()
            .flat_map(|recipe| recipe.settings.keys())
            .collect();
        for (name, value) in values {
            if settings.contains(&name) {
                check_setting(value).map_err(|reason| ProviderError::Variable {
                    row: self.name.clone(),
                    reason: format!("`{name}` {reason}"),
                })?;
                continue;
            }
            if !self.variables.contains_key(name) {
                let names: Vec<_> = self
                    .variables
                    .keys()
                    .chain(settings)
                    .map(String::as_str)
                    .collect();
                let known = if names.is_empty() {
                    "it has none".into()
                } else {
                    format!("it has {}", names.join(", "))
                };
                let reason = format!("no variable is called `{name}` ({known})");
                return Err(ProviderError::Variable {
                    row: self.name.clone(),
                    reason,
                });
            }
            // A host, a tenant or a site: nothing that could change what a URL means.
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
            let labels = value.split('.').all(|label| !label.is_empty());
            if !labels || value.len() > 253 || !value.chars().all(plain) {
                let reason = format!("the value of `{name}` must be a host name or a plain word");
                return Err(ProviderError::Variable {
                    row: self.name.clone(),
                    reason,
                });
            }
            known.insert(name, value);
        }
        if let Some((name, variable)) = self
            .variables
            .iter()
            .find(|(name, _)| !known.contains_key(name.as_str()))
        {
            let reason = format!(
                "it needs a value for `{name}`: {}; give `--set {name}=VALUE`",
                variable.help
            );
            return Err(ProviderError::Variable {
                row: self.name.clone(),
                reason,
            });
        }
        let fill = |text: &mut String| {
            for (name, value) in &known {
                *text = text.replace(&format!("{{{name}}}"), value);
            }
        };
        let mut row = self.clone();
        row.origins.iter_mut().for_each(fill);
        if let Some(oauth) = &mut row.oauth {
            oauth.urls_mut().for_each(fill);
        }
        if let Some(key) = &mut row.key {
            key.urls_mut().for_each(fill);
        }
        row.manager_origins.iter_mut().for_each(fill);
        row.rotation
            .iter_mut()
            .flat_map(Recipe::urls_mut)
            .for_each(fill);
        row.check().map_err(invalid)?;
        Ok(row)
    }

    /// The row as it would be for some installation: to check it, or to show it, without knowing one.
    ///
    /// # Errors
    /// As for [`Row::resolve`].
    pub fn example(&self) -> Result<Self, ProviderError> {
        let given = self
            .variables
            .iter()
            .filter(|(_, variable)| variable.default.is_none());
        self.resolve(
            &given
                .map(|(name, _)| (name.clone(), format!("{name}.example")))
                .collect(),
        )
    }

    fn check(&self) -> Result<(), String> {
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
                "`origins` must name at least one place its credentials may be sent to".into(),
            );
        }
        if let Some(oauth) = &self.oauth {
            oauth.check().map_err(|reason| format!("oauth.{reason}"))?;
        }
        if let Some(key) = &self.key {
            key.check().map_err(|reason| format!("key.{reason}"))?;
        }
        // Requests of our own carry the credential as well: they go where it belongs, like all others.
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

    /// Whether its recipes can be followed. Not asked for where a key is only handed out, which is often.
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

    /// The recipe for a key with these parts.
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

    /// The header templates for a login's access token (RFC 6750 section 2.1 unless the row says otherwise).
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

    /// A digest of how a credential of this row is handed out: header templates, variables, parts and their order.
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
                // Who makes and ends its keys counts as much, and a program is run with them.
                if let Some(shape) = shape.as_array_mut().filter(|_| !self.rotation.is_empty()) {
                    shape.push(serde_json::json!(self.rotation));
                }
                shape
            }
        };
        base64url(digest(&SHA256, text.to_string().as_bytes()).as_ref())
    }

    /// The facts of a recipe that were seen in no source, and that a request is made of.
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

    /// Whether a fact was never seen in a source.
    pub fn is_unverified(&self, field: &str) -> bool {
        self.unverified.iter().any(|entry| entry == field)
    }
}

/// A setting of a recipe goes into a URL or a body as it is: a word or a short list of words.
fn check_setting(value: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_graphic() && !"\"'`\\<>#?{}".contains(c) || c == ' ';
    if value.is_empty() || value.len() > 512 || !value.chars().all(plain) || value.contains("..") {
        return Err("must be a plain word, or a few".into());
    }
    Ok(())
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
    fn variables_fill_urls_and_cannot_change_their_meaning() {
        let resolved = row(ROW).resolve(&BTreeMap::new()).unwrap();
        assert_eq!(resolved.origins, ["https://api.acme.test"]);
        let set = |value: &str| row(ROW).resolve(&BTreeMap::from([("host".into(), value.into())]));
        assert_eq!(
            set("example.com:8443").unwrap().origins,
            ["https://api.example.com:8443"]
        );
        for bad in [
            "", "a/b", "a@b", "a?b", "a#b", "a b", "a\\b", "{host}", "a%2e", "..", ".a",
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
        let unknown = row(ROW)
            .resolve(&BTreeMap::from([("port".into(), "1".into())]))
            .unwrap_err();
        assert!(unknown.to_string().contains("it has host"), "{unknown}");
    }

    #[test]
    fn a_row_that_could_leak_is_refused() {
        for (from, to, says) in [
            ("https://api.{host}", "http://api.{host}", "https://"),
            (
                "https://api.{host}",
                "https://api.{host}/path",
                "more than an origin",
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
