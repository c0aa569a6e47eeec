//! Tests.

use super::super::testing::{Home, parts as key_parts};
use super::*;
use crate::credential::{AccessToken, Making, Slots};
use jiff::SignedDuration;

fn name() -> Name {
    "acme".parse().unwrap()
}

#[test]
fn a_key_needs_no_lock_unless_a_roll_is_not_finished() {
    let home = Home::new();
    home.key(&name(), Slots::of(key_parts("k")));
    let context = home.context();
    let held = context.claim(&name()).unwrap();
    let handed = parts(&context, &name(), &Wanted::default()).unwrap();
    assert_eq!(handed.parts["key"].expose(), "k");
    assert!(handed.warnings.is_empty());
    drop(held);
    let rolling = Slots {
        making: vec![Making {
            label: "roll".into(),
            known: Vec::new(),
            at: Timestamp::now(),
            roll: true,
        }],
        ..Slots::of(key_parts("k"))
    };
    home.key(&name(), rolling);
    assert!(parts(&context, &name(), &Wanted::default()).is_ok());
    assert!(home.paths.lock(&name()).exists());
}

#[test]
fn a_key_is_not_handed_out_once_nothing_says_how_it_is_sent() {
    let home = Home::new();
    let put = |name: &Name| {
        let secret = SecretPart::Key(Slots::of(key_parts("k")));
        home.put(name, Bound::default(), secret);
        parts(&home.context(), name, &Wanted::default())
    };
    assert!(put(&"stripe".parse().unwrap()).is_ok(), "a built-in row");
    let refused = put(&name());
    assert!(matches!(refused, Err(Error::Refused { .. })));
}

#[test]
fn a_damaged_cache_is_reported_and_costs_nothing_else() {
    let home = Home::new();
    let found = home.key(&name(), Slots::of(key_parts("k")));
    home.damage_seal(&found.record);
    let handed = parts(&home.context(), &name(), &Wanted::default()).unwrap();
    assert!(
        handed.warnings[0].contains("sealed file"),
        "{:?}",
        handed.warnings
    );
}

#[test]
fn a_login_without_a_refresh_token_has_one_access_token() {
    let home = Home::new();
    let now = Timestamp::now();
    let access = |expires_at| AccessToken {
        token: Secret::new("only"),
        received_at: now,
        expires_at: Some(expires_at),
        scope: Vec::new(),
        resource: None,
    };
    let put = |expires_at| {
        let secret = SecretPart::Login {
            refresh_token: None,
            access: Some(access(expires_at)),
        };
        let bound = Bound {
            token_endpoint: Some("https://a.test/token".into()),
            ..Bound::default()
        };
        home.put(&name(), bound, secret);
    };
    put(now + SignedDuration::from_hours(1));
    let handed = token(&home.context(), &name(), &Wanted::default()).unwrap();
    assert_eq!(handed.parts["token"].expose(), "only");
    let forced = Wanted {
        force: true,
        ..Wanted::default()
    };
    let error = token(&home.context(), &name(), &forced).err().unwrap();
    assert!(matches!(error, Error::Unsuitable(_)), "{error}");
    put(now - SignedDuration::from_mins(1));
    let error = token(&home.context(), &name(), &Wanted::default())
        .err()
        .unwrap();
    assert!(matches!(error, Error::LoginRequired { .. }), "{error}");
}

#[test]
fn an_interrupted_addition_is_finished_by_whoever_needs_the_credential() {
    let home = Home::new();
    home.key(&name(), Slots::of(key_parts("k")));
    home.leave(&name(), |entry| {
        entry.state = crate::credential::State::Adding {
            earlier: None,
            may_land_until: None,
        };
    });
    let handed = parts(&home.context(), &name(), &Wanted::default()).unwrap();
    assert_eq!(handed.parts["key"].expose(), "k");
    let missing = parts(
        &home.context(),
        &"acme/none".parse().unwrap(),
        &Wanted::default(),
    );
    assert!(matches!(missing, Err(Error::NotFound(_))));
}
