//! What a key's rotation has not finished, and when the next one is due: pure, and over the index alone.

use super::super::words::{length, relative};
use super::judge::{Say, age, renew};
use crate::credential::Index;
use crate::provider::Row;
use crate::rotation::{Policy, What, ends_by_hand, plan};
use jiff::{SignedDuration, Timestamp};

/// A rotation rarer than this is no rotation.
const LONGEST: SignedDuration = SignedDuration::from_hours(60 * 24);

pub(super) fn judge(
    index: &Index,
    row: Option<&Row>,
    policy: &Policy,
    soon: Timestamp,
    now: Timestamp,
    say: &mut Say<'_>,
) {
    let name = &index.name;
    // What is begun is finished; a new key is another matter.
    let finish = || Some(format!("run `authctl rotate --due {name}`"));
    let again = || Some(format!("run `authctl rotate {name}`"));
    if let Some(progress) = &index.rotation {
        if progress.rolling {
            say(
                "rotation_unknown",
                false,
                "its key was being replaced, and the answer was lost".into(),
                finish(),
            );
        } else if progress.making > 0 {
            say(
                "rotation_unknown",
                false,
                "a lost answer may have made a key that nobody has".into(),
                finish(),
            );
        }
        if progress.pending {
            say(
                "rotation_pending",
                false,
                "a new key is kept, and was not accepted yet; the old one is handed out".into(),
                finish(),
            );
        }
        let page = row
            .and_then(|row| row.key.as_ref()?.page.clone())
            .map(|page| format!(" at {page}"))
            .unwrap_or_default();
        for until in &progress.retiring {
            let when = relative(*until, now);
            let (advice, message, hint) = match (*until > now, ends_by_hand(index, row)) {
                (true, false) => (true, format!("the key before it is ended {when}"), None),
                (true, true) => (
                    true,
                    format!("the key before it is yours to end, {when} or later"),
                    Some(format!("end it{page} then")),
                ),
                (false, false) => (
                    false,
                    "the key before it is still to be ended".into(),
                    finish(),
                ),
                (false, true) => {
                    let hint = Some(format!(
                        "end it{page}, then run `authctl rotate --due {name}`"
                    ));
                    (
                        false,
                        "the key before it is still to be ended, by you".into(),
                        hint,
                    )
                }
            };
            say("rotation_retiring", advice, message, hint);
        }
    }
    if let Some(error) = &index.rotation_error {
        say(
            &format!("rotation_{}", error.code),
            false,
            format!(
                "the last rotation, {}, failed: {}",
                relative(error.at, now),
                error.reason
            ),
            Some(format!(
                "`authctl rotate {name}` tries again, and says what helps"
            )),
        );
    }
    let every = match policy.every(index) {
        Ok(every) => every,
        Err(reason) => {
            say(
                "index_edited",
                false,
                format!("its index file says `rotate_every`, and {reason}"),
                None,
            );
            return;
        }
    };
    // The day on which it ends is told by itself.
    let plan = plan(
        &Index {
            expires: None,
            ..index.clone()
        },
        row,
        policy,
        now,
    );
    let hint = || match plan.what {
        What::Nothing => Some(renew(index, row)),
        _ => again(),
    };
    let said = policy.said(index).map(str::to_owned).unwrap_or_else(|| {
        every
            .map(|every| length(every.as_secs().unsigned_abs()))
            .unwrap_or_default()
    });
    match plan.due {
        Some(due) if due <= now => say(
            "rotation_due",
            false,
            format!(
                "the key should be replaced every {said} and is {} old",
                age(index, now)
            ),
            hint(),
        ),
        Some(due) if due <= soon => say(
            "rotation_near",
            true,
            format!("the key should be replaced {}", relative(due, now)),
            hint(),
        ),
        _ => {}
    }
    if every.is_some_and(|every| every > LONGEST) {
        say(
            "rotation_rare",
            true,
            format!("a key that is replaced every {said} is out for long when it leaks"),
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{
        Bound, Kind, LastError, Progress, Record, SecretPart, Slots, State, StoreKind,
    };

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + days * 86_400).unwrap()
    }

    fn index() -> Index {
        let record = Record::new(
            "acme".parse().unwrap(),
            Bound::default(),
            SecretPart::Key(Slots::of(Default::default())),
        )
        .unwrap();
        Index {
            state: State::Active,
            ..Index::adding(&record, Kind::Key, StoreKind::Vault, at(0))
        }
    }

    fn codes(index: &Index, day: i64) -> Vec<String> {
        let mut found = Vec::new();
        judge(
            index,
            None,
            &Policy::default(),
            at(day + 7),
            at(day),
            &mut |code, _, _, _| found.push(code.to_owned()),
        );
        found
    }

    #[test]
    fn a_key_falls_due() {
        assert!(codes(&index(), 19).is_empty());
        assert_eq!(codes(&index(), 24), ["rotation_near"]);
        assert_eq!(codes(&index(), 30), ["rotation_due"]);
        let every = |every: &str| Index {
            rotate_every: Some(every.into()),
            ..index()
        };
        assert!(codes(&every("never"), 900).is_empty());
        assert_eq!(codes(&every("90d"), 0), ["rotation_rare"]);
        assert_eq!(codes(&every("soon"), 0), ["index_edited"]);
        let replaced = Index {
            key_since: Some(at(29)),
            ..index()
        };
        assert!(
            codes(&replaced, 30).is_empty(),
            "a replaced key is young again"
        );
    }

    #[test]
    fn what_is_unfinished_is_told() {
        let with = |progress: Progress| Index {
            rotation: Some(progress),
            ..index()
        };
        assert_eq!(
            codes(
                &with(Progress {
                    making: 1,
                    ..Progress::default()
                }),
                0
            ),
            ["rotation_unknown"]
        );
        assert_eq!(
            codes(
                &with(Progress {
                    pending: true,
                    ..Progress::default()
                }),
                0
            ),
            ["rotation_pending"]
        );
        assert_eq!(
            codes(
                &with(Progress {
                    retiring: vec![at(1)],
                    ..Progress::default()
                }),
                0
            ),
            ["rotation_retiring"]
        );
        let error = LastError {
            at: at(0),
            code: "not_ended".into(),
            reason: "403".into(),
        };
        assert_eq!(
            codes(
                &Index {
                    rotation_error: Some(error),
                    ..index()
                },
                0
            ),
            ["rotation_not_ended"]
        );
    }
}
