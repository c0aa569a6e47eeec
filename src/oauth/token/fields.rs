//! The fields of an answer. RFC 6749 section 5 has one JSON object; some servers wrap it, rename its
//! fields, or send a form.

use serde_json::{Map, Value};

/// The fields by which an answer is recognized.
const KNOWN: [&str; 5] = [
    "access_token",
    "refresh_token",
    "token_type",
    "expires_in",
    "error",
];

/// How many objects deep the fields are looked for.
const DEPTH: usize = 3;

/// The fields of an answer; none if it has another form.
#[derive(Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body. `pointer` is where the row says that the fields are (RFC 6901).
    pub(super) fn read(body: &[u8], pointer: Option<&str>) -> Self {
        // A byte of another encoding in a field that does not matter must not cost the token, which
        // is ASCII.
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}');
        let whole = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) => form(text.trim()).map_or(Value::Null, Value::Object),
        };
        let named = pointer
            .and_then(|pointer| whole.pointer(pointer)?.as_object())
            .filter(|fields| has_token(fields));
        let found = named.or_else(|| inner(&whole, DEPTH));
        Self(found.or(only(&whole)).cloned().unwrap_or_default())
    }

    /// A field, also under its name in camel case.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        get(&self.0, name)
    }

    /// A field that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// All fields.
    pub(super) fn all(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// A field of an object, also under its name in camel case.
pub(super) fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| fields.get(&camel(name)))
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &capital.into_iter().chain(letters).collect::<String>()
    })
}

fn has_token(fields: &Map<String, Value>) -> bool {
    get(fields, "access_token").is_some()
}

/// The object itself, or the only one in a list.
fn only(value: &Value) -> Option<&Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        Value::Array(values) => match values.as_slice() {
            [Value::Object(fields)] => Some(fields),
            _ => None,
        },
        _ => None,
    }
}

/// The outermost object with an access token.
fn inner(value: &Value, depth: usize) -> Option<&Map<String, Value>> {
    let fields = only(value)?;
    if has_token(fields) {
        return Some(fields);
    }
    let depth = depth.checked_sub(1)?;
    fields.values().find_map(|value| inner(value, depth))
}

/// The form encoding, in which at least one provider answers.
fn form(text: &str) -> Option<Map<String, Value>> {
    if text.contains(|c: char| c.is_whitespace() || c == '<') {
        return None;
    }
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    let fields: Map<String, Value> = pairs
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    KNOWN
        .iter()
        .any(|name| get(&fields, name).is_some())
        .then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(body: &[u8]) -> Option<String> {
        let fields = Fields::read(body, None);
        fields.text("access_token").map(str::to_owned)
    }

    #[test]
    fn b1_the_token_is_found_in_every_shape() {
        for body in [
            &br#"{"access_token":"a"}"#[..],
            br#"[{"access_token":"a"}]"#,
            br#"{"data":{"access_token":"a"}}"#,
            br#"{"status":"ok","result":{"tokens":{"access_token":"a"}}}"#,
            br#"{"data":[{"access_token":"a"}]}"#,
            br#"{"accessToken":"a"}"#,
            b"access_token=a&token_type=bearer",
            b"token_type=bearer&expires_in=3600&access_token=a",
            b"\xef\xbb\xbf{\"access_token\":\"a\"}",
            b"  {\"access_token\":\"a\"}\r\n",
            b"{\"access_token\":\"a\",\"name\":\"Zo\xeb\"}",
        ] {
            let text = String::from_utf8_lossy(body);
            assert_eq!(token(body).as_deref(), Some("a"), "{text}");
        }
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"[{\"access_token\":\"a\"},{\"access_token\":\"b\"}]",
            b"<html>access_token=a</html>",
            b"access_token = a",
            br#"{"a":{"b":{"c":{"d":{"access_token":"a"}}}}}"#,
        ] {
            let text = String::from_utf8_lossy(body);
            assert_eq!(token(body), None, "{text}");
        }
    }

    #[test]
    fn the_row_names_the_place_if_there_are_several() {
        let body = br#"{"access_token":"bot","user":{"access_token":"mine"}}"#;
        let at = |pointer| Fields::read(body, pointer);
        assert_eq!(at(Some("/user")).text("access_token"), Some("mine"));
        assert_eq!(at(Some("/other")).text("access_token"), Some("bot"));
        assert_eq!(at(None).text("access_token"), Some("bot"));
        assert_eq!(camel("refresh_token_expires_in"), "refreshTokenExpiresIn");
    }
}
