//! A credential in the middle of a rotation: its slots, and the one way in which they change.

use super::Error;
use crate::credential::{Index, Name, Record, SecretPart, Slots};
use crate::disk::{Lock, Reserved};
use crate::lifecycle::{Found, Keeper, current, save};
use crate::sealed::Sealed;
use jiff::Timestamp;

/// What is known under the lock.
pub struct Run<'a> {
    pub keeper: &'a Keeper<'a>,
    lock: &'a Lock,
    pub index: Index,
    record: Record,
    sealed: Sealed,
    /// Whether the store holds the newest record: nothing that it still names is ended before.
    pub is_taken: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl<'a> Run<'a> {
    /// Reads everything again, under the lock.
    pub fn open(keeper: &'a Keeper<'a>, lock: &'a Lock, name: &Name) -> Result<Self, Error> {
        let Found {
            mut index,
            record,
            sealed,
            store_is_behind,
            warnings,
        } = current(keeper, lock, name)?;
        // A process died between two writes: the entry learns what it missed.
        let progress = record.slots().and_then(Slots::progress);
        if record.generation > index.generation || progress != index.rotation {
            index = Index {
                rotation: progress,
                ..index.following(&record, Timestamp::now())
            };
            index
                .write(&keeper.paths.credentials())
                .map_err(crate::lifecycle::Error::from)?;
        }
        Ok(Self {
            keeper,
            lock,
            index,
            record,
            sealed,
            is_taken: !store_is_behind,
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
        let wrong = || Error::NoRecipe {
            name: self.name().clone(),
        };
        self.record.slots().ok_or_else(wrong)
    }

    /// Room for the next record, taken before a request makes a key that must not be lost.
    pub fn reserve(&self) -> Result<Reserved, Error> {
        let bytes = self.sealed.size() + 2 * self.record.room();
        Ok(Sealed::reserve(
            &self.keeper.paths.sealed(),
            &self.record.id,
            bytes,
        )?)
    }

    /// Saves the slots: sealed file, store, index.
    pub fn save(&mut self, slots: Slots, room: Option<Reserved>) -> Result<(), Error> {
        let next = self
            .record
            .next(self.record.bound.clone(), SecretPart::Key(slots));
        let saved = save(
            self.keeper,
            self.lock,
            &self.index,
            next.clone(),
            self.sealed.clone(),
            room,
        )?;
        self.is_taken = saved.in_store;
        self.warnings.extend(saved.warnings);
        self.index = self.index.following(&next, Timestamp::now());
        self.sealed.record = Some(next.clone());
        self.record = next;
        Ok(())
    }

    /// Writes what only the index knows. Best effort: it says nothing that a key depends on.
    pub fn note(&mut self, change: impl FnOnce(&mut Index)) {
        change(&mut self.index);
        if let Err(error) = self.index.write(&self.keeper.paths.credentials()) {
            tracing::info!(%error, "the index is not up to date");
        }
    }
}
