//! Tests.

use super::super::testing::{Home, parts};
use super::*;
use crate::credential::Made;

fn new_key(value: &str) -> NewKey {
    NewKey {
        parts: parts(value),
        id: None,
        every: Every::Keep,
        expires: None,
        manager: None,
        grace: SignedDuration::from_hours(1),
    }
}

fn made(name: &str) -> Slots {
    Slots {
        active_id: Some(Secret::new("id-1")),
        made: true,
        pending: Some(Made {
            parts: parts("pending"),
            id: Some(Secret::new("id-2")),
            at: Timestamp::now(),
            expires: None,
        }),
        ..Slots::of(parts(name))
    }
}

#[test]
fn a_new_key_has_its_id_and_the_recipe_that_fits_it() {
    let home = Home::new();
    home.row(
        "acme",
        r#"
        name = "acme"
        title = "Acme"
        origins = ["https://a.test"]
        [key]
        headers = ["X-Key: {key}"]
        [[rotation]]
        name = "short"
        when = { part = "key", prefixes = ["s-"] }
        kind = "assisted"
        [[rotation]]
        name = "other"
        kind = "assisted"
    "#,
    );
    let context = home.context();
    for (name, value, recipe) in [
        ("acme/a", "s-1", Some("short")),
        ("acme/b", "1", Some("other")),
        ("unknown", "1", None),
    ] {
        let name: Name = name.parse().unwrap();
        let row = context.row(&name, &Bound::default()).unwrap();
        let bound = Bound {
            origins: vec!["https://a.test".parse().unwrap()],
            shape: row.map(|row| row.shape(Kind::Key)),
            ..Bound::default()
        };
        let key = NewKey {
            id: Some(Secret::new("id-1")),
            ..new_key(value)
        };
        let claim = context.claim(&name).unwrap();
        put_key(&claim, None, bound, key, StoreKind::Vault).unwrap();
        let found = home.found(&name).unwrap();
        assert_eq!(found.entry.rotation.recipe.as_deref(), recipe);
        let slots = found.record.slots().unwrap();
        assert_eq!(slots.active_id.as_ref().unwrap().expose(), "id-1");
    }
}

#[test]
fn what_is_set_changes_and_the_rest_stays() {
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    let found = home.key(&name, made("k"));
    let context = home.context();
    let claim = context.claim(&name).unwrap();
    let change = |id: Option<&str>, manager| KeyChange {
        lifetime: None,
        every: None,
        expires: None,
        manager,
        id: id.map(Secret::new),
        bound: found.record.bound.clone(),
    };
    set_key(
        &claim,
        &found,
        change(Some("id-9"), Some(Some(name.clone()))),
    )
    .unwrap();
    let found = home.found(&name).unwrap();
    let id = |found: &Found| found.record.slots().unwrap().active_id.clone().unwrap();
    assert_eq!(id(&found).expose(), "id-9");
    assert_eq!(found.entry.rotation.manager, Some(name.clone()));
    assert!(found.record.slots().unwrap().pending.is_some());
    set_key(&claim, &found, change(None, None)).unwrap();
    let found = home.found(&name).unwrap();
    assert_eq!(id(&found).expose(), "id-9", "it was not given");
    assert_eq!(found.entry.rotation.manager, Some(name));
    let login: Name = "acme/login".parse().unwrap();
    let other = home.login(&login, Bound::default(), "r");
    let claim = context.claim(&login).unwrap();
    let refused = set_key(&claim, &other, change(None, None));
    assert!(matches!(refused, Err(Error::Unsuitable(_))));
}

#[test]
fn keys_that_a_rotation_made_are_revoked_later_where_they_belong() {
    let home = Home::new();
    let name: Name = "acme".parse().unwrap();
    let context = home.context();
    let claim = context.claim(&name).unwrap();
    let before = home.key_of(&claim, made("old"));
    let bound = before.record.bound.clone();
    put_key(
        &claim,
        Some(&before),
        bound.clone(),
        new_key("new"),
        StoreKind::Vault,
    )
    .unwrap();
    let slots = home.found(&name).unwrap().record.slots().unwrap().clone();
    assert_eq!(slots.active["key"].expose(), "new");
    assert_eq!(slots.retiring.len(), 2, "the active and the pending one");
    // Nothing is sent to another place.
    let before = home.key_of(&claim, made("old"));
    let elsewhere = Bound {
        origins: vec!["https://other.test".parse().unwrap()],
        ..bound
    };
    let saved = put_key(
        &claim,
        Some(&before),
        elsewhere,
        new_key("new"),
        StoreKind::Vault,
    );
    assert_eq!(saved.unwrap().warnings.len(), 1);
    let slots = home.found(&name).unwrap().record.slots().unwrap().clone();
    assert!(slots.retiring.is_empty());
}
