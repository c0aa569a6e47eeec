//! The one way in which a record changes: sealed file, store, index, in this order, under the lock.

use super::{Error, Keeper, now};
use crate::credential::{Index, Record, StoreKind};
use crate::disk::{Lock, Reserved};
use crate::sealed::Sealed;
use crate::secret::Secret;
use crate::store::{Slot, Stores};

/// What became of a save.
#[derive(Debug, Default)]
pub struct Saved {
    /// Whether the store took it; else the sealed file alone has it, and the next to come finishes the write.
    pub in_store: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Saves `next`, the following generation of an existing record. The sealed file keeps it until the end of its days: a
/// store write that timed out may land later, and the newer of the two counts. One of the two must take it.
///
/// # Errors
/// Neither took it, or it could not be read again: then nothing was written.
pub fn save(
    keeper: &Keeper<'_>,
    _lock: &Lock,
    index: &Index,
    next: Record,
    mut sealed: Sealed,
    room: Option<Reserved>,
) -> Result<Saved, Error> {
    let mut saved = Saved::default();
    let (name, id, folder) = (next.name.clone(), next.id.clone(), keeper.paths.sealed());
    check(&next)?;
    sealed.record = Some(next.clone());
    let key = next.seal_key()?;
    let in_file = match room {
        // Room that is gone (swept, moved) is no reason to give up the file.
        Some(room) => sealed
            .write_into(room, &id, &key)
            .or_else(|_| sealed.write(&folder, &id, &key)),
        None => sealed.write(&folder, &id, &key),
    };
    // A sealed file that was refused is no reason to give up the store, and the other way round.
    let full = next.to_text();
    let text = if in_file.is_ok() {
        store_text(&next, index.store)
    } else {
        full
    };
    let in_store = keeper
        .stores
        .write(index.store, &Slot::record(&name, &id), &text);
    saved.in_store = in_store.is_ok();
    match (in_file, in_store) {
        (Ok(()), Ok(())) => tracing::debug!(%name, generation = next.generation, "saved"),
        (Ok(()), Err(error)) => saved.warnings.push(format!(
            "`{name}` is kept in its sealed file for now: {error}"
        )),
        (Err(error), Ok(())) => saved.warnings.push(format!(
            "`{name}` is kept in the {} alone: {error}",
            index.store
        )),
        (Err(sealed), Err(store)) => {
            return Err(Error::NotSaved {
                name,
                sealed: sealed.to_string(),
                store: store.to_string(),
            });
        }
    }
    let mut index = index.following(&next, now());
    index.access_expires_at = sealed.access.first().and_then(|token| token.expires_at);
    if let Err(error) = index.write(&keeper.paths.credentials()) {
        saved
            .warnings
            .push(format!("the index of `{name}` is not up to date: {error}"));
    }
    Ok(saved)
}

/// Refuses what nobody could read again.
pub(super) fn check(record: &Record) -> Result<(), Error> {
    record.check().map_err(|error| Error::Unsaved {
        name: record.name.clone(),
        reason: error.to_string(),
    })
}

/// What the store is given: the whole record, or, where its items are too small for that, all but the secrets, which
/// are then in the sealed file alone.
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
mod tests {
    use super::*;
    use crate::credential::{Bound, SecretPart};

    #[test]
    fn a_record_over_the_limit_leaves_only_key_and_binding_in_the_store() {
        let bound = Bound {
            client_id: Some("me".into()),
            ..Bound::default()
        };
        let secret = SecretPart::Login {
            refresh_token: Some(Secret::new("r".repeat(4000))),
            access: None,
        };
        let record = Record::new("acme".parse().unwrap(), bound, secret).unwrap();
        let small = fit(&record, Some(2560));
        assert!(small.len() < 2560 && !small.expose().contains("rrrr"));
        let read = Record::from_text(small.expose()).unwrap();
        assert_eq!(
            (
                read.generation,
                read.kind(),
                read.bound.client_id.as_deref()
            ),
            (1, None, Some("me"))
        );
        assert!(read.seal_key().is_ok());
        assert!(fit(&record, None).expose().contains("rrrr"));
        assert!(fit(&record, Some(5000)).expose().contains("rrrr"));
    }
}
