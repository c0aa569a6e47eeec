//! `roll`: one request gives the same key a new value, and the old value expires at the same
//! moment. There is no second key to fall back to, so the intent is saved first, readers wait while
//! it is there, and a lost answer is settled by verifying the old key.

use super::engine::{Engine, can_arrive, last_day};
use super::fill::Values;
use super::options::Report;
use super::{Error, Verdict};
use crate::credential::{Made, Making, Slots};
use crate::signals;
use jiff::Timestamp;

/// Rolls a key, after settling a roll whose answer was lost. If the old value does not work any
/// more, only a manager can ask for a new one.
///
/// # Errors
/// See [`Error`]; the intent stays until a new value is saved or the old one is known to work.
pub(super) fn roll(engine: &mut Engine<'_, '_>, has_manager: bool) -> Result<Report, Error> {
    let mut report = Report::default();
    let slots = engine.run.slots()?.clone();
    let was_rolled = slots.is_rolling() && settle(engine, slots, has_manager, &mut report)?;
    if engine.options.create && !was_rolled {
        let slots = engine.run.slots()?.clone();
        request(engine, slots, &mut report)?;
    }
    Ok(report)
}

/// Settles a roll whose answer was lost. Returns whether the key was rolled again.
fn settle(
    engine: &mut Engine<'_, '_>,
    slots: Slots,
    has_manager: bool,
    report: &mut Report,
) -> Result<bool, Error> {
    let name = engine.run.name().clone();
    let may_arrive = slots
        .making
        .iter()
        .any(|making| making.roll && can_arrive(making));
    match engine.backend.verify(&slots.active, &engine.values) {
        // The request has not taken effect yet, and a second one would race with it.
        Verdict::Good | Verdict::Forbidden if may_arrive => Err(Error::NoReply {
            name,
            reason: "the request may still take effect; retry in 10 minutes".into(),
        }),
        // The request never took effect.
        Verdict::Good | Verdict::Forbidden => {
            let making = without_roll(&slots);
            engine.run.save(Slots { making, ..slots }, None)?;
            Ok(false)
        }
        Verdict::Bad if has_manager && engine.recipe.roll_again => {
            request(engine, slots, report)?;
            Ok(true)
        }
        Verdict::Bad => Err(Error::Dead { name }),
        Verdict::Unclear(reason) | Verdict::Unreachable(reason) => {
            Err(Error::Unreachable { name, reason })
        }
        Verdict::Unknowable | Verdict::Elsewhere => Err(Error::NoRecipe { name }),
    }
}

fn without_roll(slots: &Slots) -> Vec<Making> {
    slots
        .making
        .iter()
        .filter(|making| !making.roll)
        .cloned()
        .collect()
}

fn request(engine: &mut Engine<'_, '_>, slots: Slots, report: &mut Report) -> Result<(), Error> {
    let name = engine.run.name().clone();
    let was_rolling = slots.is_rolling();
    let id = match &slots.active_id {
        Some(id) => Some(id.clone()),
        None => engine
            .backend
            .identify(&slots, &engine.values)
            .map_err(|error| engine.failed(error))?,
    };
    let mut values = Values {
        id: id.clone(),
        parts: slots.active.clone(),
        ..engine.values.clone()
    };
    // A key that no longer works cannot read its own permissions.
    if !was_rolling {
        let stored = engine.run.entry.rotation.key_since;
        engine
            .backend
            .read_rights(&mut values, stored)
            .map_err(|error| engine.failed(error))?;
    }
    engine
        .backend
        .prepare(&values)
        .map_err(|error| engine.failed(error))?;
    let others = without_roll(&slots);
    let mut making = others.clone();
    making.push(Making {
        label: "roll".into(),
        known: Vec::new(),
        at: Timestamp::now(),
        roll: true,
    });
    let intended = Slots {
        active_id: id,
        making,
        ..slots
    };
    let room = engine.run.reserve()?;
    // Until the new key is on the disk.
    let _shield = signals::shield();
    engine.run.save(intended.clone(), None)?;
    tracing::info!(%name, "recorded that a rotation is in progress; rolling the key");
    values.now = Timestamp::now();
    match engine.backend.create(&values) {
        Ok(made) => {
            let parts = made.parts.clone();
            let rolled = rolled(engine, made, others, intended);
            engine.run.save(rolled, Some(room))?;
            engine.backend.use_key(&parts);
            report.switched = true;
            Ok(())
        }
        // The old value no longer works: the intent stays until there is a new one.
        Err(error) if error.nothing_happened() && was_rolling => Err(engine.not_made(error)),
        Err(error) if error.nothing_happened() => {
            let unchanged = Slots {
                making: others,
                ..intended
            };
            engine.run.save(unchanged, None)?;
            Err(engine.not_made(error))
        }
        Err(error) => Err(Error::NoReply {
            name,
            reason: error.to_string(),
        }),
    }
}

/// The slots with the new value, active at once: there is no other key.
fn rolled(engine: &mut Engine<'_, '_>, made: Made, making: Vec<Making>, intended: Slots) -> Slots {
    let rotation = &mut engine.run.entry.rotation;
    rotation.key_since = Some(Timestamp::now());
    // A recipe without a lifetime leaves the expiry date as it was.
    if engine.recipe.lifetime.is_some() {
        rotation.expires = made.expires.map(last_day);
    }
    rotation.last_error = None;
    Slots {
        active: made.parts,
        active_id: made.id.or(intended.active_id.clone()),
        making,
        ..intended
    }
}
