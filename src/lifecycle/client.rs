//! Reads the client and the endpoints that a login is bound to. Its secret is sent only to the
//! endpoints that it was given for, whatever the files contain.

use super::{Context, Error};
use crate::config::{Client, ClientSecret};
use crate::credential::{Bound, IndexError, Kind, Name, StoreKind};
use crate::oauth;
use crate::secret::Secret;
use crate::store::{self, Slot};
use url::Url;

/// The endpoints that a client secret may be sent to.
#[derive(Clone, Copy)]
pub struct Endpoints<'a> {
    /// For refreshes and codes.
    pub token: Option<&'a String>,
    /// For revocations.
    pub revocation: Option<&'a String>,
}

/// Why a client cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The stored secret belongs to another client or other endpoints.
    #[error("the stored client secret belongs to another client or to other endpoints")]
    Mismatch {
        /// The provider.
        provider: String,
        /// The client id.
        client_id: String,
    },
    /// The secret is not in its store.
    #[error("the client secret of {provider} is missing from the {store}")]
    Missing {
        /// The provider.
        provider: String,
        /// The client id.
        client_id: String,
        /// The store that contained it.
        store: StoreKind,
    },
    /// A login was made with this client and needs it.
    #[error("cannot replace or remove the client `{client_id}`: `{login}` uses it")]
    InUse {
        /// The login.
        login: Name,
        /// The client id.
        client_id: String,
    },
    /// Another process is changing the clients of the provider, or locks do not work here.
    #[error(transparent)]
    Locked(#[from] crate::disk::LockError),
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The file of the client.
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    /// The index, which says which logins use the client.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The random generator.
    #[error(transparent)]
    Random(#[from] crate::secret::SealError),
    /// The provider's row.
    #[error(transparent)]
    Provider(#[from] crate::provider::ProviderError),
}

/// The secret of a client, from its newest registration whose item exists: an interrupted command
/// may have named an item that it never stored. `None` if the client has no secret.
///
/// # Errors
/// The store cannot be read, the secret is missing from the {store}, or it was given for other
/// endpoints.
pub fn stored_secret(
    context: &Context<'_>,
    provider: &str,
    client: &Client,
    client_id: &str,
    endpoints: Endpoints<'_>,
) -> Result<Option<Secret>, ClientError> {
    let mut missing = None;
    for registration in client.all_of(client_id) {
        let Some((store, id)) = registration
            .secret_store
            .zip(registration.secret_id.as_ref())
        else {
            break;
        };
        let text = context.stores.read(store, &Slot::client(provider, id))?;
        let Some(stored) = text.and_then(|text| ClientSecret::from_text(text.expose())) else {
            missing = Some(store);
            continue;
        };
        let matches = stored.client_id == client_id
            && stored.provider == provider
            && Some(&stored.token_endpoint) == endpoints.token
            && stored.revocation_endpoint.as_ref() == endpoints.revocation;
        if !matches {
            return Err(ClientError::Mismatch {
                provider: provider.to_owned(),
                client_id: client_id.to_owned(),
            });
        }
        return Ok(Some(stored.client_secret));
    }
    match missing {
        Some(store) => Err(ClientError::Missing {
            provider: provider.to_owned(),
            client_id: client_id.to_owned(),
            store,
        }),
        None => Ok(None),
    }
}

impl Context<'_> {
    /// The client that a login is bound to, with its secret if it has one. It is read only when a
    /// token is refreshed or revoked: a cached token is never sent to an endpoint of the client.
    ///
    /// # Errors
    /// The file of the client names another client, or its secret cannot be read or belongs to
    /// other endpoints; then nothing may be sent.
    pub(super) fn client(&self, name: &Name, bound: &Bound) -> Result<oauth::Client, Error> {
        let refused = |reason: String| Error::Refused {
            name: name.clone(),
            kind: Kind::Login,
            reason,
        };
        let id = bound
            .client_id
            .clone()
            .ok_or_else(|| refused("its record contains no client id".into()))?;
        let endpoints = Endpoints {
            token: bound.token_endpoint.as_ref(),
            revocation: bound.revocation_endpoint.as_ref(),
        };
        let secret = match Client::read(self.paths, name.provider())? {
            Some(client) if client.of(&id).is_none() => {
                return Err(refused(format!(
                    "it is bound to the client `{id}`, but clients/{}.toml names another one",
                    name.provider()
                )));
            }
            Some(client) => stored_secret(self, name.provider(), &client, &id, endpoints),
            None => Ok(None),
        };
        let secret = secret.map_err(|error| match error {
            ClientError::Store(error) => error.into(),
            ClientError::Missing { store, .. } => Error::LoginRequired {
                name: name.clone(),
                why: format!("the client secret is missing from the {store}"),
            },
            error => refused(error.to_string()),
        })?;
        Ok(oauth::Client {
            id,
            auth: bound.client_auth,
            secret,
        })
    }
}

/// A bound URL of a login, checked again: it was checked when it was stored.
pub(super) fn bound_url(name: &Name, what: &str, text: Option<&String>) -> Result<Url, Error> {
    let refused = |reason: String| Error::Refused {
        name: name.clone(),
        kind: Kind::Login,
        reason,
    };
    let text = text.ok_or_else(|| refused(format!("its record contains no {what}")))?;
    crate::credential::trusted_url(text)
        .map_err(|error| refused(format!("its {what} cannot be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    #[test]
    fn a_login_is_refreshed_only_with_the_client_that_it_is_bound_to() {
        let home = Home::new();
        let name: Name = "acme".parse().unwrap();
        let bound = Bound {
            client_id: Some("mine".into()),
            token_endpoint: Some("https://acme.test/token".into()),
            ..Bound::default()
        };
        home.login(&name, bound.clone(), "r");
        let write = |client_id: &str, earlier: Option<Client>| {
            let client = Client {
                client_id: client_id.into(),
                secret_id: None,
                secret_store: None,
                earlier: earlier.map(Box::new),
            };
            client.write(&home.paths, "acme").unwrap();
            client
        };
        let context = home.context();
        // Without a file, the record is enough.
        assert_eq!(context.client(&name, &bound).unwrap().id, "mine");
        let mine = write("mine", None);
        assert_eq!(context.client(&name, &bound).unwrap().id, "mine");
        write("other", Some(mine));
        assert_eq!(context.client(&name, &bound).unwrap().id, "mine");
        write("other", None);
        let error = context.client(&name, &bound).err().unwrap();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("it is bound to the client `mine`")
        );
    }
}
