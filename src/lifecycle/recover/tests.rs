//! Tests.

use super::super::rename;
use super::super::testing::{Home, parts};
use super::*;
use crate::credential::{Bound, Leftover, Name, Record, SecretPart, Slots, StoreKind};
use jiff::SignedDuration;

fn name() -> Name {
    "acme".parse().unwrap()
}

fn recovered(home: &Home, name: &Name) -> Vec<String> {
    let context = home.context();
    recover(&context.claim(name).unwrap()).unwrap()
}

fn soon() -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(5)
}

fn over() -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(5)
}

fn adding(earlier: Option<Entry>, may_land_until: Option<Timestamp>) -> State {
    State::Adding {
        earlier: earlier.map(Box::new),
        may_land_until,
    }
}

#[test]
fn an_addition_whose_record_is_stored_is_finished() {
    let home = Home::new();
    let replaced = home.key(&"acme/old".parse().unwrap(), Slots::of(parts("old")));
    let found = home.key(&name(), Slots::of(parts("new")));
    let old = Entry {
        name: name(),
        ..replaced.entry.clone()
    };
    home.index.delete(&replaced.entry.name).unwrap();
    home.leave(&name(), |entry| entry.state = adding(Some(old), None));
    assert_eq!(recovered(&home, &name()), Vec::<String>::new());
    let entry = home.found(&name()).unwrap().entry;
    assert!(entry.state.is_active());
    assert_eq!(entry.id, found.entry.id);
}

#[test]
fn an_addition_that_never_reached_the_store_is_undone_once_it_cannot_any_more() {
    let home = Home::new();
    let kept = home.key(&name(), Slots::of(parts("kept")));
    let secret = SecretPart::Key(Slots::of(parts("never stored")));
    let record = Record::new(name(), Bound::default(), secret).unwrap();
    let interrupted = |until| {
        let earlier = kept.entry.clone();
        home.leave(&name(), |entry| {
            entry.id = record.id.clone();
            entry.state = adding(Some(earlier), until);
        });
    };
    interrupted(Some(soon()));
    recovered(&home, &name());
    let entry = home.index.find(&name()).unwrap().unwrap();
    assert_eq!(entry.id, record.id, "its write may still take effect");
    for until in [Some(over()), None] {
        interrupted(until);
        recovered(&home, &name());
        let entry = home.index.find(&name()).unwrap().unwrap();
        assert!(entry.state.is_active());
        assert_eq!(entry.id, kept.entry.id);
    }
    assert!(home.has_item(&kept.entry));
}

#[test]
fn what_an_undone_addition_replaced_comes_back_only_if_it_was_in_use() {
    let home = Home::new();
    let kept = home.key(&name(), Slots::of(parts("kept")));
    let removed = Entry {
        state: State::Removing { earlier: None },
        ..kept.entry.clone()
    };
    let id = crate::credential::Id::random().unwrap();
    home.leave(&name(), |entry| {
        entry.id = id;
        entry.state = adding(Some(removed), None);
    });
    recovered(&home, &name());
    assert!(home.index.find(&name()).unwrap().is_none());
}

#[test]
fn an_interrupted_removal_is_finished_and_a_write_that_may_land_stays_named() {
    let home = Home::new();
    let found = home.key(&name(), Slots::of(parts("k")));
    let forgetting = |may_land_until| State::Forgetting {
        earlier: None,
        may_land_until,
    };
    home.leave(&name(), |entry| entry.state = forgetting(Some(soon())));
    recovered(&home, &name());
    assert!(!home.has_item(&found.entry), "what has landed is deleted");
    assert!(home.index.find(&name()).unwrap().is_some());
    home.leave(&name(), |entry| entry.state = forgetting(Some(over())));
    recovered(&home, &name());
    assert!(home.index.find(&name()).unwrap().is_none());
}

#[test]
fn leftovers_are_deleted_and_stay_listed_while_a_write_may_land() {
    let home = Home::new();
    home.key(&name(), Slots::of(parts("k")));
    let other = home.key(&"acme/other".parse().unwrap(), Slots::of(parts("o")));
    let left = |until| Leftover {
        store: StoreKind::Vault,
        name: other.entry.name.clone(),
        id: other.entry.id.clone(),
        until,
        provided_by: None,
    };
    home.leave(&name(), |entry| {
        entry.leftovers = vec![left(None), left(Some(soon())), left(Some(over()))];
    });
    recovered(&home, &name());
    let entry = home.index.find(&name()).unwrap().unwrap();
    assert_eq!(entry.leftovers.len(), 1);
    assert!(
        entry.leftovers[0]
            .until
            .is_some_and(|until| until > Timestamp::now())
    );
    assert!(!home.has_item(&other.entry));
}

/// A rename that was interrupted after the new record was stored, or before.
fn interrupted_rename(home: &Home, stored: bool) -> (Name, Name, Entry) {
    let (old, new): (Name, Name) = (name(), "acme/new".parse().unwrap());
    let before = home.key(&old, Slots::of(parts("k")));
    let copy = Record::new(
        new.clone(),
        before.record.bound.clone(),
        before.record.secret.clone().unwrap(),
    )
    .unwrap();
    let successor = Other {
        name: new.clone(),
        id: copy.id.clone(),
    };
    let entry = Entry {
        name: new.clone(),
        id: copy.id.clone(),
        state: adding(None, None),
        generation: copy.generation,
        predecessor: Some(Other {
            name: old.clone(),
            id: before.entry.id.clone(),
        }),
        ..before.entry.clone()
    };
    home.index.write(&entry).unwrap();
    if stored {
        home.store(&copy);
    }
    let old_entry = home.leave(&old, |entry| entry.state = State::Renaming { successor });
    (old, new, old_entry)
}

#[test]
fn an_interrupted_rename_ends_with_one_name() {
    for met in ["old", "new"] {
        let home = Home::new();
        let (old, new, old_entry) = interrupted_rename(&home, true);
        recovered(&home, if met == "old" { &old } else { &new });
        assert!(home.index.find(&old).unwrap().is_none(), "{met}");
        let entry = home.found(&new).unwrap().entry;
        assert!(
            entry.predecessor.is_none() && !home.has_item(&old_entry),
            "{met}"
        );
        assert_eq!(home.items(), 1, "{met}");
    }
    let home = Home::new();
    let (old, new, old_entry) = interrupted_rename(&home, false);
    recovered(&home, &old);
    assert_eq!(home.found(&old).unwrap().entry.id, old_entry.id);
    assert!(home.index.find(&new).unwrap().is_none());
}

#[test]
fn a_renamed_copy_whose_write_may_land_is_forgotten_not_handed_out() {
    let home = Home::new();
    let (old, new, _) = interrupted_rename(&home, false);
    home.leave(&new, |entry| entry.state = adding(None, Some(soon())));
    recovered(&home, &old);
    assert!(home.found(&old).is_some());
    let entry = home.index.find(&new).unwrap().unwrap();
    assert!(matches!(entry.state, State::Forgetting { .. }));
    assert!(entry.predecessor.is_none());
}

#[test]
fn a_rename_that_somebody_else_ended_is_left_alone() {
    let home = Home::new();
    let (old, new, old_entry) = interrupted_rename(&home, true);
    // Another entry took the new name.
    home.leave(&new, |entry| entry.predecessor = None);
    recovered(&home, &old);
    assert_eq!(home.found(&old).unwrap().entry.id, old_entry.id);
    let context = home.context();
    conclude_rename(&context.claim(&new).unwrap(), &old_entry).unwrap();
    assert!(home.found(&old).is_some());
}

#[test]
fn a_rename_moves_everything_and_the_keys_that_it_manages_know_its_new_name() {
    let home = Home::new();
    let (old, new): (Name, Name) = (name(), "acme/new".parse().unwrap());
    let before = home.key(&old, Slots::of(parts("k")));
    let managed = home.key(&"acme/managed".parse().unwrap(), Slots::of(parts("m")));
    let other = home.key(&"acme/other".parse().unwrap(), Slots::of(parts("o")));
    home.leave(&managed.entry.name, |entry| {
        entry.rotation.manager = Some(name());
    });
    let saved = rename(home.context(), &old, &new).unwrap();
    assert!(saved.warnings.is_empty());
    assert!(home.index.find(&old).unwrap().is_none());
    assert!(!home.has_item(&before.entry));
    assert_eq!(home.items(), 3);
    let found = home.found(&new).unwrap();
    assert_eq!(found.record.slots().unwrap().active["key"].expose(), "k");
    let manager = |name: &Name| home.index.find(name).unwrap().unwrap().rotation.manager;
    assert_eq!(manager(&managed.entry.name), Some(new.clone()));
    assert_eq!(manager(&other.entry.name), None);
    assert!(
        rename(home.context(), &new, &other.entry.name).is_err(),
        "taken"
    );
}

#[test]
fn a_rename_that_the_store_refuses_changes_nothing() {
    let home = Home::new();
    let before = home.key(&name(), Slots::of(parts("k")));
    // The folder for the new entry cannot be made.
    let new: Name = "other/x".parse().unwrap();
    let folder = home
        .paths
        .vault()
        .parent()
        .unwrap()
        .join("credentials/other");
    std::fs::write(folder, "in the way").unwrap();
    assert!(rename(home.context(), &name(), &new).is_err());
    let found = home.found(&name());
    assert!(found.is_none_or(|found| found.entry.id == before.entry.id));
}
