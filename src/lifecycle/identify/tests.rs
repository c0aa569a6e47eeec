//! Tests.

use super::super::login::tests::{attempt, reply};
use super::super::testing::{Home, Server, json};
use super::*;
use jiff::SignedDuration;

fn ask(
    attempt: &Attempt,
    known: Option<&Bound>,
) -> (Result<Option<Person>, LoginError>, Vec<String>) {
    let (home, mut warnings) = (Home::new(), Vec::new());
    let reply = reply(None);
    let person = identify(&home.context(), attempt, None, &reply, known, &mut warnings);
    (person, warnings)
}

fn subject(subject: &str) -> Bound {
    Bound {
        subject: Some(subject.to_owned()),
        ..Bound::default()
    }
}

#[test]
fn the_account_is_asked_for_and_compared() {
    let answers = || Server::answering(vec![Some(json(200, r#"{"id":7,"login":"me"}"#))]);
    let server = answers();
    let (person, warnings) = ask(&attempt(&server.url), None);
    let person = person.unwrap().unwrap();
    assert_eq!(
        (person.subject.as_str(), person.label.as_deref()),
        ("7", Some("me"))
    );
    assert!(warnings.is_empty());
    let (same, _) = ask(&attempt(&answers().url), Some(&subject("7")));
    assert!(same.is_ok());
    let (other, _) = ask(&attempt(&answers().url), Some(&subject("8")));
    assert!(matches!(other, Err(LoginError::OtherAccount { .. })));
    let replacing = Attempt {
        replace: true,
        ..attempt(&answers().url)
    };
    assert!(ask(&replacing, Some(&subject("8"))).0.is_ok());
}

#[test]
fn an_account_that_cannot_be_determined_is_a_failure_only_where_it_matters() {
    let server = Server::answering(vec![]);
    let (person, warnings) = ask(&attempt(&server.url), None);
    assert_eq!((person.unwrap(), warnings.len()), (None, 1));
    let (person, _) = ask(&attempt(&server.url), Some(&Bound::default()));
    assert_eq!(person.unwrap(), None);
    let (person, _) = ask(&attempt(&server.url), Some(&subject("7")));
    assert!(matches!(person, Err(LoginError::Unidentified(_))));
}

#[test]
fn a_token_for_chosen_origins_is_not_sent_elsewhere() {
    let server = Server::answering(vec![Some(json(200, r#"{"id":7,"login":"me"}"#))]);
    let chosen = Attempt {
        origins: vec!["https://chosen.test".parse().unwrap()],
        ..attempt(&server.url)
    };
    assert_eq!(ask(&chosen, None).0.unwrap(), None);
    assert!(server.bodies().is_empty());
    let chosen = Attempt {
        origins: vec![server.url.parse().unwrap()],
        ..attempt(&server.url)
    };
    assert!(ask(&chosen, None).0.unwrap().is_some());
}

/// An answer with an ID token of an issuer that is not checked, and the time of its server.
fn with_id_token(text: &str, date: Option<Timestamp>) -> (Option<Person>, Vec<String>) {
    let (home, mut warnings) = (Home::new(), Vec::new());
    let reply = TokenReply {
        id_token: Some(Secret::new(text)),
        date,
        ..reply(None)
    };
    let mut attempt = attempt("https://as.test");
    attempt.oauth.whoami = None;
    let person = identify(&home.context(), &attempt, None, &reply, None, &mut warnings);
    (person.unwrap(), warnings)
}

fn id_token(claims: &serde_json::Value) -> String {
    let payload = crate::secret::base64url(claims.to_string().as_bytes());
    format!("e30.{payload}.sig")
}

#[test]
fn h1_a_login_works_without_an_id_token_that_can_be_read() {
    for text in ["a.b.c.d.e", "garbage", "e30.!.sig", "e30.e30.sig.x"] {
        let (person, warnings) = with_id_token(text, None);
        assert!(person.is_none() && warnings.len() == 1, "{text}");
        assert!(warnings[0].contains("ID token is"), "{warnings:?}");
    }
    let (person, warnings) = with_id_token(
        &id_token(&serde_json::json!({"sub": 58318, "aud": "tool"})),
        None,
    );
    assert_eq!(
        (person.unwrap().subject, warnings.len()),
        ("58318".into(), 0)
    );
}

#[test]
fn n2_the_time_of_the_server_counts_and_another_one_is_told() {
    for (minutes, warned) in [
        (-60, "60 minutes ahead of"),
        (-10, "10 minutes ahead of"),
        (10, "minutes behind"),
        (-4, ""),
        (4, ""),
    ] {
        let server = Timestamp::now() + SignedDuration::from_mins(minutes);
        let end = server + SignedDuration::from_secs(60);
        let token =
            id_token(&serde_json::json!({"sub": "7", "aud": "tool", "exp": end.as_second()}));
        let (person, warnings) = with_id_token(&token, Some(server));
        assert_eq!(person.unwrap().subject, "7");
        assert_eq!(warnings.is_empty(), warned.is_empty(), "{warnings:?}");
        assert!(
            warnings.iter().all(|text| text.contains(warned)),
            "{warnings:?}"
        );
    }
}
