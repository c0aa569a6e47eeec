//! Moving a credential to another store. The copy is a new record under a new id, stored as any new
//! record is. At no moment may both copies give out tokens: a refresh token that rotates cannot be
//! in two places.

use super::add::add;
use super::{Claim, Error, Found, Look, Saved, look, recover};
use crate::credential::{Entry, LoginState, Name, Record, RotationState, StoreKind};
use crate::sealed::Sealed;
use jiff::Timestamp;

/// Moves a credential to another store. The old item is deleted once the new one was read back.
/// Until then the old entry lies inside the new one, and comes back if the move fails.
///
/// # Errors
/// It is in that store already, it cannot be read, or the new store refused; then nothing has
/// changed.
pub fn relocate(claim: &Claim<'_>, to: StoreKind) -> Result<Saved, Error> {
    let found = recovered(claim)?;
    let name = claim.name();
    if found.entry.store == to {
        return Err(Error::Unsuitable(format!(
            "`{name}` is already in the {to}"
        )));
    }
    let (record, entry) = copy(&found, name, to)?;
    add(claim, &entry, &record, cached(&found))
}

/// The credential, after whatever an interrupted command left was finished.
pub(super) fn recovered(claim: &Claim<'_>) -> Result<Box<Found>, Error> {
    recover(claim)?;
    match look(&claim.context, claim.name())? {
        Look::Found(found) => Ok(found),
        Look::Absent(entry) => Err(Error::gone(&entry)),
        Look::Nothing | Look::Incomplete => Err(Error::NotFound(claim.name().clone())),
    }
}

/// The same secrets under a new id, and the entry for them.
pub(super) fn copy(found: &Found, name: &Name, store: StoreKind) -> Result<(Record, Entry), Error> {
    let old = &found.entry;
    let secret = found.record.secret.clone().ok_or_else(|| Error::Damaged {
        name: name.clone(),
        kind: old.kind,
        reason: "it contains no secret".into(),
    })?;
    let record = Record::new(name.clone(), found.record.bound.clone(), secret)?;
    let new = Entry::adding(&record, old.kind, store, Timestamp::now());
    // Everything that is known stays known: a new fact is copied unless it is named here.
    let entry = Entry {
        name: new.name,
        id: new.id,
        store,
        state: new.state,
        generation: new.generation,
        changed_at: new.changed_at,
        login: LoginState {
            refreshable: new.login.refreshable,
            access_expires_at: None,
            last_error: None,
            ..old.login.clone()
        },
        rotation: RotationState {
            progress: new.rotation.progress,
            ..old.rotation.clone()
        },
        predecessor: None,
        bound: new.bound,
        ..old.clone()
    };
    Ok((record, entry))
}

/// The cached access tokens, which move with the record.
pub(super) fn cached(found: &Found) -> Sealed {
    Sealed {
        access: found.sealed.access.clone(),
        ..Sealed::default()
    }
}

#[cfg(test)]
mod tests;
