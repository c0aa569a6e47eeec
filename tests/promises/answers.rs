//! What authorization servers answer, in every form that servers are known to use: whatever comes,
//! no login is lost, nothing complete is asked for twice, and the server's words are shown.

use crate::issuer::{Issuer, Misbehaviour};
use crate::support::{Home, Ran, expired};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

type Form = fn(&Value) -> (u16, &'static str, Vec<u8>);

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap().to_owned()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Both tokens of an answer, as a form.
fn pairs(body: &Value) -> String {
    let pairs = [
        ("token_type", "Bearer".to_owned()),
        ("access_token", text(body, "access_token")),
        ("expires_in", "3600".to_owned()),
        ("refresh_token", text(body, "refresh_token")),
    ];
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// B1. The server rotates its refresh tokens and ends a login whose token comes twice, so the second
/// refresh works only if the first one's token was understood and stored.
#[test]
fn b1_an_answer_is_understood_in_every_form() {
    let forms: [(&str, Form); 13] = [
        ("gzip, with its header", |body| {
            let headers = "Content-Encoding: gzip\r\n";
            (200, headers, gzip(body.to_string().as_bytes()))
        }),
        ("gzip, without a header", |body| {
            (200, "", gzip(body.to_string().as_bytes()))
        }),
        ("a form", |body| (200, "", pairs(body).into_bytes())),
        ("a form in gzip", |body| {
            let headers = "Content-Encoding: x-gzip\r\n";
            (200, headers, gzip(pairs(body).as_bytes()))
        }),
        ("Latin-1 in another field", |body| {
            let mut bytes = body.to_string().into_bytes();
            bytes.pop();
            bytes.extend(b",\"name\":\"Zo\xeb\"}");
            (200, "", bytes)
        }),
        ("an array of one", |body| {
            (200, "", format!("[{body}]").into_bytes())
        }),
        ("inside `data`", |body| {
            (200, "", format!("{{\"data\":{body}}}").into_bytes())
        }),
        ("inside `result.tokens`", |body| {
            let wrapped = format!("{{\"result\":{{\"tokens\":{body}}}}}");
            (200, "", wrapped.into_bytes())
        }),
        ("camelCase", |body| {
            let text = body.to_string();
            let text = text.replace("access_token", "accessToken");
            let text = text.replace("refresh_token", "refreshToken");
            (200, "", text.into_bytes())
        }),
        ("status 201", |body| {
            (201, "", body.to_string().into_bytes())
        }),
        ("a byte order mark", |body| {
            (200, "", format!("\u{feff}{body}").into_bytes())
        }),
        ("other fields of odd types", |body| {
            let mut body = body.clone();
            body["scope"] = Value::Null;
            body["token_type"] = Value::from("Bearer ");
            body["id_token"] = Value::from(7);
            (200, "", body.to_string().into_bytes())
        }),
        ("two line ends before and after", |body| {
            (200, "", format!("\r\n\r\n{body}\r\n\r\n").into_bytes())
        }),
    ];
    let issuer = Issuer::start();
    let home = Home::logged_in(&issuer);
    for (name, form) in forms {
        let before = issuer.token_requests();
        issuer.misbehave([Misbehaviour::Form(form)]);
        let ran = home.run(&["token", "op", "--refresh"]);
        assert_eq!(ran.code, 0, "{name}: {ran:#?}");
        let ran = home.run(&["token", "op", "--refresh"]);
        assert_eq!(ran.code, 0, "after {name}: {ran:#?}");
        assert_eq!(issuer.token_requests(), before + 2, "{name}");
    }
}

/// B1. What cannot be understood is not asked for again, leaves the login stored, and is described; a
/// refresh token in it is the one that counts from then on.
#[test]
fn b1_an_answer_that_cannot_be_understood_loses_nothing() {
    let forms: [(&str, &str, Form); 10] = [
        ("HTML", "\"Sign in\"", |_| {
            (200, "", b"<html><title>Sign in</title></html>".to_vec())
        }),
        ("nothing", "it is empty", |_| (200, "", Vec::new())),
        ("204", "it is empty", |_| (204, "", Vec::new())),
        ("two logins", "no access token", |body| {
            (200, "", format!("[{body},{body}]").into_bytes())
        }),
        ("over a megabyte", "", |_| (200, "", vec![b' '; 3 << 20])),
        ("a number as a token", "no access token", |body| {
            let mut body = body.clone();
            body["access_token"] = Value::from(7);
            (200, "", body.to_string().into_bytes())
        }),
        ("no access token", "no access token", |body| {
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove("access_token");
            (200, "", body.to_string().into_bytes())
        }),
        ("an empty access token", "", |body| {
            let mut body = body.clone();
            body["access_token"] = Value::from("");
            (200, "", body.to_string().into_bytes())
        }),
        ("an access token of two lines", "", |body| {
            let mut body = body.clone();
            body["access_token"] = Value::from("a\r\nX: y");
            (200, "", body.to_string().into_bytes())
        }),
        ("a type that is not known", "mac", |body| {
            let mut body = body.clone();
            body["token_type"] = Value::from("mac");
            (200, "", body.to_string().into_bytes())
        }),
    ];
    let check = |(name, says, form): &(&str, &str, Form)| {
        let issuer = Issuer::start();
        let home = Home::logged_in(&issuer);
        let before = issuer.token_requests();
        issuer.misbehave([Misbehaviour::Form(*form)]);
        let ran = home.run(&["token", "op", "--refresh"]);
        assert_eq!(ran.code, 1, "{name}: {ran:#?}");
        assert!(ran.stderr.contains(says), "{name}: {ran:#?}");
        assert_eq!(issuer.token_requests(), before + 1, "{name}");
        let ran = once_forgotten(&home);
        let kept = ["a number", "no access", "an empty", "an access", "a type"];
        if kept.iter().any(|kept| name.starts_with(kept)) {
            assert_eq!(ran.code, 0, "after {name}: {ran:#?}");
        } else {
            // The server has spent the token, and told nobody the next one.
            assert_eq!(ran.code, 4, "after {name}: {ran:#?}");
        }
    };
    std::thread::scope(|scope| {
        for one in &forms {
            scope.spawn(|| check(one));
        }
    });
}

/// A refresh, once the failure before it is nobody's answer any more.
fn once_forgotten(home: &Home) -> Ran {
    let began = std::time::Instant::now();
    loop {
        let ran = home.run(&["token", "op", "--refresh"]);
        if ran.code != 1 {
            return ran;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{ran:#?}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

const JSON: &str = "application/json";

/// Refusals that only a new login helps with, as they come; each with what is shown of it.
const OVER: [(u16, &str, &str, &str); 17] = [
    (500, JSON, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
    (
        401,
        JSON,
        r#"{"error":{"code":"refresh_token_invalidated","message":"Please log in again"}}"#,
        "Please log in again",
    ),
    (
        400,
        JSON,
        r#"{"error":"invalid_grant","error_description":"It is gone"}"#,
        "It is gone",
    ),
    (
        400,
        JSON,
        r#"{"error":"INVALID_GRANT","error_description":"It is gone"}"#,
        "It is gone",
    ),
    (
        401,
        JSON,
        r#"{"error":{"type":"invalid_grant","message":"It is gone"}}"#,
        "It is gone",
    ),
    (
        401,
        JSON,
        r#"{"code":"token_expired","message":"It is gone"}"#,
        "It is gone",
    ),
    (
        401,
        JSON,
        r#"{"errorCode":"invalid_refresh_token","errorSummary":"It is gone"}"#,
        "It is gone",
    ),
    (
        403,
        JSON,
        r#"{"errors":[{"code":"expired_token","detail":"It is gone"}]}"#,
        "It is gone",
    ),
    (
        400,
        JSON,
        r#"[{"error":"invalid_grant","error_description":"It is gone"}]"#,
        "It is gone",
    ),
    (
        400,
        "application/x-www-form-urlencoded",
        "error_description=It+is+gone&error=invalid_grant",
        "It is gone",
    ),
    (
        400,
        JSON,
        r#"{"error":"refresh_token_expired"}"#,
        "refresh_token_expired",
    ),
    (
        401,
        JSON,
        r#"{"error":"bad_refresh_token"}"#,
        "bad_refresh_token",
    ),
    (
        400,
        JSON,
        r#"{"error":"Refresh-Token-Revoked"}"#,
        "Refresh-Token-Revoked",
    ),
    (
        400,
        JSON,
        r#"{"error":"invalid_grant","error_description":"終了しました"}"#,
        "終了しました",
    ),
    (
        400,
        JSON,
        "{\"error\":\"invalid_grant\",\"error_description\":\"two\\r\\nlines\"}",
        "two lines",
    ),
    (
        200,
        JSON,
        r#"{"error":"invalid_grant","error_description":"It is gone"}"#,
        "It is gone",
    ),
    (
        400,
        JSON,
        r#"{"data":{"error":"invalid_grant","message":"It is gone"}}"#,
        "It is gone",
    ),
];

/// Refusals that a later try or another setting may mend.
const NOT_OVER: [(u16, &str, &str, i32, &str); 7] = [
    (503, "text/html", "<h1>Back soon</h1>", 6, "Back soon"),
    (429, JSON, r#"{"message":"Slow down"}"#, 6, "Slow down"),
    (
        400,
        JSON,
        r#"{"error":"temporarily_unavailable"}"#,
        6,
        "temporarily_unavailable",
    ),
    (
        401,
        JSON,
        r#"{"error":"invalid_client","error_description":"Who are you"}"#,
        1,
        "Who are you",
    ),
    (
        403,
        JSON,
        r#"{"status":403,"message":"Not from this address"}"#,
        1,
        "Not from this address",
    ),
    (
        400,
        "text/plain",
        "Not from this address",
        1,
        "Not from this address",
    ),
    (
        400,
        "application/xml",
        "<Error><Message>Not from here</Message></Error>",
        1,
        "Not from here",
    ),
];

/// `count` processes that want a token at once.
fn tokens(home: &Home, count: usize) -> Vec<Ran> {
    let start = || {
        home.command(&["token", "op"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..count).map(|_| start()).collect();
    children
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()))
        .collect()
}

/// C1, C2. However it is said that a login is over: everyone is told so with the server's words, and
/// one process asked.
#[test]
fn c1_c2_the_end_of_a_login_is_understood_in_every_form_and_shared() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    for (status, kind, body, says) in OVER {
        let home = home.copy();
        let before = issuer.token_requests();
        issuer.misbehave([Misbehaviour::Answer(status, kind, body)]);
        for ran in tokens(&home, 5) {
            assert_eq!(ran.code, 4, "{body}: {ran:#?}");
            assert!(ran.stderr.contains(says), "{body}: {ran:#?}");
        }
        assert_eq!(home.run(&["token", "op"]).code, 4, "{body}");
        let ran = home.run(&["status", "op"]);
        assert!(
            ran.code == 8 && ran.stdout.contains(says),
            "{body}: {ran:#?}"
        );
        assert_eq!(issuer.token_requests(), before + 1, "{body}");
    }
}

#[test]
fn c2_twenty_processes_ask_once_and_a_scheduled_run_tells_the_refusal() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    let (status, kind, body, says) = OVER[1];
    issuer.misbehave([Misbehaviour::Answer(status, kind, body)]);
    let before = issuer.token_requests();
    for ran in tokens(&home, 20) {
        ran.failed(4, says);
    }
    assert_eq!(issuer.token_requests(), before + 1);
    let ran = home.run(&["rotate", "--due"]);
    assert!(
        ran.code == 8 && ran.stdout.contains("run `authctl login op`"),
        "{ran:#?}"
    );
    let plan = &home.json(&["rotate", "--due", "--dry-run"])["plans"][0];
    assert_eq!(plan["action"], "log_in", "{plan}");
    assert_eq!(issuer.token_requests(), before + 1);
}

/// C1, C2. Everything else leaves the login as it is, and is shared and shown as well.
#[test]
fn c1_c2_any_other_refusal_keeps_the_login_and_is_shared() {
    let issuer = Issuer::start();
    let home = expired(&issuer);
    for (status, kind, body, code, says) in NOT_OVER {
        let one = home.copy();
        let before = issuer.token_requests();
        issuer.misbehave([Misbehaviour::Answer(status, kind, body)]);
        for ran in tokens(&one, 5) {
            assert_eq!(ran.code, code, "{body}: {ran:#?}");
            assert!(ran.stderr.contains(says), "{body}: {ran:#?}");
        }
        assert_eq!(issuer.token_requests(), before + 1, "{body}");
        let ran = one.run(&["status", "op"]);
        assert!(ran.stdout.contains(says), "{body}: {ran:#?}");
    }
    // None of them cost the login.
    home.run(&["token", "op"]).done();
}

/// D1, D2. However the end of an access token is told, a token that is over is not printed.
#[test]
fn d1_d2_a_token_that_is_over_is_never_printed() {
    let forms: [(&str, Form); 9] = [
        ("no end, after one that was", |body| {
            with(body, None, Value::Null)
        }),
        ("null", |body| with(body, Some("expires_in"), Value::Null)),
        ("a word", |body| {
            with(body, Some("expires_in"), "soon".into())
        }),
        ("seconds as text", |body| {
            with(body, Some("expires_in"), "1".into())
        }),
        ("with a unit", |body| {
            with(body, Some("expires_in"), "1s".into())
        }),
        ("ISO 8601", |body| {
            with(body, Some("expires_in"), "PT1S".into())
        }),
        ("camelCase", |body| with(body, Some("expiresIn"), 1.into())),
        ("a moment", |body| {
            with(body, Some("expires_at"), in_a_second().into())
        }),
        ("a moment as text", |body| {
            with(body, Some("expires_on"), in_a_second().to_string().into())
        }),
    ];
    let issuer = Issuer::start();
    issuer.set(|settings| settings.access_lifetime = 1);
    let home = Home::logged_in(&issuer);
    for (name, form) in forms {
        issuer.misbehave([Misbehaviour::Form(form)]);
        let first = home.run(&["token", "op", "--refresh"]).done().stdout;
        std::thread::sleep(Duration::from_millis(2100));
        let refreshes = issuer.refreshes();
        let second = home.run(&["token", "op"]).done().stdout;
        assert_ne!(first, second, "{name}");
        assert_eq!(issuer.refreshes(), refreshes + 1, "{name}");
    }
}

/// The answer with another field, or none, for its end.
fn with(body: &Value, field: Option<&str>, value: Value) -> (u16, &'static str, Vec<u8>) {
    let mut body = body.clone();
    body.as_object_mut().unwrap().remove("expires_in");
    if let Some(field) = field {
        body[field] = value;
    }
    (200, "", body.to_string().into_bytes())
}

fn in_a_second() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 1
}
