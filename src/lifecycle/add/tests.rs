//! Tests.

use super::super::testing::{Home, parts};
use super::super::{existing, recover};
use crate::credential::{Bound, Kind, Name, Record, SecretPart, Slots, StoreKind};
use crate::credential::{Entry, State};
use crate::sealed::Sealed;
use jiff::Timestamp;

#[test]
fn a_failed_addition_brings_back_what_it_would_have_replaced() {
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    let first = home.key(&name, Slots::of(parts("first")));
    let secret = SecretPart::Key(Slots::of(parts("second")));
    let record = Record::new(name.clone(), Bound::default(), secret).unwrap();
    let entry = Entry::adding(&record, Kind::Key, StoreKind::Vault, Timestamp::now());
    home.break_vault();
    let context = home.context();
    let claim = context.claim(&name).unwrap();
    assert!(super::add(&claim, &entry, &record, Sealed::default()).is_err());
    home.mend_vault();
    // It could not even be undone, so the entry still says what happened.
    let left = home.index.find(&name).unwrap().unwrap();
    assert!(matches!(left.state, State::Adding { .. }) && left.id == record.id);
    recover(&claim).unwrap();
    let found = existing(&claim, false).unwrap().found.unwrap();
    assert_eq!(found.entry.id, first.entry.id);
    assert_eq!(
        found.record.slots().unwrap().active["key"].expose(),
        "first"
    );
}

#[test]
fn what_an_addition_replaces_is_deleted() {
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    let first = home.key(&name, Slots::of(parts("first")));
    let secret = SecretPart::Key(Slots::of(parts("second")));
    let record = Record::new(name.clone(), Bound::default(), secret).unwrap();
    let entry = Entry::adding(&record, Kind::Key, StoreKind::Vault, Timestamp::now());
    let context = home.context();
    let claim = context.claim(&name).unwrap();
    let saved = super::add(&claim, &entry, &record, Sealed::default()).unwrap();
    assert!(saved.in_store && saved.warnings.is_empty());
    assert!(!home.has_item(&first.entry));
    assert_eq!(home.items(), 1);
    assert!(home.found(&name).unwrap().entry.state.is_active());
}
