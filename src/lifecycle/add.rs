//! Storing a new record: a new id, the store, a read-back, then the index.

use super::cleanup::{clear, undo};
use super::save::{check, store_text};
use super::{Claim, Error, Saved};
use crate::credential::{Entry, Leftover, Record, State};
use crate::sealed::Sealed;
use crate::store::Slot;
use jiff::{SignedDuration, Timestamp};

/// How long a store write that timed out may take to take effect.
const MAY_LAND: SignedDuration = SignedDuration::from_mins(10);

/// Stores the first generation of a record. The entry is `adding` from before the store is asked
/// until the record was read back. Whatever is interrupted in between, the next command that claims
/// the name finds the item or undoes the addition ([`super::recover`]), so no store ever holds an
/// item that no entry names. An entry of the same name that is replaced is kept inside the new one
/// until then.
///
/// # Errors
/// The store refused; then nothing has changed. A store that timed out may still take the record
/// later; the next command finds it.
pub fn add(
    claim: &Claim<'_>,
    entry: &Entry,
    record: &Record,
    mut sealed: Sealed,
) -> Result<Saved, Error> {
    check(record)?;
    let context = &claim.context;
    // An entry that cannot be read cannot be kept either.
    let earlier = context.index.find(&record.name).ok().flatten();
    let entry = &Entry {
        provided_by: context.stores.provider(entry.store),
        ..entry.clone()
    };
    let adding = |earlier: Option<Entry>, may_land_until| Entry {
        state: State::Adding {
            earlier: earlier.map(Box::new),
            may_land_until,
        },
        ..entry.clone()
    };
    context.index.write(&adding(earlier.clone(), None))?;
    if let Err(error) = store(claim, entry, record, &mut sealed) {
        let may_land = matches!(&error, Error::Store(error) if error.may_land_later());
        let until = Timestamp::now() + MAY_LAND;
        match earlier {
            // The earlier credential stays in use; what may still be stored beside it is listed
            // until it cannot be any more.
            Some(mut earlier) if may_land && earlier.state.is_active() => {
                earlier.leftovers.push(Leftover {
                    store: entry.store,
                    name: record.name.clone(),
                    id: record.id.clone(),
                    until: Some(until),
                    provided_by: entry.provided_by.clone(),
                });
                let _ = Sealed::delete(&context.paths.sealed(), &record.id);
                let _ = context.index.write(&earlier);
            }
            earlier if may_land => {
                let _ = context.index.write(&adding(earlier, Some(until)));
            }
            earlier => {
                if let Err(undoing) = undo(context, adding(earlier, None)) {
                    // The entry stays `adding`: the next command tries again.
                    tracing::info!(%undoing, "the addition could not be undone");
                }
            }
        }
        return Err(error);
    }
    if earlier.is_some() || entry.predecessor.is_some() {
        context.stores.settle(entry.store);
    }
    // What it replaces is deleted while an entry still names it.
    let (warnings, leftovers) = earlier
        .as_ref()
        .map(|earlier| clear(context, earlier))
        .unwrap_or_default();
    let mut done = adding(None, None).following(record, Timestamp::now());
    done.login.access_expires_at = sealed.access.first().and_then(|token| token.expires_at);
    done.leftovers.extend(leftovers);
    context.index.write(&done)?;
    Ok(Saved {
        in_store: true,
        warnings,
    })
}

fn store(
    claim: &Claim<'_>,
    entry: &Entry,
    record: &Record,
    sealed: &mut Sealed,
) -> Result<(), Error> {
    let context = &claim.context;
    sealed.record = Some(record.clone());
    sealed.write(&context.paths.sealed(), &record.id, &record.seal_key()?)?;
    let slot = Slot::record(&record.name, &record.id);
    let text = store_text(record, entry.store);
    context.stores.write(entry.store, &slot, &text)?;
    context.stores.read_back(entry.store, &slot, &text)?;
    Ok(())
}

#[cfg(test)]
mod tests;
