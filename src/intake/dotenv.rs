//! Reading variables from a file: the `NAME=VALUE` lines of a `.env` file, or a JSON document.

use crate::secret::Secret;
use serde_json::Value;

/// A variable in a file.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name; in JSON, the last word of the path.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// `line 3`, or the path in a JSON document.
    pub place: String,
    /// The object that contains it: the parts of a key are in the same object.
    pub inside: String,
    /// Why the value may not be what a shell would read.
    pub problem: Option<&'static str>,
}

/// Everything in a file that could be a variable.
///
/// # Errors
/// The file begins like JSON, but is not.
pub fn variables(text: &str) -> Result<Vec<Variable>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        let document: Value = serde_json::from_str(text).map_err(|error| {
            format!(
                "line {}, column {}: invalid JSON",
                error.line(),
                error.column()
            )
        })?;
        let mut found = Vec::new();
        walk(&document, "", "", &mut found);
        return Ok(found);
    }
    Ok(lines(text))
}

fn walk(value: &Value, name: &str, path: &str, found: &mut Vec<Variable>) {
    match value {
        Value::String(text) => {
            let inside = path
                .rsplit_once('/')
                .map_or("", |(inside, _)| inside)
                .to_owned();
            found.push(Variable {
                name: name.to_owned(),
                value: Secret::new(text.as_str()),
                place: path.to_owned(),
                inside,
                problem: None,
            });
        }
        Value::Object(fields) => fields
            .iter()
            .for_each(|(field, value)| walk(value, field, &format!("{path}/{field}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(number, item)| walk(item, name, &format!("{path}/{number}"), found)),
        _ => {}
    }
}

fn lines(text: &str) -> Vec<Variable> {
    let mut found: Vec<Variable> = Vec::new();
    let mut rest = text.lines().enumerate();
    while let Some((number, line)) = rest.next() {
        let Some((name, value)) = assignment(line) else {
            continue;
        };
        let (value, problem, open) = value_of(value);
        if let Some(quote) = open {
            // The value continues on the next lines, which contain no variables.
            rest.by_ref().find(|(_, line)| line.contains(quote));
        }
        // The last assignment counts, as in a shell.
        found.retain(|earlier| earlier.name != name);
        if !value.is_empty() {
            let place = format!("line {}", number + 1);
            found.push(Variable {
                name: name.to_owned(),
                value: Secret::new(value),
                place,
                inside: String::new(),
                problem,
            });
        }
    }
    found
}

/// `export NAME=…`, where `export` is optional.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some((name, value))
}

/// The value, what is odd about it, and the quote that is still open at the end of the line.
fn value_of(text: &str) -> (&str, Option<&'static str>, Option<char>) {
    let value = text.trim();
    if let Some(quote @ ('"' | '\'')) = value.chars().next() {
        let inner = value.get(1..).unwrap_or_default();
        let Some((inner, behind)) = inner.split_once(quote) else {
            return (
                inner,
                Some("its quotes are not closed on the same line"),
                Some(quote),
            );
        };
        let behind = behind.trim();
        let odd = (!behind.is_empty() && !behind.starts_with('#'))
            .then_some("there is text after its quotes");
        let escaped = (quote == '"' && inner.contains(['\\', '$', '`']))
            .then_some("its value contains characters that a shell would interpret");
        return (inner, odd.or(escaped), None);
    }
    // A comment begins after a space only: a key may contain `#`.
    let end = text
        .char_indices()
        .zip(std::iter::once(' ').chain(text.chars()))
        .find(|((_, c), before)| *c == '#' && before.is_whitespace());
    let value = text
        .get(..end.map_or(text.len(), |((at, _), _)| at))
        .unwrap_or_default()
        .trim();
    let odd = value
        .contains([' ', '\t', '"', '\'', '\\', '$', '`', ';', '&', '|', '('])
        .then_some("its value contains characters that a shell would interpret");
    (value, odd, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(String, String, String)> {
        variables(text)
            .unwrap()
            .into_iter()
            .map(|found| (found.name, found.value.expose().to_owned(), found.place))
            .collect()
    }

    #[test]
    fn lines_are_read_as_env_files_have_them() {
        let text = "\u{feff}A=1\nexport B = 'two words' # why\nC=\"x#y\"\nexport\tD=x#y\t# z\n\nnot a line\nE= # set me\n=f\r\n  G=h\r\nA=2\n";
        let expected = [
            ("B", "two words", "line 2"),
            ("C", "x#y", "line 3"),
            ("D", "x#y", "line 4"),
            ("G", "h", "line 9"),
            ("A", "2", "line 10"),
        ];
        assert_eq!(
            shown(text)
                .iter()
                .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
        assert!(
            variables(text)
                .unwrap()
                .iter()
                .all(|found| found.problem.is_none())
        );
    }

    #[test]
    fn values_that_a_shell_would_expand_are_not_keys() {
        for odd in [
            "K=\"a\\\"b\"",
            "K=\"open",
            "K=${OTHER}",
            "K=$(pass show k)",
            "K=abc; export X=1",
            "K=ab\"cd\"",
            "K=a\\ b",
            "K='a' b",
            "K=\"a$b\"",
        ] {
            assert!(
                variables(odd)
                    .unwrap()
                    .iter()
                    .all(|found| found.problem.is_some()),
                "{odd}"
            );
        }
        let inside = variables("HELP=\"\nK=example\n\"\nREAL=1\n").unwrap();
        assert_eq!(
            inside
                .iter()
                .map(|found| found.name.as_str())
                .collect::<Vec<_>>(),
            ["REAL"],
            "what is in a value is no variable"
        );
    }

    #[test]
    fn a_document_is_read_to_its_leaves() {
        let text =
            r#"{ "STRIPE_API_KEY": "k", "ci": { "env": [{ "OPENAI_API_KEY": "o" }], "n": 3 } }"#;
        let found = shown(text);
        assert_eq!(found.len(), 2);
        assert!(found.contains(&(
            "OPENAI_API_KEY".into(),
            "o".into(),
            "/ci/env/0/OPENAI_API_KEY".into()
        )));
        assert!(variables("{ broken").unwrap_err().contains("line 1"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = variables(&text);
        }
    }
}
