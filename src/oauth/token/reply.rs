//! Reads the response of a token endpoint.
//!
//! A response that arrived is never asked for again: the token that was sent may be spent. It is
//! understood, or a refusal with the server's words, or something that cannot be understood and is
//! described.

use super::fields::Fields;
use super::lifetime::lifetime;
use super::refusal::{describe, first_words, is_over, words};
use super::{Dialect, TokenError, TokenReply};
use crate::credential::scope_words;
use crate::http::Reply;
use crate::oauth::authorize::plain;
use crate::secret::{Alphabet, Secret};
use jiff::Timestamp;
use serde_json::Value;

/// Reads a response by its fields first and its status second: some servers send `error` with
/// status 200.
pub(in crate::oauth) fn read(reply: &Reply, dialect: &Dialect) -> Result<TokenReply, TokenError> {
    if is_torn(&reply.body) {
        return Err(TokenError::Lost("the response ends in the middle".into()));
    }
    let fields = Fields::read(&reply.body, dialect.reply_at.as_deref());
    if let Some(refusal) = refusal(reply, &fields, dialect) {
        return Err(refusal);
    }
    // The refresh token first: even if everything else is wrong, it may be the only valid one. Some
    // servers send an empty one for "none".
    let text = |name: &str| fields.text(name).filter(|text| !text.trim().is_empty());
    let refresh_token = text("refresh_token")
        .map(|token| checked("refresh token", token))
        .transpose();
    let refresh_token = refresh_token.map_err(|reason| TokenError::Unusable {
        reason,
        successor: None,
    })?;
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
            "the server sent a token of the type `{}`, which is not supported (the provider's row allows others in `token_types`)",
            plain(kind)
        )));
    }
    let now = reply.date.unwrap_or_else(Timestamp::now);
    Ok(TokenReply {
        access_token: checked("access token", access_token).map_err(unusable)?,
        refresh_token: refresh_token.clone(),
        expires_in: lifetime(&fields, now),
        scope: fields.get("scope").and_then(scope),
        id_token: text("id_token").map(Secret::new),
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
    // Whatever the status is, except "too many requests": a server that is asked again says the same.
    let is_throttled = matches!(reply.status, 408 | 425 | 429);
    if is_over && !is_throttled && !(is_success && has_token && !is_error) {
        return Some(TokenError::Denied {
            code: words.code?,
            description: words.description,
        });
    }
    let transient = ["temporarily_unavailable", "server_error", "slow_down"];
    if transient.into_iter().any(says) || matches!(reply.status, 408 | 425 | 429 | 500..) {
        return Some(TokenError::Busy {
            status: reply.status,
            code: words.code,
            retry_after: reply.retry_after,
        });
    }
    if is_success && (has_token && !is_error || words.code.is_none()) {
        return None;
    }
    let quoted = || {
        Some(first_words(&reply.body)).filter(|text| fields.all().is_empty() && !text.is_empty())
    };
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
        description: words.description.or_else(quoted),
    })
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

/// A token, checked when it is received.
fn checked(field: &str, value: &str) -> Result<Secret, String> {
    let secret = Secret::new(value);
    match secret.check(Alphabet::Visible) {
        Ok(()) => Ok(secret),
        Err(reason) => Err(format!("the server sent a malformed {field}: it {reason}")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, body: &str) -> Result<TokenReply, TokenError> {
        read(
            &Reply {
                status,
                retry_after: None,
                date: None,
                location: None,
                content_type: None,
                body: body.as_bytes().to_vec(),
            },
            &Dialect::default(),
        )
    }

    fn ok(body: &str) -> TokenReply {
        answer(200, body).unwrap()
    }

    #[test]
    fn scopes_come_as_text_with_either_separator_or_as_a_list() {
        for scope in ["\"b a\"", "\"b,a\"", "[\"b\",\"a\"]"] {
            assert_eq!(
                ok(&format!("{{\"access_token\":\"a\",\"scope\":{scope}}}"))
                    .scope
                    .unwrap(),
                ["a", "b"]
            );
        }
    }

    #[test]
    fn a_row_defines_the_place_and_the_type_of_the_token() {
        let dialect = Dialect {
            reply_at: Some("/authed_user".into()),
            token_types: vec!["user".into()],
            ..Dialect::default()
        };
        let ask = |body: &str| {
            read(
                &Reply {
                    status: 200,
                    retry_after: None,
                    date: None,
                    location: None,
                    content_type: None,
                    body: body.as_bytes().to_vec(),
                },
                &dialect,
            )
        };
        let nested = ask(
            r#"{"ok":true,"authed_user":{"access_token":"x","token_type":"user","scope":"a,b"}}"#,
        )
        .unwrap();
        assert!(nested.access_token.same_as("x") && nested.scope.unwrap() == ["a", "b"]);
        assert!(
            ask(r#"{"ok":true,"access_token":"y","token_type":"user"}"#)
                .unwrap()
                .access_token
                .same_as("y"),
            "as a refresh answers"
        );
        assert!(matches!(
            ask(r#"{"ok":false,"error":"invalid_code"}"#),
            Err(TokenError::Denied { .. })
        ));
        assert!(ask(r#"{"ok":true,"access_token":"y","token_type":"bot"}"#).is_err());
    }

    #[test]
    fn fields_decide_before_the_status() {
        assert!(matches!(
            answer(200, r#"{"error":"bad_verification_code"}"#),
            Err(TokenError::Denied { .. })
        ));
        assert!(
            matches!(answer(400, r#"{"error":"invalid_grant","error_description":"x\u001b[0m"}"#),
            Err(TokenError::Denied { code, description: Some(text) }) if code == "invalid_grant" && text == "x[0m")
        );
        assert!(
            matches!(answer(401, ""), Err(TokenError::Denied { code, .. }) if code == "status 401")
        );
        assert!(matches!(answer(403, "[]"), Err(TokenError::Denied { .. })));
        for (status, body) in [
            (503, ""),
            (429, r#"{"error":"invalid_grant"}"#),
            (500, "<html>"),
            (502, r#"{"error":"invalid_client"}"#),
            (400, r#"{"error":"temporarily_unavailable"}"#),
        ] {
            assert!(
                matches!(answer(status, body), Err(TokenError::Busy { .. })),
                "{status} {body}"
            );
        }
        // Only what was cut off may be asked for again.
        for body in ["{\"access_token\":", "[{\"access_token\":\"a\"}", "{"] {
            assert!(
                matches!(answer(200, body), Err(TokenError::Lost(_))),
                "{body}"
            );
        }
        for (body, says) in [
            ("", "it is empty"),
            ("<html>Sign in</html>", "\"Sign in\""),
            ("{}", "no content type"),
            ("null", "\"null\""),
            (r#"{"access_token":7}"#, "with the fields access_token"),
            (r#"{"token":"a","ok":true}"#, "with the fields ok, token"),
            ("a1b2c3", "no content type"),
        ] {
            match answer(200, body) {
                Err(TokenError::Unusable { reason, .. }) => {
                    assert!(reason.contains(says), "{body}: {reason}");
                }
                _ => panic!("{body}"),
            }
        }
        assert!(
            matches!(answer(302, ""), Err(TokenError::Denied { .. })),
            "a redirect is not followed"
        );
        for (place, shown) in [
            ("https://b.test/token?code=s3cret#x", "https://b.test/token"),
            ("/token/?s3cret", "/token/"),
            ("https://me:s3cret@b.test/", "https://b.test/"),
            ("//b.test", "//b.test"),
        ] {
            assert_eq!(without_query(place), shown);
        }
        assert_eq!(
            ok("access_token=gho_x&scope=a%2Cb&token_type=bearer")
                .scope
                .unwrap(),
            ["a", "b"]
        );
    }

    #[test]
    fn promise_10_a_token_that_could_break_a_header_is_refused_on_receipt() {
        for bad in ["a\\nb", "a\\u0000b", "a b", "\u{e9}", ""] {
            let answer = answer(
                200,
                &format!("{{\"access_token\":\"{bad}\",\"refresh_token\":\"next\"}}"),
            );
            assert!(
                matches!(answer, Err(TokenError::Unusable { successor: Some(next), .. }) if next.same_as("next")),
                "{bad}"
            );
        }
        let bad = answer(200, r#"{"access_token":"a","refresh_token":"r\r\nX: y"}"#);
        assert!(
            matches!(bad, Err(TokenError::Unusable { successor: None, reason }) if reason.contains("refresh token"))
        );
        assert!(
            ok(r#"{"access_token":"a","refresh_token":""}"#)
                .refresh_token
                .is_none()
        );
        assert!(answer(200, r#"{"access_token":"a","token_type":"DPoP"}"#).is_err());
        assert!(answer(200, r#"{"access_token":"a","token_type":"bearer"}"#).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(700))]
        #[test]
        fn malformed_answers_never_panic_and_never_pass(status in 100u16..600, body: Vec<u8>) {
            let answer = read(&Reply { status, retry_after: None, date: None, location: None, content_type: None, body }, &Dialect::default());
            prop_assert!(answer.is_err());
        }

        #[test]
        fn odd_fields_never_panic(token: String, kind: String, expires in -1e18f64..1e18, scope: Option<Vec<String>>) {
            let body = serde_json::json!({"access_token": token, "token_type": kind, "expires_in": expires, "scope": scope});
            if let Ok(reply) = read(&Reply { status: 200, retry_after: None, date: None, location: None, content_type: None, body: body.to_string().into_bytes() }, &Dialect::default()) {
                prop_assert!(reply.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
