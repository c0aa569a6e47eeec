//! Finishing or undoing what an interrupted command left.

use super::cleanup::{clear, delete_item, discard, discard_predecessor, sweep, undo};
use super::look::read_record;
use super::{Claim, Context, Error, Revocation, remove};
use crate::credential::{Entry, Other, State};
use jiff::Timestamp;

/// Finishes or undoes what an interrupted command left under this name. While the claim is held,
/// nobody else is working on it: an addition is finished if the store has its record, a removal is
/// always finished. Returns warnings.
///
/// # Errors
/// The store or the disk refused; the next command tries again.
pub fn recover(claim: &Claim<'_>) -> Result<Vec<String>, Error> {
    let context = &claim.context;
    let name = claim.name();
    let Some(entry) = context.index.find(name)? else {
        return Ok(Vec::new());
    };
    match &entry.state {
        State::Active => sweep(context, discard_predecessor(context, entry)?)?,
        State::Renaming { successor } => {
            // Whoever holds the new name's lock never waits for the old one's, so this wait ends.
            let successor = context.claim(&successor.name)?;
            conclude_rename(&successor, &entry)?;
        }
        State::Adding { may_land_until, .. } => match read_record(context, entry.clone())? {
            Some(found) => {
                tracing::info!(%name, "finishing an interrupted addition: the store has the record");
                return finish_addition(context, &entry, &found.record);
            }
            // The write may still take effect; until then the entry stays, so that the item is
            // named.
            None if may_land_until.is_some_and(|until| Timestamp::now() < until) => {}
            None => {
                undo(context, entry)?;
                tracing::info!(%name, "undid an interrupted addition: the record was never stored");
            }
        },
        // What may still be stored stays named until it cannot be any more.
        State::Forgetting { may_land_until, .. }
            if may_land_until.is_some_and(|until| Timestamp::now() < until) =>
        {
            delete_item(context, &entry)?;
        }
        State::Removing { .. } | State::Forgetting { .. } => {
            let revoke = matches!(entry.state, State::Removing { .. });
            if let Revocation::Failed { reason, .. } = remove(claim, entry, revoke)? {
                return Ok(vec![format!(
                    "finished an interrupted logout of `{name}`, but the login was not revoked at the provider: {reason}"
                )]);
            }
            tracing::info!(%name, "finished an interrupted removal");
        }
    }
    Ok(Vec::new())
}

fn finish_addition(
    context: &Context<'_>,
    entry: &Entry,
    record: &crate::credential::Record,
) -> Result<Vec<String>, Error> {
    let (warnings, leftovers) = entry
        .state
        .earlier()
        .map(|earlier| clear(context, earlier))
        .unwrap_or_default();
    let mut done = entry.following(record, Timestamp::now());
    done.leftovers.extend(leftovers);
    context.index.write(&done)?;
    discard_predecessor(context, done)?;
    Ok(warnings)
}

/// Ends a rename: the new name stays if its entry is complete, otherwise the old one comes back.
/// `successor` is the claim on the new name.
pub(super) fn conclude_rename(successor: &Claim<'_>, old: &Entry) -> Result<(), Error> {
    let context = &successor.context;
    // Read again under the new name's lock: its previous holder may have finished the rename.
    let Some(old) = context
        .index
        .find(&old.name)?
        .filter(|now| now.id == old.id && now.state.is_renaming())
    else {
        return Ok(());
    };
    let State::Renaming { successor: other } = old.state.clone() else {
        return Ok(());
    };
    let mut new = find_successor(context, &old, &other)?;
    if new.as_ref().is_some_and(|entry| entry.state.is_adding()) {
        recover(successor)?;
        new = find_successor(context, &old, &other)?;
        // Finishing the addition also deletes the old entry.
        if context.index.find(&old.name)?.is_none() {
            return Ok(());
        }
    }
    match new {
        Some(entry) if entry.state.is_active() => {
            discard(context, &old)?;
            return Ok(context.index.write(&Entry {
                predecessor: None,
                ..entry
            })?);
        }
        // A delayed store write must not create a second credential with the same refresh token: it
        // is deleted when met.
        Some(entry) if entry.state.is_adding() => {
            let may_land_until = entry.state.may_land_until();
            let earlier = entry.state.clone().into_earlier();
            context.index.write(&Entry {
                state: State::Forgetting {
                    earlier,
                    may_land_until,
                },
                predecessor: None,
                ..entry
            })?;
        }
        _ => {}
    }
    Ok(context.index.write(&Entry {
        state: State::Active,
        ..old
    })?)
}

/// The entry under the new name, if it is the one that this rename made.
fn find_successor(
    context: &Context<'_>,
    old: &Entry,
    other: &Other,
) -> Result<Option<Entry>, Error> {
    let is_ours = |entry: &Entry| {
        entry.id == other.id
            && entry
                .predecessor
                .as_ref()
                .is_some_and(|predecessor| predecessor.id == old.id)
    };
    Ok(context.index.find(&other.name)?.filter(is_ours))
}

#[cfg(test)]
mod tests;
