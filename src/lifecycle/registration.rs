//! Stores and deletes client registrations. A registration belongs to a provider; each login is bound
//! to a client id.

use super::Context;
use super::client::{ClientError, Endpoints, stored_secret};
use crate::config::{Client, ClientSecret};
use crate::credential::{Entry, Id, Name, StoreKind};
use crate::disk::Lock;
use crate::provider::OAuthSpec;
use crate::secret::{Secret, stored_option};
use crate::store::Slot;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long to wait for another process that changes the clients of the same provider.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// A client to log in with.
#[derive(Clone, Serialize, Deserialize)]
pub struct Registration {
    /// The client id.
    pub id: String,
    /// The client secret, if it has one.
    #[serde(serialize_with = "stored_option")]
    pub secret: Option<Secret>,
    /// Whether it still has to be stored.
    pub is_new: bool,
}

impl Registration {
    /// The stored client of a provider, with its secret.
    ///
    /// # Errors
    /// The secret cannot be read, or was given for other endpoints.
    pub fn stored(
        context: &Context<'_>,
        provider: &str,
        oauth: &OAuthSpec,
        client: Client,
    ) -> Result<Self, ClientError> {
        let id = client.client_id.clone();
        Ok(Self {
            secret: stored_secret(context, provider, &client, &id, endpoints(oauth))?,
            id,
            is_new: false,
        })
    }

    /// Refuses a client id that would cut off other logins of the provider, which are bound to the
    /// one they were made with.
    ///
    /// # Errors
    /// A login (other than `except`) uses the client that would be replaced.
    pub fn check_unused(
        context: &Context<'_>,
        provider: &str,
        except: Option<&Name>,
        earlier: &Client,
        id: &str,
    ) -> Result<(), ClientError> {
        let entries = context.index.all()?.readable;
        let others = entries
            .iter()
            .filter(|entry| Some(&entry.name) != except && entry.name.provider() == provider);
        for entry in others {
            if let Some(client_id) = entry
                .bound
                .client_id
                .as_ref()
                .filter(|bound| *bound != id && earlier.of(bound).is_some())
            {
                return Err(ClientError::InUse {
                    login: entry.name.clone(),
                    client_id: client_id.clone(),
                });
            }
        }
        Ok(())
    }

    /// Stores a new client beside the one that it replaces: until the login is saved, the record
    /// may be bound to either. `name` is the login that is about to use it.
    ///
    /// # Errors
    /// Another login uses the client that would be replaced, or the store refused; then nothing has
    /// changed.
    pub fn store(
        &self,
        context: &Context<'_>,
        name: &Name,
        oauth: &OAuthSpec,
        store: StoreKind,
    ) -> Result<(), ClientError> {
        if !self.is_new {
            return Ok(());
        }
        let provider = name.provider();
        // Clients belong to providers, locks to credentials: two first logins must not overwrite
        // each other's client.
        let _lock = lock(context, provider)?;
        let earlier = Client::read(context.paths, provider)?;
        if let Some(earlier) = &earlier {
            Self::check_unused(context, provider, Some(name), earlier, &self.id)?;
        }
        let id = self.secret.as_ref().map(|_| Id::random()).transpose()?;
        let client = Client {
            client_id: self.id.clone(),
            secret_store: id.as_ref().map(|_| store),
            secret_id: id.clone(),
            earlier: earlier.clone().map(Box::new),
        };
        // The file first: whatever is interrupted after this, no item is left in the store that no
        // file names.
        client.write(context.paths, provider)?;
        let Some((secret, id)) = self.secret.as_ref().zip(id) else {
            return Ok(());
        };
        let stored = ClientSecret {
            provider: provider.to_owned(),
            client_id: self.id.clone(),
            token_endpoint: oauth.token_endpoint.clone(),
            revocation_endpoint: oauth.revocation_endpoint.clone(),
            client_secret: secret.clone(),
        };
        let (slot, text) = (Slot::client(provider, &id), stored.to_text());
        let written = context
            .stores
            .write(store, &slot, &text)
            .and_then(|()| context.stores.read_back(store, &slot, &text));
        // What a delayed write may still create stays named; after a refusal the earlier file comes
        // back.
        if written.as_ref().is_err_and(|error| !error.may_land_later()) {
            match earlier {
                Some(earlier) => earlier.write(context.paths, provider)?,
                None => Client::delete(context.paths, provider)?,
            }
        }
        Ok(written?)
    }

    /// Deletes the replaced client, once the login with the new one is saved. Clients that other
    /// logins use stay.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn delete_replaced(
        &self,
        context: &Context<'_>,
        provider: &str,
    ) -> Result<(), ClientError> {
        if !self.is_new {
            return Ok(());
        }
        let _lock = lock(context, provider)?;
        let Some(mut client) =
            Client::read(context.paths, provider)?.filter(|client| client.client_id == self.id)
        else {
            return Ok(());
        };
        let entries = context.index.all()?.readable;
        let is_used = |id: &str| uses(&entries, provider, id);
        if let Some(store) = client.secret_store.filter(|_| client.earlier.is_some()) {
            context.stores.settle(store);
        }
        let mut replaced = client.earlier.take();
        let mut kept = Vec::new();
        while let Some(mut earlier) = replaced {
            replaced = earlier.earlier.take();
            if earlier.client_id != self.id && is_used(&earlier.client_id) {
                kept.push(earlier);
            } else if let Some((store, id)) = earlier.secret_store.zip(earlier.secret_id.as_ref())
                // The new client is in use; an old secret that cannot be deleted now does no harm.
                && let Err(error) = context.stores.delete(store, &Slot::client(provider, id))
            {
                tracing::info!(%error, "the earlier client secret could not be deleted");
            }
        }
        client.earlier = kept.into_iter().rev().fold(None, |chain, mut earlier| {
            earlier.earlier = chain;
            Some(earlier)
        });
        // Last: after a crash, what is still to be deleted is still named.
        Ok(client.write(context.paths, provider)?)
    }
}

/// Whether a login was made with a client; an interrupted command may have set it aside.
fn uses(entries: &[Entry], provider: &str, id: &str) -> bool {
    entries
        .iter()
        .flat_map(Entry::chain)
        .filter(|entry| entry.name.provider() == provider)
        .any(|entry| entry.bound.client_id.as_deref() == Some(id))
}

/// Whether a login was made with this client of a provider.
///
/// # Errors
/// The index cannot be read.
pub fn is_client_used(
    context: &Context<'_>,
    provider: &str,
    id: &str,
) -> Result<bool, ClientError> {
    Ok(uses(&context.index.all()?.readable, provider, id))
}

/// Removes the client of a provider, its secrets first: after a crash, what is still to be deleted
/// is still named. Returns the removed client, or `None` if there is none.
///
/// # Errors
/// A login was made with it, or the store refused.
pub fn remove_client(context: &Context<'_>, provider: &str) -> Result<Option<Client>, ClientError> {
    // Read before the lock, so that a mistyped name leaves no lock file behind.
    if Client::read(context.paths, provider)?.is_none() {
        return Ok(None);
    }
    let _lock = lock(context, provider)?;
    let Some(client) = Client::read(context.paths, provider)? else {
        return Ok(None);
    };
    let entries = context.index.all()?.readable;
    let mut logins = entries
        .iter()
        .flat_map(Entry::chain)
        .filter(|entry| entry.name.provider() == provider);
    if let Some((login, client_id)) =
        logins.find_map(|entry| Some((entry.name.clone(), entry.bound.client_id.clone()?)))
    {
        return Err(ClientError::InUse { login, client_id });
    }
    for registration in std::iter::successors(Some(&client), |client| client.earlier.as_deref()) {
        if let Some((store, id)) = registration
            .secret_store
            .zip(registration.secret_id.as_ref())
        {
            context.stores.delete(store, &Slot::client(provider, id))?;
        }
    }
    Client::delete(context.paths, provider)?;
    Ok(Some(client))
}

/// The outcome of [`move_client_secret`].
pub enum SecretMove {
    /// It was moved.
    Moved,
    /// There was nothing to move.
    Nothing,
    /// It stays in its store, because this login in that store needs it too.
    Shared {
        /// The store it stays in.
        store: StoreKind,
        /// The other login.
        login: Name,
    },
}

/// Moves the client secret of a login to another store: a login in an open vault is of no use if
/// its client secret is in a locked keychain. It stays if another login of the same client stays.
///
/// # Errors
/// The secret cannot be read, or the new store refused.
pub fn move_client_secret(
    context: &Context<'_>,
    entry: &Entry,
    to: StoreKind,
) -> Result<SecretMove, ClientError> {
    let (name, bound) = (&entry.name, &entry.bound);
    let client = Client::read(context.paths, name.provider())?
        .filter(|client| bound.client_id.as_ref() == Some(&client.client_id));
    let Some((client, store)) = client
        .and_then(|client| client.secret_store.map(|store| (client, store)))
        .filter(|(_, store)| *store != to)
    else {
        return Ok(SecretMove::Nothing);
    };
    let entries = context.index.all()?.readable;
    let shares = |other: &&Entry| {
        other.name != *name
            && other.name.provider() == name.provider()
            && other.bound.client_id == bound.client_id
            && other.store != to
    };
    if let Some(other) = entries.iter().find(shares) {
        return Ok(SecretMove::Shared {
            store,
            login: other.name.clone(),
        });
    }
    let row = context.catalogue.get(name.provider())?;
    let Some(oauth) = row.resolve(&bound.variables)?.oauth else {
        return Ok(SecretMove::Nothing);
    };
    let registration = Registration {
        is_new: true,
        ..Registration::stored(context, name.provider(), &oauth, client)?
    };
    registration.store(context, name, &oauth, to)?;
    registration.delete_replaced(context, name.provider())?;
    Ok(SecretMove::Moved)
}

fn endpoints(oauth: &OAuthSpec) -> Endpoints<'_> {
    Endpoints {
        token: Some(&oauth.token_endpoint),
        revocation: oauth.revocation_endpoint.as_ref(),
    }
}

fn lock(context: &Context<'_>, provider: &str) -> Result<Lock, ClientError> {
    Ok(Lock::acquire(
        &context.paths.client_lock(provider),
        LOCK_PATIENCE,
    )?)
}

#[cfg(test)]
mod tests;
