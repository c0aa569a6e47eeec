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
mod tests {
    use super::*;
    use crate::credential::Bound;
    use crate::sealed::FailureKind;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn token(text: &str, received: i64, lives: Option<i64>) -> AccessToken {
        AccessToken {
            token: Secret::new(text),
            received_at: at(received),
            expires_at: lives.map(|lives| at(received + lives)),
            scope: Vec::new(),
            resource: None,
        }
    }

    fn login(refresh: Option<&str>, access: Option<AccessToken>) -> Record {
        let secret = SecretPart::Login {
            refresh_token: refresh.map(Secret::new),
            access,
        };
        Record::new("acme".parse().unwrap(), Bound::default(), secret).unwrap()
    }

    fn sealed(token: Option<AccessToken>, failure: Option<FailedAttempt>) -> Sealed {
        Sealed {
            record: None,
            access: token.into_iter().collect(),
            failure,
        }
    }

    fn failed(seconds: i64, retry: i64) -> FailedAttempt {
        FailedAttempt {
            at: at(seconds),
            kind: FailureKind::Unreachable,
            reason: "503".into(),
            retry_after: at(retry),
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_token_is_usable_for_the_wanted_time_or_a_quarter_of_its_life() {
        for (lives, age, usable) in [
            (3600, 0, true),
            (3600, 3540, true),
            (3600, 3541, false),
            (5, 3, true),
            (5, 4, false),
            (100, 75, true),
            (100, 76, false),
            (100, 100, false),
            (100, -1, false),
        ] {
            assert_eq!(
                is_usable(&token("a", 0, Some(lives)), MINUTE, at(age)),
                usable,
                "{lives} {age}"
            );
        }
        assert!(is_usable(&token("a", 0, None), MINUTE, at(1_000_000)));
        assert!(
            is_usable(&token("a", 0, None), MINUTE, at(-1)),
            "nothing is counted from its receipt"
        );
        assert!(!is_usable(&token("a", 0, Some(10)), Duration::ZERO, at(10)));
    }

    #[test]
    fn the_first_step_uses_a_valid_token_and_refreshes_others() {
        let record = login(Some("r"), None);
        let wanted = Wanted::default();
        let step = |token, failure| first_step(&record, &sealed(token, failure), &wanted, at(10));
        assert!(matches!(
            step(Some(token("a", 0, Some(3600))), None),
            Step::Use(_)
        ));
        assert!(matches!(
            step(Some(token("a", 0, Some(10))), None),
            Step::Refresh
        ));
        assert!(matches!(step(None, None), Step::Refresh));
        assert!(
            matches!(step(None, Some(failed(5, 15))), Step::Repeat(_)),
            "before retry_after"
        );
        assert!(
            matches!(step(None, Some(failed(5, 10))), Step::Refresh),
            "after it"
        );
        assert!(
            matches!(step(None, Some(failed(20, 30))), Step::Refresh),
            "a failure from the future is a clock's"
        );
        let force = Wanted {
            force: true,
            ..Wanted::default()
        };
        assert!(matches!(
            first_step(
                &record,
                &sealed(Some(token("a", 0, Some(3600))), None),
                &force,
                at(1)
            ),
            Step::Refresh
        ));
    }

    #[test]
    fn under_the_lock_a_new_token_of_another_process_is_used() {
        let record = login(Some("r"), None);
        let old = Secret::new("old");
        let step = |wanted: &Wanted, token, failure| {
            step_under_lock(
                &record,
                &sealed(token, failure),
                wanted,
                Some(&old),
                at(0),
                at(10),
            )
        };
        let force = Wanted {
            force: true,
            ..Wanted::default()
        };
        for wanted in [Wanted::default(), force.clone()] {
            assert!(
                matches!(
                    step(&wanted, Some(token("new", 5, Some(6))), None),
                    Step::Use(_)
                ),
                "not expired is enough"
            );
            assert!(matches!(
                step(&wanted, Some(token("new", 5, Some(5))), None),
                Step::Refresh
            ));
            assert!(matches!(
                step(&wanted, Some(token("old", 0, Some(11))), None),
                Step::Refresh
            ));
        }
        assert!(
            matches!(
                step(&Wanted::default(), None, Some(failed(5, 6))),
                Step::Repeat(_)
            ),
            "whoever was waiting then"
        );
        assert!(matches!(
            step(&Wanted::default(), None, Some(failed(-5, 6))),
            Step::Refresh
        ));
        let unseen = step_under_lock(
            &record,
            &sealed(Some(token("x", 0, Some(3600))), None),
            &force,
            None,
            at(0),
            at(10),
        );
        assert!(
            matches!(unseen, Step::Refresh),
            "forced: a token nobody saw before is no answer"
        );
    }

    #[test]
    fn without_a_refresh_token_the_access_token_is_the_secret() {
        let wanted = Wanted::default();
        let record = login(None, Some(token("gho", 0, None)));
        assert!(matches!(
            first_step(&record, &Sealed::default(), &wanted, at(9)),
            Step::Use(_)
        ));
        for asks in [
            Wanted {
                force: true,
                ..Wanted::default()
            },
            Wanted {
                scope: vec!["narrow".into()],
                ..Wanted::default()
            },
            Wanted {
                resource: Some("https://a.test".into()),
                ..Wanted::default()
            },
        ] {
            assert!(
                matches!(
                    first_step(&record, &Sealed::default(), &asks, at(9)),
                    Step::Cannot
                ),
                "{asks:?}"
            );
        }
        let record = login(None, Some(token("gho", 0, Some(5))));
        assert!(matches!(
            first_step(&record, &Sealed::default(), &wanted, at(9)),
            Step::LogIn
        ));
    }

    #[test]
    fn a_stored_failure_blocks_requests_only_for_a_limited_time() {
        let record = login(Some("r"), None);
        let far = first_step(
            &record,
            &sealed(None, Some(failed(0, 1_000_000))),
            &Wanted::default(),
            at(3601),
        );
        assert!(matches!(far, Step::Refresh));
    }
}
