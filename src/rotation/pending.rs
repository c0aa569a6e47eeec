//! Verifying the new key, and switching to it.

use super::backend::Listed;
use super::engine::{ARRIVAL, Engine, last_day};
use super::options::Report;
use super::{Error, READER_LIFE, Verdict};
use crate::credential::{Made, Retiring, Slots};
use jiff::Timestamp;
use std::time::Duration;

/// The pauses between the attempts to verify a new key: a minute in all.
pub(super) const PAUSES: [Duration; 7] = [
    Duration::from_millis(500),
    Duration::from_millis(1500),
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(20),
];

/// Verifies the pending key; if it works, it is the one that is handed out from now on. Returns
/// whether it was switched to.
///
/// # Errors
/// The provider does not accept it yet, or cannot be asked, or the record could not be saved. The pending key is kept.
pub(super) fn verify_pending(
    engine: &mut Engine<'_, '_>,
    report: &mut Report,
) -> Result<bool, Error> {
    let slots = engine.run.slots()?.clone();
    let Some(pending) = slots.pending.clone() else {
        return Ok(false);
    };
    let mut pauses = engine.pauses.iter();
    loop {
        let mut is_asked = true;
        let (is_bad, reason) = match engine.backend.verify(&pending.parts, &engine.values) {
            Verdict::Good | Verdict::Unknowable => {
                switch(engine, slots, &pending, report)?;
                return Ok(true);
            }
            // A key with few permissions is as good as the previous one, if that one is refused
            // too.
            Verdict::Forbidden
                if engine.backend.verify(&slots.active, &engine.values) == Verdict::Forbidden =>
            {
                switch(engine, slots, &pending, report)?;
                return Ok(true);
            }
            Verdict::Forbidden => (
                false,
                "it lacks permissions that the previous key has".to_owned(),
            ),
            Verdict::Bad => (true, "the provider does not recognize it".to_owned()),
            Verdict::Elsewhere => (
                false,
                "it is not bound to the origin that verifies it".to_owned(),
            ),
            Verdict::Unclear(reason) => (false, reason),
            Verdict::Unreachable(reason) => {
                is_asked = false;
                (false, reason)
            }
        };
        match pauses.next() {
            Some(pause) => std::thread::sleep(*pause),
            None if is_bad && drop_dead(engine, &slots, &pending)? => return Ok(false),
            None => {
                let name = engine.run.name().clone();
                return Err(match is_asked {
                    true => Error::NotAccepted { name, reason },
                    false => Error::NotVerified { name, reason },
                });
            }
        }
    }
}

/// Drops a pending key that the provider does not know. Returns whether it was dropped.
fn drop_dead(engine: &mut Engine<'_, '_>, slots: &Slots, pending: &Made) -> Result<bool, Error> {
    let oldest = pending.at.saturating_add(ARRIVAL).unwrap_or(Timestamp::MAX);
    match &pending.id {
        // A key that a person mistyped is theirs to enter again.
        None => {}
        // A new key may take a while to be known. It is revoked all the same, in case it exists
        // after all.
        Some(id) if Timestamp::now() > oldest && is_gone(engine, pending)? => {
            engine.revoke(id, Some(&pending.parts))?;
        }
        Some(_) => return Ok(false),
    }
    let dropped = Slots {
        pending: None,
        ..slots.clone()
    };
    engine.run.save(dropped, None)?;
    Ok(true)
}

/// Hands out the pending key from now on; the active one becomes the previous key.
fn switch(
    engine: &mut Engine<'_, '_>,
    slots: Slots,
    pending: &Made,
    report: &mut Report,
) -> Result<(), Error> {
    let name = engine.run.name().clone();
    tracing::info!(%name, "the new key works or cannot be verified; using it from now on");
    let now = Timestamp::now();
    let until = now
        .saturating_add(engine.options.grace.max(READER_LIFE))
        .unwrap_or(Timestamp::MAX);
    let mut retiring = slots.retiring;
    retiring.push(Retiring {
        parts: slots.active,
        id: slots.active_id,
        since: now,
        until,
        by_hand: false,
    });
    let switched = Slots {
        active: pending.parts.clone(),
        active_id: pending.id.clone(),
        made: pending.id.is_some(),
        pending: None,
        retiring,
        making: slots.making,
    };
    let rotation = &mut engine.run.entry.rotation;
    rotation.key_since = Some(now);
    // The expiry date belonged to the previous key.
    rotation.expires = pending.expires.map(last_day);
    rotation.last_error = None;
    engine.run.save(switched, None)?;
    engine.backend.use_key(&pending.parts);
    report.switched = true;
    report.waits_until = Some(until);
    Ok(())
}

/// Whether the provider no longer lists the pending key.
fn is_gone(engine: &Engine<'_, '_>, pending: &Made) -> Result<bool, Error> {
    let Some(id) = &pending.id else {
        return Ok(false);
    };
    // A slot is always listed; what counts is the key in it.
    let is_in_slot = |key: &Listed| {
        key.value.as_ref().is_some_and(|value| {
            pending
                .parts
                .values()
                .any(|part| part.same_as(value.expose()))
        })
    };
    let is_it = |key: &Listed| {
        key.id.same_as(id.expose()) && (engine.backend.leaves_orphans() || is_in_slot(key))
    };
    match engine.backend.list(&engine.values) {
        Ok(Some(listing)) if !listing.is_partial => Ok(!listing.keys.iter().any(is_it)),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests;
