//! Deleting what a credential leaves behind: items, sealed files and entries. The store comes
//! first, so that no item is left that no entry names.

use super::look::read_record;
use super::{Context, Error};
use crate::credential::{Entry, Leftover, State};
use crate::sealed::Sealed;
use crate::store::Slot;
use jiff::Timestamp;

/// Deletes the item of an entry from its store.
pub(super) fn delete_item(context: &Context<'_>, entry: &Entry) -> Result<(), Error> {
    Ok(context.stores.delete(entry.store, &Slot::of(entry))?)
}

/// Deletes the item, the sealed file and the entry of a name that is given up, in this order.
pub(super) fn discard(context: &Context<'_>, entry: &Entry) -> Result<(), Error> {
    delete_item(context, entry)?;
    Sealed::delete(&context.paths.sealed(), &entry.id)?;
    Ok(context.index.delete(&entry.name)?)
}

/// Undoes an addition: its item is deleted first, then its entry. The entry that it would have
/// replaced comes back.
pub(super) fn undo(context: &Context<'_>, entry: Entry) -> Result<(), Error> {
    delete_item(context, &entry)?;
    Sealed::delete(&context.paths.sealed(), &entry.id)?;
    match entry.state.into_earlier() {
        Some(earlier) if matches!(earlier.state, State::Active | State::Adding { .. }) => {
            Ok(context.index.write(&earlier)?)
        }
        _ => Ok(context.index.delete(&entry.name)?),
    }
}

/// Deletes what replaced entries named. What cannot be deleted now is reported and stays listed.
pub(super) fn clear(context: &Context<'_>, earlier: &Entry) -> (Vec<String>, Vec<Leftover>) {
    let (mut warnings, mut leftovers) = (Vec::new(), Vec::new());
    for entry in earlier.chain() {
        // Another credential's record under this entry's id must not be deleted.
        if shares_id(context, entry)
            || matches!(
                read_record(context, entry.clone()),
                Err(Error::Swapped { .. })
            )
        {
            continue;
        }
        if let Err(error) = delete_item(context, entry) {
            warnings.push(format!(
                "cannot delete the old item of `{}` from the {}: {error}",
                entry.name, entry.store
            ));
            leftovers.push(Leftover {
                store: entry.store,
                name: entry.name.clone(),
                id: entry.id.clone(),
                until: None,
                provided_by: entry.provided_by.clone(),
            });
        }
        warnings.extend(
            Sealed::delete(&context.paths.sealed(), &entry.id)
                .err()
                .map(|error| error.to_string()),
        );
        leftovers.extend(entry.leftovers.iter().cloned());
    }
    (warnings, leftovers)
}

/// Deletes the leftovers of an entry, as far as the stores allow it.
pub(super) fn sweep(context: &Context<'_>, entry: Entry) -> Result<(), Error> {
    if entry.leftovers.is_empty() {
        return Ok(());
    }
    let stays = |left: &Leftover| {
        let slot = Slot::left(left);
        let deleted = context.stores.delete(left.store, &slot);
        deleted.is_err() || left.until.is_some_and(|until| Timestamp::now() < until)
    };
    let leftovers: Vec<Leftover> = entry
        .leftovers
        .iter()
        .filter(|left| stays(left))
        .cloned()
        .collect();
    if leftovers != entry.leftovers {
        context.index.write(&Entry { leftovers, ..entry })?;
    }
    Ok(())
}

/// Deletes the old entry of a rename that was interrupted, and the reference to it.
pub(super) fn discard_predecessor(context: &Context<'_>, entry: Entry) -> Result<Entry, Error> {
    let Some(other) = &entry.predecessor else {
        return Ok(entry);
    };
    let old = context
        .index
        .find(&other.name)?
        .filter(|old| old.id == other.id && old.state.is_renaming());
    if let Some(old) = old {
        discard(context, &old)?;
    }
    let entry = Entry {
        predecessor: None,
        ..entry
    };
    context.index.write(&entry)?;
    Ok(entry)
}

/// Whether an entry of another name has the same id: then one of the two files was edited. An index
/// that cannot be read may have one.
pub(super) fn shares_id(context: &Context<'_>, entry: &Entry) -> bool {
    context.index.all().map_or(true, |entries| {
        let mut others = entries.readable.iter().flat_map(Entry::chain);
        others.any(|other| other.id == entry.id && other.name != entry.name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, parts};
    use super::*;
    use crate::credential::{Name, Slots};

    #[test]
    fn an_item_that_another_entry_names_is_not_deleted() {
        let home = Home::new();
        let (mine, copy): (Name, Name) = ("acme".parse().unwrap(), "acme/copy".parse().unwrap());
        let found = home.key(&mine, Slots::of(parts("k")));
        let context = home.context();
        assert!(!shares_id(&context, &found.entry));
        // A copied file: two names, one id.
        let copied = Entry {
            name: copy,
            ..found.entry.clone()
        };
        home.index.write(&copied).unwrap();
        assert!(shares_id(&context, &found.entry));
        let (warnings, leftovers) = clear(&context, &found.entry);
        assert!(warnings.is_empty() && leftovers.is_empty());
        assert!(home.has_item(&found.entry));
        // A file that names another credential's item.
        home.index.delete(&copied.name).unwrap();
        home.index.delete(&mine).unwrap();
        clear(&context, &copied);
        assert!(home.has_item(&found.entry));
        clear(&context, &found.entry);
        assert!(!home.has_item(&found.entry));
    }
}
