//! Tests.

use super::*;
use crate::credential::{Bound, SecretPart};

#[test]
fn a_secret_that_could_not_be_read_again_is_not_saved() {
    use super::super::testing::Home;
    let home = Home::new();
    let name = "acme".parse().unwrap();
    let found = home.login(&name, Bound::default(), "r1");
    let context = home.context();
    let claim = context.claim(&name).unwrap();
    let secret = SecretPart::Login {
        refresh_token: Some(Secret::new("two\nlines")),
        access: None,
    };
    let next = found.record.next(Bound::default(), secret);
    let refused = save(&claim, &found.entry, next, found.sealed, None);
    assert!(matches!(refused, Err(Error::Unsaved { .. })));
    assert_eq!(home.found(&name).unwrap().record.generation, 1);
}

#[test]
fn a_record_over_the_limit_leaves_only_key_and_binding_in_the_store() {
    let bound = Bound {
        client_id: Some("me".into()),
        ..Bound::default()
    };
    let secret = SecretPart::Login {
        refresh_token: Some(Secret::new("r".repeat(4000))),
        access: None,
    };
    let record = Record::new("acme".parse().unwrap(), bound, secret).unwrap();
    let small = fit(&record, Some(2560));
    assert!(small.len() < 2560 && !small.expose().contains("rrrr"));
    let read = Record::from_text(small.expose()).unwrap();
    assert_eq!(
        (
            read.generation,
            read.kind(),
            read.bound.client_id.as_deref()
        ),
        (1, None, Some("me"))
    );
    assert!(read.seal_key().is_ok());
    assert!(fit(&record, None).expose().contains("rrrr"));
    assert!(fit(&record, Some(5000)).expose().contains("rrrr"));
}
