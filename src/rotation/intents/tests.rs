//! Tests.

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
