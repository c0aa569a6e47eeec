//! Tests.

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
    let nested =
        ask(r#"{"ok":true,"authed_user":{"access_token":"x","token_type":"user","scope":"a,b"}}"#)
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
    // A login that is over is over whatever the status is.
    let over = r#"{"error":{"code":"REFRESH_TOKEN_EXPIRED","message":"gone"}}"#;
    for status in [200, 400, 401, 403, 500, 503] {
        assert!(
            matches!(answer(status, over), Err(TokenError::Denied { code, description: Some(text) }) if code == "REFRESH_TOKEN_EXPIRED" && text == "gone"),
            "{status}"
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

#[test]
fn b1_a_successful_status_is_a_refusal_only_if_an_error_is_named() {
    for body in [
        r#"{"error":{"code":"invalid_client"}}"#,
        r#"{"code":"invalid_client","msg":"no"}"#,
        r#"{"errorCode":"invalid_client"}"#,
        r#"{"errors":[{"code":"invalid_client"}]}"#,
    ] {
        let refusal = answer(200, body);
        assert!(
            matches!(refusal, Err(TokenError::Denied { ref code, .. }) if code == "invalid_client"),
            "{body}: {refusal:?}"
        );
    }
    // Whatever else it says: a refresh token in it is the only valid one.
    for more in [
        "",
        r#","type":"refresh""#,
        r#","status":"ok""#,
        r#","code":"ok""#,
        r#","code":"created","title":"Token""#,
        r#","error":null"#,
        r#","error":"""#,
    ] {
        let body = format!("{{\"refresh_token\":\"next\"{more}}}");
        let unusable = answer(200, &body);
        assert!(
            matches!(unusable, Err(TokenError::Unusable { successor: Some(ref next), .. }) if next.same_as("next")),
            "{body}"
        );
    }
    for body in [
        r#"{"status":"ok"}"#,
        r#"{"type":"token"}"#,
        r#"{"code":"OK"}"#,
    ] {
        let unusable = answer(200, body);
        assert!(
            matches!(
                unusable,
                Err(TokenError::Unusable {
                    successor: None,
                    ..
                })
            ),
            "{body}"
        );
    }
    let token = r#"{"access_token":"a","code":"x","type":"y","errors":[]}"#;
    assert!(answer(200, token).is_ok());
}

#[test]
fn b5_a_field_that_holds_nothing_is_no_field() {
    for kind in [
        "\"\"",
        "\" \"",
        "\"Bearer \"",
        "\" bearer\"",
        "\"BEARER\"",
        "null",
        "5",
        "[]",
    ] {
        let reply = ok(&format!("{{\"access_token\":\"a\",\"token_type\":{kind}}}"));
        assert_eq!(reply.access_token.expose(), "a", "{kind}");
    }
    let empty =
        ok(r#"{"access_token":"a","refresh_token":"","id_token":" ","scope":"","expires_in":""}"#);
    assert!(empty.refresh_token.is_none() && empty.id_token.is_none());
    assert_eq!(empty.expires_in, None);
    for kind in ["mac", "DPoP", "N_A"] {
        let refused = answer(
            200,
            &format!("{{\"access_token\":\"a\",\"token_type\":\"{kind}\"}}"),
        );
        let told = refused.unwrap_err().to_string();
        assert!(
            told.contains(kind) && told.contains("`token_types`"),
            "{told}"
        );
    }
}

/// B4: a redirect is not followed, since a secret would go there; it is said.
#[test]
fn b4_a_redirecting_token_endpoint_is_named() {
    for (status, place, says) in [
        (
            301,
            "https://new.example/token",
            "it redirects to https://new.example/token, so",
        ),
        (
            302,
            "https://e.example/t?code=secret#x",
            "it redirects to https://e.example/t, so",
        ),
        (
            307,
            "https://user:pw@e.example/t",
            "it redirects to https://e.example/t, so",
        ),
        (308, "/login\u{1b}[2J", "it redirects to /login[2J, so"),
    ] {
        let reply = Reply {
            status,
            retry_after: None,
            date: None,
            location: Some(place.into()),
            content_type: None,
            body: Vec::new(),
        };
        let error = read(&reply, &Dialect::default()).unwrap_err().to_string();
        assert!(error.contains(says), "{status}: {error}");
        assert!(
            !error.contains("secret") && !error.contains("pw@"),
            "{error}"
        );
    }
}

/// C3: the words of a server are shown in every language, and nothing else of them.
#[test]
fn c3_the_words_of_a_server_are_shown_in_every_language() {
    for (body, says) in [
        (
            r#"{"error":"access_denied","error_description":"アクセスが拒否されました"}"#,
            "アクセスが拒否されました",
        ),
        (
            r#"{"error":"access_denied","error_description":"Доступ запрещён"}"#,
            "Доступ запрещён",
        ),
        (
            r#"{"error":"access_denied","error_description":"accès refusé"}"#,
            "accès refusé",
        ),
        (
            r#"{"error":"access_denied","error_description":"one\r\ntwo\u202e\u0007"}"#,
            "one two",
        ),
        (r#"{"error_description":"only words"}"#, "only words"),
        (r#"{"error_message":"other words"}"#, "other words"),
    ] {
        let error = answer(400, body).unwrap_err().to_string();
        assert!(error.contains(says), "{body}: {error}");
        assert!(!error.contains(['\u{202e}', '\u{7}', '\n']), "{error:?}");
    }
    let error = answer(
        400,
        r#"{"error":"access_denied","error_description":"\u200b"}"#,
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("access_denied") && !error.contains("()"),
        "{error}"
    );
}
