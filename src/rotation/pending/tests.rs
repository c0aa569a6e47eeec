//! Tests.

use super::super::testing::{After, Provider, ago, listed, options, slots, step};
use super::*;
use crate::credential::ErrorCode;
use crate::lifecycle::testing::parts;
use crate::secret::Secret;

/// A pending key that was created `minutes` ago.
fn pending(id: Option<&str>, minutes: i64) -> Slots {
    Slots {
        pending: Some(Made {
            parts: parts("new"),
            id: id.map(Secret::new),
            at: ago(minutes),
            expires: None,
        }),
        ..slots()
    }
}

fn verify(slots: Slots, provider: Provider) -> After<bool> {
    step(slots, provider, &options(), |engine| {
        verify_pending(engine, &mut Report::default())
    })
}

fn says(verdicts: Vec<(&'static str, Verdict)>) -> Provider {
    Provider {
        verdicts,
        ..Provider::default()
    }
}

#[test]
fn a_new_key_that_works_is_handed_out_and_the_old_one_is_kept_for_its_grace_period() {
    let after = verify(
        pending(Some("id-new"), 0),
        says(vec![("new", Verdict::Good)]),
    );
    assert!(after.result.unwrap());
    assert_eq!(after.slots.active["key"].expose(), "new");
    assert!(after.slots.pending.is_none());
    assert_eq!(after.slots.retiring[0].parts["key"].expose(), "active");
    let none = verify(slots(), Provider::default());
    assert!(!none.result.unwrap(), "there is nothing to switch to");
}

#[test]
fn a_new_key_with_fewer_permissions_than_the_old_one_waits() {
    let both = |old| vec![("new", Verdict::Forbidden), ("active", old)];
    let after = verify(pending(Some("id-new"), 0), says(both(Verdict::Good)));
    assert!(matches!(after.result, Err(Error::NotAccepted { .. })));
    assert!(after.slots.pending.is_some());
    let after = verify(pending(Some("id-new"), 0), says(both(Verdict::Forbidden)));
    assert!(after.result.unwrap(), "the old one has no more");
}

#[test]
fn c4_a_provider_that_cannot_be_asked_has_refused_nothing() {
    for reason in ["dns error", "connection refused", "timed out", "status 503"] {
        let answers = says(vec![("new", Verdict::Unreachable(reason.into()))]);
        let after = verify(pending(Some("id-new"), 0), answers);
        let error = after.result.unwrap_err();
        assert!(matches!(&error, Error::NotVerified { .. }), "{error}");
        assert!(after.slots.pending.is_some());
        assert_eq!(error.code(), ErrorCode::Unreachable);
    }
}

#[test]
fn a_new_key_that_the_provider_does_not_know_is_dropped_once_it_would_have_to() {
    // It may still become known.
    let after = verify(pending(Some("id-new"), 1), Provider::default());
    assert!(matches!(after.result, Err(Error::NotAccepted { .. })));
    assert!(after.slots.pending.is_some() && after.revoked.is_empty());
    // It is listed, so it exists.
    let there = Provider::default().listing(vec![listed("id-new", "new")]);
    let after = verify(pending(Some("id-new"), 11), there);
    assert!(after.result.is_err() && after.slots.pending.is_some());
    // It is not in the list, but the list may have more.
    let mut partial = Provider::default();
    partial.listing.is_partial = true;
    let after = verify(pending(Some("id-new"), 11), partial);
    assert!(after.result.is_err() && after.slots.pending.is_some());
    // It is gone. It is revoked all the same.
    let other = || Provider::default().listing(vec![listed("id-other", "x")]);
    let after = verify(pending(Some("id-new"), 11), other());
    assert!(!after.result.unwrap());
    assert!(after.slots.pending.is_none());
    assert_eq!(after.revoked, ["id-new"]);
    assert_eq!(after.slots.active["key"].expose(), "active");
    // A key that a person typed is theirs to type again.
    let after = verify(pending(None, 0), Provider::default());
    assert!(!after.result.unwrap() && after.slots.pending.is_none());
    assert!(after.revoked.is_empty());
}

#[test]
fn a_slot_is_always_listed_so_its_value_counts() {
    let slot = |value| {
        let mut key = listed("key2", "");
        key.value = Some(Secret::new(value));
        Provider {
            leaves_orphans: false,
            ..Provider::default().listing(vec![key])
        }
    };
    let after = verify(pending(Some("key2"), 11), slot("new"));
    assert!(after.result.is_err() && after.slots.pending.is_some());
    let after = verify(pending(Some("key2"), 11), slot("another"));
    assert!(!after.result.unwrap() && after.slots.pending.is_none());
}
