//! Pasted keys: pages and files show them in quotes, as the value of a variable, or after `Bearer`.

/// What was around a pasted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pasted<'a> {
    /// The value.
    pub value: &'a str,
    /// Whether more than white space was removed.
    pub is_unwrapped: bool,
}

/// The value in a pasted text. `scheme` is false where the word before a token belongs to the value.
pub(super) fn pasted(text: &str, scheme: bool) -> Pasted<'_> {
    let trimmed = trim(text);
    let mut value = trimmed;
    loop {
        let inner = unwrap(value, scheme).map_or(value, trim);
        if inner.len() == value.len() || inner.is_empty() {
            break;
        }
        value = inner;
    }
    Pasted {
        value,
        is_unwrapped: value.len() < trimmed.len(),
    }
}

/// Without white space and the byte order mark.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// The text without its outermost wrapping, if it has one.
fn unwrap(text: &str, scheme: bool) -> Option<&str> {
    quoted(text)
        .or_else(|| variable(text))
        .or_else(|| after_word(text, "authorization:"))
        .or_else(|| {
            let token = after_word(text, "bearer ").or_else(|| after_word(text, "token "));
            token.filter(|token| scheme && !trim(token).contains(' '))
        })
}

/// The text between equal quotes, also as a value of JSON or a statement.
fn quoted(text: &str) -> Option<&str> {
    let open = text.chars().next().filter(|c| "\"'`".contains(*c))?;
    let text = text.trim_end_matches([',', ';']);
    let inner = text.strip_prefix(open)?.strip_suffix(open)?;
    (!inner.contains(open)).then_some(inner)
}

/// The value of `NAME=value`, `export NAME=value`, `$env:NAME = value` or `NAME: value`.
fn variable(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=').or_else(|| text.split_once(": "))?;
    let name = name.trim_end();
    let name = ["export ", "set ", "setx ", "$env:"]
        .iter()
        .find_map(|word| name.strip_prefix(word))
        .unwrap_or(name);
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            && (name.contains('_')
                || ["KEY", "TOKEN", "SECRET", "PASSWORD"]
                    .iter()
                    .any(|end| name.ends_with(end)))
    };
    // The padding of base64 ends in `=` as well.
    let is_value = !value.trim_matches('=').is_empty();
    (is_name(name.trim_matches(['"', '\''])) && is_value).then_some(value)
}

/// The rest of a text that begins with a word, in any case.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_pages_and_files_write_around_a_key_is_removed() {
        for (text, is_unwrapped) in [
            ("k-1", false),
            (" k-1 \r\n\n", false),
            ("\u{feff}k-1\u{a0}", false),
            ("\"k-1\"", true),
            ("'k-1',", true),
            ("Bearer k-1", true),
            ("Authorization: bearer  k-1", true),
            ("token k-1", true),
            ("STRIPE_API_KEY=k-1", true),
            ("export X_Y='k-1'", true),
            ("export TOKEN=\"Bearer k-1\"", true),
            ("$env:OPENAI_API_KEY = \"k-1\"", true),
            ("STRIPE_API_KEY: k-1", true),
            ("\"API_KEY\": \"k-1\",", true),
        ] {
            let value = "k-1";
            assert_eq!(
                pasted(text, true),
                Pasted {
                    value,
                    is_unwrapped
                },
                "{text}"
            );
        }
    }

    #[test]
    fn what_may_belong_to_a_key_stays() {
        for text in [
            "QUJDREVG==",
            "A_B=",
            "a=b",
            "pass word",
            "Bearer",
            "Bearer two words",
            "\"open",
            "\"a\"b\"",
            "''",
            "k,",
        ] {
            let kept = Pasted {
                value: text,
                is_unwrapped: false,
            };
            assert_eq!(pasted(text, true), kept);
        }
        assert_eq!(pasted("Bearer k", false).value, "Bearer k");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_the_value_is_a_part_of_it(text: String, scheme: bool) {
            prop_assert!(text.contains(pasted(&text, scheme).value));
        }
    }
}
