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
    /// The name of a scope: for a URL, its last segment, in which Google prefixes OpenID Connect
    /// names with `userinfo.`.
    fn name(scope: &str) -> &str {
        let Some((_, rest)) = scope.split_once("://") else {
            return scope;
        };
        let last = rest.rsplit('/').next().unwrap_or_default();
        last.strip_prefix("userinfo.").unwrap_or(last)
    }
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let is_name = one.contains("://") != other.contains("://") && !name(&one).is_empty();
    one == other || is_name && name(&one) == name(&other)
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
            ("read", "https://graph.example/Mail.Read"),
            ("write", "https://graph.example/Files.Write"),
            ("https://a.example/read", "https://b.example/read"),
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
