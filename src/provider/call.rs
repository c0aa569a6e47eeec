//! One request of a recipe, as data, and the words that its templates may contain.

use super::Setting;
use super::template::{Piece, pieces};
use crate::credential::trusted_url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One request. In its texts, `${…}` stands for values: `${label}`, `${id}` (of the current key, or
/// of the key to revoke), `${part:NAME}` of the key, settings by their names (`${number:NAME}` as a
/// number), `${old:/pointer}` for a value in the metadata of the current key
/// (`${nullable:/pointer}` if null is a value), and `${expires:FORMAT}` (`date`, `datetime`,
/// `rfc3339`, `millis`, `seconds`). A `?` after the word omits the field if there is no value.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The method; GET by default.
    #[serde(default)]
    pub method: Method,
    /// The URL.
    pub url: String,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// A form body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub form: BTreeMap<String, String>,
    /// JSON pointers to error fields: if one of these fields is not empty in a 2xx response, the
    /// request failed (GraphQL).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// Statuses that mean "no such key". When a key is revoked, they count as success.
    #[serde(default = "not_found", skip_serializing_if = "is_not_found")]
    pub gone: Vec<u16>,
    /// Statuses that mean that the credential is invalid or no longer valid.
    #[serde(default = "unauthorized", skip_serializing_if = "is_unauthorized")]
    pub bad: Vec<u16>,
    /// Texts that, in a response with a status in `bad`, mean that the credential is valid but
    /// lacks a permission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<String>,
    /// Whether the request is sent without the caller's credential.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
    /// Whether the response is XML. It is read as if it were JSON: an element becomes an object,
    /// repeated elements an array.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub xml: bool,
}

/// The HTTP methods of recipes.
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

pub(super) fn not_found() -> Vec<u16> {
    vec![404]
}

pub(super) fn unauthorized() -> Vec<u16> {
    vec![401]
}

pub(super) fn is_unauthorized(bad: &[u16]) -> bool {
    bad == [401]
}

fn is_not_found(gone: &[u16]) -> bool {
    gone == [404]
}

/// The text between `${` and `}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// `label`, `id`, `old`, …
    pub name: &'a str,
    /// The text after the colon.
    pub argument: &'a str,
    /// Whether the field may be omitted.
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

/// A piece of a template in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPiece<'a> {
    /// Literal text.
    Text(&'a str),
    /// A word that stands for a value.
    Word(Word<'a>),
}

/// The pieces of a template in a request.
///
/// # Errors
/// A word is not closed.
pub fn call_pieces(template: &str) -> Result<Vec<CallPiece<'_>>, String> {
    let read = |piece| match piece {
        Piece::Text(text) => CallPiece::Text(text),
        Piece::Word(word) => CallPiece::Word(Word::parse(word)),
    };
    Ok(pieces(template, "${")?.into_iter().map(read).collect())
}

/// A template with `x` in place of every word.
fn with_plain_words(template: &str) -> Result<String, String> {
    let text = |piece| match piece {
        CallPiece::Text(text) => text,
        CallPiece::Word(_) => "x",
    };
    Ok(call_pieces(template)?.into_iter().map(text).collect())
}

impl Call {
    /// Every text in the request that may contain words.
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
            for piece in call_pieces(text)? {
                let CallPiece::Word(word) = piece else {
                    continue;
                };
                let known = matches!(
                    word.name,
                    "label" | "id" | "part" | "old" | "nullable" | "expires" | "session"
                ) || settings.contains_key(word.name)
                    || word.name == "number" && settings.contains_key(word.argument);
                if !known {
                    return Err(format!("unknown placeholder `${{{}}}`", word.name));
                }
            }
        }
        // With example values, it must be a URL to which a secret may be sent.
        let url = with_plain_words(&self.url)?;
        trusted_url(&url).map_err(|error| format!("url: {error}"))?;
        if self.json.is_some() && !self.form.is_empty() {
            return Err("it has both a JSON body and a form body".into());
        }
        Ok(())
    }

    /// Whether it contains the id of the key.
    pub fn needs_id(&self) -> bool {
        let is_id = |text: &str| {
            call_pieces(text).is_ok_and(|pieces| {
                let word = |piece: &CallPiece<'_>| matches!(piece, CallPiece::Word(word) if word.name == "id");
                pieces.iter().any(word)
            })
        };
        self.texts().into_iter().any(is_id)
    }

    #[cfg(test)]
    /// The URL with example values, for its origin.
    pub fn example_url(&self) -> String {
        with_plain_words(&self.url).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_has_a_name_an_argument_and_a_mark() {
        let word = Word {
            name: "old",
            argument: "/x/y",
            optional: true,
        };
        assert_eq!(
            call_pieces("a${old?:/x/y}b").unwrap(),
            [
                CallPiece::Text("a"),
                CallPiece::Word(word),
                CallPiece::Text("b")
            ]
        );
    }

    proptest! {
        #[test]
        fn no_template_panics(text: String) {
            let _ = call_pieces(&text);
        }
    }
}
