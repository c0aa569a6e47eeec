//! Reads the response of a token endpoint.
//!
//! A response that arrived is never asked for again: the token that was sent may be spent. It is
//! understood, or a refusal with the server's words, or something that cannot be understood and is
//! described.

use super::fields::Fields;
use super::lifetime::{lifetime, refresh_lifetime};
use super::refusal::{describe, is_over, text_words, words};
use super::{Dialect, TokenError, TokenReply};
use crate::credential::scope_words;
use crate::http::Reply;
use crate::oauth::plain::plain;
use crate::secret::{Alphabet, BadSecret, Secret};
use jiff::Timestamp;
use serde_json::Value;

/// Reads a response by its fields first and its status second: some servers send `error` with
/// status 200.
pub(in crate::oauth) fn read(reply: &Reply, dialect: &Dialect) -> Result<TokenReply, TokenError> {
    if is_torn(&reply.body) {
        return Err(TokenError::Lost("the response is truncated".into()));
    }
    let fields = Fields::read(&reply.body, dialect.reply_at.as_deref());
    if let Some(refusal) = refusal(reply, &fields, dialect) {
        return Err(refusal);
    }
    // The refresh token first: even if everything else is wrong, it may be the only valid one. Some
    // servers send an empty one for "none".
    let text = |name: &str| fields.text(name).filter(|text| !text.trim().is_empty());
    let refresh_token = text("refresh_token").map(Secret::new);
    if let Some(Err(reason)) = refresh_token.as_ref().map(Secret::check_refresh_token) {
        return Err(TokenError::Unusable {
            reason: malformed("refresh token", &reason),
            successor: None,
        });
    }
    let unusable = |reason: String| TokenError::Unusable {
        reason,
        successor: refresh_token.clone(),
    };
    let Some(access_token) = text("access_token") else {
        let what = describe(&reply.body, reply.content_type.as_deref(), &fields);
        return Err(unusable(format!(
            "the response contains no access token ({what})"
        )));
    };
    // RFC 6749 section 7.1: a token of a type that is not understood must not be used.
    if let Some(kind) = text("token_type").map(str::trim)
        && !kind.eq_ignore_ascii_case("bearer")
        && !dialect.token_types.iter().any(|known| known == kind)
    {
        return Err(unusable(format!(
            "the server sent a token of the type `{}`, which is not supported (to accept other types, list them in `token_types` in the provider definition)",
            plain(kind)
        )));
    }
    let now = reply.date.unwrap_or_else(Timestamp::now);
    let access_token = Secret::new(access_token);
    access_token
        .check(Alphabet::Visible)
        .map_err(|reason| unusable(malformed("access token", &reason)))?;
    Ok(TokenReply {
        access_token,
        refresh_token: refresh_token.clone(),
        expires_in: lifetime(&fields, now),
        refresh_expires_in: refresh_lifetime(&fields, now),
        scope: fields.get("scope").and_then(scope),
        id_token: text("id_token").map(Secret::new),
        date: reply.date,
    })
}

/// Whether a body is the beginning of JSON: a server that closes the connection to end its response
/// cannot say that it was cut off.
fn is_torn(body: &[u8]) -> bool {
    let is_json = body
        .trim_ascii_start()
        .first()
        .is_some_and(|first| b"{[".contains(first));
    is_json
        && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err_and(|error| error.is_eof())
}

/// The refusal in a response, if it is one.
fn refusal(reply: &Reply, fields: &Fields, dialect: &Dialect) -> Option<TokenError> {
    let is_success = (200..300).contains(&reply.status);
    let has_token = fields
        .text("access_token")
        .is_some_and(|text| !text.is_empty());
    let words = words(fields, &dialect.over_errors);
    let says = |code: &str| words.code.as_deref() == Some(code);
    let is_over = words
        .code
        .as_ref()
        .is_some_and(|code| is_over(code, &dialect.over_errors));
    let is_error = fields
        .text("error")
        .is_some_and(|text| !plain(text).is_empty());
    // With a status of success, only what names an error is one: any answer may have a `type`.
    let names_error = is_error || has_error(fields) && fields.text("refresh_token").is_none();
    if is_success && (has_token && !is_error || !names_error) {
        return None;
    }
    // Whatever the status is, except "too many requests": a server that is asked again says the same.
    let is_throttled = matches!(reply.status, 408 | 425 | 429);
    if is_over && !is_throttled {
        return Some(TokenError::Denied {
            code: words.code?,
            description: words.description,
        });
    }
    let quoted = || text_words(&reply.body).filter(|_| fields.all().is_empty());
    let description = words.description.or_else(quoted);
    let transient = ["temporarily_unavailable", "server_error", "slow_down"];
    if transient.into_iter().any(says) || matches!(reply.status, 408 | 425 | 429 | 500..) {
        return Some(TokenError::Busy {
            status: reply.status,
            code: words.code,
            description,
            retry_after: reply.retry_after,
        });
    }
    let status = || match &reply.location {
        // It is not followed: a secret would go there.
        Some(place) if (300..400).contains(&reply.status) => format!(
            "status {}; it redirects to {}, so the token endpoint may have to be corrected",
            reply.status,
            without_query(place)
        ),
        _ => format!("status {}", reply.status),
    };
    Some(TokenError::Denied {
        code: words.code.unwrap_or_else(status),
        description,
    })
}

/// Whether an answer names an error in another way than RFC 6749 does.
fn has_error(fields: &Fields) -> bool {
    let fine = ["ok", "success", "0", "200"];
    let code = ["error_code", "code"]
        .into_iter()
        .find_map(|name| fields.text(name));
    let has_object = |name| {
        fields
            .get(name)
            .is_some_and(|value| value.is_object() || value.is_array())
    };
    has_object("error")
        || has_object("errors")
        || code.is_some_and(|code| !fine.contains(&code.trim().to_ascii_lowercase().as_str()))
}

/// An address without what may be secret in it.
fn without_query(place: &str) -> String {
    let end = place.find(['?', '#']).unwrap_or(place.len());
    let place = place.get(..end).unwrap_or_default();
    match place.split_once("//") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => plain(&format!("{scheme}//{host}")),
            None => plain(place),
        },
        None => plain(place),
    }
}

fn malformed(field: &str, reason: &BadSecret) -> String {
    format!("the server sent a malformed {field}: it {reason}")
}

fn scope(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(scope_words(text)),
        Value::Array(words) => Some(scope_words(
            &words
                .iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" "),
        )),
        _ => None,
    }
}

/// Reads any answer, for the fuzzer. The first byte chooses the status, the second one the
/// `Content-Encoding`.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    const STATUS: [u16; 8] = [200, 400, 401, 302, 429, 500, 204, 201];
    const ENCODING: [&str; 4] = ["", "gzip", "deflate", "br"];
    let [status, encoding, body @ ..] = data else {
        return;
    };
    let (status, encoding) = (usize::from(*status), usize::from(*encoding));
    let Some(body) = crate::http::decode(body.to_vec(), ENCODING.get(encoding % 4).unwrap_or(&""))
    else {
        return;
    };
    let reply = Reply {
        status: *STATUS.get(status % 8).unwrap_or(&200),
        retry_after: None,
        date: Some(Timestamp::UNIX_EPOCH),
        location: Some(plain(&String::from_utf8_lossy(&body))),
        content_type: None,
        body,
    };
    for dialect in [
        Dialect::default(),
        Dialect {
            reply_at: Some("/data".into()),
            over_errors: vec!["over".into()],
            ..Dialect::default()
        },
    ] {
        match read(&reply, &dialect) {
            Ok(answer) => {
                assert!(answer.access_token.check(Alphabet::Visible).is_ok());
                if let Some(token) = answer.id_token {
                    let now = Timestamp::UNIX_EPOCH;
                    let _ = crate::oauth::subject_of(&token, None, "c", None, now);
                }
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.contains(char::is_control), "shown: {text:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests;
