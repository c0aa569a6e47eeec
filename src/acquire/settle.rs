//! Finishing what a dead process left half done.

use super::{Error, Keeper, look, now, remove};
use crate::credential::{Index, Name, State};
use crate::disk::Lock;
use crate::sealed::Sealed;

/// Under the lock, a half-done addition or removal has no living owner: its item decides about the former, the latter
/// is finished.
///
/// # Errors
/// The store cannot say, or the disk refused; the next command tries again.
pub fn settle(keeper: &Keeper<'_>, lock: &Lock, name: &Name) -> Result<(), Error> {
    let credentials = keeper.paths.credentials();
    let Some(index) = Index::read(&credentials, name)? else { return Ok(()) };
    match index.state {
        State::Active => {}
        State::Removing => {
            let revocation = remove(keeper, lock, index, true)?;
            tracing::info!(%name, ?revocation, "a half-done removal is finished");
        }
        State::Adding => match look::read_record(keeper, index.clone()) {
            Ok(Some(found)) => {
                index.following(&found.record, now()).write(&credentials)?;
                tracing::info!(%name, "a half-done addition is finished: the store has it");
            }
            Ok(None) => {
                Sealed::delete(&keeper.paths.sealed(), &index.id).map_err(|error| Error::Unsuitable(error.to_string()))?;
                Index::delete(&credentials, name)?;
                tracing::info!(%name, "a half-done addition is forgotten: the store never took it");
            }
            Err(error) => return Err(error),
        },
    }
    Ok(())
}
