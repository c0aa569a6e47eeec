//! Tests.

use super::super::testing::{Home, parts};
use super::*;
use crate::credential::{Bound, SecretPart, Slots};
use crate::secret::Secret;

#[test]
fn the_record_is_the_newer_of_the_two() {
    let secret = |text: &str| SecretPart::Login {
        refresh_token: Some(Secret::new(text)),
        access: None,
    };
    let first = Record::new("acme".parse().unwrap(), Bound::default(), secret("r1")).unwrap();
    let second = first.next(Bound::default(), secret("r2"));
    let sealed = |record: &Record| Sealed {
        record: Some(record.clone()),
        ..Sealed::default()
    };
    let pick = |stored: &Record, sealed: &Sealed| {
        let (record, behind) = newest(stored.clone(), sealed);
        (record.generation, behind, record.kind().is_some())
    };
    assert_eq!(pick(&first, &Sealed::default()), (1, false, true));
    assert_eq!(
        pick(&first, &sealed(&second)),
        (2, true, true),
        "a write that timed out"
    );
    assert_eq!(
        pick(&second, &sealed(&first)),
        (2, false, true),
        "the store was quicker"
    );
    assert_eq!(
        pick(&second.stub(), &sealed(&second)),
        (2, false, true),
        "a store with small items"
    );
    assert_eq!(
        pick(&second.stub(), &sealed(&first)),
        (2, false, false),
        "and its sealed file lost"
    );
}

#[test]
fn a_sealed_file_counts_as_far_as_it_can_be_read() {
    use crate::credential::AccessToken;
    use crate::sealed::{FailedAttempt, FailureKind};
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    let first = home.login(&name, Bound::default(), "r1");
    let now = jiff::Timestamp::now();
    let token = AccessToken {
        token: Secret::new("a1"),
        received_at: now,
        expires_at: None,
        scope: Vec::new(),
        resource: None,
    };
    let sealed = Sealed {
        record: Some(first.record.clone()),
        access: vec![token],
        failure: Some(FailedAttempt {
            at: now,
            kind: FailureKind::Unreachable,
            reason: String::new(),
            retry_after: now,
        }),
    };
    home.seal(&first.record, &sealed);
    let found = home.found(&name).unwrap();
    assert!(found.sealed.access.len() == 1 && found.sealed.failure.is_some());
    // Only the store took the last change.
    let secret = SecretPart::Login {
        refresh_token: Some(Secret::new("r2")),
        access: None,
    };
    home.store(&first.record.next(Bound::default(), secret));
    let found = home.found(&name).unwrap();
    assert!(found.sealed.access.is_empty() && found.sealed.failure.is_none());
    assert_eq!(found.record.generation, 2);
    // A damaged one is ignored, unless it may have a newer record.
    home.damage_seal(&first.record);
    assert_eq!(home.found(&name).unwrap().warnings.len(), 1);
    home.leave(&name, |entry| entry.generation = 3);
    let error = look(&home.context(), &name).err().unwrap();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    // Neither is an entry without an item a credential.
    let gone: Name = "acme/gone".parse().unwrap();
    let key = home.key(&gone, Slots::of(parts("k")));
    assert!(can_read(&home.context(), &key.entry).unwrap());
    home.leave(&gone, |entry| {
        entry.id = crate::credential::Id::random().unwrap()
    });
    let entry = match look(&home.context(), &gone).unwrap() {
        Look::Absent(entry) => entry,
        _ => panic!("the store has no such item"),
    };
    assert!(!can_read(&home.context(), &entry).unwrap());
    home.leave(&gone, |entry| {
        entry.state = crate::credential::State::Removing { earlier: None };
    });
    assert!(matches!(look(&home.context(), &gone), Ok(Look::Incomplete)));
}

#[test]
fn an_edited_entry_gives_nothing_out() {
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    let bound = Bound {
        origins: vec!["https://api.acme.test".parse().unwrap()],
        headers: vec!["X-Key: {key}".into()],
        ..Bound::default()
    };
    home.put(&name, bound, SecretPart::Key(Slots::of(parts("k"))));
    let refused = || match look(&home.context(), &name) {
        Ok(Look::Found(_)) => None,
        Err(Error::Refused { reason, .. }) => Some(reason),
        _ => panic!("neither there nor refused"),
    };
    home.leave(&name, |entry| entry.bound.origins.clear());
    assert!(refused().unwrap().contains("edited"));
    // The index is written last, so an entry that is behind was not edited.
    home.leave(&name, |entry| entry.generation = 0);
    assert_eq!(refused(), None);
    home.leave(&name, |entry| entry.generation = 9);
    assert!(refused().is_some());
}

#[test]
fn a_record_under_another_name_or_id_is_not_used() {
    let home = Home::new();
    let (mine, other): (Name, Name) = ("acme".parse().unwrap(), "acme/other".parse().unwrap());
    let found = home.key(&mine, Slots::of(parts("k")));
    let record = home.key(&other, Slots::of(parts("o"))).record;
    assert!(check_identity(&found.entry, &found.record).is_ok());
    let (mut renamed, mut swapped) = (found.record.clone(), found.record.clone());
    renamed.name = other;
    swapped.id = record.id;
    for wrong in [renamed, swapped] {
        let error = check_identity(&found.entry, &wrong);
        assert!(matches!(error, Err(Error::Swapped { .. })));
    }
}
