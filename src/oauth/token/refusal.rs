//! The words of a refusal. RFC 6749 section 5.2 has `error` and `error_description`; others put the
//! same words elsewhere.

use super::fields::{Fields, get};
use crate::http::Reply;
use crate::oauth::plain::plain;
use serde_json::{Map, Value};

/// What the server said: a code, if there is one, and a sentence.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub code: Option<String>,
    pub description: Option<String>,
}

/// Codes that say that the refresh token is no longer valid, so that only a new login helps.
const OVER: [&str; 20] = [
    "invalid_grant",
    "invalid_refresh_token",
    "bad_refresh_token",
    "expired_refresh_token",
    "revoked_refresh_token",
    "refresh_token_expired",
    "refresh_token_invalid",
    "refresh_token_invalidated",
    "refresh_token_revoked",
    "refresh_token_reused",
    "refresh_token_not_found",
    "token_expired",
    "expired_token",
    "token_revoked",
    "revoked_token",
    "grant_expired",
    "session_expired",
    "login_required",
    "consent_required",
    "interaction_required",
];

/// Where a code is looked for, in this order.
const CODES: [&str; 7] = [
    "error",
    "error_code",
    "code",
    "type",
    "reason",
    "status",
    "title",
];

/// Where a sentence is looked for, in this order.
const SENTENCES: [&str; 8] = [
    "error_description",
    "error_message",
    "message",
    "msg",
    "error_summary",
    "detail",
    "description",
    "title",
];

/// Whether a code says that only a new login helps; `also` are those of the provider's row.
pub fn is_over(code: &str, also: &[String]) -> bool {
    let word = code.trim().to_ascii_lowercase().replace(['-', ' '], "_");
    OVER.contains(&word.as_str()) || also.iter().any(|known| known == code)
}

/// What an answer says about a refusal. Of several codes, one that says that the login is over
/// counts, since no other needs a person.
pub(super) fn words(fields: &Fields, over: &[String]) -> Words {
    let mut objects: Vec<&Map<String, Value>> = vec![fields.all()];
    let mut codes: Vec<&str> = Vec::new();
    let mut sentences: Vec<&str> = Vec::new();
    for name in ["error", "errors", "data", "result"] {
        let first = fields.get(name).map(|value| match value {
            Value::Array(values) => values.first().unwrap_or(value),
            value => value,
        });
        match first {
            Some(Value::Object(inside)) => objects.push(inside),
            Some(Value::String(text)) if name == "errors" => sentences.push(text),
            _ => {}
        }
    }
    for object in &objects {
        let texts = |names: &[&str]| -> Vec<&str> {
            let values = names.iter().filter_map(|name| get(object, name)?.as_str());
            values.filter(|text| !text.trim().is_empty()).collect()
        };
        codes.extend(texts(&CODES));
        sentences.extend(texts(&SENTENCES));
    }
    let code = codes
        .iter()
        .find(|code| is_over(code, over))
        .or(codes.first());
    let code = code.map(|code| plain(code)).filter(|code| !code.is_empty());
    let mut sentences = sentences.into_iter().map(plain);
    Words {
        description: sentences.find(|text| !text.is_empty() && Some(text) != code.as_ref()),
        code,
    }
}

/// The longest word of a text that is quoted: a longer one may be a secret.
const WORD: usize = 15;

/// How many words are quoted.
const WORDS: usize = 12;

/// What a body is, for an answer that cannot be understood. Only words are quoted: it may contain
/// a token.
pub(super) fn describe(body: &[u8], content_type: Option<&str>, fields: &Fields) -> String {
    if body.iter().all(u8::is_ascii_whitespace) {
        return "it is empty".into();
    }
    let kind = content_type.map(plain).filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or_else(|| "no content type".into());
    if !fields.all().is_empty() {
        let names: Vec<String> = fields
            .all()
            .keys()
            .take(WORDS)
            .map(|name| plain(name))
            .collect();
        return format!("{kind}, with the fields {}", names.join(", "));
    }
    let words = first_words(body);
    if words.is_empty() {
        kind
    } else {
        format!("{kind}, \"{words}\"")
    }
}

/// What a server says about a refusal: its code, its sentence, or its first words.
pub(in crate::oauth) fn said(reply: &Reply) -> Vec<String> {
    let fields = Fields::read(&reply.body, None);
    let said = words(&fields, &[]);
    let said: Vec<String> = [said.code, said.description]
        .into_iter()
        .flatten()
        .collect();
    if said.is_empty() && fields.all().is_empty() {
        return text_words(&reply.body).into_iter().collect();
    }
    said
}

/// The first words of a body that is not JSON, whose words are in its fields.
pub(super) fn text_words(body: &[u8]) -> Option<String> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        return None;
    }
    Some(first_words(body)).filter(|words| !words.is_empty())
}

/// The first words of a text, without markup.
fn first_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut without_markup = String::new();
    for (number, piece) in text.split('<').enumerate() {
        let piece = match piece.split_once('>') {
            Some((_, after)) if number > 0 => after,
            _ => piece,
        };
        without_markup.push(' ');
        without_markup.push_str(piece);
    }
    let is_word = |word: &&str| {
        word.chars().count() <= WORD
            && word
                .trim_matches(|c: char| c.is_ascii_punctuation())
                .chars()
                .all(char::is_alphabetic)
            && word.chars().any(char::is_alphabetic)
    };
    let words: Vec<&str> = without_markup
        .split_whitespace()
        .filter(is_word)
        .take(WORDS)
        .collect();
    plain(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Words {
        words(&Fields::read(body.as_bytes(), None), &["dead".to_owned()])
    }

    #[test]
    fn c1_the_words_are_found_wherever_they_stand() {
        for (body, code, description) in [
            (
                r#"{"error":"invalid_grant","error_description":"gone"}"#,
                "invalid_grant",
                "gone",
            ),
            (
                r#"{"error":{"code":"refresh_token_invalidated","message":"gone"}}"#,
                "refresh_token_invalidated",
                "gone",
            ),
            (
                r#"{"error":{"type":"invalid_grant","message":"gone"}}"#,
                "invalid_grant",
                "gone",
            ),
            (
                r#"{"code":"token_expired","message":"gone"}"#,
                "token_expired",
                "gone",
            ),
            (
                r#"{"errorCode":"INVALID_GRANT","errorSummary":"gone"}"#,
                "INVALID_GRANT",
                "gone",
            ),
            (
                r#"{"errors":[{"code":"expired_token","detail":"gone"}]}"#,
                "expired_token",
                "gone",
            ),
            (
                r#"[{"error":"invalid_grant","error_description":"gone"}]"#,
                "invalid_grant",
                "gone",
            ),
            (
                r#"{"status":"error","code":"bad_refresh_token","msg":"gone"}"#,
                "bad_refresh_token",
                "gone",
            ),
            (r#"{"error":"dead","message":"gone"}"#, "dead", "gone"),
            (
                "error_description=gone&error=invalid_grant",
                "invalid_grant",
                "gone",
            ),
        ] {
            let words = read(body);
            assert_eq!(words.code.as_deref(), Some(code), "{body}");
            assert_eq!(words.description.as_deref(), Some(description), "{body}");
            assert!(is_over(code, &["dead".to_owned()]), "{code}");
        }
        for body in [
            "",
            "null",
            "{}",
            "[]",
            r#"{"error":null,"code":7}"#,
            r#"{"error":" "}"#,
        ] {
            assert_eq!(read(body), Words::default(), "{body}");
        }
        let only = read(r#"{"errors":["gone"]}"#);
        assert_eq!(only.description.as_deref(), Some("gone"));
        for code in [
            "invalid_client",
            "invalid_request",
            "",
            "temporarily_unavailable",
            "Dead",
        ] {
            assert!(!is_over(code, &["dead".to_owned()]), "{code}");
        }
    }

    #[test]
    fn what_is_quoted_of_an_answer_is_no_secret() {
        let quoted = |body: &str, kind: Option<&str>| {
            describe(body.as_bytes(), kind, &Fields::read(body.as_bytes(), None))
        };
        assert_eq!(quoted(" \r\n", Some("text/html")), "it is empty");
        assert_eq!(
            quoted(
                "<html><title>Sign in</title><p>to the Wi-Fi</html>",
                Some("text/html")
            ),
            "text/html, \"Sign in to the\""
        );
        assert_eq!(quoted("ya29.A0AfH6SMBx0123456789", None), "no content type");
        assert_eq!(
            quoted(r#"{"token":"s3cret"}"#, Some("application/json")),
            "application/json, with the fields token"
        );
    }
}
