//! What there is, under the lock: everything read again, and the store brought up to it.

use super::save::store_text;
use super::{Error, Found, Keeper, Look, look, settle};
use crate::credential::Name;
use crate::disk::Lock;
use crate::sealed::Sealed;
use crate::store::Slot;

/// A credential as it is now. What a dead process left half done is settled; a record that only the sealed file has
/// taken is written to the store, once.
///
/// # Errors
/// There is none, or what there is cannot be used.
pub fn current(keeper: &Keeper<'_>, lock: &Lock, name: &Name) -> Result<Found, Error> {
    let mut found = match look(keeper, name)? {
        Look::Found(found) => found,
        Look::Nothing => return Err(Error::NotFound(name.clone())),
        Look::Unsettled => {
            settle(keeper, lock, name)?;
            match look(keeper, name)? {
                Look::Found(found) => found,
                _ => return Err(Error::NotFound(name.clone())),
            }
        }
        Look::Absent(index) => return Err(Error::gone(&index)),
    };
    bring_store_up(keeper, &mut found)?;
    Ok(*found)
}

/// The sealed file knows a newer record than the store: a process died between the two writes, or the store refused.
/// Synced first, since nobody knows whether its writer lived to do that; then one write to the store, and whatever
/// becomes of that stops nothing.
fn bring_store_up(keeper: &Keeper<'_>, found: &mut Found) -> Result<(), Error> {
    if !found.store_is_behind {
        return Ok(());
    }
    let index = &found.index;
    Sealed::sync(&keeper.paths.sealed(), &index.id).map_err(|error| Error::Damaged {
        name: index.name.clone(),
        reason: error.to_string(),
    })?;
    let slot = Slot::record(&index.name, &index.id);
    let text = store_text(&found.record, index.store);
    match keeper.stores.write(index.store, &slot, &text) {
        Ok(()) => found.store_is_behind = false,
        Err(error) => found.warnings.push(format!(
            "`{}` is kept in its sealed file for now: {error}",
            index.name
        )),
    }
    Ok(())
}
