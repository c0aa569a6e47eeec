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

#[test]
fn an_edited_entry_or_client_file_gives_nothing_out() {
    let home = home(Kind::Key, false);
    let entry = home.leave(&name(), |entry| entry.bound.origins.clear());
    assert!(refused(&home).unwrap().contains("edited"));
    // The index is written last, so an entry that is behind was not edited.
    home.leave(&name(), |entry| entry.generation = 0);
    assert_eq!(refused(&home), None);
    home.leave(&name(), |entry| entry.generation = 9);
    assert!(refused(&home).is_some());
    drop(entry);
    let bound = Bound {
        client_id: Some("mine".into()),
        token_endpoint: Some("https://acme.test/token".into()),
        ..Bound::default()
    };
    let login: Name = "other".parse().unwrap();
    home.login(&login, bound, "r");
    let client = |id: &str| Client {
        client_id: id.into(),
        secret_id: None,
        secret_store: None,
        earlier: None,
    };
    client("mine").write(&home.paths, "other").unwrap();
    assert!(home.found(&login).is_some());
    client("evil").write(&home.paths, "other").unwrap();
    assert!(matches!(
        look(&home.context(), &login),
        Err(Error::Refused { .. })
    ));
}

#[test]
fn a_record_under_another_name_or_id_is_not_used() {
    let home = Home::new();
    let (mine, other): (Name, Name) = (name(), "acme/other".parse().unwrap());
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
