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
mod tests {
    use super::super::options::Options;
    use super::super::testing::{After, Provider, listed, making, options, slots, step};
    use super::*;

    fn look(slots: Slots, provider: Provider, options: &Options) -> After<()> {
        step(slots, provider, options, look_up_intents)
    }

    fn labels(after: &After<()>) -> Vec<&str> {
        let making = after.slots.making.iter();
        making.map(|making| making.label.as_str()).collect()
    }

    #[test]
    fn a_key_that_nobody_has_is_revoked_and_its_label_stays_while_the_request_may_arrive() {
        let intents = Slots {
            making: vec![making("late", 11), making("fresh", 1)],
            ..slots()
        };
        let keys = vec![
            listed("id-active", "mine"),
            listed("id-late", "late"),
            listed("id-fresh", "fresh"),
            listed("id-other", "somebody's"),
        ];
        let after = look(
            intents.clone(),
            Provider::default().listing(keys.clone()),
            &options(),
        );
        assert!(after.result.is_ok());
        assert_eq!(after.revoked, ["id-late", "id-fresh"]);
        assert_eq!(labels(&after), ["fresh"], "only that one may still arrive");
        // A list that may have more keys proves nothing.
        let mut provider = Provider::default().listing(keys);
        provider.listing.is_partial = true;
        let after = look(intents, provider, &options());
        assert_eq!(labels(&after), ["late", "fresh"]);
        assert!(
            after.warnings[0].contains("more keys"),
            "{:?}",
            after.warnings
        );
        assert_eq!(after.generation, 1, "nothing changed, nothing is saved");
    }

    #[test]
    fn an_intent_of_a_roll_is_dropped_and_one_that_cannot_be_looked_up_needs_force() {
        let roll = Making {
            roll: true,
            ..making("roll", 1)
        };
        let intents = Slots {
            making: vec![roll],
            ..slots()
        };
        assert!(labels(&look(intents, Provider::default(), &options())).is_empty());
        let intents = Slots {
            making: vec![making("late", 11)],
            ..slots()
        };
        let blind = || Provider {
            lists: false,
            ..Provider::default()
        };
        let after = look(intents.clone(), blind(), &options());
        assert!(matches!(after.result, Err(Error::Refused { .. })));
        assert_eq!(labels(&after), ["late"]);
        let forced = Options {
            force: true,
            ..options()
        };
        let after = look(intents, blind(), &forced);
        assert!(after.result.is_ok() && labels(&after).is_empty());
    }

    #[test]
    fn nothing_is_revoked_on_a_guess() {
        let keys = || vec![listed("id-late", "late")];
        let intents = Slots {
            making: vec![making("late", 0)],
            made: false,
            ..slots()
        };
        // The id of the key in use is not known, so the listed one may be it.
        let unknown = || Provider {
            own_id: None,
            ..Provider::default().listing(keys())
        };
        let after = look(intents.clone(), unknown(), &options());
        assert!(matches!(after.result, Err(Error::Refused { .. })) && after.revoked.is_empty());
        // A rotation made the key in use, so its id is known to be another one.
        let made = Slots {
            made: true,
            ..intents.clone()
        };
        assert_eq!(look(made, unknown(), &options()).revoked, ["id-late"]);
        // Without labels, only the time speaks for it.
        let unlabelled = || Provider {
            has_labels: false,
            ..Provider::default().listing(keys())
        };
        let after = look(intents.clone(), unlabelled(), &options());
        assert!(matches!(after.result, Err(Error::Refused { .. })) && after.revoked.is_empty());
        let forced = Options {
            force: true,
            ..options()
        };
        assert_eq!(look(intents, unlabelled(), &forced).revoked, ["id-late"]);
    }
}
