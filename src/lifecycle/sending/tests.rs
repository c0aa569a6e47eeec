//! Tests.

use super::super::testing::{Home, parts as key_parts};
use super::super::{Wanted, parts};
use super::*;
use crate::credential::{Bound, SecretPart, Slots};

fn of(home: &Home, name: &str, bound: Bound) -> Result<Sending, Error> {
    let name = name.parse().unwrap();
    home.put(&name, bound, SecretPart::Key(Slots::of(key_parts("k"))));
    let handed = parts(&home.context(), &name, &Wanted::default())?;
    sending(&home.context(), &name, &handed)
}

fn own(name: &str, key: &str) -> String {
    format!("name = \"{name}\"\ntitle = \"Acme\"\norigins = [\"https://a.test\"]\n{key}")
}

#[test]
fn a_key_is_sent_as_its_row_says_or_as_it_was_given() {
    let home = Home::new();
    let stripe = of(&home, "stripe", Bound::default()).unwrap();
    assert_eq!(stripe.headers.len(), 1);
    assert!(!stripe.env.is_empty() && stripe.part_order == ["key"]);
    let given = Bound {
        headers: vec!["X-A: {key}".into(), "X-B: {key}".into()],
        ..Bound::default()
    };
    let given = of(&home, "stripe/given", given).unwrap();
    assert_eq!((given.headers.len(), given.env.len()), (2, 0));
    // A key that signs requests is only in the environment.
    let bound = |name: &str, text: &str| {
        home.row(name, &own(name, text));
        let row = home
            .context()
            .row(&name.parse().unwrap(), &Bound::default());
        let row = row.unwrap().unwrap();
        Bound {
            origins: row.bound_origins().unwrap(),
            shape: Some(row.shape(Kind::Key)),
            ..Bound::default()
        }
    };
    let signs = of(&home, "acme", bound("acme", "[key]\nenv = [\"ACME_KEY\"]")).unwrap();
    assert!(signs.headers.is_empty() && signs.env == ["ACME_KEY"]);
    // A row that has only logins says nothing about keys.
    let login = "[oauth]\nauthorization_endpoint = \"https://a.test/a\"\ntoken_endpoint = \"https://a.test/t\"";
    let nothing = of(&home, "other", bound("other", login));
    assert!(matches!(nothing, Err(Error::Refused { .. })));
}
