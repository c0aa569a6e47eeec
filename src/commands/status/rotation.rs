//! What a rotation has not finished, and when the next one is due: pure, from the index alone.

use super::super::words::{length, relative};
use super::finding::{Findings, age, renew};
use crate::credential::{Entry, Progress, RotationState};
use crate::provider::Row;
use crate::rotation::{Policy, What, is_revoked_manually, plan, since};
use crate::time::is_from_future;
use jiff::{SignedDuration, Timestamp};

/// The longest interval that `status` does not warn about.
const LONGEST: SignedDuration = SignedDuration::from_hours(60 * 24);

pub(super) fn findings(
    entry: &Entry,
    row: Option<&Row>,
    policy: &Policy,
    soon: Timestamp,
    now: Timestamp,
    found: &mut Findings<'_>,
) {
    if let Some(progress) = &entry.rotation.progress {
        unfinished(entry, row, progress, now, found);
    }
    if let Some(error) = &entry.rotation.last_error {
        let when = relative(error.at, now);
        found.add(
            &format!("rotation_{}", error.code),
            format!("the last rotation, {when}, failed: {}", error.reason),
            Some(format!("run `authctl rotate {}` to retry", entry.name)),
        );
    }
    match policy.every(entry) {
        Ok(every) => due(entry, row, policy, every, (soon, now), found),
        Err(reason) => {
            let message = format!("`rotate_every` in its index file is invalid: {reason}");
            found.add("index_edited", message, None);
        }
    }
}

/// What a rotation has left unfinished.
fn unfinished(
    entry: &Entry,
    row: Option<&Row>,
    progress: &Progress,
    now: Timestamp,
    found: &mut Findings<'_>,
) {
    // Finishes the rotation without starting another one.
    let finish = || Some(format!("run `authctl rotate --due {}`", entry.name));
    if progress.rolling {
        let message = "the provider's response to the rotation request was lost";
        found.add("rotation_unknown", message, finish());
    } else if progress.making > 0 {
        let message = "an interrupted rotation may have created an unused key";
        found.add("rotation_unknown", message, finish());
    }
    if progress.pending {
        let message = "a new key is stored, but not accepted yet; the previous key is still in use";
        found.add("rotation_pending", message, finish());
    }
    let page = row
        .and_then(|row| row.key.as_ref()?.page.clone())
        .map(|page| format!(" at {page}"))
        .unwrap_or_default();
    for until in &progress.retiring {
        let when = relative(*until, now);
        let is_waiting = *until > now;
        match (is_waiting, is_revoked_manually(entry, row)) {
            (true, false) => {
                let message = format!("the previous key is still valid; it will be revoked {when}");
                found.advise("rotation_retiring", message, None);
            }
            (true, true) => found.advise(
                "rotation_retiring",
                format!(
                    "revoke the previous key yourself after its grace period, which ends {when}"
                ),
                Some(format!("revoke it{page}")),
            ),
            (false, false) => found.add(
                "rotation_retiring",
                "the previous key has not been revoked yet",
                finish(),
            ),
            (false, true) => found.add(
                "rotation_retiring",
                "revoke the previous key yourself",
                Some(format!(
                    "revoke it{page}, then run `authctl rotate --due {}`",
                    entry.name
                )),
            ),
        }
    }
}

/// Whether the next rotation is due.
fn due(
    entry: &Entry,
    row: Option<&Row>,
    policy: &Policy,
    every: Option<SignedDuration>,
    (soon, now): (Timestamp, Timestamp),
    found: &mut Findings<'_>,
) {
    let since = since(entry);
    if is_from_future(since, now) {
        let message = format!(
            "the key is dated {}: the clock of this machine was wrong when the key was stored, or is wrong now",
            relative(since, now)
        );
        let hint = format!(
            "check the clock with `date`; if it is right, run `authctl rotate {}`",
            entry.name
        );
        found.add("clock", message, Some(hint));
        return;
    }
    // The expiry date has findings of its own.
    let without_expiry = Entry {
        rotation: RotationState {
            expires: None,
            ..entry.rotation.clone()
        },
        ..entry.clone()
    };
    let plan = plan(&without_expiry, row, policy, now);
    let hint = || match plan.what {
        What::Nothing => Some(renew(entry, row)),
        _ => Some(format!("run `authctl rotate {}`", entry.name)),
    };
    let interval = match (policy.interval(entry), every) {
        (Some(interval), _) => interval.to_string(),
        (None, Some(every)) => length(every.as_secs().unsigned_abs()),
        (None, None) => String::new(),
    };
    match plan.due {
        Some(due) if due <= now => found.add(
            "rotation_due",
            format!(
                "the key is {} old and should be rotated every {interval}",
                age(entry, now)
            ),
            hint(),
        ),
        Some(due) if due <= soon => found.advise(
            "rotation_near",
            format!("the key should be rotated {}", relative(due, now)),
            hint(),
        ),
        _ => {}
    }
    if every.is_some_and(|every| every > LONGEST) {
        found.advise(
            "rotation_rare",
            format!("a leaked key would work for up to {interval}; rotate more often"),
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{ErrorCode, Kind, LastError};
    use crate::time::Interval;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + days * 86_400).unwrap()
    }

    fn entry() -> Entry {
        Entry::example(Kind::Key, at(0))
    }

    fn codes(entry: &Entry, day: i64) -> Vec<String> {
        let mut found = Findings::of(&entry.name);
        let (soon, now) = (at(day + 7), at(day));
        findings(entry, None, &Policy::default(), soon, now, &mut found);
        found
            .into_vec()
            .into_iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn n1_a_key_from_the_future_says_that_a_clock_was_wrong() {
        for day in [-1, -365, -3000] {
            assert_eq!(codes(&entry(), day), ["clock"]);
        }
        let replaced = entry().with(|entry| entry.rotation.key_since = Some(at(1000)));
        assert_eq!(codes(&replaced, 10), ["clock"]);
    }

    #[test]
    fn a_key_falls_due() {
        assert!(codes(&entry(), 19).is_empty());
        assert_eq!(codes(&entry(), 24), ["rotation_near"]);
        assert_eq!(codes(&entry(), 30), ["rotation_due"]);
        let every = |text: &str| {
            entry().with(|entry| entry.rotation.every = Some(Interval::from_file(text.into())))
        };
        assert!(codes(&every("never"), 900).is_empty());
        assert_eq!(codes(&every("90d"), 0), ["rotation_rare"]);
        assert_eq!(codes(&every("soon"), 0), ["index_edited"]);
        let replaced = entry().with(|entry| entry.rotation.key_since = Some(at(29)));
        assert!(
            codes(&replaced, 30).is_empty(),
            "the age is that of the new key"
        );
    }

    #[test]
    fn an_unfinished_rotation_is_reported() {
        let with =
            |progress: Progress| entry().with(|entry| entry.rotation.progress = Some(progress));
        let none = Progress::default;
        for (progress, code) in [
            (
                Progress {
                    making: 1,
                    ..none()
                },
                "rotation_unknown",
            ),
            (
                Progress {
                    rolling: true,
                    ..none()
                },
                "rotation_unknown",
            ),
            (
                Progress {
                    pending: true,
                    ..none()
                },
                "rotation_pending",
            ),
            (
                Progress {
                    retiring: vec![at(1)],
                    ..none()
                },
                "rotation_retiring",
            ),
        ] {
            assert_eq!(codes(&with(progress), 0), [code]);
        }
        let failed = entry().with(|entry| {
            entry.rotation.last_error = Some(LastError {
                at: at(0),
                code: ErrorCode::NotRevoked,
                reason: "403".into(),
                answered_since: None,
            });
        });
        assert_eq!(codes(&failed, 0), ["rotation_not_ended"]);
    }
}
