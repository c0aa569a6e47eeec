//! The decision about a token request: pure functions that take `now`.

use crate::credential::{AccessToken, Record, SecretPart};
use crate::sealed::{FailedAttempt, Sealed};
use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the caller asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// The token should be valid for at least this long.
    pub min_ttl: Duration,
    /// A new token, even if a cached one is valid.
    pub force: bool,
    /// A narrower scope than the granted one, sorted; empty for the whole grant.
    pub scope: Vec<String>,
    /// A resource (RFC 8707).
    pub resource: Option<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            min_ttl: Duration::from_secs(60),
            force: false,
            scope: Vec::new(),
            resource: None,
        }
    }
}

/// The next step for a login.
#[derive(Debug)]
pub enum Step {
    /// Use this cached token.
    Use(AccessToken),
    /// Refresh.
    Refresh,
    /// Return the result of another process's recent refresh: another request would only add load.
    Repeat(FailedAttempt),
    /// A new login is needed: there is no refresh token.
    LogIn,
    /// Use this cached token, although it is short-lived: without a refresh token there is no
    /// other.
    Cannot,
}

/// The longest time for which a stored failure holds back requests, whatever a clock or server
/// says.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// A remaining lifetime of `min_ttl` is enough, and so is a quarter of the whole lifetime, so that
/// five-second tokens work too.
pub fn is_usable(token: &AccessToken, min_ttl: Duration, now: Timestamp) -> bool {
    let Some(expires_at) = token.expires_at else {
        return true;
    };
    // If the clock is behind the receipt, it was changed: no duration since the receipt is
    // reliable.
    if now < token.received_at {
        return false;
    }
    let remaining = expires_at.duration_since(now);
    let quarter = expires_at.duration_since(token.received_at) / 4;
    let wanted = SignedDuration::try_from(min_ttl).unwrap_or(SignedDuration::MAX);
    remaining > SignedDuration::ZERO && remaining >= wanted.min(quarter)
}

/// The decision before the lock is taken: with what is cached.
pub fn first_step(record: &Record, sealed: &Sealed, wanted: &Wanted, now: Timestamp) -> Step {
    if let Some(token) = cached(record, sealed, wanted)
        && !wanted.force
        && is_usable(token, wanted.min_ttl, now)
    {
        return Step::Use(token.clone());
    }
    without_network(record, sealed, wanted, now, now)
}

/// The decision under the lock, with everything read again. `seen` is the token that was cached
/// before the lock was taken, `began` the time at which the wait for the lock began.
pub fn step_under_lock(
    record: &Record,
    sealed: &Sealed,
    wanted: &Wanted,
    seen: Option<&Secret>,
    began: Timestamp,
    now: Timestamp,
) -> Step {
    if let Some(token) = cached(record, sealed, wanted) {
        let is_new = seen.is_none_or(|seen| !seen.same_as(token.token.expose()));
        // Another process has refreshed in the meantime, which is as good as doing it, even with
        // `--force`.
        if is_new && is_usable(token, Duration::ZERO, now) && (seen.is_some() || !wanted.force) {
            return Step::Use(token.clone());
        }
        if !wanted.force && is_usable(token, wanted.min_ttl, now) {
            return Step::Use(token.clone());
        }
    }
    without_network(record, sealed, wanted, began, now)
}

/// The decision if no cached token can be used.
fn without_network(
    record: &Record,
    sealed: &Sealed,
    wanted: &Wanted,
    began: Timestamp,
    now: Timestamp,
) -> Step {
    if refresh_token(record).is_none() {
        let whole = Wanted {
            scope: Vec::new(),
            resource: None,
            ..wanted.clone()
        };
        let good = cached(record, sealed, &whole)
            .is_some_and(|token| is_usable(token, Duration::ZERO, now));
        return if good { Step::Cannot } else { Step::LogIn };
    }
    match &sealed.failure {
        Some(failure) if counts(failure, began, now) => Step::Repeat(failure.clone()),
        _ => Step::Refresh,
    }
}

/// A failure applies to the processes that were waiting when it happened, and to those that start
/// before `retry_after`.
fn counts(failure: &FailedAttempt, began: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(failure.at);
    let sane = age >= SignedDuration::ZERO && age <= LONGEST_RETRY;
    sane && (failure.at > began || now < failure.retry_after)
}

/// The cached token for this request. Without a refresh token, the token of the record is the only
/// one.
fn cached<'a>(record: &'a Record, sealed: &'a Sealed, wanted: &Wanted) -> Option<&'a AccessToken> {
    match &record.secret {
        Some(SecretPart::Login {
            refresh_token: None,
            access,
        }) if wanted.scope.is_empty() && wanted.resource.is_none() => access.as_ref(),
        Some(SecretPart::Login {
            refresh_token: None,
            ..
        }) => None,
        _ => sealed.token(&wanted.scope, wanted.resource.as_deref()),
    }
}

/// The refresh token of a login.
pub fn refresh_token(record: &Record) -> Option<&Secret> {
    match &record.secret {
        Some(SecretPart::Login { refresh_token, .. }) => refresh_token.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
