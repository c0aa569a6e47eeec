use super::document::Document;
use super::place::{issuer, places};
use super::{MetadataError, discover};
use crate::credential::ClientAuth;
use crate::http::Network;
use crate::provider::OAuthSpec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use url::Url;

/// A server that publishes documents, `ORIGIN` in them being its own, and remembers what was asked.
struct Server {
    origin: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn with(answers: Vec<(&'static str, u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, own) = (Arc::clone(&asked), origin.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while reader.read_line(&mut head).unwrap() > 2 {}
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let (status, text) = answers
                    .iter()
                    .find(|(place, ..)| *place == path)
                    .map_or((404, ""), |(_, status, text)| (*status, text));
                let text = text.replace("ORIGIN", &own);
                seen.lock().unwrap().push(path);
                let location = match status {
                    300..400 => format!("location: {text}\r\n"),
                    _ => String::new(),
                };
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\n{location}content-length: {}\r\nconnection: close\r\n\r\n{text}",
                    text.len()
                )
                .unwrap();
            }
        });
        Self { origin, asked }
    }

    fn discover(&self, path: &str) -> Result<OAuthSpec, MetadataError> {
        let network = Network::default();
        let issuer = format!("{}{path}", self.origin);
        network.run(discover(&network, &issuer)).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn metadata(path: &str, edit: impl Fn(&mut Value)) -> String {
    let mut value = json!({
        "issuer": format!("ORIGIN{path}"),
        "authorization_endpoint": "ORIGIN/a",
        "token_endpoint": "ORIGIN/k",
    });
    edit(&mut value);
    value.to_string()
}

fn document(edit: impl Fn(&mut Value)) -> Result<OAuthSpec, String> {
    let text = metadata("/t", edit).replace("ORIGIN", "https://as.test");
    Document::read(text.as_bytes())?.specification()
}

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

#[test]
fn metadata_becomes_a_specification() {
    let spec = document(|value| {
        value["scopes_supported"] = json!(["openid", "offline_access"]);
        value["authorization_response_iss_parameter_supported"] = json!(true);
    })
    .unwrap();
    assert_eq!(
        (spec.default_scopes.as_slice(), spec.announces_iss),
        (&["openid".to_owned()][..], true)
    );
    assert_eq!(
        (spec.client_auth, spec.client_auth_fallback),
        (ClientAuth::Basic, Some(ClientAuth::BasicWithId))
    );
    assert!(spec.revoke.is_none());
    let methods = |methods: Value| {
        document(|value| value["token_endpoint_auth_methods_supported"] = methods.clone())
    };
    let spec = methods(json!(["client_secret_post"])).unwrap();
    assert_eq!(
        (spec.client_auth, spec.client_auth_fallback),
        (ClientAuth::Post, None)
    );
    let spec = methods(json!(["none", "client_secret_post", "client_secret_basic"])).unwrap();
    assert_eq!(
        (spec.client_auth, spec.client_auth_fallback),
        (ClientAuth::Basic, Some(ClientAuth::Post))
    );
}

#[test]
fn metadata_that_cannot_be_trusted_is_refused() {
    for (field, value) in [
        ("token_endpoint", "http://as.test/k"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("token_endpoint", "https://user@as.test/k"),
        ("token_endpoint", "/k"),
    ] {
        let error = document(|doc| doc[field] = value.into()).unwrap_err();
        assert!(error.contains(field), "{error}");
    }
    let server = Server::with(vec![(
        OAUTH,
        200,
        metadata("", |doc| doc["issuer"] = "https://evil.test".into()),
    )]);
    let error = server.discover("").unwrap_err().to_string();
    assert!(error.contains("names another issuer"), "{error}");
}

#[test]
fn f1_a_field_that_is_not_needed_decides_nothing() {
    for (field, value) in [
        (
            "authorization_response_iss_parameter_supported",
            json!(null),
        ),
        (
            "authorization_response_iss_parameter_supported",
            json!("false"),
        ),
        ("authorization_response_iss_parameter_supported", json!(0)),
        ("scopes_supported", json!(["openid", null, 5])),
        ("scopes_supported", json!("openid profile")),
        ("scopes_supported", json!({"openid": true})),
        ("code_challenge_methods_supported", json!("S256")),
        ("token_endpoint_auth_methods_supported", json!(false)),
        ("revocation_endpoint", json!(["ORIGIN/r"])),
        ("revocation_endpoint", json!("/r")),
        ("grant_types_supported", json!([[], {}])),
    ] {
        let spec = document(|doc| doc[field] = value.clone());
        let spec = spec.unwrap_or_else(|error| panic!("{field}: {value}: {error}"));
        assert!(!spec.announces_iss && spec.revoke.is_none());
    }
    let spec = document(|doc| doc["scopes_supported"] = json!("profile openid")).unwrap();
    assert_eq!(spec.default_scopes, ["openid"]);
}

#[test]
fn f1_a_field_that_is_needed_is_named() {
    for field in ["issuer", "authorization_endpoint", "token_endpoint"] {
        for (value, told) in [
            (json!(null), format!("has no {field}")),
            (json!(" "), format!("has no {field}")),
            (json!(5), format!("has `5` as its {field}")),
            (json!(["u"]), format!("has `[\"u\"]` as its {field}")),
        ] {
            assert_eq!(
                document(|doc| doc[field] = value.clone()).unwrap_err(),
                told
            );
        }
        let removed = document(|doc| drop(doc.as_object_mut().unwrap().remove(field)));
        assert_eq!(removed.unwrap_err(), format!("has no {field}"));
    }
    assert!(Document::read(b"[1]").is_err() && Document::read(b"{").is_err());
}

#[test]
fn f2_metadata_is_found_in_every_usual_place() {
    for place in [
        "/.well-known/oauth-authorization-server/t/u",
        "/t/u/.well-known/openid-configuration",
        "/t/u/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/t/u",
    ] {
        let server = Server::with(vec![(place, 200, metadata("/t/u", |_| {}))]);
        assert!(server.discover("/t/u").is_ok(), "{place}");
    }
    assert_eq!(places(&Url::parse("https://as.test").unwrap()).len(), 2);
}

#[test]
fn f3_the_url_of_a_document_stands_for_its_issuer() {
    for (typed, meant) in [
        ("https://h/.well-known/openid-configuration", "https://h"),
        (
            "https://h/a/.well-known/openid-configuration",
            "https://h/a",
        ),
        (
            "https://h/.well-known/openid-configuration/a/b",
            "https://h/a/b",
        ),
        (
            "https://h/.well-known/oauth-authorization-server",
            "https://h",
        ),
        (
            "https://h/.well-known/oauth-authorization-server/a/",
            "https://h/a",
        ),
        (
            "https://h/.well-known/openid-configuration?x=1#y",
            "https://h",
        ),
        ("https://h/a", "https://h/a"),
        ("https://h/.well-known/other", "https://h/.well-known/other"),
        (
            "https://h/.well-known/openid-configurations",
            "https://h/.well-known/openid-configurations",
        ),
    ] {
        assert_eq!(issuer(typed), meant);
    }
}

#[test]
fn f4_a_redirect_is_followed_within_the_origin_only() {
    let with = |target: &str| {
        Server::with(vec![
            (OAUTH, 302, target.to_owned()),
            ("/elsewhere", 200, metadata("", |_| {})),
            ("/twice", 307, "/elsewhere".into()),
        ])
    };
    for target in ["/elsewhere", "ORIGIN/elsewhere", "/twice"] {
        assert!(with(target).discover("").is_ok(), "{target}");
    }
    let MetadataError::None { asked, .. } = with("https://other.test/x").discover("").unwrap_err()
    else {
        panic!("another error");
    };
    assert!(asked[0].ends_with("redirects to another server, https://other.test"));
    let server = with(OAUTH);
    assert!(server.discover("").is_err());
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn f5_the_urls_that_were_asked_are_named() {
    let page = "<!doctype html><title>start</title>";
    let server = Server::with(vec![(OPENID, 200, page.into())]);
    let MetadataError::None { issuer, asked } = server.discover("/nothing").unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(issuer, format!("{}/nothing", server.origin));
    let expected: Vec<String> = server
        .asked()
        .iter()
        .map(|path| {
            let found = if path == OPENID {
                "a web page"
            } else {
                "status 404"
            };
            format!("{}{path}: {found}", server.origin)
        })
        .collect();
    assert_eq!((asked.len(), asked), (6, expected));
}

#[test]
fn f6_a_document_of_the_origin_is_taken_if_it_names_exactly_this_issuer() {
    for (place, issuer, is_taken) in [
        (OAUTH, "/t", true),
        (OPENID, "/t", true),
        (OPENID, "/t/", false),
        (OPENID, "", false),
        (OAUTH, "/other", false),
    ] {
        let server = Server::with(vec![(place, 200, metadata(issuer, |_| {}))]);
        assert_eq!(server.discover("/t").is_ok(), is_taken, "{place} {issuer}");
    }
}

#[test]
fn endpoints_are_read_from_both_documents() {
    let revocation = |value: &mut Value| value["revocation_endpoint"] = "ORIGIN/r".into();
    for (first, second, is_found) in [
        (metadata("/o", |_| {}), metadata("/o", revocation), true),
        (metadata("/o", revocation), metadata("/o", |_| {}), true),
        // They contradict each other, or speak for two issuers.
        (
            metadata("/o", |_| {}),
            metadata("/o", |value| {
                revocation(value);
                value["token_endpoint"] = "ORIGIN/other".into();
            }),
            false,
        ),
        (metadata("/o", |_| {}), metadata("/p", revocation), false),
    ] {
        let server = Server::with(vec![
            ("/o/.well-known/openid-configuration", 200, first),
            ("/o/.well-known/oauth-authorization-server", 200, second),
        ]);
        let spec = server.discover("/o").unwrap();
        assert_eq!(spec.token_endpoint, format!("{}/k", server.origin));
        assert_eq!(spec.revocation_endpoint.is_some(), is_found);
    }
    // What is complete costs one request.
    let server = Server::with(vec![(OAUTH, 200, metadata("", revocation))]);
    server.discover("").unwrap();
    assert_eq!(server.asked(), [OAUTH]);
}

#[test]
fn the_reason_is_the_one_of_the_place_that_came_nearest() {
    let malformed = || (OPENID, 200, "{".to_owned());
    for (answers, told) in [
        (
            vec![(OAUTH, 503, String::new()), malformed()],
            "is malformed",
        ),
        (
            vec![(OAUTH, 404, String::new()), (OPENID, 429, String::new())],
            "status 429",
        ),
        (
            vec![(OAUTH, 200, "<html>".into()), malformed()],
            "is malformed",
        ),
        (vec![(OAUTH, 200, "<html>".into())], "publishes no"),
    ] {
        let error = Server::with(answers).discover("").unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn malformed_metadata_never_panics(garbage: Vec<u8>, field in 0usize..5, value: String) {
        prop_assert!(Document::read(&garbage).is_err());
        let fields = ["issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "scopes_supported"];
        let _ = document(|doc| doc[fields[field]] = value.clone().into());
    }
}
