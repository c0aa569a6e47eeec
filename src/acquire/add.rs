//! A new credential: a new id, the store, a read-back, then the index.

use super::{Error, Keeper, Saved, now, save};
use crate::credential::{Index, Record, State};
use crate::disk::Lock;
use crate::sealed::Sealed;
use crate::store::Slot;

/// Stores the first generation of a record. The index says `adding` from before the store is asked until it has read
/// back: whatever dies in between, the next command that meets the name finds the item or forgets it
/// ([`super::settle`]), so nothing is ever left in a store that no index names.
///
/// # Errors
/// The store did not take it; then there is no credential of that name. When the store did not answer in time it may
/// still take it later, and the next command will find it.
pub fn add(keeper: &Keeper<'_>, _lock: &Lock, index: &Index, record: &Record, mut sealed: Sealed) -> Result<Saved, Error> {
    let (name, id) = (&record.name, &record.id);
    let mut saved = Saved::default();
    let credentials = keeper.paths.credentials();
    // The entry of an earlier credential that this one replaces, if there is one: its remains go at the end.
    let earlier = Index::read(&credentials, name).ok().flatten().filter(|earlier| earlier.id != *id);
    let adding = Index { state: State::Adding, ..index.clone() };
    adding.write(&credentials)?;
    let stored = store_it(keeper, index, record, &mut sealed);
    if let Err(error) = stored {
        let may_land = matches!(&error, Error::Store(error) if error.may_land_later());
        if !may_land {
            forget(keeper, index);
        }
        return Err(error);
    }
    let mut index = adding.following(record, now());
    index.access_expires_at = sealed.access.first().and_then(|token| token.expires_at);
    index.write(&credentials)?;
    if let Some(earlier) = earlier {
        // What it replaces: an item that is gone already, or one that could not be used.
        let item = keeper.stores.delete(earlier.store, &Slot::record(name, &earlier.id)).map_err(|error| error.to_string());
        let file = Sealed::delete(&keeper.paths.sealed(), &earlier.id).map_err(|error| error.to_string());
        saved.warnings.extend([item, file].into_iter().filter_map(Result::err));
    }
    Ok(saved)
}

fn store_it(keeper: &Keeper<'_>, index: &Index, record: &Record, sealed: &mut Sealed) -> Result<(), Error> {
    sealed.record = Some(record.clone());
    let in_file = sealed.write(&keeper.paths.sealed(), &record.id, &record.seal_key()?);
    in_file.map_err(|error| Error::Unsuitable(format!("`{}` could not be stored: {error}", record.name)))?;
    let slot = Slot::record(&record.name, &record.id);
    let text = save::store_text(record, index.store);
    keeper.stores.write(index.store, &slot, &text)?;
    keeper.stores.verify(index.store, &slot, &text)?;
    Ok(())
}

/// Undoes an addition that the store refused.
fn forget(keeper: &Keeper<'_>, index: &Index) {
    let _ = keeper.stores.delete(index.store, &Slot::record(&index.name, &index.id));
    let _ = Sealed::delete(&keeper.paths.sealed(), &index.id);
    let _ = Index::delete(&keeper.paths.credentials(), &index.name);
}
