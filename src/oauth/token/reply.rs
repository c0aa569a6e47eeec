//! Reads the response of a token endpoint.

use super::{Dialect, TokenError, TokenReply};
use crate::credential::scope_words;
use crate::http::Reply;
use crate::oauth::authorize::plain;
use crate::secret::{Alphabet, Secret};
use serde_json::Value;

/// Reads a response by its fields first and its status second: some servers send `error` with
/// status 200.
pub(in crate::oauth) fn read(reply: &Reply, dialect: &Dialect) -> Result<TokenReply, TokenError> {
    let fields = parse(&reply.body).map(|fields| inner(fields, dialect.reply_at.as_deref()));
    let text = |name: &str| {
        fields
            .as_ref()
            .and_then(|fields| fields.get(name))
            .and_then(Value::as_str)
    };
    let error = text("error").map(plain).filter(|code| !code.is_empty());
    let transient = matches!(
        error.as_deref(),
        Some("temporarily_unavailable" | "server_error" | "slow_down")
    );
    if transient || matches!(reply.status, 408 | 425 | 429 | 500..) {
        return Err(TokenError::Busy {
            status: reply.status,
            code: error,
            retry_after: reply.retry_after,
        });
    }
    if let Some(code) = error {
        return Err(TokenError::Denied {
            code,
            description: text("error_description").map(plain),
        });
    }
    if !(200..300).contains(&reply.status) {
        return Err(TokenError::Denied {
            code: format!("status {}", reply.status),
            description: None,
        });
    }
    // The refresh token first: even if everything else is wrong, it may be the only valid one. Some
    // servers send an empty one for "none".
    let refresh_token = text("refresh_token").filter(|token| !token.is_empty());
    let refresh_token = refresh_token
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
        return Err(match refresh_token {
            Some(_) => unusable("the response contains no access token".into()),
            None => TokenError::Lost("the response contains no access token".into()),
        });
    };
    // RFC 6749 section 7.1: a token of a type that is not understood must not be used.
    if let Some(kind) = text("token_type")
        && !kind.eq_ignore_ascii_case("bearer")
        && !dialect.token_types.iter().any(|known| known == kind)
    {
        return Err(unusable(format!(
            "the server sent a token of the type `{}`, which is not supported",
            plain(kind)
        )));
    }
    Ok(TokenReply {
        access_token: checked("access token", access_token).map_err(unusable)?,
        refresh_token: refresh_token.clone(),
        expires_in: fields
            .as_ref()
            .and_then(|fields| fields.get("expires_in"))
            .and_then(seconds),
        scope: fields
            .as_ref()
            .and_then(|fields| fields.get("scope"))
            .and_then(scope),
        id_token: text("id_token").map(Secret::new),
    })
}

/// A token, checked when it is received.
fn checked(field: &str, value: &str) -> Result<Secret, String> {
    let secret = Secret::new(value);
    match secret.check(Alphabet::Visible) {
        Ok(()) => Ok(secret),
        Err(reason) => Err(format!("the server sent a malformed {field}: it {reason}")),
    }
}

/// The object that contains the token's fields: the one at the row's pointer if there is a token in
/// it, otherwise the response itself.
fn inner(
    fields: serde_json::Map<String, Value>,
    pointer: Option<&str>,
) -> serde_json::Map<String, Value> {
    let Some(pointer) = pointer else {
        return fields;
    };
    let whole = Value::Object(fields);
    match (whole.pointer(pointer), &whole) {
        (Some(Value::Object(inside)), _) if inside.contains_key("access_token") => inside.clone(),
        (_, Value::Object(fields)) => fields.clone(),
        _ => serde_json::Map::new(),
    }
}

/// JSON, or the form encoding that at least one provider uses.
fn parse(body: &[u8]) -> Option<serde_json::Map<String, Value>> {
    if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
        return Some(fields);
    }
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|text| text.starts_with("access_token=") || text.starts_with("error="))?;
    Some(
        url::form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect(),
    )
}

/// A lifetime as a number or text. Zero, negative and implausible values are ignored.
fn seconds(value: &Value) -> Option<u32> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // Ten years: anything longer is the same as no limit.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (1.0..=315_360_000.0)
        .contains(&number)
        .then_some(number as u32)
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
                body: body.as_bytes().to_vec(),
            },
            &Dialect::default(),
        )
    }

    fn ok(body: &str) -> TokenReply {
        answer(200, body).unwrap()
    }

    #[test]
    fn lifetimes_are_numbers_or_text_and_nonsense_is_ignored() {
        for (text, expected) in [
            ("3600", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("5.9", Some(5)),
            ("-1", None),
            ("0", None),
            ("1e300", None),
            ("\"soon\"", None),
            ("null", None),
            ("[1]", None),
        ] {
            assert_eq!(
                ok(&format!("{{\"access_token\":\"a\",\"expires_in\":{text}}}")).expires_in,
                expected,
                "{text}"
            );
        }
        assert_eq!(ok(r#"{"access_token":"a"}"#).expires_in, None);
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
            (400, r#"{"error":"temporarily_unavailable"}"#),
        ] {
            assert!(
                matches!(answer(status, body), Err(TokenError::Busy { .. })),
                "{status} {body}"
            );
        }
        for body in [
            "",
            "<html></html>",
            "{}",
            "null",
            r#"{"access_token":7}"#,
            "{\"access_token\":",
        ] {
            assert!(
                matches!(answer(200, body), Err(TokenError::Lost(_))),
                "{body}"
            );
        }
        assert!(
            matches!(answer(302, ""), Err(TokenError::Denied { .. })),
            "a redirect is not followed"
        );
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
            let answer = read(&Reply { status, retry_after: None, date: None, body }, &Dialect::default());
            prop_assert!(answer.is_err());
        }

        #[test]
        fn odd_fields_never_panic(token: String, kind: String, expires in -1e18f64..1e18, scope: Option<Vec<String>>) {
            let body = serde_json::json!({"access_token": token, "token_type": kind, "expires_in": expires, "scope": scope});
            if let Ok(reply) = read(&Reply { status: 200, retry_after: None, date: None, body: body.to_string().into_bytes() }, &Dialect::default()) {
                prop_assert!(reply.access_token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
