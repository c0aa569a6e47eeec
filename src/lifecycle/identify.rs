//! Whose login it is.

use super::{Attempt, Context, Error, LoginError};
use crate::credential::{Bound, Name, trusted_url};
use crate::oauth::{IdTokenError, Person, TokenReply, subject_of, whoami};
use crate::provider::render;
use crate::secret::Secret;
use crate::signals::shield;
use crate::time::CLOCK_SKEW;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Determines the account of a login: by the row's request for that, if the token may be sent
/// there; otherwise by the ID token. A provider is always asked in the same way, because the two
/// may name one account differently. `nonce` is that of the request, if it had one. `known` is what
/// the login under this name is bound to. A provider that cannot tell is reported in `warnings`, as
/// is an ID token that cannot be read: a login does not need to know its account.
///
/// # Errors
/// The ID token cannot be trusted, the account cannot be determined although `known` has one, or it
/// is another account.
pub(super) fn identify(
    context: &Context<'_>,
    attempt: &Attempt,
    nonce: Option<&Secret>,
    reply: &TokenReply,
    known: Option<&Bound>,
    warnings: &mut Vec<String>,
) -> Result<Option<Person>, LoginError> {
    let now = Timestamp::now();
    warnings.extend(reply.date.and_then(|server| clock_warning(server, now)));
    let (mut person, mut unreadable) = (None, None);
    if let Some(token) = &reply.id_token {
        let (issuer, client) = (attempt.oauth.issuer.as_deref(), &attempt.client.id);
        match subject_of(token, issuer, client, nonce, reply.date.unwrap_or(now)) {
            Ok((subject, label)) => person = Some(Person { subject, label }),
            Err(error @ IdTokenError::Unreadable(_)) => unreadable = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    let is_allowed = |url: &str| {
        attempt.origins.is_empty()
            || trusted_url(url)
                .is_ok_and(|url| attempt.origins.iter().any(|origin| origin.covers(&url)))
    };
    let request = attempt.oauth.whoami.as_ref();
    let request = request.filter(|request| is_allowed(&request.url));
    let is_asked = request.is_some();
    if let Some(request) = request {
        let parts = BTreeMap::from([("token".to_owned(), reply.access_token.clone())]);
        let headers = render(&attempt.row.login_headers(), &parts)?;
        let shield = shield();
        let answer = context.network.run(async {
            tokio::select! {
                answer = whoami(context.network, request, headers) => Ok(answer),
                () = shield.interrupted() => Err(Error::Interrupted),
            }
        })??;
        person = match answer {
            Ok(person) => Some(person),
            Err(error) if known.is_some_and(|bound| bound.subject.is_some()) => {
                return Err(LoginError::Unidentified(error.to_string()));
            }
            Err(error) => {
                let error = LoginError::Unidentified(error.to_string());
                warnings.push(error.to_string());
                None
            }
        };
    }
    if let Some(error) = unreadable.filter(|_| person.is_none()) {
        let error = LoginError::Unreadable(error);
        if known.is_some_and(|bound| bound.subject.is_some()) && !attempt.replace {
            return Err(error);
        }
        if !is_asked {
            warnings.push(error.to_string());
        }
    }
    if let Some(known) = known.filter(|_| !attempt.replace) {
        check_same_account(&attempt.name, known, person.as_ref())?;
    }
    Ok(person)
}

/// What to say about a clock that differs from the server's.
fn clock_warning(server: Timestamp, now: Timestamp) -> Option<String> {
    let ahead = now.duration_since(server);
    let (minutes, how) = (
        ahead.abs().as_mins(),
        if ahead.is_negative() {
            "behind"
        } else {
            "ahead of"
        },
    );
    (ahead.abs() > CLOCK_SKEW)
        .then(|| format!("the clock of this machine is {minutes} minutes {how} the server's"))
}

fn check_same_account(
    name: &Name,
    known: &Bound,
    person: Option<&Person>,
) -> Result<(), LoginError> {
    let Some(subject) = &known.subject else {
        return Ok(());
    };
    if person.is_some_and(|person| person.subject == *subject) {
        return Ok(());
    }
    let named = |label: Option<&String>, subject: &str| {
        label.cloned().unwrap_or_else(|| subject.to_owned())
    };
    Err(LoginError::OtherAccount {
        name: name.clone(),
        old: named(known.label.as_ref(), subject),
        new: person.map_or_else(
            || "an unknown account".into(),
            |person| named(person.label.as_ref(), &person.subject),
        ),
    })
}

#[cfg(test)]
mod tests;
