//! The one way in which a credential is stored or changed: by `key add`, `key import`, `key set`
//! and `login` alike.

use super::add::add;
use super::claim::now;
use super::{Claim, Error, Found, Look, Saved, look, recover, save};
use crate::credential::{AccessToken, Bound, Entry, Kind, Record, SecretPart, StoreKind};
use crate::sealed::Sealed;

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

/// The credential that is stored under the claimed name, if there is one. What an interrupted
/// command left is finished first. With `replaces`, a credential that was edited or damaged counts
/// as none: replacing it is how a person gets out of that. The second value is what to tell the
/// user.
///
/// # Errors
/// The store cannot be read, or (without `replaces`) the credential cannot be used.
pub fn existing(
    claim: &Claim<'_>,
    replaces: bool,
) -> Result<(Option<Box<Found>>, Vec<String>), Error> {
    let is_tolerated = |error: &Error| replaces && error.is_mended_by_replacing();
    let warnings = match recover(claim) {
        Ok(warnings) => warnings,
        Err(error) if is_tolerated(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    match look(&claim.keeper, claim.name()) {
        Ok(Look::Found(found)) => Ok((Some(found), warnings)),
        Ok(Look::Nothing | Look::Incomplete | Look::Absent(_)) => Ok((None, warnings)),
        Err(error) if is_tolerated(&error) => Ok((None, warnings)),
        Err(error) => Err(error),
    }
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
            let mut entry = Entry::adding(&record, kind, put.store, now());
            change(&mut entry);
            add(claim, &entry, &record, sealed)
        }
    }
}
