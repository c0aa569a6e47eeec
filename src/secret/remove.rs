//! Removing secrets from a text of a stranger, who may quote what was sent.

use super::Secret;
use url::form_urlencoded::byte_serialize;

/// What stands for a secret.
const REMOVED: &str = "…";

/// How much of the beginning of a secret is taken for it. Less may be an ordinary word.
const BEGINNING: usize = 16;

/// How much of it is taken for it where the text ends: a long text was shortened.
const CUT: usize = 6;

impl Secret {
    /// The text without this secret, as it is and form-encoded, in full and cut off.
    pub fn removed_from(&self, text: &str) -> String {
        let plain = self.expose();
        let encoded: String = byte_serialize(plain.as_bytes()).collect();
        without(&without(text, plain), &encoded)
    }
}

fn without(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let same = beginning(rest, secret);
        let is_end = same == rest.len() && same >= CUT;
        if same == secret.len() || same >= BEGINNING || is_end {
            kept.push_str(REMOVED);
            rest = rest.get(same..).unwrap_or_default();
        } else {
            kept.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    kept
}

/// How many bytes at the beginning of a text are the beginning of the secret.
fn beginning(text: &str, secret: &str) -> usize {
    let same = text.chars().zip(secret.chars()).take_while(|(a, b)| a == b);
    same.map(|(a, _)| a.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_secret_is_removed_in_full_encoded_and_cut_off() {
        let secret = Secret::new(format!("rt.a+b/{}", "x1".repeat(200)));
        let (plain, encoded) = (
            secret.expose(),
            "rt.a%2Bb%2F".to_owned() + &"x1".repeat(200),
        );
        for (text, clean) in [
            (format!("bad {plain}, sorry"), "bad …, sorry"),
            (format!("bad {encoded}&x"), "bad …&x"),
            (format!("bad {}", &plain[..200]), "bad …"),
            (format!("bad `{}`, sorry", &plain[..40]), "bad `…`, sorry"),
            (format!("bad {}", &encoded[..150]), "bad …"),
            (format!("bad {}", &plain[..6]), "bad …"),
            ("rt.a is no word".to_owned(), "rt.a is no word"),
            ("rt.".to_owned(), "rt."),
        ] {
            assert_eq!(secret.removed_from(&text), clean);
        }
        assert_eq!(Secret::new("").removed_from("text"), "text");
        assert_eq!(Secret::new("abc").removed_from("abc abd"), "… abd");
    }

    proptest! {
        #[test]
        fn no_text_keeps_a_long_part_of_a_secret(before in ".{0,40}", secret in "[a-z0-9+/é]{20,60}", cut in 0usize..200) {
            let text: String = format!("{before}{secret}").chars().take(cut).collect();
            let clean = Secret::new(secret.clone()).removed_from(&text);
            let long: String = secret.chars().take(16).collect();
            prop_assert!(!clean.contains(&long));
        }
    }
}
