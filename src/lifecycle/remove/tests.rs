//! Tests.

use super::super::testing::{Home, Server, json, parts};
use super::*;
use crate::credential::{Bound, Leftover, Name, Slots, StoreKind};

fn name() -> Name {
    "acme".parse().unwrap()
}

fn bound(server: Option<&Server>) -> Bound {
    Bound {
        revocation_endpoint: server.map(|server| server.url.clone()),
        client_id: Some("tool".into()),
        ..Bound::default()
    }
}

fn removed(home: &Home, revoke: bool) -> Result<Revocation, Error> {
    let context = home.context();
    let claim = context.claim(&name()).unwrap();
    let entry = home.index.find(&name()).unwrap().unwrap();
    remove(&claim, entry, revoke)
}

#[test]
fn a_login_is_revoked_and_deleted() {
    let server = Server::answering(vec![Some(json(200, ""))]);
    let home = Home::new();
    let found = home.login(&name(), bound(Some(&server)), "r1");
    assert!(matches!(removed(&home, true), Ok(Revocation::Done)));
    assert!(server.bodies()[0].contains("token=r1"));
    assert!(home.index.find(&name()).unwrap().is_none());
    assert!(!home.has_item(&found.entry));
}

#[test]
fn what_was_not_revoked_is_reported_unless_nobody_asked() {
    let home = Home::new();
    home.login(&name(), bound(None), "r1");
    assert!(matches!(
        removed(&home, true),
        Ok(Revocation::Failed { .. })
    ));
    let server = Server::answering(vec![]);
    home.login(&name(), bound(Some(&server)), "r1");
    assert!(matches!(removed(&home, false), Ok(Revocation::Skipped)));
    assert!(server.bodies().is_empty());
    home.key(&name(), Slots::of(parts("k")));
    assert!(matches!(removed(&home, true), Ok(Revocation::Skipped)));
    assert_eq!(home.items(), 0);
}

#[test]
fn a_removal_says_so_first_and_takes_the_leftovers_along() {
    let home = Home::new();
    home.key(&name(), Slots::of(parts("k")));
    let other = home.key(&"acme/other".parse().unwrap(), Slots::of(parts("o")));
    home.leave(&name(), |entry| {
        entry.leftovers.push(Leftover {
            store: StoreKind::Vault,
            name: other.entry.name.clone(),
            id: other.entry.id.clone(),
            until: None,
            provided_by: None,
        });
    });
    for (revoke, state) in [(true, "removing"), (false, "forgetting")] {
        let entry = home.found(&name()).unwrap().entry;
        let marked = mark(&home.context(), entry.clone(), revoke).unwrap();
        assert_eq!(marked.state.name(), state);
        let on_disk = home.index.find(&name()).unwrap().unwrap();
        assert_eq!(on_disk.state.name(), state);
        home.index.write(&entry).unwrap();
    }
    removed(&home, false).unwrap();
    assert_eq!(home.items(), 0);
}

#[test]
fn an_entry_that_names_another_credential_s_item_is_deleted_alone() {
    let home = Home::new();
    let other = home.key(&"acme/other".parse().unwrap(), Slots::of(parts("o")));
    home.index
        .write(&Entry {
            name: name(),
            ..other.entry.clone()
        })
        .unwrap();
    assert!(matches!(removed(&home, false), Ok(Revocation::Skipped)));
    assert!(home.index.find(&name()).unwrap().is_none());
    assert!(home.has_item(&other.entry));
}

#[test]
fn a_removal_goes_on_if_the_item_is_gone_but_not_the_sealed_file() {
    let home = Home::new();
    let found = home.key(&name(), Slots::of(parts("k")));
    let sealed = home.paths.sealed().join(found.entry.id.to_string());
    home.seal(&found.record, &Sealed::default());
    let context = home.context();
    let slot = Slot::record(&name(), &found.entry.id);
    context.stores.delete(StoreKind::Vault, &slot).unwrap();
    assert!(matches!(removed(&home, false), Ok(Revocation::Skipped)));
    assert!(home.index.find(&name()).unwrap().is_none());
    assert!(!sealed.exists());
}
