//! Reading variables from a file: `NAME=VALUE` lines as `.env` files have them, or a JSON document.

use crate::secret::Secret;
use serde_json::Value;

/// A variable and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its name; in JSON the last word of the path.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// `line 3`, or the path in a JSON document.
    pub place: String,
}

/// Everything in a file that could be a variable.
pub(super) fn read(text: &str) -> Result<Vec<Found>, String> {
    if text.trim_start().starts_with('{') {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("line {}, column {}: it is not JSON", error.line(), error.column()))?;
        let mut found = Vec::new();
        walk(&document, "", "", &mut found);
        return Ok(found);
    }
    Ok(text.lines().enumerate().filter_map(|(number, line)| variable(line, number + 1)).collect())
}

fn walk(value: &Value, name: &str, path: &str, found: &mut Vec<Found>) {
    match value {
        Value::String(text) => found.push(Found { name: name.to_owned(), value: Secret::new(text.as_str()), place: path.to_owned() }),
        Value::Object(fields) => fields.iter().for_each(|(field, value)| walk(value, field, &format!("{path}/{field}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(number, item)| walk(item, name, &format!("{path}/{number}"), found)),
        _ => {}
    }
}

/// `export NAME="VALUE" # remark`, with what is optional there.
fn variable(line: &str, number: usize) -> Option<Found> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, rest) = line.split_once('=')?;
    let name = name.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let rest = rest.trim();
    let value = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest.get(1..)?.split(quote).next()?,
        // A remark begins behind a space alone: `#` may stand in a key.
        _ => rest.split(" #").next()?.trim(),
    };
    (!value.is_empty()).then(|| Found { name: name.to_owned(), value: Secret::new(value), place: format!("line {number}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(String, String, String)> {
        read(text).unwrap().into_iter().map(|found| (found.name, found.value.expose().to_owned(), found.place)).collect()
    }

    #[test]
    fn lines_are_read_as_env_files_have_them() {
        let text = "# a remark\nA=1\nexport B = 'two words' # why\nC=\"x#y\"\nD=x#y # z\n\nnot a line\nE=\n=f\r\n  G=h\r\n";
        let expected =
            [("A", "1", "line 2"), ("B", "two words", "line 3"), ("C", "x#y", "line 4"), ("D", "x#y", "line 5"), ("G", "h", "line 10")];
        assert_eq!(shown(text).iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_document_is_read_to_its_leaves() {
        let text = r#"{ "STRIPE_API_KEY": "k", "ci": { "env": [{ "OPENAI_API_KEY": "o" }], "n": 3 } }"#;
        let found = shown(text);
        assert_eq!(found.len(), 2);
        assert!(found.contains(&("OPENAI_API_KEY".into(), "o".into(), "/ci/env/0/OPENAI_API_KEY".into())));
        assert!(read("{ broken").unwrap_err().contains("line 1"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&text);
        }
    }
}
