//! A credential under another name or in another store. Both make a new record under a new id, through the same `add` as
//! any new credential, and at no moment may two of them give out tokens: a refresh token that rotates cannot live twice.

use super::{Error, Found, Keeper, Look, Saved, add, look, now, settle};
use crate::credential::{Index, Name, Other, Record, State, StoreKind};
use crate::disk::Lock;
use crate::sealed::Sealed;
use crate::store::Slot;
use std::time::{Duration, Instant};

/// How long a lock that is taken last is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps a credential in another store from now on. The old item goes once the new one has read back; until then the old
/// entry lies within the new one, and comes back when nothing comes of it.
///
/// # Errors
/// It is there already, it cannot be read, or the new store did not take it (then all is as before).
pub fn relocate(
    keeper: &Keeper<'_>,
    lock: &Lock,
    name: &Name,
    to: StoreKind,
) -> Result<Saved, Error> {
    let found = found(keeper, lock, name)?;
    if found.index.store == to {
        return Err(Error::Unsuitable(format!(
            "`{name}` is kept in the {to} already"
        )));
    }
    let (record, index) = copy(&found, name, to)?;
    add(keeper, lock, &index, &record, cached(&found))
}

/// Calls a credential otherwise from now on. From the first write to the last the old name gives nothing out; whoever
/// meets it then finishes or takes back ([`settle_renaming`]), by whether the new one is there. The new entry names the old
/// one until that is gone, and nobody changes or removes it before ([`end_predecessor`]): so a new entry that is missing
/// was never whole.
///
/// # Errors
/// The new name is taken, the old one cannot be read, or the store did not take the new record (then all is as before).
pub fn rename(keeper: &Keeper<'_>, old: &Name, new: &Name) -> Result<Saved, Error> {
    // What a dead process left under the new name may need a third lock, so it is settled while none is held.
    settle(keeper, &keeper.lock(new)?, new)?;
    let (lock, lock_new) = both(keeper, old, new)?;
    let found = found(keeper, &lock, old)?;
    let credentials = keeper.paths.credentials();
    if Index::read(&credentials, new)?.is_some() {
        return Err(Error::Unsuitable(format!(
            "there is a credential called `{new}` already"
        )));
    }
    let (record, index) = copy(&found, new, found.index.store)?;
    let index = Index {
        predecessor: Some(Other {
            name: old.clone(),
            id: found.index.id.clone(),
        }),
        ..index
    };
    let successor = Other {
        name: new.clone(),
        id: record.id.clone(),
    };
    let renaming = Index {
        state: State::Renaming,
        successor: Some(successor),
        ..found.index.clone()
    };
    renaming.write(&credentials)?;
    match add(keeper, &lock_new, &index, &record, cached(&found)) {
        Ok(mut saved) => {
            // The new one is there; what is left of the old one gives nothing out and is tried again when met.
            saved.warnings.extend(
                conclude(keeper, &lock_new, &renaming)
                    .err()
                    .map(|error| error.to_string()),
            );
            Ok(saved)
        }
        Err(error) => {
            conclude(keeper, &lock_new, &renaming)?;
            Err(error)
        }
    }
}

/// Finishes or takes back a renaming that a dead process left, holding the old name's lock. Whoever holds the new name's
/// lock never waits for the old one's ([`both`]), so this wait ends.
pub(super) fn settle_renaming(keeper: &Keeper<'_>, index: &Index) -> Result<(), Error> {
    match &index.successor {
        Some(new) => {
            let lock = keeper.lock(&new.name)?;
            conclude(keeper, &lock, index)
        }
        None => Ok(Index {
            state: State::Active,
            ..index.clone()
        }
        .write(&keeper.paths.credentials())?),
    }
}

/// One of the two names is left: the new one if its entry is whole, else the old one.
fn conclude(keeper: &Keeper<'_>, lock_new: &Lock, old: &Index) -> Result<(), Error> {
    let credentials = keeper.paths.credentials();
    // Read again under the new name's lock: whoever held it may have ended the old one.
    let Some(old) = Index::read(&credentials, &old.name)?
        .filter(|now| now.id == old.id && now.state == State::Renaming)
    else {
        return Ok(());
    };
    let Some(successor) = &old.successor else {
        return Ok(());
    };
    let is_ours = |entry: &Index| {
        entry.id == successor.id
            && entry
                .predecessor
                .as_ref()
                .is_some_and(|other| other.id == old.id)
    };
    let mut there = Index::read(&credentials, &successor.name)?.filter(is_ours);
    if there
        .as_ref()
        .is_some_and(|entry| entry.state == State::Adding)
    {
        settle(keeper, lock_new, &successor.name)?;
        there = Index::read(&credentials, &successor.name)?.filter(is_ours);
        // Settled, the old one is gone already.
        if Index::read(&credentials, &old.name)?.is_none() {
            return Ok(());
        }
    }
    match there {
        Some(entry) if entry.state == State::Active => {
            return end(keeper, &old).and_then(|()| forget_predecessor(keeper, entry));
        }
        // A store write that timed out may land yet. It must not become a second authority: it is deleted when met.
        Some(entry) if entry.state == State::Adding => {
            Index {
                state: State::Forgetting,
                predecessor: None,
                ..entry
            }
            .write(&credentials)?;
        }
        _ => {}
    }
    Ok(Index {
        state: State::Active,
        successor: None,
        ..old
    }
    .write(&credentials)?)
}

/// Holding the new name's lock: ends the old entry of a renaming that a dead process did not get to the end of.
pub(super) fn end_predecessor(keeper: &Keeper<'_>, entry: Index) -> Result<Index, Error> {
    let Some(other) = &entry.predecessor else {
        return Ok(entry);
    };
    let old = Index::read(&keeper.paths.credentials(), &other.name)?
        .filter(|old| old.id == other.id && old.state == State::Renaming);
    if let Some(old) = old {
        end(keeper, &old)?;
    }
    let entry = Index {
        predecessor: None,
        ..entry
    };
    entry.write(&keeper.paths.credentials())?;
    Ok(entry)
}

fn forget_predecessor(keeper: &Keeper<'_>, entry: Index) -> Result<(), Error> {
    Ok(Index {
        predecessor: None,
        ..entry
    }
    .write(&keeper.paths.credentials())?)
}

/// Item, sealed file and entry of a name that is given up, in this order.
fn end(keeper: &Keeper<'_>, old: &Index) -> Result<(), Error> {
    keeper
        .stores
        .delete(old.store, &Slot::record(&old.name, &old.id))?;
    Sealed::delete(&keeper.paths.sealed(), &old.id)?;
    Ok(Index::delete(&keeper.paths.credentials(), &old.name)?)
}

fn found(keeper: &Keeper<'_>, lock: &Lock, name: &Name) -> Result<Box<Found>, Error> {
    settle(keeper, lock, name)?;
    match look(keeper, name)? {
        Look::Found(found) => Ok(found),
        Look::Absent(index) => Err(Error::gone(&index)),
        Look::Nothing | Look::Unsettled => Err(Error::NotFound(name.clone())),
    }
}

/// The same secrets under a new id, and the entry that goes with it.
fn copy(found: &Found, name: &Name, store: StoreKind) -> Result<(Record, Index), Error> {
    let old = &found.index;
    let secret = found.record.secret.clone().ok_or_else(|| Error::Damaged {
        name: name.clone(),
        reason: "it holds no secret".into(),
    })?;
    let record = Record::new(name.clone(), found.record.bound.clone(), secret)?;
    let index = Index {
        created_at: old.created_at,
        key_since: old.key_since,
        refreshed_at: old.refreshed_at,
        logged_in_at: old.logged_in_at,
        leftovers: old.leftovers.clone(),
        rotate_every: old.rotate_every.clone(),
        expires: old.expires,
        manager: old.manager.clone(),
        recipe: old.recipe.clone(),
        agreed: old.agreed,
        rotation_error: old.rotation_error.clone(),
        ..Index::adding(&record, old.kind, store, now())
    };
    Ok((record, index))
}

/// What is cached beside the record goes with it.
fn cached(found: &Found) -> Sealed {
    Sealed {
        access: found.sealed.access.clone(),
        ..Sealed::default()
    }
}

/// The locks of two names. The second one is only tried for: two renamings in opposite directions must not wait for each
/// other.
fn both(keeper: &Keeper<'_>, old: &Name, new: &Name) -> Result<(Lock, Lock), Error> {
    let began = Instant::now();
    loop {
        let first = keeper.lock(old)?;
        match keeper.try_lock(new) {
            Ok(second) => return Ok((first, second)),
            Err(Error::Busy { .. }) if began.elapsed() < PATIENCE => drop(first),
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
