//! Secrets that are not keys of a provider in the catalogue, so that nobody believes that they were
//! stored.

use super::misplaced::{RUN, may_be_secret};

/// How the secrets of providers without a row begin, and what they are.
const KNOWN: [(&str, &str); 16] = [
    ("xoxb-", "a Slack bot token"),
    ("xoxp-", "a Slack user token"),
    ("xapp-", "a Slack app token"),
    ("npm_", "an npm token"),
    ("pypi-", "a PyPI token"),
    ("glcbt-", "a GitLab job token"),
    ("gldt-", "a GitLab deploy token"),
    ("glrt-", "a GitLab runner token"),
    ("glptt-", "a GitLab trigger token"),
    ("sk-ant-admin01-", "an Anthropic admin key"),
    ("cflt", "a Confluent secret"),
    ("whsec_", "a webhook secret"),
    ("hvs.", "a Vault token"),
    ("AGE-SECRET-KEY-1", "an age identity"),
    ("eyJ", "a JSON Web Token"),
    ("-----BEGIN", "a PEM file"),
];

/// The shortest rest after such a beginning, in characters.
const REST: usize = 8;

/// Words in the names of variables that contain secrets.
const SECRET_WORDS: [&str; 10] = [
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "pass",
    "pat",
    "credential",
    "credentials",
    "apikey",
];

/// Words in the names of variables that contain something random, but no secret.
const PUBLIC_WORDS: [&str; 12] = [
    "sha",
    "commit",
    "digest",
    "hash",
    "checksum",
    "id",
    "url",
    "uri",
    "version",
    "public",
    "publishable",
    "fingerprint",
];

/// What a value may be, if it may be a secret. `name` is the variable that contains it.
pub(super) fn suspicion(name: Option<&str>, value: &str) -> Option<String> {
    // Most values are settings, which are shorter than a secret.
    if value.len() < REST {
        return None;
    }
    let is_random = || value.len() >= RUN && words(value).any(may_be_secret);
    let what = if let Some(what) = words(value).find_map(known) {
        what
    } else if value.trim_start().starts_with("-----BEGIN") {
        "a PEM file"
    } else if name.is_some_and(|name| is_secret_in(name, value, is_random())) {
        "a secret"
    } else {
        return None;
    };
    (!is_placeholder(value)).then(|| format!("looks like {what}"))
}

/// The words of a text, which white space, quotes and punctuation separate.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| match c {
        '"' | '\'' | '`' | '=' | ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' => true,
        c => c.is_whitespace(),
    })
}

/// What a word is, if it begins like a secret of a provider without a row.
fn known(word: &str) -> Option<&'static str> {
    // The shortest beginning has three letters.
    if word.len() < REST + 3 {
        return None;
    }
    let first = word.bytes().next();
    let (_, what) = KNOWN.iter().find(|(beginning, _)| {
        beginning.bytes().next() == first
            && word
                .strip_prefix(beginning)
                .is_some_and(|rest| rest.len() >= REST)
    })?;
    Some(what)
}

/// Whether the value of a variable is a secret, judged by its name, too.
fn is_secret_in(name: &str, value: &str, is_random: bool) -> bool {
    let is_named = |list: &[&str]| {
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| list.iter().any(|known| known.eq_ignore_ascii_case(word)))
    };
    let is_secret = if is_named(&SECRET_WORDS) {
        is_secret_value(value)
    } else {
        is_random && !value.contains("://")
    };
    is_secret && !is_named(&PUBLIC_WORDS)
}

/// Whether the value of a variable that is named after a secret is one, and not a setting.
fn is_secret_value(value: &str) -> bool {
    value.len() >= REST
        && !value.contains("://")
        && !value.starts_with(['/', '.', '~', '$'])
        && value.parse::<f64>().is_err()
}

/// Whether a value has three different letters or digits.
fn has_three_letters(value: &str) -> bool {
    let mut seen = [None; 2];
    for letter in value.chars().filter(|c| c.is_alphanumeric()) {
        if seen.contains(&Some(letter)) {
            continue;
        }
        match seen.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(letter),
            None => return true,
        }
    }
    false
}

/// Whether a value only stands for a secret, as in an example.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.len() >= REST && !has_three_letters(value)
        || lower.contains("xxxx")
        || lower.starts_with("your")
        || lower.starts_with('<') && lower.ends_with('>')
        || lower.contains("changeme")
        || lower.ends_with("example")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_named() {
        for (name, value, what) in [
            (
                Some("SLACK_BOT_TOKEN"),
                "xoxb-123456789012-abcdefghij",
                Some("a Slack bot token"),
            ),
            (Some("X"), "npm_0123456789abcdefghij", Some("an npm token")),
            (
                None,
                "# old: xoxb-123456789012-abcdefghij",
                Some("a Slack bot token"),
            ),
            (
                None,
                "curl -H 'Authorization: glcbt-64_0123456789'",
                Some("a GitLab job token"),
            ),
            (Some("DB_PASSWORD"), "correct horse", Some("a secret")),
            (
                Some("STUFF"),
                "0123456789abcdef0123456789abcdef",
                Some("a secret"),
            ),
            (
                Some("PEM"),
                "-----BEGIN PRIVATE KEY-----",
                Some("a PEM file"),
            ),
            (
                Some("ADMIN_KEY"),
                "sk-ant-admin01-0123456789",
                Some("an Anthropic admin key"),
            ),
            (
                Some("GIT_SHA"),
                "0123456789abcdef0123456789abcdef01234567",
                None,
            ),
            (Some("CLIENT_ID"), "0123456789abcdef0123456789abcdef", None),
            (Some("KEY_FILE"), "/etc/key.pem", None),
            (Some("TOKEN_TTL_KEY"), "3600000000", None),
            (Some("API_KEY"), "xxxxxxxxxxxxxxxx", None),
            (Some("API_KEY"), "your_api_key_here", None),
            (Some("API_KEY"), "00000000000000000000", None),
            (Some("LOG"), "debug", None),
            (None, "a comment about nothing at all", None),
        ] {
            let found = suspicion(name, value);
            let expected = what.map(|what| format!("looks like {what}"));
            assert_eq!(found, expected, "{name:?} {value}");
        }
    }
}
