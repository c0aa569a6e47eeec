//! Fills the templates of a recipe: pure, so that every value is known before a request is sent or
//! an intent is saved.

use super::times::format_time;
use crate::credential::Parts;
use crate::provider::{Call, CallPiece, Word, call_pieces};
use crate::secret::{Alphabet, Secret};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use url::Url;

/// The values of the words in a template.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// The new key's label.
    pub label: Option<String>,
    /// The id of the key in the request.
    pub id: Option<Secret>,
    /// The parts of the key in the request.
    pub parts: Parts,
    /// Settings and variables by name.
    pub settings: BTreeMap<String, String>,
    /// The provider's metadata of the current key.
    pub old: Option<Value>,
    /// The expiry of the new key.
    pub expires: Option<Timestamp>,
    /// The current time.
    pub now: Timestamp,
    /// Whether the user allowed (`--force`) that the new key may do more than the current one.
    pub is_forced: bool,
}

/// A value that a template needs is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The provider did not report it.
    #[error("the provider does not report `{0}` for the current key")]
    NotRead(String),
    /// The user has not given it.
    #[error("the value of `{0}` is missing")]
    NotSet(String),
    /// The row is wrong.
    #[error("{0}")]
    Row(String),
}

impl Values {
    /// The value of a word; `None` if it may be omitted.
    fn get(&self, word: Word<'_>) -> Result<Option<Value>, FillError> {
        let text = |secret: &Secret| Value::String(secret.expose().to_owned());
        let (value, missing) = match word.name {
            "label" => (
                self.label.clone().map(Value::String),
                FillError::Row("there is no label".into()),
            ),
            "id" => (self.id.as_ref().map(text), FillError::NotRead("id".into())),
            "part" => (
                self.parts.get(word.argument).map(text),
                FillError::Row(format!("there is no part `{}`", word.argument)),
            ),
            "old" => {
                let found = self
                    .old
                    .as_ref()
                    .and_then(|old| old.pointer(word.argument))
                    .filter(|value| !value.is_null());
                (
                    found.cloned(),
                    FillError::NotRead(word.argument.trim_start_matches('/').replace('/', ".")),
                )
            }
            // Null is a value, too: there is no limit.
            "nullable" => (
                self.old
                    .as_ref()
                    .and_then(|old| old.pointer(word.argument))
                    .cloned(),
                FillError::NotRead(word.argument.into()),
            ),
            "expires" => {
                let time = self
                    .expires
                    .map(|expires| format_time(word.argument, expires, self.now))
                    .transpose()
                    .map_err(FillError::Row)?;
                (time, FillError::NotRead("expires".into()))
            }
            "number" => {
                let number = self
                    .settings
                    .get(word.argument)
                    .and_then(|text| text.parse::<i64>().ok());
                (
                    number.map(Value::from),
                    FillError::NotSet(word.argument.to_owned()),
                )
            }
            setting => (
                self.settings.get(setting).cloned().map(Value::String),
                FillError::NotSet(setting.to_owned()),
            ),
        };
        match value {
            Some(value) => Ok(Some(value)),
            None if word.optional || self.is_forced && matches!(word.name, "old" | "expires") => {
                Ok(None)
            }
            None => Err(missing),
        }
    }

    /// A text with its words filled in; `None` if one of them is missing and may be omitted. The
    /// value of a text that is a single word keeps its type (a list of scopes stays a list).
    fn fill(&self, template: &str) -> Result<Option<Value>, FillError> {
        let pieces = call_pieces(template).map_err(FillError::Row)?;
        if let [CallPiece::Word(word)] = pieces.as_slice() {
            return self.get(*word);
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                CallPiece::Text(plain) => text.push_str(plain),
                CallPiece::Word(word) => match self.get(word)? {
                    Some(value) => text.push_str(&as_text(&value)),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(Value::String(text)))
    }

    /// The URL, each value as part of a path or query (RFC 3986 section 2.1).
    pub fn url(&self, call: &Call) -> Result<Url, FillError> {
        let mut text = String::new();
        for piece in call_pieces(&call.url).map_err(FillError::Row)? {
            match piece {
                CallPiece::Text(plain) => text.push_str(plain),
                CallPiece::Word(word) => {
                    let value = self
                        .get(word)?
                        .map(|value| as_text(&value))
                        .unwrap_or_default();
                    if value
                        .split('/')
                        .any(|segment| segment == ".." || segment == ".")
                    {
                        return Err(FillError::Row(format!(
                            "the value of `{}` would change the path",
                            word.name
                        )));
                    }
                    text.push_str(&encoded(&value));
                }
            }
        }
        crate::credential::trusted_url(&text).map_err(|error| FillError::Row(error.to_string()))
    }

    /// The body and its type.
    pub fn body(&self, call: &Call) -> Result<Option<(&'static str, Secret)>, FillError> {
        if !call.form.is_empty() {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            for (field, template) in &call.form {
                if let Some(value) = self.fill(template)? {
                    form.append_pair(field, &as_text(&value));
                }
            }
            return Ok(Some((
                "application/x-www-form-urlencoded",
                Secret::new(form.finish()),
            )));
        }
        let Some(json) = &call.json else {
            return Ok(None);
        };
        let filled = self.json(json)?.unwrap_or(Value::Null);
        Ok(Some(("application/json", Secret::new(filled.to_string()))))
    }

    fn json(&self, template: &Value) -> Result<Option<Value>, FillError> {
        Ok(Some(match template {
            Value::String(text) => return self.fill(text),
            Value::Array(items) => {
                let filled: Result<Vec<_>, _> = items.iter().map(|item| self.json(item)).collect();
                Value::Array(filled?.into_iter().flatten().collect())
            }
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (name, field) in fields {
                    if let Some(value) = self.json(field)? {
                        filled.insert(name.clone(), value);
                    }
                }
                Value::Object(filled)
            }
            other => other.clone(),
        }))
    }

    /// A text outside of a request, such as the id that is made from a label.
    pub fn text(&self, template: &str) -> Result<String, FillError> {
        Ok(self
            .fill(template)?
            .map(|value| as_text(&value))
            .unwrap_or_default())
    }
}

/// The id of a key, checked when it is received.
///
/// # Errors
/// Says why it is not valid.
pub fn id(text: String) -> Result<Secret, String> {
    let id = Secret::new(text);
    id.check(Alphabet::Text)
        .map_err(|error| format!("the id of the key {error}"))?;
    Ok(id)
}

/// The text at a pointer: a string, or a number as providers write ids.
pub fn text_at(value: &Value, pointer: &str) -> Option<String> {
    let found = value.pointer(pointer)?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // In a form, a list becomes words, as scopes do.
        Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Everything except what a path may contain unencoded; the ids of some providers are paths.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests;
