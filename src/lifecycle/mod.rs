//! Getting a token and changing a record: the protocol that must never log anybody out.
//!
//! Reading is `look`; the pure decisions are in `decide`; `get` is the whole way from a name to a token, with `refresh`
//! as its part under the lock. Every change of a record goes through `save` (an existing one) or `add` (a new one);
//! `remove` takes one away, and `settle` finishes what a dead process left half done.

mod add;
mod binding;
mod current;
mod decide;
mod error;
mod exchange;
mod get;
mod look;
mod refresh;
mod relocate;
mod remove;
mod save;
mod settle;

pub use add::add;
pub use current::current;
pub use decide::Wanted;
pub use error::Error;
pub use get::{Handed, parts, token};
pub use look::{Found, Look, look};
pub use relocate::{relocate, rename};
pub use remove::{Revocation, remove};
pub use save::{Saved, save};
pub use settle::settle;

use crate::audit::Event;
use crate::config::Paths;
use crate::credential::{Bound, Name};
use crate::disk::{Lock, LockError};
use crate::http::Network;
use crate::oauth;
use crate::provider::{Catalogue, Row};
use crate::store::{Slot, Stores};
use jiff::Timestamp;
use std::time::Duration;
use url::Url;

/// How long anybody waits for a lock. A refresh takes 45 seconds at most.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// The parts that the protocol works with.
#[derive(Clone, Copy)]
pub struct Keeper<'a> {
    /// Where things lie.
    pub paths: &'a Paths,
    /// The stores.
    pub stores: &'a Stores,
    /// The rows.
    pub catalogue: &'a Catalogue,
    /// The network, untouched until needed.
    pub network: &'a Network,
}

impl Keeper<'_> {
    /// Takes the lock of a credential.
    ///
    /// # Errors
    /// It stayed taken for a minute, or locks do not work here.
    pub fn lock(&self, name: &Name) -> Result<Lock, Error> {
        self.lock_within(name, LOCK_PATIENCE)
    }

    /// Takes the lock if it is free now.
    ///
    /// # Errors
    /// It is taken ([`Error::Busy`]), or locks do not work here.
    pub fn try_lock(&self, name: &Name) -> Result<Lock, Error> {
        self.lock_within(name, Duration::ZERO)
    }

    fn lock_within(&self, name: &Name, patience: Duration) -> Result<Lock, Error> {
        tracing::debug!(%name, "taking the lock");
        Lock::acquire(&self.paths.lock(name), patience).map_err(|error| match error {
            LockError::Busy { waited } => Error::Busy {
                name: name.clone(),
                waited,
            },
            LockError::Disk(error) => Error::Disk(error),
        })
    }

    /// Writes an event to the trail.
    fn note(&self, event: &str, name: &Name, outcome: &str, detail: Option<&str>) {
        Event::now(event, Some(name.to_string()), outcome, detail).append(&self.paths.audit());
    }

    /// The row of a credential with its variables filled in, if there is one.
    fn row(&self, name: &Name, bound: &Bound) -> Result<Option<Row>, Error> {
        let row = self.catalogue.find(name.provider())?;
        Ok(row.map(|row| row.resolve(&bound.variables)).transpose()?)
    }

    /// The client that a login is bound to, with its secret if it has one.
    fn client(&self, name: &Name, bound: &Bound) -> Result<oauth::Client, Error> {
        let refused = |reason: &str| Error::Refused {
            name: name.clone(),
            reason: reason.to_owned(),
        };
        let id = bound
            .client_id
            .clone()
            .ok_or_else(|| refused("its record names no client"))?;
        let registered = crate::config::Client::read(self.paths, name.provider())?;
        let mut missing = None;
        // A registration whose item is missing was named by a process that died before it stored it.
        for registration in registered.iter().flat_map(|client| client.all_of(&id)) {
            let Some((store, item)) = registration
                .secret_store
                .zip(registration.secret_id.as_ref())
            else {
                break;
            };
            let text = self
                .stores
                .read(store, &Slot::client(name.provider(), item))?;
            let Some(kept) =
                text.and_then(|text| crate::config::ClientSecret::from_text(text.expose()))
            else {
                missing = Some(store);
                continue;
            };
            // The client secret goes to the endpoint it was given for and to no other, whatever the files say.
            let same = kept.client_id == id
                && kept.provider == name.provider()
                && Some(&kept.token_endpoint) == bound.token_endpoint.as_ref()
                && kept.revocation_endpoint == bound.revocation_endpoint;
            if !same {
                return Err(refused(
                    "the client secret was given for another client or other endpoints",
                ));
            }
            return Ok(oauth::Client {
                id: id.clone(),
                auth: bound.client_auth,
                secret: Some(kept.client_secret),
            });
        }
        match missing {
            Some(store) => Err(Error::LoginRequired {
                name: name.clone(),
                why: format!("the {store} no longer holds the client secret"),
            }),
            None => Ok(oauth::Client {
                id,
                auth: bound.client_auth,
                secret: None,
            }),
        }
    }
}

/// A bound URL; it was checked when it was bound, and is again.
fn bound_url(name: &Name, what: &str, text: Option<&String>) -> Result<Url, Error> {
    let refused = |reason: String| Error::Refused {
        name: name.clone(),
        reason,
    };
    let text = text.ok_or_else(|| refused(format!("its record names no {what}")))?;
    crate::credential::trusted_url(text)
        .map_err(|error| refused(format!("its {what} cannot be used: {error}")))
}

/// The only clock of this module; decisions take its value as an argument.
fn now() -> Timestamp {
    Timestamp::now()
}
