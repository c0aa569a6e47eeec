//! A refresh, under the lock. The order of the steps is what keeps a login alive through crashes, lost answers and
//! stores that fail: see section 5 of the design before changing any of it.

use super::decide::{self, Step, Wanted, refresh_token};
use super::exchange::{RETRY_BUSY, Refusal, exchange, judge};
use super::{Error, Found, Keeper, Look, bound_url, current, look, now, save};
use crate::audit::DONE;
use crate::credential::{AccessToken, Index, LastError, Name, SecretPart};
use crate::disk::{Lock, Reserved};
use crate::oauth::{Dialect, Grant, TokenError, TokenReply};
use crate::sealed::{FailedAttempt, FailureKind, Sealed};
use crate::secret::Secret;
use crate::signals;
use jiff::{SignedDuration, Timestamp};

/// A fresh access token and what to know about it.
pub(super) struct Fresh {
    pub(super) token: AccessToken,
    pub(super) warnings: Vec<String>,
}

/// Gets a fresh token: another's, if somebody was quicker, or a refreshed one.
pub(super) fn under_lock(
    keeper: &Keeper<'_>,
    name: &Name,
    wanted: &Wanted,
    lock: &Lock,
    seen: Option<&Secret>,
    began: Timestamp,
) -> Result<Fresh, Error> {
    let mut second_round = false;
    loop {
        let found = current(keeper, lock, name)?;
        match decide::step_under_lock(&found.record, &found.sealed, wanted, seen, began, now()) {
            Step::Use(token) => {
                return Ok(Fresh {
                    token,
                    warnings: found.warnings,
                });
            }
            Step::Repeat(failure) => return Err(Error::repeated(name, failure)),
            Step::LogIn => return Err(Error::over(name, &found.record.bound)),
            Step::Cannot => return Err(Error::cannot(name)),
            Step::Refresh => {}
        }
        match refresh(keeper, lock, &found, wanted) {
            Err(Refusal::Over(reason)) => {
                // The token may have been replaced in a store that others write to (two machines, one keychain).
                let changed = matches!(look(keeper, name)?, Look::Found(again) if !same_token(&again, &found));
                if changed && !second_round {
                    second_round = true;
                    continue;
                }
                if changed {
                    return Err(Error::Unreachable {
                        name: name.clone(),
                        reason,
                        retry_after: None,
                    });
                }
                keep_failure(
                    keeper,
                    &found,
                    FailureKind::LoginRequired,
                    &reason,
                    now() + RETRY_BUSY,
                );
                return Err(Error::LoginRequired {
                    name: name.clone(),
                    why: reason,
                });
            }
            Err(Refusal::Later { reason, wait }) => {
                let retry_after = now() + wait;
                keep_failure(
                    keeper,
                    &found,
                    FailureKind::Unreachable,
                    &reason,
                    retry_after,
                );
                return Err(Error::Unreachable {
                    name: name.clone(),
                    reason,
                    retry_after: Some(retry_after),
                });
            }
            Err(Refusal::Other(error)) => {
                if let Error::Provider { reason, .. } = &error {
                    keeper.note("refresh", name, "failed", Some(reason));
                }
                return Err(error);
            }
            Ok(fresh) => return Ok(fresh),
        }
    }
}

/// Whether two looks saw the same refresh token.
fn same_token(one: &Found, other: &Found) -> bool {
    match (refresh_token(&one.record), refresh_token(&other.record)) {
        (Some(one), Some(other)) => one.same_as(other.expose()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn refresh(
    keeper: &Keeper<'_>,
    lock: &Lock,
    found: &Found,
    wanted: &Wanted,
) -> Result<Fresh, Refusal> {
    let (name, record) = (&found.index.name, &found.record);
    let endpoint = bound_url(name, "token endpoint", record.bound.token_endpoint.as_ref())?;
    let Some(spent) = refresh_token(record) else {
        return Err(Error::over(name, &record.bound).into());
    };
    let client = keeper.client(name, &record.bound)?;
    let row = keeper.row(name, &record.bound)?;
    let oauth = row.as_ref().and_then(|row| row.oauth.as_ref());

    let dialect = oauth.map(Dialect::of).unwrap_or_default();
    let mut grant = Grant::refresh(spent);
    let separator = oauth.map_or(" ", |oauth| oauth.scope_separator.as_str());
    let scope = if wanted.scope.is_empty() && oauth.is_some_and(|oauth| oauth.refresh.send_scope) {
        &record.bound.scopes
    } else {
        &wanted.scope
    };
    grant.add(
        "scope",
        (!scope.is_empty()).then(|| Secret::new(scope.join(separator))),
    );
    grant.add("resource", wanted.resource.clone().map(Secret::new));
    if oauth.is_some_and(|oauth| oauth.refresh.send_redirect_uri) {
        grant.add(
            "redirect_uri",
            record.bound.redirect_uri.clone().map(Secret::new),
        );
    }

    // From the moment of the request the old token may be spent: the room for the new one is taken before.
    let room = Sealed::reserve(
        &keeper.paths.sealed(),
        &record.id,
        found.sealed.size() + record.room(),
    )
    .map_err(|error| Error::NoRoom {
        name: name.clone(),
        reason: error.to_string(),
    })?;
    // Up until the answer is on the disk.
    let shield = signals::shield();
    let answer = keeper.network.run(exchange(
        keeper, &endpoint, &client, &grant, &dialect, &shield,
    ))?;
    let reply = match answer {
        Ok(reply) => reply,
        Err(error) => {
            // An answer that cannot be used may still carry the successor of the token that it has spent.
            if let TokenError::Unusable {
                successor: Some(successor),
                ..
            } = &error
            {
                let secret = SecretPart::Login {
                    refresh_token: Some(successor.clone()),
                    access: None,
                };
                save(
                    keeper,
                    lock,
                    &found.index,
                    record.next(record.bound.clone(), secret),
                    found.sealed.clone(),
                    Some(room),
                )?;
            }
            // Nobody knows what the answer would have been: no failure that others could repeat.
            if signals::came() {
                return Err(Refusal::Other(Error::Interrupted));
            }
            return Err(judge(
                name,
                error,
                oauth
                    .map(|oauth| oauth.refresh.over_errors.as_slice())
                    .unwrap_or_default(),
            ));
        }
    };
    tracing::info!(%name, "the token endpoint gave a new access token");

    let received_at = now();
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
    let warnings = keep(keeper, lock, found, &reply, token.clone(), room)?;
    // After the save: nothing may stand between the answer and the disk.
    keeper.note("refresh", name, DONE, None);
    if signals::came() {
        Err(Refusal::Other(Error::Interrupted))
    } else {
        Ok(Fresh { token, warnings })
    }
}

/// The answer is in hand: it is on the disk before anybody uses or sees it.
fn keep(
    keeper: &Keeper<'_>,
    lock: &Lock,
    found: &Found,
    reply: &TokenReply,
    token: AccessToken,
    room: Reserved,
) -> Result<Vec<String>, Error> {
    let record = &found.record;
    let mut warnings = found.warnings.clone();
    let mut sealed = found.sealed.clone();
    // Beside which record the token is good: what lies beside an older one is not believed.
    sealed.record = Some(record.clone());
    sealed.keep(token.clone());
    let spent = refresh_token(record);
    let successor = reply
        .refresh_token
        .as_ref()
        .filter(|new| spent.is_none_or(|old| !old.same_as(new.expose())));
    if let Some(successor) = successor {
        let next = record.next(
            record.bound.clone(),
            SecretPart::Login {
                refresh_token: Some(successor.clone()),
                access: None,
            },
        );
        let index = Index {
            refreshed_at: Some(now()),
            ..found.index.clone()
        };
        let saved = save(keeper, lock, &index, next, sealed, Some(room))?;
        warnings.extend(saved.warnings);
        return Ok(warnings);
    }
    // The same refresh token, or none: the record does not change, so the store need not be written.
    if let Err(error) = sealed.write_into(room, &record.id, &record.seal_key()?) {
        warnings.push(format!(
            "the access token of `{}` is not cached: {error}",
            record.name
        ));
    }
    let mut index = Index {
        access_expires_at: token.expires_at,
        refreshed_at: Some(now()),
        last_error: None,
        ..found.index.clone()
    };
    if found.index.generation < record.generation {
        index = index.following(record, now());
    }
    if let Err(error) = index.write(&keeper.paths.credentials()) {
        tracing::info!(%error, "the index is not up to date");
    }
    Ok(warnings)
}

/// Keeps a failure for those who wait for the same. Best effort: without it they ask themselves.
fn keep_failure(
    keeper: &Keeper<'_>,
    found: &Found,
    kind: FailureKind,
    reason: &str,
    retry_after: Timestamp,
) {
    let failure = FailedAttempt {
        at: now(),
        kind,
        reason: reason.to_owned(),
        retry_after,
    };
    let sealed = Sealed {
        record: Some(found.record.clone()),
        failure: Some(failure),
        ..found.sealed.clone()
    };
    let key = found.record.seal_key();
    let written = key
        .map_err(Into::into)
        .and_then(|key| sealed.write(&keeper.paths.sealed(), &found.record.id, &key));
    if let Err(error) = written {
        tracing::info!(%error, "the failure is not kept");
    }
    let code = match kind {
        FailureKind::Unreachable => "unreachable",
        FailureKind::LoginRequired => "login_required",
    };
    let last_error = Some(LastError {
        at: now(),
        code: code.to_owned(),
        reason: reason.to_owned(),
    });
    if let Err(error) = (Index {
        last_error,
        ..found.index.clone()
    })
    .write(&keeper.paths.credentials())
    {
        tracing::info!(%error, "the failure is not in the index");
    }
    keeper.note("refresh", &found.index.name, code, Some(reason));
}
