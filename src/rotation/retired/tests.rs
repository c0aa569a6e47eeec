//! Tests.

use super::super::testing::{After, Provider, options, retired, slots, step};
use super::*;

fn revoke(slots: Slots, provider: Provider, options: &Options) -> (After<()>, Report) {
    let mut report = Report::default();
    let after = step(slots, provider, options, |engine| {
        revoke_retired(engine, &mut report)
    });
    (after, report)
}

fn with(retiring: Vec<Retiring>) -> Slots {
    Slots {
        retiring,
        ..slots()
    }
}

#[test]
fn a_key_is_revoked_when_its_grace_period_is_over() {
    let keys = vec![
        retired("old", Some("id-old"), 120, 5),
        retired("older", Some("id-older"), 240, 60),
        retired("recent", Some("id-recent"), 30, -30),
    ];
    let (after, report) = revoke(with(keys.clone()), Provider::default(), &options());
    assert!(after.result.is_ok());
    assert_eq!(after.revoked, ["id-old", "id-older"]);
    assert_eq!(report.revoked, 2);
    assert_eq!(after.slots.retiring.len(), 1, "the recent one stays");
    assert_eq!(report.waits_until, Some(keys[2].until));
}

#[test]
fn a_shorter_grace_period_counts_but_never_less_than_a_reader_needs() {
    let shorter = Options {
        grace: SignedDuration::ZERO,
        grace_given: true,
        ..options()
    };
    let keys = vec![
        retired("old", Some("id-old"), 30, -30),
        retired("just now", Some("id-now"), 0, -30),
    ];
    let (after, report) = revoke(with(keys.clone()), Provider::default(), &shorter);
    assert_eq!(after.revoked, ["id-old"]);
    assert_eq!(report.waits_until, Some(keys[1].since + READER_LIFE));
}

#[test]
fn n1_nothing_is_ended_before_its_time_by_the_clock_of_the_provider() {
    let keys = || with(vec![retired("old", Some("id-old"), 120, 60)]);
    for (minutes_ago, is_revoked) in [(0, true), (50, true), (64, true), (70, false), (600, false)]
    {
        let provider = Provider {
            clock: Some(Timestamp::now() - SignedDuration::from_mins(minutes_ago)),
            ..Provider::default()
        };
        let (after, report) = revoke(keys(), provider, &options());
        assert!(after.result.is_ok());
        assert_eq!(after.revoked.is_empty(), !is_revoked, "{minutes_ago}");
        assert_eq!(report.waits_until.is_some(), !is_revoked);
    }
}

#[test]
fn n1_a_grace_period_that_began_in_the_future_begins_now() {
    let year = 365 * 24 * 60;
    let keys = vec![
        retired("future", Some("id-future"), -year, -year - 60),
        retired("old", Some("id-old"), 120, 5),
        retired("ahead", Some("id-ahead"), -year, -year + 1),
    ];
    let (after, report) = revoke(with(keys), Provider::default(), &options());
    assert!(after.result.is_ok());
    assert_eq!(after.revoked, ["id-old"], "none is ended at once");
    let latest = Timestamp::now() + options().grace + SignedDuration::from_mins(1);
    assert!(report.waits_until.is_some_and(|until| until < latest));
    for old in &after.slots.retiring {
        assert!(
            old.since <= Timestamp::now() && old.until < latest,
            "{}",
            old.until
        );
    }
}

#[test]
fn the_key_in_use_is_never_revoked() {
    let same_value = retired("active", Some("id-x"), 120, 5);
    let same_id = retired("old", Some("id-active"), 120, 5);
    let by_a_person = Retiring {
        by_hand: true,
        ..retired("typed", Some("id-typed"), 120, 5)
    };
    for old in [same_value, same_id.clone(), by_a_person] {
        let (after, report) = revoke(with(vec![old]), Provider::default(), &options());
        assert!(after.result.is_ok() && after.revoked.is_empty());
        assert!(after.slots.retiring.is_empty() && report.revoked == 0);
    }
    // The id of a slot is not that of a key.
    let slots = Provider {
        leaves_orphans: false,
        ..Provider::default()
    };
    let (after, _) = revoke(with(vec![same_id]), slots, &options());
    assert_eq!(after.revoked, ["id-active"]);
}

#[test]
fn a_key_that_is_gone_counts_as_revoked_unless_it_still_works() {
    let gone = |verdict| Provider {
        revocation: || Err(CallError::Gone),
        verdicts: vec![("old", verdict)],
        ..Provider::default()
    };
    let old = || with(vec![retired("old", Some("id-old"), 120, 5)]);
    let (after, report) = revoke(old(), gone(Verdict::Bad), &options());
    assert!(after.result.is_ok() && report.revoked == 1);
    let (after, _) = revoke(old(), gone(Verdict::Good), &options());
    assert!(matches!(after.result, Err(Error::NotRevoked { .. })));
    assert_eq!(after.slots.retiring.len(), 1, "the next run tries again");
}

#[test]
fn a_key_without_an_id_is_revoked_by_a_person() {
    let old = || with(vec![retired("old", None, 120, 5)]);
    let says = |verdict| Provider {
        verdicts: vec![("old", verdict), ("active", Verdict::Good)],
        ..Provider::default()
    };
    let (after, report) = revoke(old(), says(Verdict::Bad), &options());
    assert!(after.result.is_ok() && report.revoked == 1 && after.revoked.is_empty());
    // A refusal of every key says nothing about this one.
    let (after, _) = revoke(old(), Provider::default(), &options());
    assert!(matches!(after.result, Err(Error::NotRevoked { .. })));
    assert_eq!(after.slots.retiring.len(), 1);
    let (after, report) = revoke(old(), says(Verdict::Unknowable), &options());
    assert!(after.result.is_ok() && report.to_revoke_manually == 1);
    assert_eq!(after.warnings.len(), 1);
    let (after, _) = revoke(old(), says(Verdict::Unclear("offline".into())), &options());
    assert!(matches!(after.result, Err(Error::Unreachable { .. })));
    let (after, _) = revoke(old(), says(Verdict::Good), &options());
    assert!(matches!(after.result, Err(Error::NotRevoked { .. })));
    assert_eq!(after.slots.retiring.len(), 1);
}

#[test]
fn nothing_is_revoked_while_the_store_has_an_older_record() {
    let keys = with(vec![retired("old", Some("id-old"), 120, 5)]);
    let after = step(keys, Provider::default(), &options(), |engine| {
        engine.run.is_in_store = false;
        revoke_retired(engine, &mut Report::default())
    });
    assert!(matches!(after.result, Err(Error::NotInStore { .. })));
    assert!(after.revoked.is_empty());
}
