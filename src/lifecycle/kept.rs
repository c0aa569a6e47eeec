//! What runs in a keeper: a refresh, which uses up the refresh token, and the completion of a
//! login, which uses up the code. This process can be killed at any moment.

use super::identify::identify;
use super::login::{put_login, redeem};
use super::refresh::{self, Fresh, Round};
use super::{Attempt, Claim, Context, Done, Error, LoginError, existing};
use crate::credential::{Bound, Name};
use crate::keeper;
use crate::lifecycle::Wanted;
use crate::oauth::Grant;
use crate::secret::{Secret, stored, stored_option};
use crate::signals::shield;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The word for a refresh.
pub const REFRESH: &str = "refresh";

/// The word for the completion of a login.
pub const LOGIN: &str = "login";

/// How long to wait for a refresh: each of two exchanges may need 45 seconds.
const PATIENCE: Duration = Duration::from_secs(100);

/// How long to wait for the completion of a login, which also asks for the account.
const LOGIN_PATIENCE: Duration = Duration::from_secs(120);

/// What a keeper needs to know about a refresh.
#[derive(Serialize, Deserialize)]
pub struct Refresh {
    name: Name,
    wanted: Wanted,
    /// The token that was cached before the lock was taken.
    #[serde(serialize_with = "stored_option")]
    seen: Option<Secret>,
    /// When the wait for the lock began.
    began: Timestamp,
}

/// Gets a fresh token for a claimed login: another process's, if that was faster, or a refreshed
/// one. `bound` is given if the login was read a moment ago and its lock was free: then it is not
/// read again here, but only by the keeper.
pub(super) fn refresh(
    claim: Claim<'_>,
    wanted: &Wanted,
    seen: Option<&Secret>,
    began: Timestamp,
    bound: Option<&Bound>,
) -> Result<Fresh, Error> {
    if claim.context.is_keeper {
        return refresh::under_lock(&claim, wanted, seen, began);
    }
    let read;
    let bound = match bound {
        Some(bound) => bound,
        None => match refresh::read_again(&claim, wanted, seen, began)? {
            Round::Ready(fresh) => return Ok(fresh),
            Round::Needed(found) => {
                read = found;
                &read.record.bound
            }
        },
    };
    // The store of the client secret is opened here, where a person can be asked.
    drop(claim.context.client(claim.name(), bound)?);
    let stores = claim.context.stores.opened();
    let name = claim.name().clone();
    let task = Refresh {
        name: name.clone(),
        wanted: wanted.clone(),
        seen: seen.cloned(),
        began,
    };
    let target = name.to_string();
    Ok(keeper::run(
        claim.into_lock(),
        (REFRESH, &target),
        stores,
        task,
        PATIENCE,
    )?)
}

/// Refreshes a login in the keeper, under the lock of its caller.
///
/// # Errors
/// As for [`super::parts`].
pub fn refresh_here(
    context: &Context<'_>,
    lock: Option<i32>,
    task: &Refresh,
) -> Result<Fresh, Error> {
    let claim = context.inherit_claim(&task.name, lock)?;
    refresh::under_lock(&claim, &task.wanted, task.seen.as_ref(), task.began)
}

/// What a keeper needs to know to finish a login.
#[derive(Serialize, Deserialize)]
pub struct Login {
    /// The login.
    pub attempt: Attempt,
    /// The authorization code.
    #[serde(serialize_with = "stored")]
    pub code: Secret,
    /// The verifier of PKCE.
    #[serde(serialize_with = "stored_option")]
    pub verifier: Option<Secret>,
    /// The nonce of the request, if it had one.
    #[serde(serialize_with = "stored_option")]
    pub nonce: Option<Secret>,
    /// What to do if the server does not know the client.
    pub client_hint: String,
    /// What to do if the server does not behave as its metadata says, from which the row was made.
    pub row_hint: Option<String>,
}

/// Finishes a claimed login: redeems the code and stores the login.
///
/// # Errors
/// The login was not completed; the login that was there is still there.
pub fn log_in(claim: Claim<'_>, login: Login) -> Result<Done, Error> {
    let stores = claim.context.stores.opened();
    let name = login.attempt.name.to_string();
    Ok(keeper::run(
        claim.into_lock(),
        (LOGIN, &name),
        stores,
        login,
        LOGIN_PATIENCE,
    )?)
}

/// Finishes a login in the keeper, under the lock of its caller.
///
/// # Errors
/// As for [`log_in`].
pub fn log_in_here(
    context: &Context<'_>,
    lock: Option<i32>,
    login: &Login,
) -> Result<Done, LoginError> {
    let attempt = &login.attempt;
    let claim = context.inherit_claim(&attempt.name, lock)?;
    // The code can be redeemed once.
    let _shield = shield();
    let existing = existing(&claim, true)?;
    let before = existing.found;
    if before.is_none() {
        // A code is not redeemed for a store that cannot take the login.
        context.stores.probe(attempt.store).map_err(Error::from)?;
    }
    let verifier = login.verifier.as_ref();
    let grant = Grant::code(&login.code, &attempt.redirect_uri, verifier);
    let (reply, attempt) = redeem(context, attempt, &grant)?;
    let attempt = &attempt;
    let received_at = Timestamp::now();
    // Even an entry that cannot be used otherwise says whose login it is.
    let known = before
        .as_ref()
        .map(|found| &found.record.bound)
        .or(existing.entry.as_ref().map(|entry| &entry.bound))
        .filter(|bound| bound.token_endpoint.is_some());
    let mut warnings = existing.warnings;
    let nonce = login.nonce.as_ref();
    let person = identify(context, attempt, nonce, &reply, known, &mut warnings)?;
    let mut done = put_login(
        &claim,
        attempt,
        before.as_deref(),
        reply,
        person,
        received_at,
    )?;
    warnings.append(&mut done.warnings);
    Ok(Done { warnings, ..done })
}
