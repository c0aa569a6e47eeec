//! How a credential is sent: in which headers, and in which environment variables programs expect
//! it.

use super::{Context, Error, Handed};
use crate::credential::{Kind, Name};
use crate::provider::Template;

/// How a credential is sent.
pub struct Sending {
    /// The headers; empty for a key that signs requests.
    pub headers: Vec<Template>,
    /// The names of the parts, in the order in which a person enters them.
    pub part_order: Vec<String>,
    /// The environment variables that usually hold the parts, in the same order; empty if unknown.
    pub env: Vec<String>,
}

/// How a credential is sent: as it was given with the key, otherwise as the provider's row says.
///
/// # Errors
/// The row is damaged, or missing although the credential needs it.
pub fn sending(context: &Context<'_>, name: &Name, handed: &Handed) -> Result<Sending, Error> {
    let mut sending = Sending {
        headers: handed.bound.headers.iter().map(Template::new).collect(),
        part_order: handed.parts.keys().cloned().collect(),
        env: Vec::new(),
    };
    if !sending.headers.is_empty() {
        return Ok(sending);
    }
    let row = context.row(name, &handed.bound)?;
    match (handed.kind, row) {
        (Kind::Login, None) => sending.headers = vec![Template::bearer()],
        (Kind::Login, Some(row)) => {
            sending.headers = row.login_headers();
            sending.env = row.oauth.map(|oauth| oauth.env).unwrap_or_default();
        }
        (Kind::Key, row) => {
            if let Some(key) = row.and_then(|row| row.key) {
                sending.env = key.env;
                sending.part_order = key.parts.into_iter().map(|part| part.name).collect();
                sending.headers = key.headers;
            }
        }
    }
    // Without a header a request would be sent without the credential. Only a row may say that its
    // keys are never sent.
    if sending.headers.is_empty() && sending.env.is_empty() {
        return Err(Error::row_missing(name, handed.kind));
    }
    Ok(sending)
}

#[cfg(test)]
mod tests {
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
}
