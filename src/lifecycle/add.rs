//! A new credential: a new id, the store, a read-back, then the index.

use super::settle::{clear, undo};
use super::{Error, Keeper, Saved, now, save};
use crate::credential::{Index, Leftover, Record, State};
use crate::disk::Lock;
use crate::sealed::Sealed;
use crate::store::Slot;
use jiff::SignedDuration;

/// How long a store write that timed out is expected to land.
const MAY_LAND: SignedDuration = SignedDuration::from_mins(10);

/// Stores the first generation of a record. The index says `adding` from before the store is asked until it has read
/// back: whatever dies in between, the next command that meets the name finds the item or takes the addition back
/// ([`super::settle`]), so nothing is ever left in a store that no index names. An entry of the same name that is
/// replaced is kept within until then.
///
/// # Errors
/// The store did not take it; then all is as before. When the store did not answer in time it may still take it later,
/// and the next command will find it.
pub fn add(
    keeper: &Keeper<'_>,
    _lock: &Lock,
    index: &Index,
    record: &Record,
    mut sealed: Sealed,
) -> Result<Saved, Error> {
    save::check(record)?;
    let credentials = keeper.paths.credentials();
    // An entry that cannot be read cannot be kept either; its remains then have no name.
    let earlier = Index::read(&credentials, &record.name).ok().flatten();
    let adding = Index {
        state: State::Adding,
        earlier: earlier.map(Box::new),
        ..index.clone()
    };
    adding.write(&credentials)?;
    if let Err(error) = store_it(keeper, index, record, &mut sealed) {
        let may_land = matches!(&error, Error::Store(error) if error.may_land_later());
        let until = now() + MAY_LAND;
        if let Some(earlier) = adding
            .earlier
            .as_deref()
            .filter(|earlier| may_land && earlier.state == State::Active)
        {
            // What was there before goes on; what may land beside it is named until it no longer can.
            let mut earlier = earlier.clone();
            earlier.leftovers.push(Leftover {
                store: index.store,
                name: record.name.clone(),
                id: record.id.clone(),
                until: Some(until),
            });
            let _ = Sealed::delete(&keeper.paths.sealed(), &record.id);
            let _ = earlier.write(&credentials);
        } else if may_land {
            let _ = Index {
                may_land_until: Some(until),
                ..adding
            }
            .write(&credentials);
        } else if let Err(undoing) = undo(keeper, adding) {
            // The entry stays `adding`: the next command tries again.
            tracing::info!(%undoing, "the addition could not be taken back");
        }
        return Err(error);
    }
    // What it replaces goes while it still has a name.
    let (warnings, leftovers) = adding
        .earlier
        .as_ref()
        .map(|earlier| clear(keeper, earlier))
        .unwrap_or_default();
    let mut done = adding.following(record, now());
    done.access_expires_at = sealed.access.first().and_then(|token| token.expires_at);
    done.leftovers.extend(leftovers);
    done.write(&credentials)?;
    Ok(Saved {
        in_store: true,
        warnings,
    })
}

fn store_it(
    keeper: &Keeper<'_>,
    index: &Index,
    record: &Record,
    sealed: &mut Sealed,
) -> Result<(), Error> {
    sealed.record = Some(record.clone());
    sealed.write(&keeper.paths.sealed(), &record.id, &record.seal_key()?)?;
    let slot = Slot::record(&record.name, &record.id);
    let text = save::store_text(record, index.store);
    keeper.stores.write(index.store, &slot, &text)?;
    keeper.stores.verify(index.store, &slot, &text)?;
    Ok(())
}
