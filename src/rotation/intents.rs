//! The first step of every run: looking for keys that a lost answer may have left at the provider.

use super::Error;
use super::backend::orphans;
use super::engine::{ARRIVAL, Engine, can_arrive};
use crate::credential::{Making, Slots};

/// Finds the keys that a lost answer left at the provider by their labels, and revokes them: nobody
/// has their values. The label is kept until the request can no longer take effect.
///
/// # Errors
/// The keys cannot be listed, or it is not certain which of them nobody has.
pub(super) fn look_up_intents(engine: &mut Engine<'_, '_>) -> Result<(), Error> {
    let slots = engine.run.slots()?.clone();
    if slots.making.is_empty() {
        return Ok(());
    }
    let mut is_whole = true;
    if engine.backend.leaves_orphans() {
        let id = engine
            .backend
            .identify(&slots, &engine.values)
            .map_err(|error| engine.failed(error))?;
        let known = Slots {
            active_id: id,
            ..slots.clone()
        };
        let listed = engine
            .backend
            .list(&engine.values)
            .map_err(|error| engine.failed(error))?;
        let Some(listing) = listed else {
            return cannot_look(engine, &slots);
        };
        let name = engine.run.name().clone();
        is_whole = !listing.is_partial;
        if !is_whole {
            engine.run.warnings.push(format!(
                "the provider has more keys of `{name}` than were listed, so an unused one may remain"
            ));
        }
        let has_labels = engine.backend.has_labels();
        for orphan in orphans(&listing, &known, has_labels, ARRIVAL) {
            may_revoke(engine, &known, has_labels)?;
            engine.revoke(&orphan.id, None)?;
            engine.run.warnings.push(format!(
                "revoked an unused key of `{name}` that an interrupted rotation had created"
            ));
        }
    }
    let stays = |making: &&Making| !making.roll && (can_arrive(making) || !is_whole);
    let making: Vec<Making> = slots.making.iter().filter(stays).cloned().collect();
    if making.len() < slots.making.len() {
        engine.run.save(Slots { making, ..slots }, None)?;
    }
    Ok(())
}

/// The provider cannot list keys, so a person has to look, and confirms that with `--force`.
fn cannot_look(engine: &mut Engine<'_, '_>, slots: &Slots) -> Result<(), Error> {
    if engine.options.force {
        let looked = Slots {
            making: Vec::new(),
            ..slots.clone()
        };
        return engine.run.save(looked, None);
    }
    let labels: Vec<&str> = slots
        .making
        .iter()
        .map(|making| making.label.as_str())
        .collect();
    let reason = format!(
        "an interrupted rotation may have created a key named {}, and the provider cannot list keys",
        labels.join(", ")
    );
    let hint = format!(
        "revoke it on the provider's page if it exists, then run `authctl rotate {} --force`",
        engine.run.name()
    );
    Err(engine.refused(reason, Some(hint)))
}

/// Nothing is revoked on a guess: not while the id of the current key is unknown, and not a key
/// without a label, which may belong to a person.
fn may_revoke(engine: &Engine<'_, '_>, slots: &Slots, has_labels: bool) -> Result<(), Error> {
    let name = engine.run.name();
    if slots.active_id.is_none() && !slots.made {
        return Err(engine.refused(
            "an interrupted rotation may have created a key, and the id of the current key is not known",
            Some(format!("run `authctl key set {name} --id ID`")),
        ));
    }
    if !has_labels && !engine.options.force {
        return Err(engine.refused(
            "a key was created around the time of an interrupted rotation, but may belong to somebody else",
            Some(format!(
                "if nobody uses it, run `authctl rotate {name} --force` to revoke it"
            )),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
