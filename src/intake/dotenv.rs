//! Reading variables from a file: the lines of a `.env` file, or a JSON document.

use crate::secret::Secret;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// A variable in a file.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name; in JSON, the last word of the path.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// Where it is.
    pub place: Place,
    /// The object that contains it: the parts of a key are in the same object.
    pub inside: String,
    /// Why the value may not be what a shell would read.
    pub problem: Option<&'static str>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line, counted from 1.
    Line(usize),
    /// The path in a JSON document.
    Path(String),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(formatter, "line {number}"),
            Self::Path(path) => formatter.write_str(path),
        }
    }
}

/// What a file contains.
#[derive(Debug, Default)]
pub struct Contents {
    /// The variables.
    pub variables: Vec<Variable>,
    /// The other lines, such as comments, the rest of a value of several lines, and values that a
    /// later line replaces. A key in them is not stored.
    pub others: Vec<Other>,
    /// The variables whose quotes are never closed, with their places.
    pub open: Vec<(String, Place)>,
}

/// A line without a variable.
#[derive(Debug)]
pub struct Other {
    /// Its text.
    pub text: Secret,
    /// Where it is.
    pub place: Place,
}

impl Contents {
    /// Reads a file.
    ///
    /// # Errors
    /// The file begins like JSON, but is not.
    pub fn of(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        if !text.trim_start().starts_with(['{', '[']) {
            return Ok(lines(text));
        }
        let document: Value = serde_json::from_str(text).map_err(|error| {
            format!(
                "line {}, column {}: invalid JSON",
                error.line(),
                error.column()
            )
        })?;
        let mut found = Self::default();
        walk(&document, "", "", &mut found.variables);
        Ok(found)
    }
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
                place: Place::Path(path.to_owned()),
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

fn lines(text: &str) -> Contents {
    let lines: Vec<&str> = text.lines().collect();
    let mut contents = Contents::default();
    // The last assignment counts, as in a shell.
    let mut last: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
    let mut variables: Vec<Option<Variable>> = Vec::with_capacity(lines.len());
    let other = |number: usize, text: &str| Other {
        text: Secret::new(text),
        place: place(number),
    };
    let mut number = 0;
    while let Some(line) = lines.get(number) {
        let here = number;
        number += 1;
        let Some((name, text)) = assignment(line) else {
            if !line.trim().is_empty() {
                contents.others.push(other(here, line));
            }
            continue;
        };
        let (value, mut problem, open) = value_of(text);
        match open.map(|quote| (quote, closing(&lines, number, quote))) {
            None => {}
            // The value continues on the next lines, which contain no variables.
            Some((_, Some(end))) => {
                for (number, line) in lines.iter().enumerate().take(end + 1).skip(number) {
                    contents.others.push(other(number, line));
                }
                number = end + 1;
            }
            Some((_, None)) => {
                problem = Some("its quotes are never closed");
                contents.open.push((name.to_owned(), place(here)));
            }
        }
        let earlier = last.insert(name, variables.len());
        let earlier = earlier.and_then(|at| variables.get_mut(at)?.take());
        if let Some(earlier) = earlier.filter(|earlier| !earlier.value.same_as(value)) {
            contents.others.push(Other {
                text: earlier.value,
                place: earlier.place,
            });
        }
        variables.push(Some(Variable {
            name: name.to_owned(),
            value: Secret::new(value),
            place: place(here),
            inside: String::new(),
            problem,
        }));
    }
    let variables = variables.into_iter().flatten();
    contents.variables = variables
        .filter(|variable| variable.value.len() > 0)
        .collect();
    contents
}

fn place(number: usize) -> Place {
    Place::Line(number + 1)
}

/// The line on which a quote is closed that is still open at the end of the line before `from`. A
/// quote that opens the value of a later variable closes none.
fn closing(lines: &[&str], from: usize, quote: char) -> Option<usize> {
    let end = lines
        .iter()
        .enumerate()
        .skip(from)
        .find(|(_, line)| line.contains(quote))?;
    let opens_another =
        assignment(end.1).is_some_and(|(_, value)| value.trim_start().starts_with(quote));
    (!opens_another).then_some(end.0)
}

/// `export NAME=…`, where `export` is optional, or `NAME: …`.
fn assignment<'a>(line: &'a str) -> Option<(&'a str, &'a str)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let line = line.strip_prefix("- ").unwrap_or(line);
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .unwrap_or(line);
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let named = |(name, value): (&'a str, &'a str)| {
        let name = name.trim();
        is_name(name).then_some((name, value))
    };
    let colon = || line.split_once(": ").and_then(named);
    line.split_once('=').and_then(named).or_else(colon)
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
    let end = text.match_indices('#').find(|(at, _)| {
        let before = text.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with(char::is_whitespace)
    });
    let value = text
        .get(..end.map_or(text.len(), |(at, _)| at))
        .unwrap_or_default()
        .trim();
    let is_odd = |byte| {
        matches!(
            byte,
            b' ' | b'\t' | b'"' | b'\'' | b'\\' | b'$' | b'`' | b';' | b'&' | b'|' | b'('
        )
    };
    let odd = value
        .bytes()
        .any(is_odd)
        .then_some("its value contains characters that a shell would interpret");
    (value, odd, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(String, String, String)> {
        Contents::of(text)
            .unwrap()
            .variables
            .into_iter()
            .map(|found| {
                let place = found.place.to_string();
                (found.name, found.value.expose().to_owned(), place)
            })
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
            Contents::of(text)
                .unwrap()
                .variables
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
                Contents::of(odd)
                    .unwrap()
                    .variables
                    .iter()
                    .all(|found| found.problem.is_some()),
                "{odd}"
            );
        }
        let inside = Contents::of("HELP=\"\nK=example\n\"\nREAL=1\n")
            .unwrap()
            .variables;
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
        assert!(Contents::of("{ broken").unwrap_err().contains("line 1"));
    }

    #[test]
    fn an_open_quote_hides_no_line_below() {
        let read = |text: &str| {
            let contents = Contents::of(text).unwrap();
            let names: Vec<String> = contents
                .variables
                .into_iter()
                .map(|found| found.name)
                .collect();
            (names.join(" "), contents.open)
        };
        let open = |name: &str, line| vec![(name.to_owned(), Place::Line(line))];
        assert_eq!(read("A=1\nM=\"hi\nB=2\n"), ("A M B".into(), open("M", 2)));
        assert_eq!(read("A='x\nB='y'\n"), ("A B".into(), open("A", 1)));
        assert_eq!(read("A='x\n\nC=3\nB='y'\n").0, "A C B");
        assert_eq!(
            read("A=\"x\nB=\"y"),
            ("A B".into(), [open("A", 1), open("B", 2)].concat())
        );
        let pem = Contents::of("P=\"-----BEGIN\nabc\n-----END\"\nB=2").unwrap();
        assert_eq!(
            (pem.variables.len(), pem.others.len(), pem.open.len()),
            (2, 2, 0)
        );
    }

    #[test]
    fn every_other_line_is_kept() {
        let contents = Contents::of("# K=1\nnot a line\n\nA=1\nA=2\n- B: 3\n").unwrap();
        let others: Vec<String> = contents
            .others
            .iter()
            .map(|other| other.place.to_string())
            .collect();
        assert_eq!(others, ["line 1", "line 2", "line 4"]);
        let variables: Vec<(&str, &str)> = contents
            .variables
            .iter()
            .map(|found| (found.name.as_str(), found.value.expose()))
            .collect();
        assert_eq!(variables, [("A", "2"), ("B", "3")]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = Contents::of(&text);
        }
    }
}
