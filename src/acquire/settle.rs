//! Finishing what a dead process left half done.

use super::{Error, Keeper, Revocation, look, now, remove};
use crate::credential::{Index, Name, State};
use crate::disk::Lock;
use crate::sealed::Sealed;
use crate::store::Slot;

/// Under the lock, a half-done addition or removal has no living owner: its item decides about the former, the latter
/// is finished. Gives what a person should know.
///
/// # Errors
/// The store cannot say, or the disk refused; the next command tries again.
pub fn settle(keeper: &Keeper<'_>, lock: &Lock, name: &Name) -> Result<Vec<String>, Error> {
    let credentials = keeper.paths.credentials();
    let Some(index) = Index::read(&credentials, name)? else { return Ok(Vec::new()) };
    match index.state {
        State::Active => {}
        State::Renaming => super::relocate::settle_renaming(keeper, index)?,
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
                let warnings = index.earlier.as_ref().map(|earlier| clear(keeper, earlier)).unwrap_or_default();
                index.following(&found.record, now()).write(&credentials)?;
                tracing::info!(%name, "an interrupted addition is finished: the store has it");
                return Ok(warnings);
            }
            // A write that timed out may land yet; until then the entry stays, so that its item has a name.
            None if index.may_land_until.is_some_and(|until| now() < until) => {}
            None => {
                undo(keeper, index)?;
                tracing::info!(%name, "an interrupted addition is undone: the store never took it");
            }
        },
    }
    Ok(Vec::new())
}

/// Takes back an addition: its item goes first, and only then its entry. What it would have replaced comes back.
pub(super) fn undo(keeper: &Keeper<'_>, index: Index) -> Result<(), Error> {
    keeper.stores.delete(index.store, &Slot::record(&index.name, &index.id))?;
    Sealed::delete(&keeper.paths.sealed(), &index.id)?;
    let credentials = keeper.paths.credentials();
    match index.earlier {
        Some(earlier) if matches!(earlier.state, State::Active | State::Adding) => earlier.write(&credentials)?,
        _ => Index::delete(&credentials, &index.name)?,
    }
    Ok(())
}

/// Clears away what replaced entries named. What cannot be deleted now is told.
pub(super) fn clear(keeper: &Keeper<'_>, earlier: &Index) -> Vec<String> {
    let mut warnings = Vec::new();
    for entry in earlier.chain() {
        // The record of another credential under this entry's id is not ours to delete.
        if is_anothers(keeper, entry) || matches!(look::read_record(keeper, entry.clone()), Err(Error::Swapped { .. })) {
            continue;
        }
        let item = keeper.stores.delete(entry.store, &Slot::record(&entry.name, &entry.id)).map_err(|error| error.to_string());
        let file = Sealed::delete(&keeper.paths.sealed(), &entry.id).map_err(|error| error.to_string());
        warnings.extend([item, file].into_iter().filter_map(Result::err));
    }
    warnings
}

/// Whether an entry of another name has the same id: one of the two was made by hand.
pub(super) fn is_anothers(keeper: &Keeper<'_>, entry: &Index) -> bool {
    let entries = Index::all(&keeper.paths.credentials());
    entries.iter().flatten().flat_map(Index::chain).any(|other| other.id == entry.id && other.name != entry.name)
}
