//! Tests.

use super::super::testing::{Home, parts};
use super::super::{Look, look};
use super::*;
use crate::credential::{Bound, Kind, Name, SecretPart, Slots};
use crate::secret::Secret;

const ROW: &str = r#"
    name = "acme"
    title = "Acme"
    origins = ["https://api.acme.test"]
    [oauth]
    issuer = "https://acme.test"
    authorization_endpoint = "https://acme.test/authorize"
    token_endpoint = "https://acme.test/token"
    revocation_endpoint = "https://acme.test/revoke"
    [key]
    headers = ["X-Key: {key}"]
"#;

fn name() -> Name {
    "acme".parse().unwrap()
}

/// A login and a key as they are stored with this row.
fn home(kind: Kind, chosen_origins: bool) -> Home {
    let home = Home::new();
    home.row("acme", ROW);
    let row = home
        .context()
        .row(&name(), &Bound::default())
        .unwrap()
        .unwrap();
    let origins = if chosen_origins {
        vec!["https://chosen.test".parse().unwrap()]
    } else {
        row.bound_origins().unwrap()
    };
    let mut bound = Bound {
        origins,
        chosen_origins,
        shape: Some(row.shape(kind)),
        ..Bound::default()
    };
    let secret = match kind {
        Kind::Key => SecretPart::Key(Slots::of(parts("k"))),
        Kind::Login => SecretPart::Login {
            refresh_token: Some(Secret::new("r")),
            access: None,
        },
    };
    if kind == Kind::Login {
        let oauth = row.oauth.unwrap();
        bound.issuer = oauth.issuer;
        bound.token_endpoint = Some(oauth.token_endpoint);
        bound.revocation_endpoint = oauth.revocation_endpoint;
    }
    home.put(&name(), bound, secret);
    home
}

fn refused(home: &Home) -> Option<String> {
    match look(&home.context(), &name()) {
        Ok(Look::Found(_)) => None,
        Err(Error::Refused { reason, .. }) => Some(reason),
        _ => panic!("neither there nor refused"),
    }
}

#[test]
fn a_row_of_the_user_that_is_edited_gives_nothing_out() {
    let edits = [
        ("acme.test/token", "evil.test/token", "token endpoint"),
        (
            "acme.test/revoke",
            "evil.test/revoke",
            "revocation endpoint",
        ),
        (
            r#"issuer = "https://acme.test""#,
            r#"issuer = "https://evil.test""#,
            "issuer",
        ),
        ("https://api.acme.test", "https://evil.test", "origins"),
    ];
    for (from, to, says) in edits {
        let home = home(Kind::Login, false);
        assert_eq!(refused(&home), None);
        home.row("acme", &ROW.replace(from, to));
        let reason = refused(&home).unwrap();
        assert!(reason.contains(says), "{to}: {reason}");
    }
    let home = home(Kind::Key, false);
    assert_eq!(refused(&home), None);
    home.row("acme", &ROW.replace("X-Key: {key}", "X-Evil: {key}"));
    assert!(
        refused(&home)
            .unwrap()
            .contains("how the credential is sent")
    );
}

#[test]
fn chosen_origins_are_not_those_of_the_row() {
    let home = home(Kind::Login, true);
    assert_eq!(refused(&home), None);
    home.row(
        "acme",
        &ROW.replace("https://api.acme.test", "https://other.test"),
    );
    assert_eq!(refused(&home), None);
}
