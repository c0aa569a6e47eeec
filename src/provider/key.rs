//! The API-key half of a row: parts, headers, how a key looks, how it is checked.

use super::{Template, check_variable};
use serde::{Deserialize, Serialize};

/// The shape of a provider's API keys.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// What a key consists of; most have the one part `key`.
    #[serde(default = "one_part")]
    pub parts: Vec<Part>,
    /// The headers it goes in, with `{part}` for the parts; none for keys that sign requests and are never sent.
    #[serde(default)]
    pub headers: Vec<Template>,
    /// What its keys start with: a key without a name is recognised by the longest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// The environment variables that conventionally hold the parts, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// How to ask the provider whether a key is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// The page where keys are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// One part of a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name in templates and for `--part`.
    pub name: String,
    /// How it is asked for.
    pub label: String,
    /// A regular expression it usually matches; a mismatch warns and never refuses, since formats change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// A request that tells a good key from a bad one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A GET with the key's headers: 2xx is good, 401 is bad, anything else says nothing.
    pub url: String,
    /// A POST with this JSON text instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// JSON pointer to how the provider calls the owner or the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

fn one_part() -> Vec<Part> {
    vec![Part {
        name: "key".into(),
        label: "API key".into(),
        pattern: None,
    }]
}

impl KeySpec {
    /// A key of an unknown provider: one part, the user's headers.
    pub fn from_headers(headers: Vec<Template>) -> Self {
        Self {
            parts: one_part(),
            headers,
            prefixes: Vec::new(),
            env: Vec::new(),
            check: None,
            page: None,
        }
    }

    pub(super) fn urls_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.check
            .iter_mut()
            .map(|check| &mut check.url)
            .chain(self.page.iter_mut())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let names: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        let word = |name: &&str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        };
        if names.is_empty() || !names.iter().all(word) {
            return Err("parts need names of lower-case letters".into());
        }
        if self.headers.is_empty() && self.env.is_empty() {
            return Err("headers must hold at least one `Name: value`, or env the variables of a key that is never sent".into());
        }
        self.headers
            .iter()
            .try_for_each(|header| header.check(&names))
            .map_err(|reason| format!("headers: {reason}"))?;
        // A part that no header carries would make requests that lack it.
        if let Some(unused) = names.iter().find(|name| {
            !self.headers.is_empty() && !self.headers.iter().any(|header| header.uses(name))
        }) {
            return Err(format!("no header holds the part `{unused}`"));
        }
        self.env
            .iter()
            .try_for_each(|name| check_variable(name))
            .map_err(|reason| format!("env: {reason}"))?;
        for part in &self.parts {
            if let Some(pattern) = &part.pattern {
                regex_lite::Regex::new(pattern)
                    .map_err(|error| format!("parts.{}.pattern: {error}", part.name))?;
            }
        }
        Ok(())
    }

    /// The part called `name`, with its pattern, if the value does not look like it.
    pub fn looks_wrong(&self, name: &str, value: &str) -> bool {
        let pattern = self
            .parts
            .iter()
            .find(|part| part.name == name)
            .and_then(|part| part.pattern.as_ref());
        let Some(pattern) = pattern else { return false };
        regex_lite::Regex::new(&format!("^(?:{pattern})$"))
            .is_ok_and(|pattern| !pattern.is_match(value))
    }
}
