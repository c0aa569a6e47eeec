//! Tests.

use super::*;
use serde_json::json;

fn reply(call: Value, status: u16, body: &str) -> Result<Value, CallError> {
    let call: Call = serde_json::from_value(call).unwrap();
    read_reply(
        &call,
        &Reply {
            status,
            retry_after: None,
            date: None,
            location: None,
            content_type: None,
            body: body.as_bytes().to_vec(),
        },
        true,
    )
}

#[test]
fn an_error_tells_whether_a_request_may_have_taken_effect() {
    let call = || json!({ "url": "https://a.test/", "failures": ["/errors"] });
    assert_eq!(reply(call(), 200, "{\"a\":1}").unwrap(), json!({ "a": 1 }));
    assert_eq!(reply(call(), 204, "").unwrap(), Value::Null);
    assert_eq!(
        reply(call(), 200, "{\"errors\":[]}").unwrap(),
        json!({ "errors": [] })
    );
    for (status, body, nothing) in [
        (200, "{\"errors\":[{\"message\":\"no\"}]}", true),
        (200, "<html>", false),
        (502, "", false),
        (403, "{\"message\":\"missing scope\"}", true),
        (401, "", true),
        (404, "", true),
        (429, "", true),
    ] {
        assert_eq!(
            reply(call(), status, body).unwrap_err().nothing_happened(),
            nothing,
            "{status} {body}"
        );
    }
    let told = reply(call(), 400, "{\"error\":\"not you, k-1\"}")
        .unwrap_err()
        .without([Secret::new("k-1")].iter());
    assert_eq!(
        told.to_string(),
        "the provider refused: status 400: not you, …"
    );
    let error = reply(
        call(),
        403,
        "{\"message\":\"missing scope for sk-0123456789012345678901234\"}",
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the provider denies permission (status 403: missing scope for …)"
    );
}

#[test]
fn a_key_without_the_permission_is_told_from_a_dead_one() {
    let call = || {
        json!({ "url": "https://a.test/", "bad": [400, 401, 404], "gone": [],
            "limited": ["restricted_api_key", "missing_permissions"] })
    };
    for (status, body, is_dead) in [
        (400, "{\"message\":\"API key is invalid\"}", true),
        (401, "", true),
        (404, "not found", true),
        (
            401,
            "{\"name\":\"restricted_api_key\",\"message\":\"only sending\"}",
            false,
        ),
        (
            401,
            "{\"detail\":{\"status\":\"missing_permissions\"}}",
            false,
        ),
        (403, "{}", false),
    ] {
        let error = reply(call(), status, body).unwrap_err();
        let found = match error {
            CallError::Unauthorized(_) => true,
            CallError::Forbidden(_) => false,
            other => panic!("{status} {body}: {other}"),
        };
        assert_eq!(found, is_dead, "{status} {body}");
    }
}
