//! Revoking previous keys whose grace period is over.

use super::api::CallError;
use super::engine::Engine;
use super::fill::Values;
use super::options::{Options, Report};
use super::{Error, READER_LIFE, Verdict};
use crate::credential::{Retiring, Slots, same_parts};
use crate::time::{CLOCK_SKEW, is_from_future};
use jiff::{SignedDuration, Timestamp};

/// Revokes the previous keys whose grace period is over, but never before the store has the key
/// that replaced them.
///
/// # Errors
/// A key could not be revoked; the next run tries again.
pub(super) fn revoke_retired(
    engine: &mut Engine<'_, '_>,
    report: &mut Report,
) -> Result<(), Error> {
    cut_future(engine)?;
    loop {
        let slots = engine.run.slots()?.clone();
        let now = Timestamp::now();
        let due = |old: &Retiring| due_at(old, engine.options);
        let Some(old) = slots.retiring.iter().find(|old| due(old) <= now).cloned() else {
            report.waits_until = slots.retiring.iter().map(due).max();
            return Ok(());
        };
        let name = engine.run.name().clone();
        if !engine.run.is_in_store {
            return Err(Error::NotInStore { name });
        }
        let is_ended = !old.by_hand && !is_in_use(engine, &old, &slots);
        if is_ended
            && !engine.options.grace_given
            && let Some(wait) = wait_by_server(engine, &slots, due(&old))
        {
            // A jump of this machine's clock must not cause a key to be revoked.
            engine.run.warnings.push(format!(
                "the clock of this machine is ahead of the provider's, so an earlier key of `{name}` is not revoked yet"
            ));
            report.waits_until = now.saturating_add(wait).ok();
            return Ok(());
        }
        let rest: Vec<Retiring> = slots
            .retiring
            .iter()
            .filter(|other| !same_parts(&other.parts, &old.parts))
            .cloned()
            .collect();
        tracing::info!(%name, "the grace period of a previous key is over");
        if is_ended {
            if revoke_one(engine, &old, &slots)? {
                report.revoked += 1;
            } else {
                report.to_revoke_manually += 1;
                engine.run.warnings.push(format!(
                    "an earlier key of `{name}` stays valid until you revoke it on the provider's page"
                ));
            }
        }
        let remaining = Slots {
            retiring: rest,
            ..slots
        };
        engine.run.save(remaining, None)?;
    }
}

/// How long a grace period still lasts by the provider's clock, with an allowance for clocks that
/// differ; `None` if it is over, or if the provider does not tell the time.
fn wait_by_server(
    engine: &Engine<'_, '_>,
    slots: &Slots,
    due: Timestamp,
) -> Option<SignedDuration> {
    let server = engine.backend.clock(&slots.active, &engine.values)?;
    let left = due.duration_since(server);
    (left > CLOCK_SKEW).then_some(left)
}

/// Lets every grace period that began in the future begin now: the clock was wrong then, or is now.
fn cut_future(engine: &mut Engine<'_, '_>) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut slots = engine.run.slots()?.clone();
    let wrong = slots.retiring.iter_mut();
    let wrong: Vec<&mut Retiring> = wrong.filter(|old| is_from_future(old.since, now)).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let until = now
        .saturating_add(engine.options.grace.max(READER_LIFE))
        .unwrap_or(Timestamp::MAX);
    for old in wrong {
        old.since = now;
        old.until = old.until.min(until);
    }
    let rotation = &mut engine.run.entry.rotation;
    if rotation
        .key_since
        .is_some_and(|since| is_from_future(since, now))
    {
        rotation.key_since = Some(now);
    }
    engine.run.save(slots, None)
}

/// When a previous key may be revoked.
fn due_at(old: &Retiring, options: &Options) -> Timestamp {
    let after = |time| old.since.saturating_add(time).unwrap_or(Timestamp::MAX);
    let until = if options.grace_given {
        old.until.min(after(options.grace))
    } else {
        old.until
    };
    until.max(after(READER_LIFE))
}

/// Whether the key to be revoked is the one in use.
fn is_in_use(engine: &Engine<'_, '_>, old: &Retiring, slots: &Slots) -> bool {
    let same_id = match (&old.id, &slots.active_id) {
        (Some(old), Some(active)) => {
            engine.backend.leaves_orphans() && old.same_as(active.expose())
        }
        _ => false,
    };
    same_id || same_parts(&old.parts, &slots.active)
}

/// Revokes a key, or finds that it is revoked. Returns false if a person has to do it and nobody
/// can be asked whether that was done.
fn revoke_one(engine: &Engine<'_, '_>, old: &Retiring, slots: &Slots) -> Result<bool, Error> {
    let name = engine.run.name();
    let recipe = engine.recipe;
    // Only some providers revoke a key by its value; without an id, a person has to.
    let can_be_named =
        old.id.is_some() || recipe.revoke.as_ref().is_some_and(|call| !call.needs_id());
    let verdict = || engine.backend.verify(&old.parts, &engine.values);
    if can_be_named && (recipe.revoke.is_some() || !recipe.kind.wants_a_person()) {
        let values = Values {
            id: old.id.clone(),
            parts: old.parts.clone(),
            ..engine.values.clone()
        };
        return match engine.backend.revoke(&values) {
            Ok(()) => Ok(true),
            // A key that is gone is revoked, unless it still works: then it was looked for in the
            // wrong place.
            Err(CallError::Gone) if verdict() != Verdict::Good => Ok(true),
            Err(CallError::Gone) => {
                let name = engine.run.name();
                Err(engine.not_revoked(format!(
                    "the provider reports that the key does not exist, but the key still works; check the settings of `{name}` (to change them, run `authctl key set {name} --set NAME=VALUE`)"
                )))
            }
            Err(error) => Err(engine.not_revoked(error.to_string())),
        };
    }
    let is_answered_for_all =
        || engine.backend.verify(&slots.active, &engine.values) == Verdict::Bad;
    match verdict() {
        // A firewall may refuse every key.
        Verdict::Bad if is_answered_for_all() => Err(engine.not_revoked(
            "the provider accepts neither it nor the current key, so it may still be valid",
        )),
        Verdict::Bad => Ok(true),
        Verdict::Unknowable => Ok(false),
        Verdict::Unclear(reason) | Verdict::Unreachable(reason) => Err(Error::Unreachable {
            name: name.clone(),
            reason,
        }),
        _ => Err(engine.not_revoked("it still works, and has to be revoked manually")),
    }
}

#[cfg(test)]
mod tests;
