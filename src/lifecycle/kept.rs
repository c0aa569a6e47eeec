//! A refresh in a keeper: it spends the refresh token, and this process may be killed at any
//! moment.

use super::refresh::{self, Fresh, Round};
use super::{Claim, Context, Error};
use crate::credential::Name;
use crate::keeper::{self, Outcome};
use crate::lifecycle::Wanted;
use crate::secret::{Secret, stored_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The word for this task.
pub const REFRESH: &str = "refresh";

/// How long to wait for the keeper: it may need 45 seconds for the exchange, and 10 for each of two
/// calls of the store.
const PATIENCE: Duration = Duration::from_secs(75);

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
/// one.
pub(super) fn refresh(
    claim: Claim<'_>,
    wanted: &Wanted,
    seen: Option<&Secret>,
    began: Timestamp,
) -> Result<Fresh, Error> {
    if claim.context.is_keeper {
        return refresh::under_lock(&claim, wanted, seen, began);
    }
    if let Round::Ready(fresh) = refresh::read_again(&claim, wanted, seen, began)? {
        return Ok(fresh);
    }
    let identity = claim.context.stores.vault_identity();
    let (name, lock) = claim.hand_over();
    let task = Refresh {
        name: name.clone(),
        wanted: wanted.clone(),
        seen: seen.cloned(),
        began,
    };
    let target = name.to_string();
    match keeper::run(lock, (REFRESH, &target), identity, task, PATIENCE)? {
        Outcome::Done(fresh) => Ok(fresh),
        Outcome::Failed(reported) => Err(reported.into()),
    }
}

/// Refreshes a login in the keeper, under the lock of its caller.
///
/// # Errors
/// As for [`super::parts`].
pub fn refresh_in_keeper(
    context: &Context<'_>,
    lock: Option<i32>,
    task: &Refresh,
) -> Result<Fresh, Error> {
    let claim = context.inherit_claim(&task.name, lock)?;
    refresh::under_lock(&claim, &task.wanted, task.seen.as_ref(), task.began)
}
