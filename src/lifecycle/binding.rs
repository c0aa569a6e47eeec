//! Whether the files on the disk still match what the record is bound to. Editing a file cannot
//! send a secret elsewhere: the credential is refused instead.

use super::{Context, Error};
use crate::config::Client;
use crate::credential::{Entry, Record};

/// Checks that a record is the one that its entry names.
pub(super) fn check_identity(entry: &Entry, record: &Record) -> Result<(), Error> {
    if record.name != entry.name || record.id != entry.id {
        return Err(Error::Swapped {
            name: entry.name.clone(),
            kind: entry.kind,
            found: record.name.clone(),
        });
    }
    Ok(())
}

/// Checks that the entry, the provider's row and the client match what the record is bound to.
pub(super) fn check(context: &Context<'_>, entry: &Entry, record: &Record) -> Result<(), Error> {
    let (name, bound) = (&entry.name, &record.bound);
    let refused = |reason: String| {
        Err(Error::Refused {
            name: name.clone(),
            kind: entry.kind,
            reason,
        })
    };
    // The index is written last, so a record may be ahead. Any other difference was made by
    // somebody who edited the file.
    if record.generation <= entry.generation && record.bound != entry.bound {
        return refused("its index file was edited and no longer matches its record".into());
    }
    if let Some(client_id) = &bound.client_id
        && let Some(client) = Client::read(context.paths, name.provider())?
        && client.of(client_id).is_none()
    {
        return refused(format!(
            "it is bound to the client `{client_id}`, but clients/{}.toml names another one",
            name.provider()
        ));
    }
    // A built-in row may change with the program; the bound values count. A row of the user's is a
    // file that anybody who can write there may have edited.
    if !context.catalogue.is_own(name.provider()) {
        return Ok(());
    }
    let Some(row) = context.row(name, bound)? else {
        return Ok(());
    };
    if let (Some(oauth), Some(endpoint)) = (&row.oauth, &bound.token_endpoint)
        && oauth.token_endpoint != *endpoint
    {
        return refused(format!(
            "it is bound to the token endpoint {endpoint}, but providers/{}.toml names another one",
            row.name
        ));
    }
    if let Some(oauth) = &row.oauth
        && bound.token_endpoint.is_some()
        && (oauth.revocation_endpoint != bound.revocation_endpoint || oauth.issuer != bound.issuer)
    {
        return refused(format!(
            "providers/{}.toml names an issuer or revocation endpoint that the credential is not bound to",
            row.name
        ));
    }
    // Headers that were given with `key add` do not come from the row.
    if bound.headers.is_empty() && bound.shape.as_ref() != Some(&row.shape(entry.kind)) {
        return refused(format!(
            "providers/{}.toml changed how the credential is sent",
            row.name
        ));
    }
    let origins = row.bound_origins().unwrap_or_default();
    if !bound.chosen_origins && origins != bound.origins {
        return refused(format!(
            "providers/{}.toml names origins that the credential is not bound to",
            row.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
}
