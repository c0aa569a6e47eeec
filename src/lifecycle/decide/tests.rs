//! Tests.

use super::*;
use crate::credential::Bound;
use crate::sealed::FailureKind;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

fn token(text: &str, received: i64, lives: Option<i64>) -> AccessToken {
    AccessToken {
        token: Secret::new(text),
        received_at: at(received),
        expires_at: lives.map(|lives| at(received + lives)),
        scope: Vec::new(),
        resource: None,
    }
}

fn login(refresh: Option<&str>, access: Option<AccessToken>) -> Record {
    let secret = SecretPart::Login {
        refresh_token: refresh.map(Secret::new),
        access,
    };
    Record::new("acme".parse().unwrap(), Bound::default(), secret).unwrap()
}

fn sealed(token: Option<AccessToken>, failure: Option<FailedAttempt>) -> Sealed {
    Sealed {
        record: None,
        access: token.into_iter().collect(),
        failure,
    }
}

fn failed(seconds: i64, retry: i64) -> FailedAttempt {
    FailedAttempt {
        at: at(seconds),
        kind: FailureKind::Unreachable,
        reason: "503".into(),
        retry_after: at(retry),
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_token_is_usable_for_the_wanted_time_or_a_quarter_of_its_life() {
    for (lives, age, usable) in [
        (3600, 0, true),
        (3600, 3540, true),
        (3600, 3541, false),
        (5, 3, true),
        (5, 4, false),
        (100, 75, true),
        (100, 76, false),
        (100, 100, false),
        (100, -1, false),
    ] {
        assert_eq!(
            is_usable(&token("a", 0, Some(lives)), MINUTE, at(age)),
            usable,
            "{lives} {age}"
        );
    }
    assert!(is_usable(&token("a", 0, None), MINUTE, at(1_000_000)));
    assert!(
        is_usable(&token("a", 0, None), MINUTE, at(-1)),
        "nothing is counted from its receipt"
    );
    assert!(!is_usable(&token("a", 0, Some(10)), Duration::ZERO, at(10)));
}

#[test]
fn the_first_step_uses_a_valid_token_and_refreshes_others() {
    let record = login(Some("r"), None);
    let wanted = Wanted::default();
    let step = |token, failure| first_step(&record, &sealed(token, failure), &wanted, at(10));
    assert!(matches!(
        step(Some(token("a", 0, Some(3600))), None),
        Step::Use(_)
    ));
    assert!(matches!(
        step(Some(token("a", 0, Some(10))), None),
        Step::Refresh
    ));
    assert!(matches!(step(None, None), Step::Refresh));
    assert!(
        matches!(step(None, Some(failed(5, 15))), Step::Repeat(_)),
        "before retry_after"
    );
    assert!(
        matches!(step(None, Some(failed(5, 10))), Step::Refresh),
        "after it"
    );
    assert!(
        matches!(step(None, Some(failed(20, 30))), Step::Refresh),
        "a failure from the future is a clock's"
    );
    let force = Wanted {
        force: true,
        ..Wanted::default()
    };
    assert!(matches!(
        first_step(
            &record,
            &sealed(Some(token("a", 0, Some(3600))), None),
            &force,
            at(1)
        ),
        Step::Refresh
    ));
}

#[test]
fn under_the_lock_a_new_token_of_another_process_is_used() {
    let record = login(Some("r"), None);
    let old = Secret::new("old");
    let step = |wanted: &Wanted, token, failure| {
        step_under_lock(
            &record,
            &sealed(token, failure),
            wanted,
            Some(&old),
            at(0),
            at(10),
        )
    };
    let force = Wanted {
        force: true,
        ..Wanted::default()
    };
    for wanted in [Wanted::default(), force.clone()] {
        assert!(
            matches!(
                step(&wanted, Some(token("new", 5, Some(6))), None),
                Step::Use(_)
            ),
            "not expired is enough"
        );
        assert!(matches!(
            step(&wanted, Some(token("new", 5, Some(5))), None),
            Step::Refresh
        ));
        assert!(matches!(
            step(&wanted, Some(token("old", 0, Some(11))), None),
            Step::Refresh
        ));
    }
    assert!(
        matches!(
            step(&Wanted::default(), None, Some(failed(5, 6))),
            Step::Repeat(_)
        ),
        "whoever was waiting then"
    );
    assert!(matches!(
        step(&Wanted::default(), None, Some(failed(-5, 6))),
        Step::Refresh
    ));
    let unseen = step_under_lock(
        &record,
        &sealed(Some(token("x", 0, Some(3600))), None),
        &force,
        None,
        at(0),
        at(10),
    );
    assert!(
        matches!(unseen, Step::Refresh),
        "forced: a token nobody saw before is no answer"
    );
}

#[test]
fn without_a_refresh_token_the_access_token_is_the_secret() {
    let wanted = Wanted::default();
    let record = login(None, Some(token("gho", 0, None)));
    assert!(matches!(
        first_step(&record, &Sealed::default(), &wanted, at(9)),
        Step::Use(_)
    ));
    for asks in [
        Wanted {
            force: true,
            ..Wanted::default()
        },
        Wanted {
            scope: vec!["narrow".into()],
            ..Wanted::default()
        },
        Wanted {
            resource: Some("https://a.test".into()),
            ..Wanted::default()
        },
    ] {
        assert!(
            matches!(
                first_step(&record, &Sealed::default(), &asks, at(9)),
                Step::Cannot
            ),
            "{asks:?}"
        );
    }
    let record = login(None, Some(token("gho", 0, Some(5))));
    assert!(matches!(
        first_step(&record, &Sealed::default(), &wanted, at(9)),
        Step::LogIn
    ));
}

#[test]
fn a_stored_failure_blocks_requests_only_for_a_limited_time() {
    let record = login(Some("r"), None);
    let far = first_step(
        &record,
        &sealed(None, Some(failed(0, 1_000_000))),
        &Wanted::default(),
        at(3601),
    );
    assert!(matches!(far, Step::Refresh));
}
