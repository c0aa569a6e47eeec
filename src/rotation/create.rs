//! Creating a key: permissions, intent, request, pending; each on the disk before the next.

use super::Error;
use super::engine::Engine;
use super::fill::Values;
use crate::credential::{Making, Slots};
use crate::secret::{Secret, random_bytes};
use crate::signals;
use jiff::Timestamp;

/// Creates a key at the provider and keeps it as pending.
///
/// # Errors
/// The provider or a rule refused, or its answer was lost; then the intent is kept, and the next
/// run looks for the key.
pub(super) fn create(engine: &mut Engine<'_, '_>) -> Result<(), Error> {
    let name = engine.run.name().clone();
    let slots = engine.run.slots()?.clone();
    let id = identify(engine, &slots)?;
    let mut values = Values {
        id: id.clone(),
        parts: slots.active.clone(),
        ..engine.values.clone()
    };
    let stored = engine.run.entry.rotation.key_since;
    engine
        .backend
        .read_rights(&mut values, stored)
        .map_err(|error| engine.failed(error))?;
    let known = known_ids(engine, &values)?;
    let label = new_label()?;
    values.label = Some(label.clone());
    engine
        .backend
        .prepare(&values)
        .map_err(|error| engine.failed(error))?;
    let before = slots.making.clone();
    let mut making = before.clone();
    if engine.backend.leaves_orphans() {
        making.push(Making {
            label,
            known,
            at: Timestamp::now(),
            roll: false,
        });
    }
    let intended = Slots {
        active_id: id,
        making,
        ..slots
    };
    let room = engine.run.reserve()?;
    // Until the new key is on the disk.
    let _shield = signals::shield();
    engine.run.save(intended.clone(), None)?;
    values.now = Timestamp::now();
    tracing::info!(%name, "recorded that a rotation is in progress; requesting a new key");
    match engine.backend.create(&values) {
        Ok(made) => engine.run.save(
            Slots {
                pending: Some(made),
                making: before,
                ..intended
            },
            Some(room),
        ),
        Err(error) if error.nothing_happened() => {
            let unchanged = Slots {
                making: before,
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

/// The id of the key at the provider in use, and whether the recipe may create another one without
/// it.
fn identify(engine: &Engine<'_, '_>, slots: &Slots) -> Result<Option<Secret>, Error> {
    let recipe = engine.recipe;
    let id = engine
        .backend
        .identify(slots, &engine.values)
        .map_err(|error| engine.failed(error))?;
    if id.is_none() && !engine.backend.leaves_orphans() {
        return Err(engine.refused("the current key is in neither slot at the provider", None));
    }
    if id.is_none() && recipe.names_the_old_key() && !engine.options.force {
        let hint = format!(
            "find it on the provider's page, then run `authctl key set {} --id ID`",
            engine.run.name()
        );
        let reason = "the provider's id for the current key is not known";
        return Err(engine.refused(reason, Some(hint)));
    }
    let widens = recipe.widens.as_ref();
    if let Some(widens) = widens.filter(|_| recipe.read.is_none() && !engine.options.force) {
        return Err(engine.refused(
            format!("the permissions of the current key cannot be read, so the new key may have more: {widens}"),
            Some("add `--force` to rotate it anyway".into()),
        ));
    }
    Ok(id)
}

/// The ids of the keys that exist now, where they are needed: to stay below a limit, or to
/// recognize the new one.
fn known_ids(engine: &Engine<'_, '_>, values: &Values) -> Result<Vec<Secret>, Error> {
    let limit = engine.recipe.max_live;
    let is_needed = !engine.backend.has_labels() && engine.backend.leaves_orphans();
    if limit.is_none() && !is_needed {
        return Ok(Vec::new());
    }
    let listing = engine
        .backend
        .list(values)
        .map_err(|error| engine.failed(error))?
        .unwrap_or_default();
    let count = listing.keys.len();
    if let Some(limit) = limit.filter(|limit| count >= *limit) {
        return Err(engine.refused(
            format!("the provider allows {limit} keys, and there are already {count}"),
            Some("on the provider's page, revoke a key that is not in use".into()),
        ));
    }
    Ok(listing.keys.into_iter().map(|key| key.id).collect())
}

/// A label by which the key is found at the provider if the answer is lost.
fn new_label() -> Result<String, Error> {
    let digits: String = random_bytes::<8>()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("authctl-{digits}"))
}
