//! The words of a scope (RFC 6749 section 3.3), as servers spell them.

/// Splits a scope value: servers send words separated by spaces or commas.
pub fn scope_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort();
    words.dedup();
    words
}

/// Whether the granted words contain a scope, in any usual spelling: servers change the case, add
/// or leave out the URL before a name, and separate words by `+` or `;`.
pub fn is_granted(scope: &str, granted: &[String]) -> bool {
    granted.iter().any(|words| {
        is_same(scope, words) || words.split(['+', ';']).any(|word| is_same(scope, word))
    })
}

fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_name_of = |name: &str, whole: &str| {
        !name.is_empty()
            && whole.contains("://")
            && whole
                .strip_suffix(name)
                .is_some_and(|before| before.ends_with(['/', '.']))
    };
    one == other || is_name_of(&one, &other) || is_name_of(&other, &one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_and_sorted() {
        assert_eq!(scope_words("b a,c,, b"), ["a", "b", "c"]);
        assert!(scope_words("").is_empty());
    }

    #[test]
    fn h3_another_spelling_is_the_same_scope() {
        for (scope, granted) in [
            ("email", "https://www.idp.example/auth/userinfo.email"),
            ("https://www.idp.example/auth/userinfo.email", "email"),
            ("user.read", "User.Read"),
            ("User.Read", "https://graph.example/User.Read"),
            ("read", "admin+read"),
            ("admin", "admin;read"),
            ("a+b", "a+b"),
            ("repo", "repo"),
        ] {
            assert!(
                is_granted(scope, &[granted.to_owned()]),
                "{scope} {granted}"
            );
        }
        for (scope, granted) in [
            ("mail", "https://www.idp.example/auth/userinfo.email"),
            ("write", "read"),
            ("repo", "repo:status"),
            ("read", "user.read"),
            ("", "https://idp.example/"),
            ("email", ""),
        ] {
            assert!(
                !is_granted(scope, &[granted.to_owned()]),
                "{scope} {granted}"
            );
        }
    }
}
