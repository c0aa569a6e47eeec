//! A refresh, under the lock. The order of the steps keeps a login alive through crashes, lost
//! answers and failing stores: read "Getting a token" in `.github/DESIGN.md` before changing any of
//! it.

use super::client::bound_url;
use super::decide::{self, Step, Wanted, refresh_token};
use super::exchange::{Refusal, classify, exchange};
use super::failed::failed;
use super::{Claim, Error, Found, Look, current, look, save};
use crate::code::Outcome;
use crate::credential::{AccessToken, Entry, LoginState, Record, SecretPart};
use crate::disk::Reserved;
use crate::oauth::{Dialect, Grant, TokenError, TokenReply};
use crate::provider::OAuthSpec;
use crate::sealed::Sealed;
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
        .or_else(|| oauth.and_then(|oauth| oauth.assumed_lifetime))
        .or_else(|| last_lifetime(found, wanted));
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

/// The lifetime of the token before, in seconds: a server that named it once need not name it in
/// every answer.
fn last_lifetime(found: &Found, wanted: &Wanted) -> Option<u32> {
    let same = found
        .sealed
        .token(&wanted.scope, wanted.resource.as_deref());
    let before = same.into_iter().chain(&found.sealed.access);
    let mut lifetimes = before.filter_map(|token| {
        let life = token.expires_at?.duration_since(token.received_at);
        u32::try_from(life.as_secs()).ok().filter(|life| *life > 0)
    });
    lifetimes.next()
}

/// The parameters of the request (RFC 6749 section 6).
fn grant(record: &Record, spent: &Secret, oauth: Option<&OAuthSpec>, wanted: &Wanted) -> Grant {
    let mut grant = Grant::refresh(spent);
    let mut scope = wanted.scope.clone();
    if let Some(oauth) = oauth.filter(|oauth| scope.is_empty() && oauth.refresh.send_scope) {
        scope.clone_from(&record.bound.scopes);
        // Without the scopes for a refresh token, the server might not issue a new one.
        if !scope.is_empty() {
            let missing = |word: &&String| !record.bound.scopes.contains(word);
            scope.extend(oauth.offline_scopes.iter().filter(missing).cloned());
        }
    }
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
        let mut entry = found.entry.clone();
        entry.login.refresh_token_expires_at = None;
        if let Err(error) = save(claim, &entry, next, sealed, Some(room)) {
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
    let now = Timestamp::now();
    let expires_at = reply.refresh_token_expires_at(now);
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
                refreshed_at: Some(now),
                refresh_token_expires_at: expires_at,
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
        found.entry.following(record, now)
    } else {
        found.entry.clone()
    };
    entry.login = LoginState {
        access_expires_at: token.expires_at,
        refreshed_at: Some(now),
        // A token accepted after its recorded expiry has a different one.
        refresh_token_expires_at: expires_at.or(entry
            .login
            .refresh_token_expires_at
            .filter(|end| *end > now)),
        last_error: None,
        ..entry.login
    };
    if let Err(error) = claim.context.index.write(&entry) {
        tracing::info!(%error, "the index is not up to date");
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
