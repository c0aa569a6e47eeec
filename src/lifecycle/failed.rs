//! A failed refresh: what it means for the caller, and what is saved for other callers.

use super::exchange::{RETRY_BUSY, RETRY_SOON, Refusal};
use super::{Claim, Error, Found};
use crate::code::{Code, Outcome};
use crate::credential::{Entry, ErrorCode, LastError, Name};
use crate::sealed::{FailedAttempt, FailureKind, Sealed};
use jiff::{SignedDuration, Timestamp};

/// How long a server may put off a login before the login itself is doubted: some servers answer
/// "later" for ever if a login is no longer valid.
const PATIENCE: SignedDuration = SignedDuration::from_hours(6);

/// What a refusal means for the caller; it is kept for the others who wait for the same answer.
pub(super) fn failed(claim: &Claim<'_>, found: &Found, refusal: Refusal) -> Error {
    let name = claim.name().clone();
    match refusal {
        Refusal::Over(why) => {
            let retry_after = Timestamp::now() + RETRY_BUSY;
            keep_failure(
                claim,
                found,
                FailureKind::LoginRequired,
                &why,
                retry_after,
                None,
            );
            Error::LoginRequired { name, why }
        }
        Refusal::Later {
            reason,
            wait,
            answered,
        } => {
            let now = Timestamp::now();
            let since = answered_since(&found.entry, answered, now);
            let reason = match since
                .filter(|_| answered)
                .and_then(|since| doubt(&name, since, now))
            {
                Some(doubt) => format!("{reason}; {doubt}"),
                None => reason,
            };
            let kind = FailureKind::Unreachable;
            keep_failure(claim, found, kind, &reason, now + wait, since);
            Error::Unreachable {
                name,
                reason,
                retry_in: Some(wait),
            }
        }
        Refusal::Refused(reason) => {
            // A person may correct the reason, and should not wait long then.
            let retry_after = Timestamp::now() + RETRY_SOON;
            keep_failure(
                claim,
                found,
                FailureKind::Refused,
                &reason,
                retry_after,
                None,
            );
            Error::Provider { name, reason }
        }
        Refusal::Other(error) => {
            if let Error::Provider { reason, .. } = &error {
                let context = &claim.context;
                let outcome = Outcome::Failed(Code::Failed);
                context.log_event("refresh", &name, outcome, Some(reason));
            }
            error
        }
    }
}

/// Since when the server has been answering "later" without a success in between. A network that
/// does not work says nothing about it.
fn answered_since(entry: &Entry, answered: bool, now: Timestamp) -> Option<Timestamp> {
    let earlier = entry.login.last_error.as_ref();
    let earlier = earlier.and_then(|error| error.answered_since);
    // A time in the future is that of a clock that was wrong.
    let earlier = earlier.filter(|since| *since <= now);
    earlier.or(answered.then_some(now))
}

/// What to say after some time.
fn doubt(name: &Name, since: Timestamp, now: Timestamp) -> Option<String> {
    let time = now.duration_since(since);
    (time >= PATIENCE).then(|| {
        format!(
            "the server has been responding like this for {} hours, so the login may no longer be valid (run `authctl login {name}` if this persists)",
            time.as_hours()
        )
    })
}

/// Keeps a failure for those who wait for the same answer. If it cannot be kept, they ask for
/// themselves.
fn keep_failure(
    claim: &Claim<'_>,
    found: &Found,
    kind: FailureKind,
    reason: &str,
    retry_after: Timestamp,
    answered_since: Option<Timestamp>,
) {
    let (context, record) = (&claim.context, &found.record);
    let failure = FailedAttempt {
        at: Timestamp::now(),
        kind,
        reason: reason.to_owned(),
        retry_after,
    };
    let sealed = Sealed {
        record: Some(record.clone()),
        failure: Some(failure),
        ..found.sealed.clone()
    };
    let written = record
        .seal_key()
        .map_err(Into::into)
        .and_then(|key| sealed.write(&context.paths.sealed(), &record.id, &key));
    if let Err(error) = written {
        tracing::info!(%error, "cannot save the failed refresh");
    }
    let (code, outcome) = match kind {
        FailureKind::Unreachable => (ErrorCode::Unreachable, Code::Unreachable),
        FailureKind::LoginRequired => (ErrorCode::LoginRequired, Code::LoginRequired),
        FailureKind::Refused => (ErrorCode::Refused, Code::Failed),
    };
    let mut entry = found.entry.clone();
    entry.login.last_error = Some(LastError {
        at: Timestamp::now(),
        code,
        reason: reason.to_owned(),
        answered_since,
    });
    if let Err(error) = context.index.write(&entry) {
        tracing::info!(%error, "cannot record the failed refresh in the index");
    }
    let outcome = Outcome::Failed(outcome);
    context.log_event("refresh", claim.name(), outcome, Some(reason));
}
