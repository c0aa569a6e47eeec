//! Tests.

use super::super::testing::{Home, Server, json};
use super::super::{parts, token};
use super::*;
use crate::audit;
use crate::credential::{Bound, ErrorCode, Name};
use jiff::SignedDuration;

fn name() -> Name {
    "acme".parse().unwrap()
}

fn bound(server: &Server) -> Bound {
    Bound {
        token_endpoint: Some(server.url.clone()),
        client_id: Some("tool".to_owned()),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        ..Bound::default()
    }
}

fn answer(access: &str, refresh: Option<&str>) -> Option<String> {
    let refresh = refresh
        .map(|token| format!(r#","refresh_token":"{token}""#))
        .unwrap_or_default();
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":3600{refresh}}}"#
    );
    Some(json(200, &body))
}

fn refused(code: &str) -> Option<String> {
    Some(json(400, &format!(r#"{{"error":"{code}"}}"#)))
}

fn stored_token(home: &Home) -> String {
    let record = home.found(&name()).unwrap().record;
    refresh_token(&record).unwrap().expose().to_owned()
}

fn get(home: &Home, wanted: &Wanted) -> Result<String, Error> {
    let handed = token(&home.context(), &name(), wanted)?;
    Ok(handed.parts["token"].expose().to_owned())
}

#[test]
fn a_successor_is_saved_and_the_cached_token_is_used_until_it_is_forced() {
    let server = Server::answering(vec![
        answer("a1", Some("r2")),
        answer("a2", None),
        answer("a3", Some("r2")),
    ]);
    let home = Home::new();
    home.login(&name(), bound(&server), "r1");
    assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
    assert_eq!(stored_token(&home), "r2");
    let found = home.found(&name()).unwrap();
    assert_eq!((found.record.generation, found.entry.generation), (2, 2));
    assert!(found.entry.login.refreshed_at.is_some() && !found.store_is_behind);
    assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
    assert_eq!(
        server.bodies().len(),
        1,
        "the second one came from the cache"
    );
    let forced = Wanted {
        force: true,
        ..Wanted::default()
    };
    home.leave(&name(), |entry| entry.login.refreshed_at = None);
    for access in ["a2", "a3"] {
        assert_eq!(get(&home, &forced).unwrap(), access);
        // The same refresh token, or none: the record does not change.
        let found = home.found(&name()).unwrap();
        assert_eq!((found.record.generation, found.entry.generation), (2, 2));
        assert!(found.entry.login.refreshed_at.is_some());
        assert!(found.entry.login.access_expires_at.is_some());
        assert!(found.warnings.is_empty());
    }
    assert!(server.bodies()[1].contains("refresh_token=r2"));
    let (events, damaged) = audit::read(&home.paths.audit()).unwrap();
    assert_eq!((events.len(), damaged), (3, 0));
    assert!(events.iter().all(|event| event.event == "refresh"));
}

#[test]
fn an_entry_that_is_behind_is_brought_up_to_date() {
    let server = Server::answering(vec![answer("a1", None)]);
    let home = Home::new();
    home.login(&name(), bound(&server), "r1");
    let second = home.login(&name(), bound(&server), "r2");
    home.leave(&name(), |entry| entry.generation = 1);
    assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
    let entry = home.found(&name()).unwrap().entry;
    assert_eq!(entry.generation, second.record.generation);
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_token() {
    let server = Server::answering(vec![None, None, answer("a1", Some("r2"))]);
    let home = Home::new();
    home.login(&name(), bound(&server), "r1");
    assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
    assert!(
        server
            .bodies()
            .iter()
            .all(|body| body.contains("refresh_token=r1"))
    );
    // Not more than twice, and that is kept for those who ask next.
    let server = Server::answering(vec![None, None, None]);
    home.login(&name(), bound(&server), "r1");
    for _ in 0..2 {
        let error = get(&home, &Wanted::default()).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        assert_eq!(server.bodies().len(), 3);
    }
    assert!(home.found(&name()).unwrap().sealed.failure.is_some());
    assert!(
        home.found(&name())
            .unwrap()
            .entry
            .login
            .last_error
            .is_some()
    );
    assert_eq!(stored_token(&home), "r1");
}

#[test]
fn a_refusal_ends_the_login_unless_another_token_is_stored_by_now() {
    let server = Server::answering(vec![refused("invalid_grant")]);
    let home = Home::new();
    home.login(&name(), bound(&server), "r1");
    for _ in 0..2 {
        let error = get(&home, &Wanted::default()).unwrap_err();
        assert!(matches!(error, Error::LoginRequired { .. }), "{error}");
    }
    assert_eq!(server.bodies().len(), 1, "the refusal is shared");
    assert_eq!(stored_token(&home), "r1", "nothing is deleted");
    // Another machine has stored its token in the same store.
    let found = home.found(&name()).unwrap();
    let context = home.context();
    let claim = context.claim(&name()).unwrap();
    assert!(!was_replaced(&claim, &found).unwrap());
    let newer = successor_of(&found.record, &Secret::new("r9"));
    home.store(&newer);
    assert!(was_replaced(&claim, &found).unwrap());
}

#[test]
fn c2_every_refusal_is_shared_for_a_moment_and_shown() {
    for (code, kind) in [
        ("invalid_client", ErrorCode::Refused),
        ("unauthorized_client", ErrorCode::Refused),
        ("something_else", ErrorCode::Refused),
        ("refresh_token_expired", ErrorCode::LoginRequired),
    ] {
        let server = Server::answering(vec![refused(code), answer("a1", None)]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        for _ in 0..3 {
            let error = get(&home, &Wanted::default()).unwrap_err();
            assert!(error.to_string().contains(code), "{error}");
        }
        assert_eq!(server.bodies().len(), 1, "{code}");
        let shown = home.found(&name()).unwrap().entry.login.last_error;
        assert_eq!(shown.unwrap().code, kind, "{code}");
        assert_eq!(stored_token(&home), "r1");
    }
    // What was asked for may be refused to one and granted to the next.
    let server = Server::answering(vec![refused("invalid_scope"), answer("a1", None)]);
    let home = Home::new();
    home.login(&name(), bound(&server), "r1");
    assert!(get(&home, &Wanted::default()).is_err());
    assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
}

#[test]
fn b1_an_answer_that_is_not_understood_is_not_asked_for_again() {
    let html = json(200, "<html><title>Sign in</title></html>");
    let more = "{\"access_token\":7,\"refresh_token\":\"r2\"}";
    for (body, says, token) in [
        (html, "\"Sign in\"", "r1"),
        (json(200, ""), "it is empty", "r1"),
        (json(204, ""), "it is empty", "r1"),
        (json(200, "[1,2]"), "no access token", "r1"),
        (json(200, more), "no access token", "r2"),
    ] {
        let server = Server::answering(vec![Some(body), answer("a1", None)]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        let error = get(&home, &Wanted::default()).unwrap_err();
        assert!(matches!(error, Error::Provider { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(server.bodies().len(), 1, "{says}");
        assert_eq!(stored_token(&home), token, "the login is still there");
    }
}

#[test]
fn d1_a_lifetime_that_was_named_once_still_counts() {
    let named = |access: &str, more: &str| {
        let body = format!("{{\"access_token\":\"{access}\",\"token_type\":\"Bearer\"{more}}}");
        Some(json(200, &body))
    };
    for lifetime in [
        ",\"expires_in\":0",
        "",
        ",\"expires_in\":null",
        ",\"expires_in\":\"soon\"",
    ] {
        let answers = vec![named("a1", ",\"expires_in\":600"), named("a2", lifetime)];
        let server = Server::answering(answers);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        let forced = Wanted {
            force: true,
            ..Wanted::default()
        };
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
        assert_eq!(get(&home, &forced).unwrap(), "a2");
        let found = home.found(&name()).unwrap();
        let token = found.sealed.token(&[], None).unwrap();
        let life = token.expires_at.unwrap().duration_since(token.received_at);
        assert_eq!(life.as_secs(), 600, "{lifetime}");
    }
}

#[test]
fn only_granted_scopes_are_asked_for_and_only_of_a_login() {
    let server = Server::answering(vec![answer("a1", None), answer("a2", None)]);
    let home = Home::new();
    home.login(&name(), bound(&server), "r1");
    let scope = |word: &str| Wanted {
        scope: vec![word.to_owned()],
        ..Wanted::default()
    };
    assert!(matches!(
        get(&home, &scope("admin")),
        Err(Error::NotGranted { .. })
    ));
    assert_eq!(get(&home, &scope("read")).unwrap(), "a1");
    assert!(server.bodies()[0].contains("scope=read"));
    // The narrower token is not the one for everything.
    assert_eq!(get(&home, &Wanted::default()).unwrap(), "a2");
    // Unless the row says so, a server is not told which scopes everything is.
    assert!(!server.bodies()[1].contains("scope="));
    let key: Name = "acme/key".parse().unwrap();
    home.key(
        &key,
        crate::credential::Slots::of(super::super::testing::parts("k")),
    );
    assert!(parts(&home.context(), &key, &Wanted::default()).is_ok());
    for wanted in [
        scope("read"),
        Wanted {
            force: true,
            ..Wanted::default()
        },
    ] {
        let refused = parts(&home.context(), &key, &wanted);
        assert!(matches!(refused, Err(Error::Unsuitable(_))));
    }
    let refused = token(&home.context(), &key, &Wanted::default());
    assert!(matches!(refused, Err(Error::Unsuitable(_))));
}

/// C5: some servers answer 500 for a login that is no longer valid.
#[test]
fn c5_a_login_that_is_put_off_for_hours_is_doubted() {
    let doubt = "the login may no longer be valid (run `authctl login acme`";
    let busy = |status| Some(json(status, r#"{"error":"server_error"}"#));
    for (hours, answers, doubted) in [
        (7, vec![busy(500)], true),
        (7, vec![busy(503)], true),
        (50, vec![busy(400)], true),
        (5, vec![busy(500)], false),
        // A clock that was wrong.
        (-3, vec![busy(500)], false),
        // The network says nothing about the login.
        (60, vec![None, None, None], false),
    ] {
        let server = Server::answering(answers);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        let began = Timestamp::now() - SignedDuration::from_hours(hours);
        let mut entry = home.found(&name()).unwrap().entry;
        entry.login.last_error = Some(crate::credential::LastError {
            at: began,
            code: ErrorCode::Unreachable,
            reason: "status 500".into(),
            answered_since: Some(began),
        });
        home.context().index.write(&entry).unwrap();
        let error = get(&home, &Wanted::default()).unwrap_err().to_string();
        assert_eq!(error.contains(doubt), doubted, "{hours}: {error}");
        let kept = home.found(&name()).unwrap().entry.login.last_error.unwrap();
        assert_eq!(
            kept.reason.contains(doubt),
            doubted,
            "`status` says it as well"
        );
        let since = kept.answered_since.unwrap();
        assert_eq!(since == began, hours > 0);
    }
    // The first such answer is remembered, and a lost one is none.
    for (answers, is_answered) in [(vec![busy(500)], true), (vec![None, None, None], false)] {
        let server = Server::answering(answers);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        assert!(get(&home, &Wanted::default()).is_err());
        let kept = home.found(&name()).unwrap().entry.login.last_error.unwrap();
        assert_eq!(kept.answered_since.is_some(), is_answered);
    }
}
