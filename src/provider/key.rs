//! The API-key half of a row: parts, headers, patterns, and the request that verifies a key.

use super::call::{Call, Method, is_unauthorized, not_found, unauthorized};
use super::{Template, check_variable};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The API keys of a provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// The parts of a key; most keys have the single part `key`.
    #[serde(default = "one_part")]
    pub parts: Vec<Part>,
    /// The headers that contain the key, with `{part}` for its parts; none for keys that sign
    /// requests and are never sent.
    #[serde(default)]
    pub headers: Vec<Template>,
    /// The prefixes of its keys. If no provider is given, the longest matching prefix selects it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// The environment variables that conventionally contain the parts, in the same order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Other names for the variables in `env`, which other programs use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// Variables that belong to a temporary key, which is not stored. `exec` removes them, since a
    /// program would use them with the stored key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<String>,
    /// Variables that programs read before those of `env`. `exec` removes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// Values that look like keys but are of no use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<Reject>,
    /// The request that verifies a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// The page on which keys are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// Further names of the variables that contain a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// One variable for each part.
    pub env: Vec<String>,
    /// If the first part begins like this, `exec` sets these variables instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A value that looks like a part of a key and is of no use.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// The name of the part.
    pub part: String,
    /// How it begins.
    pub prefix: String,
    /// Why it is of no use: the end of a sentence that begins with the label of the part.
    pub reason: String,
}

/// One part of a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name in templates and for `--part`.
    pub name: String,
    /// The prompt for it.
    pub label: String,
    /// A regular expression that it usually matches. Since formats change, a value that does not
    /// match can be stored after confirmation, or with `--no-verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// A request that verifies a key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The URL; it is requested with GET and the headers of the key. A 2xx status means that the
    /// key is valid; a status in `bad`, that it is invalid; a 403 that is not in `bad`, that it is
    /// valid but lacks the permission. Any other status is inconclusive.
    pub url: String,
    /// If set, a POST with this JSON body is sent instead of the GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// The statuses that mean that the key is invalid; 401 by default.
    #[serde(default = "unauthorized", skip_serializing_if = "is_unauthorized")]
    pub bad: Vec<u16>,
    /// Texts that, in a response with a status in `bad`, mean that the key is valid but lacks the
    /// permission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<String>,
    /// JSON pointers to error fields: if one of them is not empty in a 2xx response, the key is
    /// not known to be valid (GraphQL).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// JSON pointer to the name of the owner or of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// JSON pointer to the time at which the key expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl Check {
    /// The request.
    pub fn call(&self) -> Call {
        let is_other = |status: &u16| !self.bad.contains(status);
        Call {
            method: match self.post {
                Some(_) => Method::Post,
                None => Method::Get,
            },
            url: self.url.clone(),
            json: self
                .post
                .as_ref()
                .and_then(|text| serde_json::from_str(text).ok()),
            form: BTreeMap::new(),
            failures: self.failures.clone(),
            gone: not_found().into_iter().filter(is_other).collect(),
            bad: self.bad.clone(),
            limited: self.limited.clone(),
            bare: false,
            xml: false,
        }
    }

    /// The host of the request, for messages.
    pub fn host(&self) -> String {
        url::Url::parse(&self.url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

fn one_part() -> Vec<Part> {
    vec![Part {
        name: "key".into(),
        label: "API key".into(),
        pattern: None,
    }]
}

impl KeySpec {
    /// A key of an unknown provider: one part, with the headers that the user gave.
    pub fn from_headers(headers: Vec<Template>) -> Self {
        Self {
            parts: one_part(),
            headers,
            prefixes: Vec::new(),
            env: Vec::new(),
            aliases: Vec::new(),
            companions: Vec::new(),
            overrides: Vec::new(),
            rejects: Vec::new(),
            check: None,
            page: None,
        }
    }

    /// Whether the value of a part is the whole value of `Authorization`, so that the word before a
    /// token belongs to it.
    pub fn has_scheme(&self, part: &Part) -> bool {
        self.headers.iter().any(|header| header.is_bare(&part.name))
    }

    /// The variables that may contain a key, the usual ones first: one for each part, in their
    /// order. For a key with a single part, each variable is an alternative.
    pub fn variable_groups(&self) -> Vec<&[String]> {
        let usual: Vec<&[String]> = if self.parts.len() == 1 {
            self.env.chunks(1).collect()
        } else {
            self.env.chunks(self.parts.len()).take(1).collect()
        };
        let others = self.aliases.iter().map(|alias| alias.env.as_slice());
        usual.into_iter().chain(others).collect()
    }

    /// The variables that `exec` sets for a key with these parts.
    pub fn variables_for(&self, parts: &crate::credential::Parts) -> &[String] {
        let first = self.parts.first().and_then(|part| parts.get(&part.name));
        let fits = |alias: &&Alias| {
            let prefix = alias.prefix.as_deref();
            prefix
                .is_some_and(|prefix| first.is_some_and(|first| first.expose().starts_with(prefix)))
        };
        let alias = self.aliases.iter().find(fits);
        alias.map_or(self.env.as_slice(), |alias| alias.env.as_slice())
    }

    /// Why a key is of no use, although it looks like one.
    pub fn rejection(&self, parts: &crate::credential::Parts) -> Option<String> {
        self.rejects.iter().find_map(|reject| {
            let value = parts.get(&reject.part)?;
            let part = self.parts.iter().find(|part| part.name == reject.part)?;
            let begins = value.expose().starts_with(&reject.prefix);
            begins.then(|| format!("the {} {}", part.label, reject.reason))
        })
    }

    /// Whether a value begins as the keys of this provider do, or nobody knows how these begin.
    pub fn is_expected(&self, value: &Secret) -> bool {
        let begins = |prefix: &String| value.expose().starts_with(prefix.as_str());
        self.prefixes.iter().any(begins) || self.parts.iter().any(|part| part.pattern.is_some())
    }

    /// The first part that does not match the pattern of its provider.
    pub fn odd_part(&self, parts: &crate::credential::Parts) -> Option<&Part> {
        self.parts.iter().find(|part| {
            parts
                .get(&part.name)
                .is_some_and(|value| self.looks_wrong(&part.name, value.expose()))
        })
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
            return Err(
                "parts: the name of a part may contain only lower-case letters and `_`".into(),
            );
        }
        if self.headers.is_empty() && self.env.is_empty() {
            return Err("headers: at least one `Name: value` is required; for a key that is never sent, set `env` instead".into());
        }
        self.headers
            .iter()
            .try_for_each(|header| header.check(&names))
            .map_err(|reason| format!("headers: {reason}"))?;
        // A part that is in no header would be missing from requests.
        if let Some(unused) = names.iter().find(|name| {
            !self.headers.is_empty() && !self.headers.iter().any(|header| header.uses(name))
        }) {
            return Err(format!("headers: no header contains the part `{unused}`"));
        }
        self.env
            .iter()
            .try_for_each(|name| check_variable(name))
            .map_err(|reason| format!("env: {reason}"))?;
        let names = self.aliases.iter().flat_map(|alias| &alias.env);
        let names = names.chain(&self.companions).chain(&self.overrides);
        for name in names {
            check_variable(name)
                .map_err(|error| format!("aliases, companions or overrides: {error}"))?;
        }
        let is_whole = |alias: &Alias| alias.env.len() == self.parts.len();
        if !self.aliases.iter().all(is_whole) {
            return Err("aliases: one variable is required for each part".into());
        }
        for part in &self.parts {
            if let Some(pattern) = &part.pattern {
                regex_lite::Regex::new(pattern)
                    .map_err(|error| format!("parts.{}.pattern: {error}", part.name))?;
            }
        }
        Ok(())
    }

    /// The part called `name` and its pattern, if the value does not match it.
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
