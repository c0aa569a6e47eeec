//! Renaming a credential.

use super::add::add;
use super::recover::conclude_rename;
use super::relocate::{cached, copy, recovered};
use super::{Claim, Context, Error, Saved, recover};
use crate::credential::{Entry, Name, Other, State};
use std::time::{Duration, Instant};

/// How long to wait for the lock that is taken last.
const PATIENCE: Duration = Duration::from_secs(60);

/// Renames a credential. From the first write to the last, the old name gives nothing out. A
/// command that meets it then finishes or undoes the rename, by whether the new entry is complete.
/// The new entry names the old one until that is deleted, and nobody changes or removes the new one
/// before; so a new entry that is missing was never complete.
///
/// # Errors
/// The new name is taken, the old credential cannot be read, or the store refused the new record;
/// then nothing has changed.
pub fn rename(context: Context<'_>, old: &Name, new: &Name) -> Result<Saved, Error> {
    // Recovering the new name may need a third lock, so it is done while none is held.
    recover(&context.claim(new)?)?;
    let (claim, claim_new) = both(context, old, new)?;
    let found = recovered(&claim)?;
    if context.index.find(new)?.is_some() {
        return Err(Error::Unsuitable(format!(
            "a credential named `{new}` already exists"
        )));
    }
    let (record, entry) = copy(&found, new, found.entry.store)?;
    let entry = Entry {
        predecessor: Some(Other {
            name: old.clone(),
            id: found.entry.id.clone(),
        }),
        ..entry
    };
    let renaming = Entry {
        state: State::Renaming {
            successor: Other {
                name: new.clone(),
                id: record.id.clone(),
            },
        },
        ..found.entry.clone()
    };
    context.index.write(&renaming)?;
    match add(&claim_new, &entry, &record, cached(&found)) {
        Ok(mut saved) => {
            // The new entry is complete. What is left of the old one gives nothing out and is
            // deleted when met.
            saved.warnings.extend(
                conclude_rename(&claim_new, &renaming)
                    .err()
                    .map(|error| error.to_string()),
            );
            drop((claim, claim_new));
            saved.warnings.extend(rename_manager(context, old, new));
            Ok(saved)
        }
        Err(error) => {
            conclude_rename(&claim_new, &renaming)?;
            Err(error)
        }
    }
}

/// Writes the new name into the entries of the keys that the credential manages. A rotation reports
/// an entry that could not be written.
fn rename_manager(context: Context<'_>, old: &Name, new: &Name) -> Vec<String> {
    let is_managed = |entry: &Entry| entry.rotation.manager.as_ref() == Some(old);
    let entries = match context.index.all() {
        Ok(entries) => entries.readable,
        Err(error) => return vec![error.to_string()],
    };
    let mut warnings = Vec::new();
    for entry in entries.iter().filter(|entry| is_managed(entry)) {
        let Ok(_claim) = context.claim(&entry.name) else {
            continue;
        };
        let Ok(Some(mut entry)) = context.index.find(&entry.name) else {
            continue;
        };
        entry.rotation.manager = Some(new.clone());
        warnings.extend(context.index.write(&entry).err().map(|e| e.to_string()));
    }
    warnings
}

/// The claims on two names. The second one is only tried: two renames in opposite directions must
/// not wait for each other.
fn both<'a>(context: Context<'a>, old: &Name, new: &Name) -> Result<(Claim<'a>, Claim<'a>), Error> {
    let began = Instant::now();
    loop {
        let first = context.claim(old)?;
        match context.try_claim(new) {
            Ok(second) => return Ok((first, second)),
            Err(Error::Busy { .. }) if began.elapsed() < PATIENCE => drop(first),
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
