//! A key during a rotation: its slots, and the one way in which they change.

use super::Error;
use crate::credential::{Entry, Name, Record, SecretPart, Slots};
use crate::disk::Reserved;
use crate::lifecycle::{self, Claim, Found, current, save};
use crate::sealed::Sealed;
use jiff::Timestamp;

/// A key during a rotation.
pub struct Run<'a> {
    claim: &'a Claim<'a>,
    pub entry: Entry,
    record: Record,
    sealed: Sealed,
    /// Whether the store has the newest record: no key that an older record still names is revoked
    /// before.
    pub is_in_store: bool,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

impl<'a> Run<'a> {
    /// Reads the key again, now that it is claimed.
    pub fn open(claim: &'a Claim<'a>) -> Result<Self, Error> {
        let Found {
            mut entry,
            record,
            sealed,
            store_is_behind,
            warnings,
        } = current(claim)?;
        // If a process died between two writes, the entry is brought up to date.
        let progress = record.slots().and_then(Slots::progress);
        if record.generation > entry.generation || progress != entry.rotation.progress {
            entry = entry.following(&record, Timestamp::now());
            let index = claim.context.index;
            index.write(&entry).map_err(lifecycle::Error::from)?;
        }
        Ok(Self {
            claim,
            entry,
            record,
            sealed,
            is_in_store: !store_is_behind,
            warnings,
        })
    }

    pub fn name(&self) -> &Name {
        &self.record.name
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The slots of the key; a login has none.
    pub fn slots(&self) -> Result<&Slots, Error> {
        self.record.slots().ok_or_else(|| Error::NoRecipe {
            name: self.name().clone(),
        })
    }

    /// Reserves room for the next record, before a request creates a key that must not be lost.
    pub fn reserve(&self) -> Result<Reserved, Error> {
        let bytes = self.sealed.size() + 2 * self.record.room();
        let folder = self.claim.context.paths.sealed();
        Ok(Sealed::reserve(&folder, &self.record.id, bytes)?)
    }

    /// Saves the slots: sealed file, store, index.
    pub fn save(&mut self, slots: Slots, room: Option<Reserved>) -> Result<(), Error> {
        let bound = self.record.bound.clone();
        let next = self.record.next(bound, SecretPart::Key(slots));
        let sealed = self.sealed.clone();
        let saved = save(self.claim, &self.entry, next.clone(), sealed, room)?;
        self.is_in_store = saved.in_store;
        self.warnings.extend(saved.warnings);
        self.entry = self.entry.following(&next, Timestamp::now());
        self.sealed.record = Some(next.clone());
        self.record = next;
        Ok(())
    }

    /// Writes what only the entry says. A failure is not reported: no key depends on it.
    pub fn write_entry(&self) {
        if let Err(error) = self.claim.context.index.write(&self.entry) {
            tracing::info!(%error, "the index is not up to date");
        }
    }
}
