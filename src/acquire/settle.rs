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
                index.following(&found.record, now()).write(&credentials)?;
                tracing::info!(%name, "an interrupted addition is finished: the store has it");
                return Ok(index.earlier.map(|earlier| clear(keeper, &earlier)).unwrap_or_default());
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
        Some(earlier) if earlier.state == State::Active => earlier.write(&credentials)?,
        _ => Index::delete(&credentials, &index.name)?,
    }
    Ok(())
}

/// Clears away what a replaced entry named. What cannot be deleted now is told.
pub(super) fn clear(keeper: &Keeper<'_>, earlier: &Index) -> Vec<String> {
    // The record of another credential under this entry's id is not ours to delete.
    if matches!(look::read_record(keeper, earlier.clone()), Err(Error::Swapped { .. })) {
        return Vec::new();
    }
    let item = keeper.stores.delete(earlier.store, &Slot::record(&earlier.name, &earlier.id)).map_err(|error| error.to_string());
    let file = Sealed::delete(&keeper.paths.sealed(), &earlier.id).map_err(|error| error.to_string());
    [item, file].into_iter().filter_map(Result::err).collect()
}
