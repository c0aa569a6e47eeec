//! What is due: a pure decision over the index and the catalogue, which takes `now`.

use super::policy::Policy;
use crate::credential::{Entry, ErrorCode, Kind, Name};
use crate::provider::{Caller, Recipe, RotationKind, Row};
use crate::time::is_from_future;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// One day.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long before its expiry a key is rotated.
const BEFORE_THE_END: i64 = 3;

/// The action for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// There is nothing to do.
    Nothing,
    /// Refresh a login, so that it does not expire for lack of use.
    Refresh,
    /// Log in again, which only the user can do.
    LogIn,
    /// Finish an earlier rotation.
    Finish,
    /// Rotate the key.
    Rotate(RotationKind),
}

/// The action for one credential, and the reason.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The credential.
    pub name: Name,
    /// The action.
    pub what: What,
    /// The time at which it is due; `None` for never.
    pub due: Option<Timestamp>,
    /// Whether it is due now.
    pub is_due: bool,
    /// The method, for people.
    pub how: String,
    /// The generation that the plan is for.
    pub generation: u64,
    /// The time at which the last of the previous keys may be revoked.
    pub waits_until: Option<Timestamp>,
}

/// The plan for one credential, from its entry and the row of its provider.
pub fn plan(entry: &Entry, row: Option<&Row>, policy: &Policy, now: Timestamp) -> Plan {
    let nothing = |how: &str| Plan {
        name: entry.name.clone(),
        what: What::Nothing,
        due: None,
        is_due: false,
        how: how.into(),
        generation: entry.generation,
        waits_until: None,
    };
    if !entry.state.is_active() {
        return nothing("interrupted");
    }
    match entry.kind {
        Kind::Login => login(entry, row, now).unwrap_or_else(|| nothing("-")),
        Kind::Key => key(entry, row, policy, now),
    }
}

fn login(entry: &Entry, row: Option<&Row>, now: Timestamp) -> Option<Plan> {
    let failure = entry.login.last_error.as_ref();
    if let Some(over) = failure.filter(|failure| failure.code == ErrorCode::LoginRequired) {
        return Some(Plan {
            name: entry.name.clone(),
            what: What::LogIn,
            due: Some(over.at),
            is_due: true,
            how: "log in again".into(),
            generation: entry.generation,
            waits_until: None,
        });
    }
    if !entry.login.refreshable {
        return None;
    }
    let used = entry.login.refreshed_at.unwrap_or(entry.changed_at);
    let idle_days = row
        .and_then(|row| row.oauth.as_ref())
        .and_then(|oauth| oauth.refresh.idle_days);
    // Half of the limit: one missed run does not let it expire.
    let idle = idle_days.map(|days| {
        let how = format!("refresh (expires after {days} idle days)");
        (DAY * i32::try_from(days).unwrap_or(i32::MAX / 2) / 2, how)
    });
    // A refresh may extend it.
    let end = entry.login.refresh_token_expires_at.map(|end| {
        let how = "refresh (before its refresh token expires)".to_owned();
        (end.duration_since(used) / 2, how)
    });
    let (half, how) = idle.into_iter().chain(end).min_by_key(|(half, _)| *half)?;
    let due = if is_from_future(used, now) {
        Timestamp::MIN
    } else {
        used.checked_add(half).ok()?
    };
    Some(Plan {
        name: entry.name.clone(),
        what: What::Refresh,
        due: Some(due),
        is_due: due <= now,
        how,
        generation: entry.generation,
        waits_until: None,
    })
}

fn key(entry: &Entry, row: Option<&Row>, policy: &Policy, now: Timestamp) -> Plan {
    let recipe = recipe(entry, row);
    let what = recipe.map_or(What::Nothing, |recipe| What::Rotate(recipe.kind));
    let how = recipe.map_or_else(
        || "unknown".to_owned(),
        |recipe| {
            let has_nobody = recipe.caller == Caller::Manager
                && recipe.kind != RotationKind::DisableOnly
                && entry.rotation.manager.is_none();
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
        name: entry.name.clone(),
        what,
        due: due(entry, policy, now),
        is_due: false,
        how,
        generation: entry.generation,
        waits_until: None,
    };
    plan.is_due = plan.due.is_some_and(|due| due <= now);
    let Some(progress) = &entry.rotation.progress else {
        return plan;
    };
    plan.waits_until = progress
        .retiring
        .iter()
        .max()
        .copied()
        .filter(|until| *until > now);
    // A grace period that began in the future is cut.
    let is_wrong = is_from_future(since(entry), now) && !progress.retiring.is_empty();
    let unfinished = is_wrong
        || progress.pending
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
    // No further key is created until the previous one is revoked.
    if let Some(until) = plan.waits_until {
        plan.due = plan.due.map(|due| due.max(until));
        plan.is_due = false;
    }
    plan
}

/// The recipe that the key is known to use, or the only one.
fn recipe<'a>(entry: &Entry, row: Option<&'a Row>) -> Option<&'a Recipe> {
    let rotation = if entry.bound.headers.is_empty() {
        &row?.rotation
    } else {
        return None;
    };
    match &entry.rotation.recipe {
        Some(name) => rotation
            .iter()
            .find(|recipe| recipe.name.as_ref() == Some(name))
            .or(rotation.first()),
        None => rotation.first(),
    }
}

/// Whether the user has to revoke the previous key after a rotation.
pub fn is_revoked_manually(entry: &Entry, row: Option<&Row>) -> bool {
    recipe(entry, row).is_none_or(|recipe| recipe.kind.wants_a_person() && recipe.revoke.is_none())
}

/// Since when the key is in use.
pub fn since(entry: &Entry) -> Timestamp {
    entry.rotation.key_since.unwrap_or(entry.created_at)
}

/// The time at which a key is due: after its interval, less an amount that differs from key to key,
/// or after two thirds of its lifetime. A key from the future is due.
fn due(entry: &Entry, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let since = since(entry);
    // An invalid value in an edited entry must not let a key live for ever; `status` reports it.
    let every = policy.every(entry).unwrap_or(Some(DAY));
    let by_age = every.and_then(|every| match is_from_future(since, now) {
        true => Some(now),
        false => since.checked_add(every - jitter(entry, every)).ok(),
    });
    let by_end = entry.rotation.expires.and_then(|day| {
        let start = TimeZone::UTC
            .to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
            .ok()?;
        // An expired key cannot rotate itself, and a run may be missed.
        let third = start.duration_since(since).max(SignedDuration::ZERO) / 3;
        let before = third.max(DAY * BEFORE_THE_END as i32);
        start.checked_sub(before).ok()
    });
    match (by_age, by_end) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Up to a tenth of the interval, always the same for one key, so that keys that were stored on one
/// day are not all due on one day.
fn jitter(entry: &Entry, every: SignedDuration) -> SignedDuration {
    let hash = entry.id.to_string().bytes().fold(0u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    every / 10 / 256 * (hash % 256) as i32
}

#[cfg(test)]
mod tests;
