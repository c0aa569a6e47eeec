//! Reading a credential: the entry, then the store (one read), then the sealed file. No lock, no
//! network, no write.

use super::{Context, Error, binding};
use crate::credential::{Entry, Name, Record};
use crate::sealed::{self, Sealed};
use crate::secret::SealError;
use crate::store::{self, Slot};

/// What there is under a name.
pub enum Look {
    /// No entry.
    Nothing,
    /// An interrupted command left the credential incomplete; [`super::recover`] finishes or undoes
    /// that under the lock.
    Incomplete,
    /// The entry names an item that the (open) store does not contain.
    Absent(Box<Entry>),
    /// A credential.
    Found(Box<Found>),
}

/// A credential as it is now.
pub struct Found {
    /// Its entry in the index.
    pub entry: Entry,
    /// The newer of the store's record and the sealed file's.
    pub record: Record,
    /// The sealed file.
    pub sealed: Sealed,
    /// Whether the store has an older record than the sealed file.
    pub store_is_behind: bool,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

/// Reads everything under a name, and checks that it fits together.
///
/// # Errors
/// The store cannot be read, a file is damaged, or something was edited; then nothing may be sent.
pub fn look(context: &Context<'_>, name: &Name) -> Result<Look, Error> {
    let Some(entry) = context.index.find(name)? else {
        return Ok(Look::Nothing);
    };
    if !entry.state.is_active() {
        return Ok(Look::Incomplete);
    }
    let Some(found) = read_record(context, entry)? else {
        // Another process may just have removed it.
        let Some(entry) = context.index.find(name)? else {
            return Ok(Look::Nothing);
        };
        return Ok(Look::Absent(Box::new(entry)));
    };
    check_binding(context, &found.entry, &found.record)?;
    Ok(Look::Found(Box::new(found)))
}

/// Checks that an entry, its record and a row of the user's own fit together.
pub(super) fn check(context: &Context<'_>, entry: &Entry, record: &Record) -> Result<(), Error> {
    check_identity(entry, record)?;
    check_binding(context, entry, record)
}

/// Checks that a record is the one that its entry names.
fn check_identity(entry: &Entry, record: &Record) -> Result<(), Error> {
    if record.name != entry.name || record.id != entry.id {
        return Err(Error::Swapped {
            name: entry.name.clone(),
            kind: entry.kind,
            found: record.name.clone(),
        });
    }
    Ok(())
}

/// Checks that the entry, and the row if it is the user's own, name what the record is bound to.
/// The index is written last, so a record may be ahead. Any other difference was made by somebody
/// who edited the file.
fn check_binding(context: &Context<'_>, entry: &Entry, record: &Record) -> Result<(), Error> {
    if record.generation <= entry.generation && record.bound != entry.bound {
        return Err(Error::Refused {
            name: entry.name.clone(),
            kind: entry.kind,
            reason: "its index file was edited and no longer matches its record".into(),
        });
    }
    if context.catalogue.is_own(entry.name.provider()) {
        binding::check_row(context, entry, record)?;
    }
    Ok(())
}

/// Reads the record that an entry names; `None` when the store does not contain it.
pub(super) fn read_record(context: &Context<'_>, entry: Entry) -> Result<Option<Found>, Error> {
    let name = &entry.name;
    let damaged = |reason: String| Error::Damaged {
        name: name.clone(),
        kind: entry.kind,
        reason,
    };
    let text = match context.stores.read(entry.store, &Slot::of(&entry)) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(store::Error::Damaged { reason, .. }) => return Err(damaged(reason)),
        Err(error) => return Err(error.into()),
    };
    let stored = Record::from_text(text.expose()).map_err(|error| damaged(error.to_string()))?;
    let mut warnings = Vec::new();
    // Checked first: a record that was put under another name must not even open a sealed file.
    check_identity(&entry, &stored)?;
    let mut sealed = match Sealed::read(&context.paths.sealed(), &entry.id, &stored.seal_key()?) {
        Ok(sealed) => sealed,
        // Unless it may contain a newer record: then the store's refresh token is spent, or its key
        // replaced.
        Err(sealed::Error::Seal(error @ SealError::Damaged))
            if entry.generation <= stored.generation =>
        {
            warnings.push(format!("ignoring the sealed file of `{name}`: {error}"));
            Sealed::default()
        }
        Err(sealed::Error::Seal(error)) => return Err(damaged(error.to_string())),
        // A file that cannot be read now is not a missing file.
        Err(error) => return Err(error.into()),
    };
    if sealed
        .record
        .as_ref()
        .is_none_or(|kept| kept.generation < stored.generation)
    {
        // Only the store took the last change, so the cached tokens belong to the previous record.
        sealed.access.clear();
        sealed.failure = None;
    }
    let (record, store_is_behind) = newest(stored, &sealed);
    if record.kind().is_none() {
        return Err(damaged(
            "its secrets were in the sealed file, which is missing".into(),
        ));
    }
    check_identity(&entry, &record)?;
    Ok(Some(Found {
        entry,
        record,
        sealed,
        store_is_behind,
        warnings,
    }))
}

/// The newer of the two copies, and whether the store has the older one. A stub in the store (items
/// are too small for some records on Windows) is completed by the sealed file's record of the same
/// generation.
fn newest(stored: Record, sealed: &Sealed) -> (Record, bool) {
    match &sealed.record {
        Some(ahead) if ahead.generation > stored.generation => (ahead.clone(), true),
        Some(same) if same.generation == stored.generation && stored.secret.is_none() => {
            (same.clone(), false)
        }
        _ => (stored, false),
    }
}

/// Whether the store can be read for this entry, and contains its record.
///
/// # Errors
/// The store cannot be read.
pub fn can_read(context: &Context<'_>, entry: &Entry) -> Result<bool, store::Error> {
    let slot = Slot::of(entry);
    Ok(context.stores.read(entry.store, &slot)?.is_some())
}

#[cfg(test)]
mod tests;
