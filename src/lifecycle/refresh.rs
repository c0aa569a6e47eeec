//! A refresh, under the lock. The order of the steps keeps a login alive through crashes, lost
//! answers and failing stores: read "Getting a token" in `.github/DESIGN.md` before changing any of
//! it.

use super::client::bound_url;
use super::decide::{self, Step, Wanted, refresh_token};
use super::exchange::{RETRY_BUSY, Refusal, classify, exchange};
use super::{Claim, Error, Found, Look, current, look, save};
use crate::code::{Code, Outcome};
use crate::credential::{AccessToken, Entry, ErrorCode, LastError, LoginState, Record, SecretPart};
use crate::disk::Reserved;
use crate::oauth::{Dialect, Grant, TokenError, TokenReply};
use crate::provider::OAuthSpec;
use crate::sealed::{FailedAttempt, FailureKind, Sealed};
use crate::secret::Secret;
use crate::signals;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A fresh access token, and what to tell the user about it.
#[derive(Serialize, Deserialize)]
pub struct Fresh {
    pub(super) token: AccessToken,
    pub(super) warnings: Vec<String>,
}

/// What there is under the lock.
pub(super) enum Round {
    /// A token that can be used.
    Ready(Fresh),
    /// The login, which has to be refreshed.
    Needed(Box<Found>),
}

/// Reads the login again, and decides whether a request is needed: another process may have been
/// faster.
pub(super) fn read_again(
    claim: &Claim<'_>,
    wanted: &Wanted,
    seen: Option<&Secret>,
    began: Timestamp,
) -> Result<Round, Error> {
    let name = claim.name();
    let found = current(claim)?;
    let now = Timestamp::now();
    match decide::step_under_lock(&found.record, &found.sealed, wanted, seen, began, now) {
        Step::Use(token) => Ok(Round::Ready(Fresh {
            token,
            warnings: found.warnings,
        })),
        Step::Repeat(failure) => Err(Error::repeated(name, failure, now)),
        Step::LogIn => Err(Error::over(name, &found.record.bound)),
        Step::Cannot => Err(Error::cannot(name)),
        Step::Refresh => Ok(Round::Needed(Box::new(found))),
    }
}

/// Gets a fresh token: another process's, if that was faster, or a refreshed one.
pub(super) fn under_lock(
    claim: &Claim<'_>,
    wanted: &Wanted,
    seen: Option<&Secret>,
    began: Timestamp,
) -> Result<Fresh, Error> {
    let name = claim.name();
    let mut second_round = false;
    loop {
        let found = match read_again(claim, wanted, seen, began)? {
            Round::Ready(fresh) => return Ok(fresh),
            Round::Needed(found) => *found,
        };
        let refusal = match refresh(claim, &found, wanted) {
            Ok(fresh) => return Ok(fresh),
            Err(refusal) => refusal,
        };
        // Another machine may have replaced the token in a store that both write to: then that one
        // is used, once.
        if let Refusal::Over(reason) = &refusal
            && was_replaced(claim, &found)?
        {
            if !second_round {
                second_round = true;
                continue;
            }
            return Err(Error::Unreachable {
                name: name.clone(),
                reason: reason.clone(),
                retry_in: None,
            });
        }
        return Err(failed(claim, &found, refusal));
    }
}

/// What a refusal means for the caller; it is kept for the others who wait for the same answer.
fn failed(claim: &Claim<'_>, found: &Found, refusal: Refusal) -> Error {
    let name = claim.name().clone();
    match refusal {
        Refusal::Over(why) => {
            let retry_after = Timestamp::now() + RETRY_BUSY;
            keep_failure(claim, found, FailureKind::LoginRequired, &why, retry_after);
            Error::LoginRequired { name, why }
        }
        Refusal::Later { reason, wait } => {
            let retry_after = Timestamp::now() + wait;
            keep_failure(claim, found, FailureKind::Unreachable, &reason, retry_after);
            Error::Unreachable {
                name,
                reason,
                retry_in: Some(wait),
            }
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

/// Whether the store has another refresh token by now.
fn was_replaced(claim: &Claim<'_>, found: &Found) -> Result<bool, Error> {
    let again = look(&claim.context, claim.name())?;
    Ok(matches!(again, Look::Found(again) if !same_token(&again.record, &found.record)))
}

fn same_token(one: &Record, other: &Record) -> bool {
    match (refresh_token(one), refresh_token(other)) {
        (Some(one), Some(other)) => one.same_as(other.expose()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn refresh(claim: &Claim<'_>, found: &Found, wanted: &Wanted) -> Result<Fresh, Refusal> {
    let (context, name, record) = (&claim.context, claim.name(), &found.record);
    let endpoint = record.bound.token_endpoint.as_ref();
    let endpoint = bound_url(name, "token endpoint", endpoint)?;
    let Some(spent) = refresh_token(record) else {
        return Err(Error::over(name, &record.bound).into());
    };
    let client = context.client(name, &record.bound)?;
    let row = context.row(name, &record.bound)?;
    let oauth = row.as_ref().and_then(|row| row.oauth.as_ref());
    let dialect = oauth.map(Dialect::of).unwrap_or_default();
    let grant = grant(record, spent, oauth, wanted);

    // The old token may be spent from the moment of the request, so room for the new one is
    // reserved first.
    let bytes = found.sealed.size() + record.room();
    let room = Sealed::reserve(&context.paths.sealed(), &record.id, bytes).map_err(|error| {
        Error::NoRoom {
            name: name.clone(),
            reason: error.to_string(),
        }
    })?;
    // Until the answer is on the disk.
    let shield = signals::shield();
    let answer = context.network.run(exchange(
        context, &endpoint, &client, &grant, &dialect, &shield,
    ))?;
    let reply = match answer {
        Ok(reply) => reply,
        Err(error) => return Err(without_token(claim, found, error, oauth, room)),
    };
    tracing::info!(%name, "the token endpoint returned a new access token");

    let received_at = Timestamp::now();
    let life = reply
        .expires_in
        .or_else(|| oauth.and_then(|oauth| oauth.assumed_lifetime));
    let token = AccessToken {
        token: reply.access_token.clone(),
        received_at,
        expires_at: life.map(|life| received_at + SignedDuration::from_secs(life.into())),
        scope: wanted.scope.clone(),
        resource: wanted.resource.clone(),
    };
    let warnings = keep(claim, found, &reply, token.clone(), room)?;
    // After the save: nothing may come between the answer and the disk.
    context.log_event("refresh", name, Outcome::DONE, None);
    if signals::interrupted() {
        Err(Refusal::Other(Error::Interrupted))
    } else {
        Ok(Fresh { token, warnings })
    }
}

/// The parameters of the request (RFC 6749 section 6).
fn grant(record: &Record, spent: &Secret, oauth: Option<&OAuthSpec>, wanted: &Wanted) -> Grant {
    let mut grant = Grant::refresh(spent);
    let sends_scope = oauth.is_some_and(|oauth| oauth.refresh.send_scope);
    let scope = if wanted.scope.is_empty() && sends_scope {
        &record.bound.scopes
    } else {
        &wanted.scope
    };
    let separator = oauth.map_or(" ", |oauth| oauth.scope_separator.as_str());
    let scope = (!scope.is_empty()).then(|| Secret::new(scope.join(separator)));
    grant.add("scope", scope);
    grant.add("resource", wanted.resource.clone().map(Secret::new));
    if oauth.is_some_and(|oauth| oauth.refresh.send_redirect_uri) {
        let redirect_uri = record.bound.redirect_uri.clone();
        grant.add("redirect_uri", redirect_uri.map(Secret::new));
    }
    grant
}

/// The answer contains no usable token. It may still contain the successor of the refresh token
/// that it spent.
fn without_token(
    claim: &Claim<'_>,
    found: &Found,
    error: TokenError,
    oauth: Option<&OAuthSpec>,
    room: Reserved,
) -> Refusal {
    if let TokenError::Unusable {
        successor: Some(successor),
        ..
    } = &error
    {
        let next = successor_of(&found.record, successor);
        let sealed = found.sealed.clone();
        if let Err(error) = save(claim, &found.entry, next, sealed, Some(room)) {
            return error.into();
        }
    }
    // Nobody knows what the answer would have been, so there is no failure that others could
    // repeat.
    if signals::interrupted() {
        return Refusal::Other(Error::Interrupted);
    }
    let over_errors = oauth
        .map(|oauth| oauth.refresh.over_errors.as_slice())
        .unwrap_or_default();
    classify(claim.name(), error, over_errors)
}

/// The next generation of a login's record, with a new refresh token.
fn successor_of(record: &Record, refresh_token: &Secret) -> Record {
    let secret = SecretPart::Login {
        refresh_token: Some(refresh_token.clone()),
        access: None,
    };
    record.next(record.bound.clone(), secret)
}

/// Saves the answer before anybody uses or sees it.
fn keep(
    claim: &Claim<'_>,
    found: &Found,
    reply: &TokenReply,
    token: AccessToken,
    room: Reserved,
) -> Result<Vec<String>, Error> {
    let record = &found.record;
    let mut warnings = found.warnings.clone();
    let mut sealed = found.sealed.clone();
    // A cached token is only believed beside the record that it belongs to.
    sealed.record = Some(record.clone());
    sealed.keep(token.clone());
    let spent = refresh_token(record);
    let successor = reply
        .refresh_token
        .as_ref()
        .filter(|new| spent.is_none_or(|old| !old.same_as(new.expose())));
    if let Some(successor) = successor {
        let next = successor_of(record, successor);
        let entry = Entry {
            login: LoginState {
                refreshed_at: Some(Timestamp::now()),
                ..found.entry.login.clone()
            },
            ..found.entry.clone()
        };
        let saved = save(claim, &entry, next, sealed, Some(room))?;
        warnings.extend(saved.warnings);
        return Ok(warnings);
    }
    // The same refresh token, or none: the record does not change, so the store need not be
    // written.
    if let Err(error) = sealed.write_into(room, &record.id, &record.seal_key()?) {
        warnings.push(format!(
            "the access token of `{}` is not cached: {error}",
            record.name
        ));
    }
    let mut entry = if found.entry.generation < record.generation {
        found.entry.following(record, Timestamp::now())
    } else {
        found.entry.clone()
    };
    entry.login = LoginState {
        access_expires_at: token.expires_at,
        refreshed_at: Some(Timestamp::now()),
        last_error: None,
        ..entry.login
    };
    if let Err(error) = claim.context.index.write(&entry) {
        tracing::info!(%error, "the index is not up to date");
    }
    Ok(warnings)
}

/// Keeps a failure for those who wait for the same answer. If it cannot be kept, they ask for
/// themselves.
fn keep_failure(
    claim: &Claim<'_>,
    found: &Found,
    kind: FailureKind,
    reason: &str,
    retry_after: Timestamp,
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
        tracing::info!(%error, "the failure was not saved");
    }
    let (code, outcome) = match kind {
        FailureKind::Unreachable => (ErrorCode::Unreachable, Code::Unreachable),
        FailureKind::LoginRequired => (ErrorCode::LoginRequired, Code::LoginRequired),
    };
    let mut entry = found.entry.clone();
    entry.login.last_error = Some(LastError {
        at: Timestamp::now(),
        code,
        reason: reason.to_owned(),
    });
    if let Err(error) = context.index.write(&entry) {
        tracing::info!(%error, "the failure is not in the index");
    }
    let outcome = Outcome::Failed(outcome);
    context.log_event("refresh", claim.name(), outcome, Some(reason));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Server, json};
    use super::super::{parts, token};
    use super::*;
    use crate::audit;
    use crate::credential::{Bound, Name};

    fn name() -> Name {
        "acme".parse().unwrap()
    }

    fn bound(server: &Server) -> Bound {
        Bound {
            token_endpoint: Some(server.url.clone()),
            client_id: Some("tool".to_owned()),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            ..Bound::default()
        }
    }

    fn answer(access: &str, refresh: Option<&str>) -> Option<String> {
        let refresh = refresh
            .map(|token| format!(r#","refresh_token":"{token}""#))
            .unwrap_or_default();
        let body = format!(
            r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":3600{refresh}}}"#
        );
        Some(json(200, &body))
    }

    fn refused(code: &str) -> Option<String> {
        Some(json(400, &format!(r#"{{"error":"{code}"}}"#)))
    }

    fn stored_token(home: &Home) -> String {
        let record = home.found(&name()).unwrap().record;
        refresh_token(&record).unwrap().expose().to_owned()
    }

    fn get(home: &Home, wanted: &Wanted) -> Result<String, Error> {
        let handed = token(&home.context(), &name(), wanted)?;
        Ok(handed.parts["token"].expose().to_owned())
    }

    #[test]
    fn a_successor_is_saved_and_the_cached_token_is_used_until_it_is_forced() {
        let server = Server::answering(vec![
            answer("a1", Some("r2")),
            answer("a2", None),
            answer("a3", Some("r2")),
        ]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
        assert_eq!(stored_token(&home), "r2");
        let found = home.found(&name()).unwrap();
        assert_eq!((found.record.generation, found.entry.generation), (2, 2));
        assert!(found.entry.login.refreshed_at.is_some() && !found.store_is_behind);
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
        assert_eq!(
            server.bodies().len(),
            1,
            "the second one came from the cache"
        );
        let forced = Wanted {
            force: true,
            ..Wanted::default()
        };
        home.leave(&name(), |entry| entry.login.refreshed_at = None);
        for access in ["a2", "a3"] {
            assert_eq!(get(&home, &forced).unwrap(), access);
            // The same refresh token, or none: the record does not change.
            let found = home.found(&name()).unwrap();
            assert_eq!((found.record.generation, found.entry.generation), (2, 2));
            assert!(found.entry.login.refreshed_at.is_some());
            assert!(found.entry.login.access_expires_at.is_some());
            assert!(found.warnings.is_empty());
        }
        assert!(server.bodies()[1].contains("refresh_token=r2"));
        let (events, damaged) = audit::read(&home.paths.audit()).unwrap();
        assert_eq!((events.len(), damaged), (3, 0));
        assert!(events.iter().all(|event| event.event == "refresh"));
    }

    #[test]
    fn an_entry_that_is_behind_is_brought_up_to_date() {
        let server = Server::answering(vec![answer("a1", None)]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        let second = home.login(&name(), bound(&server), "r2");
        home.leave(&name(), |entry| entry.generation = 1);
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
        let entry = home.found(&name()).unwrap().entry;
        assert_eq!(entry.generation, second.record.generation);
    }

    #[test]
    fn a_lost_answer_is_asked_for_again_with_the_same_token() {
        let server = Server::answering(vec![None, None, answer("a1", Some("r2"))]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
        assert!(
            server
                .bodies()
                .iter()
                .all(|body| body.contains("refresh_token=r1"))
        );
        // Not more than twice, and that is kept for those who ask next.
        let server = Server::answering(vec![None, None, None]);
        home.login(&name(), bound(&server), "r1");
        for _ in 0..2 {
            let error = get(&home, &Wanted::default()).unwrap_err();
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
            assert_eq!(server.bodies().len(), 3);
        }
        assert!(home.found(&name()).unwrap().sealed.failure.is_some());
        assert!(
            home.found(&name())
                .unwrap()
                .entry
                .login
                .last_error
                .is_some()
        );
        assert_eq!(stored_token(&home), "r1");
    }

    #[test]
    fn a_refusal_ends_the_login_unless_another_token_is_stored_by_now() {
        let server = Server::answering(vec![refused("invalid_grant")]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        for _ in 0..2 {
            let error = get(&home, &Wanted::default()).unwrap_err();
            assert!(matches!(error, Error::LoginRequired { .. }), "{error}");
        }
        assert_eq!(server.bodies().len(), 1, "the refusal is shared");
        assert_eq!(stored_token(&home), "r1", "nothing is deleted");
        // Another machine has stored its token in the same store.
        let found = home.found(&name()).unwrap();
        let context = home.context();
        let claim = context.claim(&name()).unwrap();
        assert!(!was_replaced(&claim, &found).unwrap());
        let newer = successor_of(&found.record, &Secret::new("r9"));
        home.store(&newer);
        assert!(was_replaced(&claim, &found).unwrap());
    }

    #[test]
    fn other_refusals_are_reported_and_not_shared() {
        let server = Server::answering(vec![refused("invalid_client"), answer("a1", None)]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        let error = get(&home, &Wanted::default()).unwrap_err();
        assert!(matches!(error, Error::Provider { .. }), "{error}");
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a1");
    }

    #[test]
    fn only_granted_scopes_are_asked_for_and_only_of_a_login() {
        let server = Server::answering(vec![answer("a1", None), answer("a2", None)]);
        let home = Home::new();
        home.login(&name(), bound(&server), "r1");
        let scope = |word: &str| Wanted {
            scope: vec![word.to_owned()],
            ..Wanted::default()
        };
        assert!(matches!(
            get(&home, &scope("admin")),
            Err(Error::NotGranted { .. })
        ));
        assert_eq!(get(&home, &scope("read")).unwrap(), "a1");
        assert!(server.bodies()[0].contains("scope=read"));
        // The narrower token is not the one for everything.
        assert_eq!(get(&home, &Wanted::default()).unwrap(), "a2");
        let key: Name = "acme/key".parse().unwrap();
        home.key(
            &key,
            crate::credential::Slots::of(super::super::testing::parts("k")),
        );
        assert!(parts(&home.context(), &key, &Wanted::default()).is_ok());
        for wanted in [
            scope("read"),
            Wanted {
                force: true,
                ..Wanted::default()
            },
        ] {
            let refused = parts(&home.context(), &key, &wanted);
            assert!(matches!(refused, Err(Error::Unsuitable(_))));
        }
        let refused = token(&home.context(), &key, &Wanted::default());
        assert!(matches!(refused, Err(Error::Unsuitable(_))));
    }
}
