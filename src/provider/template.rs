//! The parser of templates. Texts contain words in braces: `{part}` in header templates,
//! `{variable}` in the URLs of a row, `${word}` in the requests of a recipe.

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Literal text.
    Text(&'a str),
    /// The text between the braces.
    Word(&'a str),
}

/// The pieces of a template whose words begin with `opening` and end with `}`.
///
/// # Errors
/// A word is not closed.
pub fn pieces<'a>(template: &'a str, opening: &str) -> Result<Vec<Piece<'a>>, String> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once(opening) {
        let (word, behind) = after
            .split_once('}')
            .ok_or_else(|| format!("a `{opening}` in the template is not closed"))?;
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        found.push(Piece::Word(word));
        rest = behind;
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    Ok(found)
}

/// Replaces the words `{name}` for which `value` has a value. Other words, and braces that are not
/// closed, stay.
pub fn fill<'v>(template: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let Ok(pieces) = pieces(template, "{") else {
        return template.to_owned();
    };
    let mut text = String::with_capacity(template.len());
    for piece in pieces {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Word(word) => match value(word) {
                Some(value) => text.push_str(value),
                None => {
                    text.push('{');
                    text.push_str(word);
                    text.push('}');
                }
            },
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_template_is_texts_and_words() {
        assert_eq!(
            pieces("a${old?:/x/y}b", "${").unwrap(),
            [Piece::Text("a"), Piece::Word("old?:/x/y"), Piece::Text("b")]
        );
        let query = "mutation($keys: X){id}";
        assert_eq!(pieces(query, "${").unwrap(), [Piece::Text(query)]);
        assert!(pieces("${open", "${").is_err());
        assert!(pieces("{open", "{").is_err());
    }

    #[test]
    fn only_known_words_are_replaced() {
        let value = |word: &str| (word == "host").then_some("a.test");
        assert_eq!(
            fill("https://{host}/k/${id}", value),
            "https://a.test/k/${id}"
        );
        assert_eq!(fill("{host}{", value), "{host}{");
    }

    proptest! {
        #[test]
        fn no_template_panics(text: String) {
            let _ = pieces(&text, "{");
            prop_assert_eq!(fill(&text, |_| None), text);
        }
    }
}
