//! Reading a key from a hidden prompt or from standard input, never from an argument.

use super::paste::{Pasted, pasted};
use crate::credential::Parts;
use crate::failure::{Code, Failure};
use crate::provider::{KeySpec, Part};
use crate::secret::{Alphabet, MAX_BYTES, Secret};
use crate::ui::Ui;
use std::io::{IsTerminal, Read};

/// Reads every part of a key, from a pipe one line each.
///
/// # Errors
/// There is no key, nobody can be asked for one, or it contains characters that a header cannot
/// have.
pub fn key_parts(ui: Ui, key: &KeySpec) -> Result<Parts, Failure> {
    let empty = || Failure::new(Code::Usage, "standard input is empty; expected the key");
    optional_key_parts(ui, key)?.ok_or_else(empty)
}

/// The same, but an empty pipe is no error.
///
/// # Errors
/// As for [`key_parts`].
pub fn optional_key_parts(ui: Ui, key: &KeySpec) -> Result<Option<Parts>, Failure> {
    let parts = &key.parts;
    let values = if std::io::stdin().is_terminal() {
        ask(ui, parts)?
    } else {
        lines(parts.len(), std::io::stdin())?
    };
    if values.is_empty() {
        return Ok(None);
    }
    let mut found = Parts::new();
    for (part, value) in parts.iter().zip(&values) {
        let value = unwrapped(ui, value, &part.label, !key.has_scheme(part));
        value
            .check(Alphabet::Printable)
            .map_err(|reason| Failure::new(Code::Usage, format!("the {} {reason}", part.label)))?;
        found.insert(part.name.clone(), value);
    }
    Ok(Some(found))
}

/// A pasted secret without what pages and files write around it; the user is told if that was more
/// than white space. `scheme` is false where the word before a token belongs to the secret.
pub fn unwrapped(ui: Ui, text: &Secret, label: &str, scheme: bool) -> Secret {
    let Pasted {
        value,
        is_unwrapped,
    } = pasted(text.expose(), scheme);
    if is_unwrapped {
        ui.say(&format!(
            "note: removed text around the {label} (quotes, a variable name, or a word such as `Bearer`)"
        ));
    }
    Secret::new(value)
}

fn ask(ui: Ui, parts: &[Part]) -> Result<Vec<Secret>, Failure> {
    if !ui.can_ask() {
        return Err(
            Failure::new(Code::Usage, "cannot ask for the key without a terminal")
                .hint("pipe it in: `authctl key add NAME < FILE`"),
        );
    }
    parts
        .iter()
        .map(|part| {
            ui.ask_hidden(&format!("{} (hidden):", part.label))
                .map_err(Into::into)
        })
        .collect()
}

/// One line for each part, in their order, or none.
fn lines(count: usize, from: impl Read) -> Result<Vec<Secret>, Failure> {
    let limit = (MAX_BYTES + 2) * count;
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    let usage = |message: String| Failure::new(Code::Usage, message);
    if bytes.len() > limit {
        return Err(usage(format!(
            "a part of a key can be at most {MAX_BYTES} bytes long"
        )));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| usage("the key on standard input is not ASCII text".into()))?;
    // A file may begin with a byte order mark and end with a blank line.
    let text = text.trim_start_matches('\u{feff}');
    let values: Vec<Secret> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(Secret::new)
        .collect();
    if values.is_empty() {
        return Ok(values);
    }
    if values.len() != count {
        let expected = if count == 1 {
            "one line".into()
        } else {
            format!("{count} lines, one for each part")
        };
        let is_pem = text.trim_start().starts_with("-----BEGIN");
        let what = if is_pem {
            "; a private key (PEM) is not an API key and cannot be stored"
        } else {
            ""
        };
        return Err(usage(format!(
            "standard input must contain {expected}, not {}{what}",
            values.len()
        )));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(count: usize, text: &[u8]) -> Result<Vec<String>, String> {
        let values = lines(count, text).map_err(|failure| failure.message)?;
        Ok(values
            .iter()
            .map(|value| value.expose().to_owned())
            .collect())
    }

    #[test]
    fn one_line_a_part_with_or_without_its_end() {
        assert_eq!(read(1, b"key\n").unwrap(), ["key"]);
        assert_eq!(read(1, b"key").unwrap(), ["key"]);
        assert_eq!(read(2, b"key\r\napp\r\n").unwrap(), ["key", "app"]);
        assert_eq!(read(1, b" k e y \n\n").unwrap(), ["k e y"]);
        assert_eq!(read(1, b"\xef\xbb\xbf\nkey").unwrap(), ["key"]);
        assert_eq!(read(2, b"key\n\napp").unwrap(), ["key", "app"]);
        assert!(read(1, b"key\nother\n").unwrap_err().contains("one line"));
        assert!(read(2, b"key\n").unwrap_err().contains("2 lines"));
        let pem = b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n";
        assert!(read(1, pem).unwrap_err().contains("private key (PEM)"));
        assert!(read(1, b"").unwrap().is_empty() && read(1, b"\n").unwrap().is_empty());
        assert!(read(1, b"\xff").unwrap_err().contains("ASCII"));
        assert!(
            read(1, &vec![b'x'; MAX_BYTES + 4])
                .unwrap_err()
                .contains("at most")
        );
    }

    proptest! {
        #[test]
        fn no_input_panics(text: Vec<u8>, count in 1usize..3) {
            let _ = read(count, &text);
        }
    }
}
