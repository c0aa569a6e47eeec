//! Finishing what a dead process left half done.

use super::{Error, Keeper, Revocation, look, now, remove};
use crate::credential::{Index, Leftover, Name, State};
use crate::disk::Lock;
use crate::sealed::Sealed;
use crate::store::Slot;

/// Under the lock, a half-done addition or removal has no living owner: its item decides about the
/// former, the latter is finished. Gives what a person should know.
///
/// # Errors
/// The store cannot say, or the disk refused; the next command tries again.
pub fn settle(keeper: &Keeper<'_>, lock: &Lock, name: &Name) -> Result<Vec<String>, Error> {
    let credentials = keeper.paths.credentials();
    let Some(index) = Index::read(&credentials, name)? else {
        return Ok(Vec::new());
    };
    match index.state {
        State::Active => {
            sweep(keeper, super::relocate::end_predecessor(keeper, index)?)?;
        }
        State::Renaming => super::relocate::settle_renaming(keeper, &index)?,
        // What may still land keeps its name until it no longer can.
        State::Forgetting if index.may_land_until.is_some_and(|until| now() < until) => {
            keeper
                .stores
                .delete(index.store, &Slot::record(&index.name, &index.id))?;
        }
        State::Removing | State::Forgetting => {
            let revoke = index.state == State::Removing;
            if let Revocation::Failed { reason, .. } = remove(keeper, lock, index, revoke)? {
                return Ok(vec![format!(
                    "an interrupted logout of `{name}` is finished, but it was not revoked at the provider: {reason}"
                )]);
            }
            tracing::info!(%name, "an interrupted removal is finished");
        }
        State::Adding => match look::read_record(keeper, index.clone())? {
            Some(found) => {
                let (warnings, leftovers) = index
                    .earlier
                    .as_ref()
                    .map(|earlier| clear(keeper, earlier))
                    .unwrap_or_default();
                let mut done = index.following(&found.record, now());
                done.leftovers.extend(leftovers);
                done.write(&credentials)?;
                super::relocate::end_predecessor(keeper, done)?;
                tracing::info!(%name, "an interrupted addition is finished: the store has it");
                return Ok(warnings);
            }
            // A write that timed out may land yet; until then the entry stays, so that its item has
            // a name.
            None if index.may_land_until.is_some_and(|until| now() < until) => {}
            None => {
                undo(keeper, index)?;
                tracing::info!(%name, "an interrupted addition is undone: the store never took it");
            }
        },
    }
    Ok(Vec::new())
}

/// Takes back an addition: its item goes first, and only then its entry. What it would have
/// replaced comes back.
pub(super) fn undo(keeper: &Keeper<'_>, index: Index) -> Result<(), Error> {
    keeper
        .stores
        .delete(index.store, &Slot::record(&index.name, &index.id))?;
    Sealed::delete(&keeper.paths.sealed(), &index.id)?;
    let credentials = keeper.paths.credentials();
    match index.earlier {
        Some(earlier) if matches!(earlier.state, State::Active | State::Adding) => {
            earlier.write(&credentials)?
        }
        _ => Index::delete(&credentials, &index.name)?,
    }
    Ok(())
}

/// Clears away what replaced entries named. What cannot be deleted now is told, and stays named.
pub(super) fn clear(keeper: &Keeper<'_>, earlier: &Index) -> (Vec<String>, Vec<Leftover>) {
    let (mut warnings, mut leftovers) = (Vec::new(), Vec::new());
    for entry in earlier.chain() {
        // The record of another credential under this entry's id is not ours to delete.
        if is_anothers(keeper, entry)
            || matches!(
                look::read_record(keeper, entry.clone()),
                Err(Error::Swapped { .. })
            )
        {
            continue;
        }
        if let Err(error) = keeper
            .stores
            .delete(entry.store, &Slot::record(&entry.name, &entry.id))
        {
            warnings.push(format!(
                "the old item of `{}` is still in the {}: {error}",
                entry.name, entry.store
            ));
            leftovers.push(Leftover {
                store: entry.store,
                name: entry.name.clone(),
                id: entry.id.clone(),
                until: None,
            });
        }
        warnings.extend(
            Sealed::delete(&keeper.paths.sealed(), &entry.id)
                .err()
                .map(|error| error.to_string()),
        );
        leftovers.extend(entry.leftovers.iter().cloned());
    }
    (warnings, leftovers)
}

/// Deletes what an entry still names besides its record, as far as the stores let it.
fn sweep(keeper: &Keeper<'_>, entry: Index) -> Result<(), Error> {
    if entry.leftovers.is_empty() {
        return Ok(());
    }
    let stays = |left: &Leftover| {
        let deleted = keeper
            .stores
            .delete(left.store, &Slot::record(&left.name, &left.id));
        deleted.is_err() || left.until.is_some_and(|until| now() < until)
    };
    let leftovers: Vec<Leftover> = entry
        .leftovers
        .iter()
        .filter(|left| stays(left))
        .cloned()
        .collect();
    if leftovers != entry.leftovers {
        Index { leftovers, ..entry }.write(&keeper.paths.credentials())?;
    }
    Ok(())
}

/// Whether an entry of another name has the same id: one of the two was made by hand.
pub(super) fn is_anothers(keeper: &Keeper<'_>, entry: &Index) -> bool {
    let entries = Index::all(&keeper.paths.credentials());
    entries
        .iter()
        .flatten()
        .flat_map(Index::chain)
        .any(|other| other.id == entry.id && other.name != entry.name)
}
