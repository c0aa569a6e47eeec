//! The one way in which a credential is stored or changed: by `key add`, `key import`, `key set`
//! and `login` alike.

use super::add::add;
use super::{Claim, Error, Found, Saved, save};
use crate::credential::{AccessToken, Bound, Entry, Kind, Record, SecretPart, StoreKind};
use crate::sealed::Sealed;
use jiff::Timestamp;

/// What is stored.
pub(super) struct Put {
    /// What the credential is bound to.
    pub bound: Bound,
    /// Its secrets.
    pub secret: SecretPart,
    /// The access token that is cached beside it.
    pub access: Option<AccessToken>,
    /// The store for a new credential. An existing one stays in its store.
    pub store: StoreKind,
}

/// Stores the next generation of `before`, or a new record if there is none. `change` sets what
/// only the entry says.
///
/// # Errors
/// The store refused; then nothing has changed.
pub(super) fn put(
    claim: &Claim<'_>,
    before: Option<&Found>,
    put: Put,
    change: impl FnOnce(&mut Entry),
) -> Result<Saved, Error> {
    let mut sealed = Sealed::default();
    if let Some(token) = put.access {
        sealed.keep(token);
    }
    match before {
        Some(found) => {
            let mut entry = found.entry.clone();
            change(&mut entry);
            let next = found.record.next(put.bound, put.secret);
            save(claim, &entry, next, sealed, None)
        }
        None => {
            let record = Record::new(claim.name().clone(), put.bound, put.secret)?;
            let kind = record.kind().unwrap_or(Kind::Key);
            let mut entry = Entry::adding(&record, kind, put.store, Timestamp::now());
            change(&mut entry);
            add(claim, &entry, &record, sealed)
        }
    }
}
