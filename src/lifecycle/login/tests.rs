//! Tests.

use super::super::testing::{Home, Server, json};
use super::*;

/// A login at a server whose endpoints are all `url`.
pub fn attempt(url: &str) -> Attempt {
    let text = format!(
        r#"
        name = "acme"
        title = "Acme"
        origins = ["{url}"]
        [oauth]
        authorization_endpoint = "{url}"
        token_endpoint = "{url}"
        whoami = {{ url = "{url}", subject = "/id", label = "/login" }}
    "#
    );
    let row: Row = toml::from_str(&text).unwrap();
    let row = row.resolve(&BTreeMap::new()).unwrap();
    Attempt {
        name: "acme".parse().unwrap(),
        oauth: row.oauth.clone().unwrap(),
        row,
        variables: BTreeMap::new(),
        is_new_provider: false,
        client: Registration {
            id: "tool".into(),
            secret: None,
            is_new: true,
        },
        store: StoreKind::Vault,
        redirect_uri: "http://127.0.0.1:1/".into(),
        scopes: vec!["read".into()],
        asked: vec!["read".into(), "write".into()],
        origins: Vec::new(),
        replace: false,
    }
}

pub fn reply(refresh_token: Option<&str>) -> TokenReply {
    TokenReply {
        access_token: Secret::new("a"),
        refresh_token: refresh_token.map(Secret::new),
        expires_in: Some(60),
        refresh_expires_in: None,
        scope: None,
        id_token: None,
        date: None,
    }
}

fn person(subject: &str) -> Person {
    Person {
        subject: subject.into(),
        label: Some("me".into()),
    }
}

fn log_in(home: &Home, attempt: &Attempt, refresh: Option<&str>, who: &str) -> Done {
    let context = home.context();
    let claim = context.claim(&attempt.name).unwrap();
    let before = home.found(&attempt.name);
    put_login(
        &claim,
        attempt,
        before.as_ref(),
        reply(refresh),
        Some(person(who)),
        Timestamp::now(),
    )
    .unwrap()
}

fn refresh_token(home: &Home, attempt: &Attempt) -> Option<String> {
    let record = home.found(&attempt.name).unwrap().record;
    match record.secret {
        Some(SecretPart::Login { refresh_token, .. }) => {
            refresh_token.map(|token| token.expose().to_owned())
        }
        _ => None,
    }
}

#[test]
fn a_login_is_bound_to_what_it_was_made_with() {
    let (home, attempt) = (Home::new(), attempt("https://acme.test"));
    let done = log_in(&home, &attempt, Some("r1"), "7");
    assert!(done.refreshable && done.account.as_deref() == Some("me"));
    assert_eq!(done.warnings, ["the provider did not grant write"]);
    let bound = home.found(&attempt.name).unwrap().record.bound;
    assert_eq!(bound.token_endpoint.as_deref(), Some("https://acme.test"));
    assert_eq!(bound.client_id.as_deref(), Some("tool"));
    assert_eq!(bound.subject.as_deref(), Some("7"));
    assert_eq!(
        (bound.scopes.as_slice(), bound.chosen_origins),
        (&["read".to_owned()][..], false)
    );
    assert_eq!(bound.origins, ["https://acme.test".parse().unwrap()]);
    assert!(
        crate::config::Client::read(&home.paths, "acme")
            .unwrap()
            .is_some()
    );
}

#[test]
fn chosen_origins_last_until_others_are_chosen() {
    let (home, mut attempt) = (Home::new(), attempt("https://acme.test"));
    attempt.origins = vec!["https://chosen.test".parse().unwrap()];
    let origins = |attempt: &Attempt| {
        log_in(&home, attempt, Some("r1"), "7");
        let bound = home.found(&attempt.name).unwrap().record.bound;
        (bound.origins, bound.chosen_origins)
    };
    let chosen = (attempt.origins.clone(), true);
    assert_eq!(origins(&attempt), chosen);
    attempt.origins.clear();
    assert_eq!(origins(&attempt), chosen);
    // Those of the row are not a choice.
    attempt.origins = attempt.row.bound_origins().unwrap();
    assert_eq!(origins(&attempt), (attempt.origins.clone(), false));
}

#[test]
fn an_earlier_refresh_token_is_kept_for_the_same_account_and_client() {
    let home = Home::new();
    let other = attempt;
    let attempt = attempt("https://acme.test");
    log_in(&home, &attempt, Some("r1"), "7");
    assert!(log_in(&home, &attempt, None, "7").refreshable);
    assert_eq!(refresh_token(&home, &attempt).as_deref(), Some("r1"));
    let other_client = Attempt {
        client: Registration {
            id: "other".into(),
            secret: None,
            is_new: true,
        },
        ..other("https://acme.test")
    };
    assert!(!log_in(&home, &other_client, None, "7").refreshable);
    log_in(&home, &other_client, Some("r2"), "7");
    assert!(
        !log_in(&home, &other_client, None, "8").refreshable,
        "another account"
    );
}

#[test]
fn a_code_is_redeemed_at_the_token_endpoint() {
    let body = r#"{"access_token":"a","token_type":"Bearer"}"#;
    let server = Server::answering(vec![Some(json(200, body))]);
    let (home, attempt) = (Home::new(), attempt(&server.url));
    let grant = Grant::code(&Secret::new("c1"), &attempt.redirect_uri, None);
    let (reply, _) = redeem(&home.context(), &attempt, &grant).unwrap();
    assert_eq!(reply.access_token.expose(), "a");
    assert!(server.bodies()[0].contains("code=c1"));
    let denied = redeem(&home.context(), &attempt, &grant);
    assert!(denied.is_err(), "a code works once");
}

/// A code whose client was refused is still good.
#[test]
fn b8_the_other_way_to_authenticate_a_client_follows_at_once() {
    let good = r#"{"access_token":"a","token_type":"Bearer"}"#;
    let refusal = |code: &str| json(401, &format!("{{\"error\":\"{code}\"}}"));
    let home = Home::new();
    let redeem_at = |answers: Vec<String>, prepare: fn(&mut Attempt)| {
        let server = Server::answering(answers.into_iter().map(Some).collect());
        let mut attempt = attempt(&server.url);
        attempt.client.secret = Some(Secret::new("s3cret"));
        attempt.oauth.client_auth = ClientAuth::Basic;
        attempt.oauth.client_auth_fallback = Some(ClientAuth::Post);
        attempt.is_new_provider = true;
        prepare(&mut attempt);
        let grant = Grant::code(&Secret::new("c1"), &attempt.redirect_uri, None);
        let done = redeem(&home.context(), &attempt, &grant);
        (done, server.bodies())
    };
    for answer in [
        refusal("invalid_client"),
        refusal("unauthorized_client"),
        json(
            400,
            r#"{"error":"invalid_client","error_description":"use post"}"#,
        ),
        json(
            400,
            r#"{"error":"invalid_request","error_description":"Missing parameter: client_id"}"#,
        ),
        json(401, "no"),
    ] {
        let (done, bodies) = redeem_at(vec![answer, json(200, good)], |_| {});
        let (reply, attempt) = done.unwrap();
        assert_eq!(reply.access_token.expose(), "a");
        assert_eq!(attempt.client_auth(), ClientAuth::Post);
        let row = attempt.row.oauth.as_ref().unwrap();
        assert_eq!(
            (row.client_auth, row.client_auth_fallback),
            (ClientAuth::Post, None)
        );
        let sent = |body: &String| body.contains("client_secret=s3cret");
        assert!(!sent(&bodies[0]) && sent(&bodies[1]), "{bodies:?}");
    }
    // A server that announces only Basic may want the id in the body as well.
    let (done, bodies) = redeem_at(
        vec![refusal("invalid_client"), json(200, good)],
        |attempt| attempt.oauth.client_auth_fallback = Some(ClientAuth::BasicWithId),
    );
    assert_eq!(done.unwrap().1.client_auth(), ClientAuth::BasicWithId);
    let has_id = |body: &String| body.contains("client_id=tool");
    assert!(!has_id(&bodies[0]) && has_id(&bodies[1]), "{bodies:?}");
    // One request, where nothing else can help.
    let other = |answer: String, prepare: fn(&mut Attempt)| {
        let (done, bodies) = redeem_at(vec![answer, json(200, good)], prepare);
        assert!(done.is_err());
        assert_eq!(bodies.len(), 1);
    };
    other(refusal("invalid_grant"), |_| {});
    other(refusal("invalid_client"), |attempt| {
        attempt.client.secret = None
    });
    other(refusal("invalid_client"), |attempt| {
        attempt.oauth.client_auth_fallback = None
    });
    other(json(503, "{}"), |_| {});
    // Both refused: what the first refusal says counts.
    let first = json(
        401,
        r#"{"error":"invalid_client","error_description":"first"}"#,
    );
    let (done, bodies) = redeem_at(vec![first, refusal("invalid_client")], |_| {});
    assert!(done.err().unwrap().to_string().contains("first") && bodies.len() == 2);
}
