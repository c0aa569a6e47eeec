//! Tests.

use super::super::testing::{Home, parts};
use super::*;
use crate::credential::{LastError, Slots};

#[test]
fn a_copy_has_a_new_id_and_everything_that_is_known() {
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    home.key(&name, Slots::of(parts("k")));
    home.leave(&name, |entry| {
        entry.rotation.agreed = true;
        entry.rotation.progress = None;
        entry.changed_at = Timestamp::UNIX_EPOCH;
        entry.login.last_error = Some(LastError {
            at: Timestamp::now(),
            code: crate::credential::ErrorCode::Unreachable,
            reason: String::new(),
            answered_since: None,
        });
    });
    let mut found = home.found(&name).unwrap();
    found.sealed.access.push(crate::credential::AccessToken {
        token: crate::secret::Secret::new("a"),
        received_at: Timestamp::now(),
        expires_at: None,
        scope: Vec::new(),
        resource: None,
    });
    found.entry.login.access_expires_at = Some(Timestamp::now());
    assert_eq!(cached(&found).access.len(), 1);
    let mut with_pending = home.found(&name).unwrap();
    let slots = Slots {
        making: vec![crate::credential::Making {
            label: "x".into(),
            known: Vec::new(),
            at: Timestamp::now(),
            roll: false,
        }],
        ..Slots::of(parts("k"))
    };
    with_pending.record.secret = Some(crate::credential::SecretPart::Key(slots));
    let (record, entry) = copy(&found, &name, StoreKind::Keychain).unwrap();
    assert_ne!(record.id, found.record.id);
    assert_eq!(record.bound, found.record.bound);
    assert_eq!((&entry.id, entry.store), (&record.id, StoreKind::Keychain));
    assert_eq!(entry.bound, record.bound);
    assert!(entry.state.is_adding() && entry.rotation.agreed);
    assert!(entry.changed_at > found.entry.changed_at);
    assert_eq!(entry.created_at, found.entry.created_at);
    assert!(entry.login.last_error.is_none() && entry.rotation.progress.is_none());
    assert!(entry.login.access_expires_at.is_none());
    let (_, entry) = copy(&with_pending, &name, StoreKind::Keychain).unwrap();
    assert!(
        entry.rotation.progress.is_some(),
        "it is that of the record"
    );
    let context = home.context();
    let same = relocate(&context.claim(&name).unwrap(), StoreKind::Vault);
    assert!(matches!(same, Err(Error::Unsuitable(_))));
    assert!(home.found(&name).is_some());
}
