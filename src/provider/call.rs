//! One request of a recipe, as data, and what may stand in its templates.

use super::{RenderError, Setting};
use crate::credential::trusted_url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One request. In its texts `${…}` stands for values: `${label}`, `${id}` (the old key's, or the one to be ended),
/// `${part:NAME}` of the key, settings by their names (`${number:NAME}` as a number), `${old:/pointer}` for what the old key's metadata says
/// (`${nullable:/pointer}` where null says something), and
/// `${expires:FORMAT}` (`date`, `datetime`, `rfc3339`, `millis`, `seconds`). A `?` behind the word leaves the field out
/// where there is no value.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// GET unless said otherwise.
    #[serde(default)]
    pub method: Method,
    /// Where to.
    pub url: String,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A form body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
    /// JSON pointers whose being filled in an answer of 2xx means failure (GraphQL).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Statuses that mean "no such key", which counts as done where a key is ended.
    #[serde(default = "not_found", skip_serializing_if = "is_not_found")]
    pub gone: Vec<u16>,
    /// Statuses that mean that the credential is not good (any more).
    #[serde(default = "unauthorized", skip_serializing_if = "is_unauthorized")]
    pub bad: Vec<u16>,
    /// Sent without the caller's credential.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
    /// The answer is XML, which is read as if it were JSON: an element is an object, repeated ones an array.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub xml: bool,
}

/// The methods that recipes use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

fn not_found() -> Vec<u16> {
    vec![404]
}

fn unauthorized() -> Vec<u16> {
    vec![401]
}

fn is_unauthorized(bad: &[u16]) -> bool {
    bad == [401]
}

fn is_not_found(gone: &[u16]) -> bool {
    gone == [404]
}

/// What stands between `${` and `}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// `label`, `id`, `old`, …
    pub name: &'a str,
    /// What stands behind the colon.
    pub argument: &'a str,
    /// Whether the field may be left out.
    pub optional: bool,
}

impl<'a> Word<'a> {
    fn parse(text: &'a str) -> Self {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        Self {
            name: name.trim_end_matches('?'),
            argument,
            optional: name.ends_with('?'),
        }
    }
}

/// The pieces of a template: texts and words, in turn.
pub fn words(template: &str) -> Result<Vec<Result<&str, Word<'_>>>, RenderError> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        let (word, behind) = after
            .split_once('}')
            .ok_or_else(|| RenderError::Template("`${` without `}`".into()))?;
        if !before.is_empty() {
            found.push(Ok(before));
        }
        found.push(Err(Word::parse(word)));
        rest = behind;
    }
    if !rest.is_empty() {
        found.push(Ok(rest));
    }
    Ok(found)
}

impl Call {
    /// A plain request, or a POST of `post`.
    pub fn plain(url: &str, post: Option<&str>) -> Self {
        let method = if post.is_some() {
            Method::Post
        } else {
            Method::Get
        };
        let json = post.and_then(|text| serde_json::from_str(text).ok());
        let url = url.to_owned();
        Self {
            method,
            url,
            json,
            form: BTreeMap::new(),
            failures: Vec::new(),
            gone: not_found(),
            bad: unauthorized(),
            bare: false,
            xml: false,
        }
    }

    /// Every text in it that may hold words.
    fn texts(&self) -> Vec<&str> {
        fn strings<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::String(text) => found.push(text),
                Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
                Value::Object(fields) => fields.values().for_each(|item| strings(item, found)),
                _ => {}
            }
        }
        let mut found = vec![self.url.as_str()];
        found.extend(self.form.values().map(String::as_str));
        self.json.iter().for_each(|json| strings(json, &mut found));
        found
    }

    pub(super) fn check(&self, settings: &BTreeMap<String, Setting>) -> Result<(), String> {
        for text in self.texts() {
            for word in words(text)
                .map_err(|error| error.to_string())?
                .into_iter()
                .filter_map(Result::err)
            {
                let known = matches!(
                    word.name,
                    "label" | "id" | "part" | "old" | "nullable" | "expires" | "session"
                ) || settings.contains_key(word.name)
                    || word.name == "number" && settings.contains_key(word.argument);
                if !known {
                    return Err(format!("`${{{}}}` stands for nothing", word.name));
                }
            }
        }
        // With plain words for its variables it must be a URL that a secret may be sent to.
        let mut url = String::new();
        for piece in words(&self.url).map_err(|error| error.to_string())? {
            url.push_str(piece.unwrap_or("x"));
        }
        trusted_url(&url).map_err(|error| format!("url: {error}"))?;
        if self.json.is_some() && !self.form.is_empty() {
            return Err("it has both a JSON and a form body".into());
        }
        Ok(())
    }

    /// Whether it names a key by its id.
    pub fn needs_id(&self) -> bool {
        let is_id = |text: &str| {
            words(text).is_ok_and(|pieces| {
                pieces
                    .iter()
                    .any(|piece| piece.as_ref().is_err_and(|word| word.name == "id"))
            })
        };
        self.texts().into_iter().any(is_id)
    }

    #[cfg(test)]
    /// The URL with plain words in the places of its values: to see which origin it lies in.
    pub fn example_url(&self) -> String {
        words(&self.url)
            .map(|pieces| {
                pieces
                    .into_iter()
                    .map(|piece| piece.unwrap_or("x"))
                    .collect()
            })
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_template_is_texts_and_words() {
        let word = |name, argument, optional| {
            Err(Word {
                name,
                argument,
                optional,
            })
        };
        assert_eq!(
            words("a${old?:/x/y}b").unwrap(),
            [Ok("a"), word("old", "/x/y", true), Ok("b")]
        );
        assert_eq!(
            words("mutation($keys: X){id}").unwrap(),
            [Ok("mutation($keys: X){id}")]
        );
        assert!(words("${open").is_err());
    }

    proptest! {
        #[test]
        fn no_template_panics(text: String) {
            let _ = words(&text);
        }
    }
}
