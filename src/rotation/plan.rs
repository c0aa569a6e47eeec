//! What is due: a pure decision over the index and the catalogue, which takes `now`.

use super::policy::Policy;
use crate::credential::{Index, Kind, Name, State};
use crate::provider::{Caller, Recipe, RotationKind, Row};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A day.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A key is replaced this long before the day on which it ends.
const BEFORE_THE_END: i64 = 3;

/// What would be done for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Nothing is known that could be done.
    Nothing,
    /// A login is refreshed, so that it is not ended for idleness.
    Refresh,
    /// What an earlier rotation left is finished.
    Finish,
    /// The key is replaced in this way.
    Rotate(RotationKind),
}

/// What is due for one credential, and why.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The credential.
    pub name: Name,
    /// What would be done.
    pub what: What,
    /// When that is due; `None` for never.
    pub due: Option<Timestamp>,
    /// Whether it is due now.
    pub is_due: bool,
    /// How it is done, for people.
    pub how: String,
    /// The generation that was looked at.
    pub generation: u64,
    /// When the last of the replaced keys may be ended.
    pub waits_until: Option<Timestamp>,
}

/// The plan for one credential, from its entry and its provider's row alone.
pub fn plan(index: &Index, row: Option<&Row>, policy: &Policy, now: Timestamp) -> Plan {
    let nothing = |how: &str| Plan {
        name: index.name.clone(),
        what: What::Nothing,
        due: None,
        is_due: false,
        how: how.into(),
        generation: index.generation,
        waits_until: None,
    };
    if index.state != State::Active {
        return nothing("interrupted");
    }
    match index.kind {
        Kind::Login => login(index, row, now).unwrap_or_else(|| nothing("-")),
        Kind::Key => key(index, row, policy, now),
    }
}

fn login(index: &Index, row: Option<&Row>, now: Timestamp) -> Option<Plan> {
    let days = row?
        .oauth
        .as_ref()?
        .refresh
        .idle_days
        .filter(|_| index.refreshable)?;
    let used = index.refreshed_at.unwrap_or(index.changed_at);
    // Half of the limit: one missed run does not end it.
    let due = used
        .checked_add(DAY * i32::try_from(days).unwrap_or(i32::MAX / 2) / 2)
        .ok()?;
    let how = format!("refresh (idle for {days} days ends it)");
    Some(Plan {
        name: index.name.clone(),
        what: What::Refresh,
        due: Some(due),
        is_due: due <= now,
        how,
        generation: index.generation,
        waits_until: None,
    })
}

fn key(index: &Index, row: Option<&Row>, policy: &Policy, now: Timestamp) -> Plan {
    let recipe = recipe(index, row);
    let what = recipe.map_or(What::Nothing, |recipe| What::Rotate(recipe.kind));
    let how = recipe.map_or_else(
        || "not known".to_owned(),
        |recipe| {
            let has_nobody = recipe.caller == Caller::Manager
                && recipe.kind != RotationKind::DisableOnly
                && index.manager.is_none();
            format!(
                "{}{}",
                recipe.kind,
                if has_nobody {
                    " (needs `--manager`)"
                } else {
                    ""
                }
            )
        },
    );
    let mut plan = Plan {
        name: index.name.clone(),
        what,
        due: due(index, policy),
        is_due: false,
        how,
        generation: index.generation,
        waits_until: None,
    };
    plan.is_due = plan.due.is_some_and(|due| due <= now);
    let Some(progress) = &index.rotation else {
        return plan;
    };
    plan.waits_until = progress
        .retiring
        .iter()
        .max()
        .copied()
        .filter(|until| *until > now);
    let unfinished = progress.pending
        || progress.rolling
        || progress.making > 0
        || progress.retiring.iter().any(|until| *until <= now);
    if unfinished {
        return Plan {
            what: What::Finish,
            is_due: true,
            how: format!("finish ({})", plan.how),
            ..plan
        };
    }
    // No second key is made before the first that was replaced is ended.
    if let Some(until) = plan.waits_until {
        plan.due = plan.due.map(|due| due.max(until));
        plan.is_due = false;
    }
    plan
}

/// The recipe that was found to be the key's, or the only one there is.
fn recipe<'a>(index: &Index, row: Option<&'a Row>) -> Option<&'a Recipe> {
    let rotation = if index.bound.headers.is_empty() {
        &row?.rotation
    } else {
        return None;
    };
    match &index.recipe {
        Some(name) => rotation
            .iter()
            .find(|recipe| recipe.name.as_ref() == Some(name))
            .or(rotation.first()),
        None => rotation.first(),
    }
}

/// Whether the key that a rotation replaces is a person's to end.
pub fn ends_by_hand(index: &Index, row: Option<&Row>) -> bool {
    recipe(index, row).is_none_or(|recipe| recipe.kind.wants_a_person() && recipe.revoke.is_none())
}

/// When a key is due: after its time, less a little that differs from key to key, or before the day on which it ends.
fn due(index: &Index, policy: &Policy) -> Option<Timestamp> {
    let since = index.key_since.unwrap_or(index.created_at);
    // An edited entry is no reason to let a key live for ever; `status` names it.
    let every = policy.every(index).unwrap_or(Some(DAY));
    let by_age = every.and_then(|every| since.checked_add(every - jitter(index, every)).ok());
    let by_end = index.expires.and_then(|day| {
        let start = TimeZone::UTC
            .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
            .ok()?;
        start.checked_sub(DAY * BEFORE_THE_END as i32).ok()
    });
    match (by_age, by_end) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Up to a tenth of the time, always the same for one key: many that were stored on one day do not fall due on one.
fn jitter(index: &Index, every: SignedDuration) -> SignedDuration {
    let hash = index.id.to_string().bytes().fold(0u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    every / 10 / 256 * (hash % 256) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RotationConfig;
    use crate::credential::{Bound, Progress, Record, SecretPart, Slots, StoreKind};

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

    fn due_at(index: &Index, config: RotationConfig, day: i64) -> bool {
        plan(index, None, &Policy::new(&config).unwrap(), at(day)).is_due
    }

    #[test]
    fn a_key_is_due_after_its_time_less_a_little() {
        let none = RotationConfig::default;
        assert!(
            !due_at(&index(), none(), 26) && due_at(&index(), none(), 30),
            "30 days unless said otherwise"
        );
        let global = || RotationConfig {
            every: Some("10d".into()),
            ..none()
        };
        assert!(!due_at(&index(), global(), 8) && due_at(&index(), global(), 10));
        let provider = || RotationConfig {
            providers: [("acme".to_owned(), "never".to_owned())].into(),
            ..global()
        };
        assert!(!due_at(&index(), provider(), 1000));
        let own = Index {
            rotate_every: Some("2d".into()),
            ..index()
        };
        assert!(
            due_at(&own, provider(), 2),
            "the key's own word counts most"
        );
        assert!(
            Policy::new(&RotationConfig {
                every: Some("often".into()),
                ..none()
            })
            .is_err()
        );
    }

    #[test]
    fn how_it_is_done_goes_by_the_key_and_says_what_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let row = crate::provider::Catalogue::new(&crate::config::Paths::in_one(home.path()))
            .find("openai")
            .unwrap()
            .unwrap();
        let how = |index: Index| {
            (
                plan(&index, Some(&row), &Policy::default(), at(0)).how,
                ends_by_hand(&index, Some(&row)),
            )
        };
        let of = |recipe: &str| Index {
            recipe: Some(recipe.into()),
            ..index()
        };
        assert_eq!(how(of("personal")), ("by hand".into(), true));
        assert_eq!(
            how(of("service-account")),
            ("create and revoke (needs `--manager`)".into(), false)
        );
        let managed = Index {
            manager: Some("openai/admin".parse().unwrap()),
            ..of("service-account")
        };
        assert_eq!(how(managed).0, "create and revoke");
    }

    #[test]
    fn a_key_is_due_before_the_day_on_which_it_ends() {
        let ends = Index {
            expires: Some(TimeZone::UTC.to_datetime(at(20)).date()),
            rotate_every: Some("never".into()),
            ..index()
        };
        assert!(
            !due_at(&ends, RotationConfig::default(), 16)
                && due_at(&ends, RotationConfig::default(), 17)
        );
    }

    #[test]
    fn what_is_unfinished_is_due_and_a_grace_is_waited_for() {
        let with = |progress: Progress| Index {
            rotation: Some(progress),
            ..index()
        };
        let policy = Policy::default();
        let what = |index: &Index, day| plan(index, None, &policy, at(day)).what;
        let pending = with(Progress {
            pending: true,
            ..Progress::default()
        });
        assert_eq!(what(&pending, 0), What::Finish);
        let retiring = with(Progress {
            retiring: vec![at(40)],
            ..Progress::default()
        });
        let waiting = plan(&retiring, None, &policy, at(35));
        assert!(
            !waiting.is_due && waiting.due == Some(at(40)),
            "due by age, and waits"
        );
        assert_eq!(what(&retiring, 40), What::Finish);
    }

    #[test]
    fn keys_of_one_day_do_not_fall_due_on_one() {
        let days: std::collections::BTreeSet<i64> = (0..50)
            .map(|_| due(&index(), &Policy::default()).unwrap().as_second() / 86_400)
            .collect();
        assert!(days.len() > 1, "{days:?}");
    }
}
