//! Tests.

use super::super::testing::Home;
use super::*;
use crate::credential::Bound;
use crate::provider::Row;

fn oauth() -> OAuthSpec {
    let row: Row = toml::from_str(
        r#"
        name = "acme"
        title = "Acme"
        origins = ["https://api.acme.test"]
        [oauth]
        authorization_endpoint = "https://acme.test/authorize"
        token_endpoint = "https://acme.test/token"
    "#,
    )
    .unwrap();
    row.oauth.unwrap()
}

fn registration(id: &str, secret: Option<&str>, is_new: bool) -> Registration {
    Registration {
        id: id.into(),
        secret: secret.map(Secret::new),
        is_new,
    }
}

fn name() -> Name {
    "acme".parse().unwrap()
}

fn login(home: &Home, name: &str, client: &str) {
    let bound = Bound {
        client_id: Some(client.into()),
        token_endpoint: Some(oauth().token_endpoint),
        ..Bound::default()
    };
    home.login(&name.parse().unwrap(), bound, "r");
}

fn secret_of(home: &Home, id: &str) -> Result<Option<Secret>, ClientError> {
    let client = Client::read(&home.paths, "acme").unwrap().unwrap();
    stored_secret(&home.context(), "acme", &client, id, endpoints(&oauth()))
}

#[test]
fn a_new_client_is_stored_beside_the_one_it_replaces_until_the_login_is_saved() {
    let home = Home::new();
    let (context, vault) = (home.context(), StoreKind::Vault);
    let store =
        |registration: &Registration| registration.store(&context, &name(), &oauth(), vault);
    store(&registration("ignored", None, false)).unwrap();
    assert_eq!(
        Client::read(&home.paths, "acme").unwrap(),
        None,
        "it is not new"
    );
    store(&registration("first", Some("s1"), true)).unwrap();
    let second = registration("second", Some("s2"), true);
    store(&second).unwrap();
    assert_eq!(secret_of(&home, "first").unwrap().unwrap().expose(), "s1");
    assert_eq!(secret_of(&home, "second").unwrap().unwrap().expose(), "s2");
    assert_eq!(home.items(), 2);
    // A login still uses the first one.
    login(&home, "acme/old", "first");
    second.delete_replaced(&context, "acme").unwrap();
    assert_eq!(secret_of(&home, "first").unwrap().unwrap().expose(), "s1");
    home.index.delete(&"acme/old".parse().unwrap()).unwrap();
    registration("second", None, false)
        .delete_replaced(&context, "acme")
        .unwrap();
    assert!(
        secret_of(&home, "first").unwrap().is_some(),
        "it was not new"
    );
    second.delete_replaced(&context, "acme").unwrap();
    let client = Client::read(&home.paths, "acme").unwrap().unwrap();
    assert!(client.earlier.is_none() && client.client_id == "second");
    assert!(secret_of(&home, "second").unwrap().is_some());
    // The same client with another secret.
    store(&registration("second", Some("s3"), true)).unwrap();
    second.delete_replaced(&context, "acme").unwrap();
    assert_eq!(secret_of(&home, "second").unwrap().unwrap().expose(), "s3");
    let client = Client::read(&home.paths, "acme").unwrap().unwrap();
    assert!(client.earlier.is_none());
}

#[test]
fn a_client_that_other_logins_use_is_not_replaced() {
    let home = Home::new();
    let context = home.context();
    let first = registration("first", None, true);
    first
        .store(&context, &name(), &oauth(), StoreKind::Vault)
        .unwrap();
    let client = Client::read(&home.paths, "acme").unwrap().unwrap();
    let check = |except: Option<&Name>, id: &str| {
        Registration::check_unused(&context, "acme", except, &client, id)
    };
    check(None, "second").unwrap();
    login(&home, "other", "first");
    check(None, "second").unwrap();
    login(&home, "acme", "first");
    assert!(matches!(
        check(None, "second"),
        Err(ClientError::InUse { .. })
    ));
    check(Some(&name()), "second").unwrap();
    check(None, "first").unwrap();
    assert!(remove_client(&context, "acme").is_err());
    home.index.delete(&name()).unwrap();
    assert!(remove_client(&context, "acme").unwrap().is_some());
    assert!(remove_client(&context, "acme").unwrap().is_none());
}

#[test]
fn a_secret_is_given_only_for_what_it_was_stored_for() {
    let home = Home::new();
    let context = home.context();
    registration("mine", Some("s"), true)
        .store(&context, &name(), &oauth(), StoreKind::Vault)
        .unwrap();
    let client = Client::read(&home.paths, "acme").unwrap().unwrap();
    let (token, other) = (oauth().token_endpoint, "https://evil.test".to_owned());
    let ask = |provider: &str, token: &String, revocation: Option<&String>| {
        let endpoints = Endpoints {
            token: Some(token),
            revocation,
        };
        stored_secret(&context, provider, &client, "mine", endpoints)
    };
    assert!(ask("acme", &token, None).unwrap().is_some());
    for (provider, token, revocation) in [("acme", &other, None), ("acme", &token, Some(&other))] {
        let refused = ask(provider, token, revocation);
        assert!(matches!(refused, Err(ClientError::Mismatch { .. })));
    }
    // The file of one provider names the item of another one.
    let stolen = stored_secret(&context, "acme", &client, "mine", endpoints(&oauth()));
    assert!(stolen.unwrap().is_some());
    let stolen = ask("evil", &token, None);
    assert!(
        matches!(stolen, Err(ClientError::Mismatch { .. })),
        "another provider"
    );
    let renamed = Client {
        client_id: "evil".into(),
        ..client.clone()
    };
    let stolen = stored_secret(&context, "acme", &renamed, "evil", endpoints(&oauth()));
    assert!(
        matches!(stolen, Err(ClientError::Mismatch { .. })),
        "another client"
    );
    // An item that is gone is not an empty secret.
    let missing = Client {
        secret_id: Some(Id::random().unwrap()),
        ..client
    };
    let missing = stored_secret(&context, "acme", &missing, "mine", endpoints(&oauth()));
    assert!(matches!(missing, Err(ClientError::Missing { .. })));
}

#[test]
fn a_secret_that_another_login_of_the_same_client_needs_stays_in_its_store() {
    let home = Home::new();
    let client = Client {
        client_id: "mine".into(),
        secret_id: Some(Id::random().unwrap()),
        secret_store: Some(StoreKind::Keychain),
        earlier: None,
    };
    client.write(&home.paths, "acme").unwrap();
    login(&home, "acme", "mine");
    let entry = home.index.entry(&name()).unwrap();
    let moved = || move_client_secret(&home.context(), &entry, StoreKind::Vault);
    for (other, client, is_shared) in [
        ("acme/two", "mine", true),
        ("acme/two", "other", false),
        ("zed", "mine", false),
    ] {
        login(&home, other, client);
        let other: Name = other.parse().unwrap();
        home.leave(&other, |entry| entry.store = StoreKind::Keychain);
        let shared = matches!(moved(), Ok(SecretMove::Shared { login, .. }) if login == other);
        assert_eq!(shared, is_shared, "{other} of {client}");
        home.index.delete(&other).unwrap();
    }
    let there = Client {
        secret_store: Some(StoreKind::Vault),
        ..client
    };
    there.write(&home.paths, "acme").unwrap();
    assert!(matches!(moved(), Ok(SecretMove::Nothing)), "it is there");
}
