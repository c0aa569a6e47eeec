//! Saving the next generation of a record: sealed file, store, index, in this order.

use super::{Claim, Error};
use crate::credential::{Entry, Record, StoreKind};
use crate::disk::Reserved;
use crate::sealed::Sealed;
use crate::secret::Secret;
use crate::store::{Slot, Stores};
use jiff::Timestamp;

/// The outcome of a save.
#[derive(Debug, Default)]
pub struct Saved {
    /// Whether the store took the record. Otherwise only the sealed file has it, and the next
    /// command writes it to the store.
    pub in_store: bool,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

/// Saves `next`, the next generation of an existing record. The sealed file keeps a copy for as
/// long as the credential exists: a store write that timed out may take effect later, and then the
/// newer of the two counts. At least one of the two has to take the record.
///
/// # Errors
/// Both refused, or the record could not be read back; then nothing was written.
pub fn save(
    claim: &Claim<'_>,
    entry: &Entry,
    next: Record,
    mut sealed: Sealed,
    room: Option<Reserved>,
) -> Result<Saved, Error> {
    let context = &claim.context;
    let mut saved = Saved::default();
    let (name, id, folder) = (next.name.clone(), next.id.clone(), context.paths.sealed());
    check(&next)?;
    sealed.record = Some(next.clone());
    let key = next.seal_key()?;
    let in_file = match room {
        // Reserved room that was swept or moved is no reason to give up the file.
        Some(room) => sealed
            .write_into(room, &id, &key)
            .or_else(|_| sealed.write(&folder, &id, &key)),
        None => sealed.write(&folder, &id, &key),
    };
    // A sealed file that cannot be written is no reason to give up the store, and the other way
    // round.
    let text = if in_file.is_ok() {
        store_text(&next, entry.store)
    } else {
        next.to_text()
    };
    let slot = Slot::record(&name, &id);
    let in_store = context.stores.write(entry.store, &slot, &text);
    saved.in_store = in_store.is_ok();
    match (in_file, in_store) {
        (Ok(()), Ok(())) => tracing::debug!(%name, generation = next.generation, "saved"),
        (Ok(()), Err(error)) => saved.warnings.push(format!(
            "`{name}` is only in its sealed file until the {} can be written to: {error}",
            entry.store
        )),
        (Err(error), Ok(())) => saved.warnings.push(format!(
            "`{name}` was saved in the {}, but not in its sealed file: {error}",
            entry.store
        )),
        (Err(sealed), Err(store)) => {
            return Err(Error::NotSaved {
                name,
                sealed: sealed.to_string(),
                store: store.to_string(),
            });
        }
    }
    let mut entry = entry.following(&next, Timestamp::now());
    entry.login.access_expires_at = sealed.access.first().and_then(|token| token.expires_at);
    if let Err(error) = context.index.write(&entry) {
        saved.warnings.push(format!(
            "the index entry of `{name}` is out of date: {error}"
        ));
    }
    Ok(saved)
}

/// Refuses a record that could not be read again.
pub(super) fn check(record: &Record) -> Result<(), Error> {
    record.check().map_err(|error| Error::Unsaved {
        name: record.name.clone(),
        reason: error.to_string(),
    })
}

/// The text for the store: the whole record, or, where its items are too small, everything but the
/// secrets, which are then only in the sealed file.
pub(super) fn store_text(record: &Record, store: StoreKind) -> Secret {
    fit(record, Stores::item_limit(store))
}

fn fit(record: &Record, limit: Option<usize>) -> Secret {
    let whole = record.to_text();
    if limit.is_some_and(|limit| whole.len() > limit) {
        record.stub().to_text()
    } else {
        whole
    }
}

#[cfg(test)]
mod tests;
