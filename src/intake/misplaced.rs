//! Secrets that were typed where something else belongs: as a name, in a URL. The history of the
//! shell has them by then; nothing of this program may carry them further.

use crate::credential::{Index, Name};
use crate::failure::Failure;
use std::ffi::OsString;
use url::Url;

/// What to do about it.
const HINT: &str = "an argument looks like a secret, and is in the history of your shell now: revoke it, and pipe a new one into `authctl key add PROVIDER`";

/// Options whose values are public, although they look random.
const PUBLIC: [&str; 2] = ["--client-id", "--id"];

/// How much of such a word is shown, in characters.
const SHOWN: usize = 4;

/// The shortest run of letters and digits that may be a secret.
pub(super) const RUN: usize = 20;

/// Whether a word may be a secret: it has a long run of letters and digits that nobody would choose
/// as a name, or is a UUID, as some keys are.
pub(super) fn may_be_secret(word: &str) -> bool {
    let is_random = |run: &str| {
        run.len() >= RUN
            && (run.bytes().any(|byte| byte.is_ascii_digit())
                || run.bytes().all(|byte| byte.is_ascii_uppercase()))
    };
    is_uuid(word)
        || word
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_random)
}

/// Whether a word has the form of a UUID (RFC 9562 section 4).
fn is_uuid(word: &str) -> bool {
    let groups = || word.split('-');
    groups().map(str::len).eq([8, 4, 4, 4, 12])
        && groups().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Checks the name of a credential that is about to be stored, unless there is one of that name,
/// even a damaged one, which may be replaced.
///
/// # Errors
/// It looks like a secret.
pub fn check_new_name(index: &Index, name: &Name) -> Result<(), Failure> {
    let is_suspicious = may_be_secret(name.provider()) || may_be_secret(name.account());
    if is_suspicious && matches!(index.find(name), Ok(None)) {
        let message =
            format!("`{name}` looks like a secret and cannot be the name of a credential");
        return Err(Failure::usage(message).hint("choose a short name"));
    }
    Ok(())
}

/// What of a command line must not be repeated.
pub struct Misplaced {
    texts: Vec<Hidden>,
}

/// A text that must not be repeated.
struct Hidden {
    text: String,
    shown: String,
    /// Whether it looks like a secret. A query may be one, and most of the time is not.
    is_suspicious: bool,
}

impl Misplaced {
    /// Looks through the arguments. A text that `is_known`, such as the name of a credential, may be
    /// repeated.
    pub fn among(arguments: &[OsString], is_known: impl Fn(&str) -> bool) -> Self {
        let mut texts = Vec::new();
        // Whether the next argument is the value of an option that is public.
        let mut is_public = false;
        for argument in arguments.iter().skip(1) {
            let argument = argument.to_string_lossy();
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, value),
                None if argument.starts_with("--") => {
                    is_public = PUBLIC.contains(&&*argument);
                    continue;
                }
                _ => ("", &*argument),
            };
            if std::mem::take(&mut is_public) || PUBLIC.contains(&option) || is_known(value) {
                continue;
            }
            match Url::parse(value).ok().filter(Url::has_host) {
                Some(url) => texts.extend(in_url(value, &url)),
                None => {
                    let parts = value.split(['/', '=']).filter(|part| may_be_secret(part));
                    texts.extend(parts.map(|part| Hidden::cut(part, true)));
                }
            }
        }
        // A text may be a part of another one.
        texts.sort_by_key(|hidden| std::cmp::Reverse(hidden.text.len()));
        Self { texts }
    }

    /// The failure without them.
    pub fn conceal(&self, mut failure: Failure) -> Failure {
        let is_repeated = |hidden: &&Hidden| {
            let texts = [Some(&failure.message), failure.hint.as_ref()];
            let mut texts = texts.into_iter().flatten();
            texts.any(|text| text.contains(&hidden.text))
        };
        let repeated: Vec<&Hidden> = self.texts.iter().filter(is_repeated).collect();
        for hidden in &repeated {
            failure.message = failure.message.replace(&hidden.text, &hidden.shown);
            failure.hint = failure
                .hint
                .map(|hint| hint.replace(&hidden.text, &hidden.shown));
        }
        if repeated.iter().any(|hidden| hidden.is_suspicious) {
            failure.hint = Some(HINT.to_owned());
        }
        failure
    }
}

impl Hidden {
    /// Only the beginning is shown, which says what it is and is of no use by itself.
    fn cut(text: &str, is_suspicious: bool) -> Self {
        let shown: String = text.chars().take(SHOWN).collect();
        Self {
            text: text.to_owned(),
            shown: format!("{shown}…"),
            is_suspicious,
        }
    }
}

/// What of a URL may be a secret: the user info, the query, the fragment, and any random path
/// segment.
fn in_url(text: &str, url: &Url) -> Vec<Hidden> {
    let hidden = |text: String, shown: &str, is_suspicious| Hidden {
        text,
        shown: shown.to_owned(),
        is_suspicious,
    };
    let mut plain = url.clone();
    // Neither can fail for a URL with a host.
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain.set_query(None);
    plain.set_fragment(None);
    let mut texts = Vec::new();
    if plain != *url {
        let has_password = url.password().is_some();
        texts.push(hidden(text.to_owned(), plain.as_str(), has_password));
        texts.push(hidden(url.to_string(), plain.as_str(), has_password));
    }
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let values = values
        .chain(url.query().map(str::to_owned))
        .chain(url.fragment().map(str::to_owned))
        .filter(|value| !value.is_empty());
    texts.extend(values.map(|value| {
        let is_suspicious = may_be_secret(&value);
        hidden(value, "…", is_suspicious)
    }));
    let password = url
        .password()
        .map(|text| hidden(text.to_owned(), "…", true));
    texts.extend(password);
    // The id of a resource is no secret.
    let segments = url.path_segments().into_iter().flatten();
    let random = segments.filter(|segment| may_be_secret(segment));
    texts.extend(random.map(|segment| Hidden::cut(segment, false)));
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_nobody_would_choose_as_a_name_may_be_a_secret() {
        for secret in [
            "sk_test_000000000000000000000007",
            "0123456789abcdef0123456789abcdef",
            "github_pat_11ABCDEFG0abcdefghijkl",
            "AKIAABCDEFGHIJKLMNOP",
            "7f1c0a9e-53b2-4a1e-9c55-d1a2b3c4d5e6",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        ] {
            assert!(may_be_secret(secret), "{secret}");
        }
        for name in [
            "github",
            "github/work-2026-11-27",
            "customer20261127x",
            "staging.eu-central-1.example.com",
            "internationalizationsettings",
        ] {
            assert!(!may_be_secret(name), "{name}");
        }
    }

    fn arguments(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn what_was_typed_as_an_argument_is_cut_in_every_text_that_quotes_it() {
        let key = "sk_test_000000000000000000000007";
        let told = |words: &[&str], text: &str| {
            Misplaced::among(&arguments(words), |name| name == "known9999999999999999999")
                .conceal(Failure::usage(text).hint("own hint"))
        };
        for words in [
            &["authctl", "login", key][..],
            &[
                "authctl",
                "key",
                "remove",
                "stripe/sk_test_000000000000000000000007",
            ],
            &[
                "authctl",
                "login",
                "x",
                "--scope=sk_test_000000000000000000000007",
            ],
            &[
                "authctl",
                "key",
                "set",
                "x",
                "--set",
                "host=sk_test_000000000000000000000007",
            ],
        ] {
            let failure = told(words, &format!("unknown provider `{key}`"));
            assert_eq!(failure.message, "unknown provider `sk_t…`", "{words:?}");
            assert_eq!(failure.hint.as_deref(), Some(HINT));
        }
        let plain = told(&["authctl", "login", "github"], "unknown `github`");
        assert_eq!(
            (plain.message.as_str(), plain.hint.as_deref()),
            ("unknown `github`", Some("own hint"))
        );
        for words in [
            &["authctl", "login", "x", "--client-id", key][..],
            &[
                "authctl",
                "client",
                "add",
                "x",
                "--client-id=sk_test_000000000000000000000007",
            ],
            &["authctl", "key", "set", "x", "--id", key],
        ] {
            let failure = told(words, key);
            assert_eq!(failure.message, key, "{words:?}");
        }
        let behind = ["authctl", "login", "--client-id", "x", key];
        assert_eq!(told(&behind, key).message, "sk_t…");
        let known = "known9999999999999999999";
        assert_eq!(told(&["authctl", "token", known], known).message, known);
    }

    #[test]
    fn a_url_is_repeated_without_what_may_hide_a_secret() {
        for (url, shown) in [
            (
                "https://user:pw12@h.example/realm",
                "`https://h.example/realm`",
            ),
            ("https://h.example/?key=pw12", "`https://h.example/`"),
            ("https://h.example/a#pw12", "`https://h.example/a`"),
            (
                "https://h.example/hooks/0123456789abcdef0123456789abcdef",
                "`https://h.example/hooks/0123…`",
            ),
        ] {
            let misplaced = Misplaced::among(&arguments(&["authctl", "login", url]), |_| false);
            let told = |text: String| {
                misplaced
                    .conceal(Failure::usage("x").hint(text))
                    .hint
                    .unwrap()
            };
            assert!(told(format!("`{url}`")) == shown || url.contains('@'));
            let normalized = Url::parse(url).unwrap().to_string();
            let failure = misplaced.conceal(Failure::usage(normalized));
            assert!(!failure.message.contains("pw12"), "{}", failure.message);
        }
        let plain = arguments(&["authctl", "login", "https://h.example/realm"]);
        let misplaced = Misplaced::among(&plain, |_| false);
        let failure = misplaced.conceal(Failure::usage("https://h.example/realm"));
        assert_eq!(failure.message, "https://h.example/realm");
    }
}
