//! Reading a credential: index, then store (one read), then sealed file. No lock, no network, no write.

use super::{Error, Keeper, binding};
use crate::credential::{Index, Name, Record, State};
use crate::sealed::{self, Sealed};
use crate::secret::SealError;
use crate::store::{self, Slot};

/// What there is under a name.
pub enum Look {
    /// Nothing.
    Nothing,
    /// Something half added or half removed: only [`super::settle`], under the lock, can tell what becomes of it.
    Unsettled,
    /// The index names an item that the (open) store does not hold.
    Absent(Box<Index>),
    /// A credential.
    Found(Box<Found>),
}

/// A credential as it is now.
pub struct Found {
    /// Its entry.
    pub index: Index,
    /// The newer of the store's record and the sealed file's.
    pub record: Record,
    /// The sealed file.
    pub sealed: Sealed,
    /// Whether the store is behind the sealed file.
    pub store_is_behind: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Reads everything that is known under a name, and checks that it fits together.
///
/// # Errors
/// The store cannot say, a file is damaged, or something was edited (then nothing may be sent).
pub fn look(keeper: &Keeper<'_>, name: &Name) -> Result<Look, Error> {
    let Some(index) = Index::read(&keeper.paths.credentials(), name)? else {
        return Ok(Look::Nothing);
    };
    if index.state != State::Active {
        return Ok(Look::Unsettled);
    }
    let Some(found) = read_record(keeper, index)? else {
        let Some(index) = Index::read(&keeper.paths.credentials(), name)? else {
            return Ok(Look::Nothing);
        };
        return Ok(Look::Absent(Box::new(index)));
    };
    binding::check(keeper, &found)?;
    Ok(Look::Found(Box::new(found)))
}

/// Reads the record that an entry names; `None` when the store does not hold it.
pub(super) fn read_record(keeper: &Keeper<'_>, index: Index) -> Result<Option<Found>, Error> {
    let name = &index.name;
    let damaged = |reason: String| Error::Damaged {
        name: name.clone(),
        reason,
    };
    let text = match keeper
        .stores
        .read(index.store, &Slot::record(name, &index.id))
    {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(store::Error::Damaged { reason, .. }) => return Err(damaged(reason)),
        Err(error) => return Err(error.into()),
    };
    let stored = Record::from_text(text.expose()).map_err(|error| damaged(error.to_string()))?;
    let mut warnings = Vec::new();
    // Before anything is done with it: a record that was put under another name must not even open a sealed file.
    binding::check_identity(&index, &stored)?;
    let mut sealed = match Sealed::read(&keeper.paths.sealed(), &index.id, &stored.seal_key()?) {
        Ok(sealed) => sealed,
        // It may hold a newer record than the store: then the store's refresh token is spent, its key replaced.
        Err(sealed::Error::Seal(error @ SealError::Damaged))
            if index.generation <= stored.generation =>
        {
            warnings.push(format!("the sealed file of `{name}` is ignored: {error}"));
            Sealed::default()
        }
        Err(sealed::Error::Seal(error)) => return Err(damaged(error.to_string())),
        // A file that cannot be read now is not one that is not there.
        Err(error) => return Err(error.into()),
    };
    if sealed
        .record
        .as_ref()
        .is_none_or(|kept| kept.generation < stored.generation)
    {
        // The store alone took the last change: what is cached belongs to what was there before.
        sealed.access.clear();
        sealed.failure = None;
    }
    let (record, store_is_behind) = newest(stored, &sealed);
    if record.kind().is_none() {
        return Err(damaged(
            "its secrets were kept in the sealed file, which is lost".into(),
        ));
    }
    binding::check_identity(&index, &record)?;
    Ok(Some(Found {
        index,
        record,
        sealed,
        store_is_behind,
        warnings,
    }))
}

/// The newer of the two copies, and whether the store has the older one. A stub in the store (its items are too small
/// on some systems) is completed by the sealed file's record of the same generation.
fn newest(stored: Record, sealed: &Sealed) -> (Record, bool) {
    match &sealed.record {
        Some(ahead) if ahead.generation > stored.generation => (ahead.clone(), true),
        Some(same) if same.generation == stored.generation && stored.secret.is_none() => {
            (same.clone(), false)
        }
        _ => (stored, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Bound, SecretPart};
    use crate::secret::Secret;

    #[test]
    fn the_record_is_the_newer_of_the_two() {
        let secret = |text: &str| SecretPart::Login {
            refresh_token: Some(Secret::new(text)),
            access: None,
        };
        let first = Record::new("acme".parse().unwrap(), Bound::default(), secret("r1")).unwrap();
        let second = first.next(Bound::default(), secret("r2"));
        let sealed = |record: &Record| Sealed {
            record: Some(record.clone()),
            ..Sealed::default()
        };
        let pick = |stored: &Record, sealed: &Sealed| {
            let (record, behind) = newest(stored.clone(), sealed);
            (record.generation, behind, record.kind().is_some())
        };
        assert_eq!(pick(&first, &Sealed::default()), (1, false, true));
        assert_eq!(
            pick(&first, &sealed(&second)),
            (2, true, true),
            "a write that timed out"
        );
        assert_eq!(
            pick(&second, &sealed(&first)),
            (2, false, true),
            "the store was quicker"
        );
        assert_eq!(
            pick(&second.stub(), &sealed(&second)),
            (2, false, true),
            "a store with small items"
        );
        assert_eq!(
            pick(&second.stub(), &sealed(&first)),
            (2, false, false),
            "and its sealed file lost"
        );
    }
}
