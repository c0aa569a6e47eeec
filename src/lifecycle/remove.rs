//! A credential's end: the index says so first and goes last, so that a crash leaves nothing invisible.

use super::settle::{clear, is_anothers};
use super::{Error, Keeper, bound_url, look};
use crate::credential::{Index, Kind, Record, SecretPart, State};
use crate::disk::Lock;
use crate::oauth::{self, RevokeError};
use crate::provider::RevokeStyle;
use crate::sealed::Sealed;
use crate::store::Slot;

/// What became of the credential at the provider.
#[derive(Debug)]
pub enum Revocation {
    /// It is worthless there, too.
    Done,
    /// It was not asked for.
    Skipped,
    /// It may still be good there.
    Failed {
        /// Why.
        reason: String,
        /// Where a person can revoke it.
        page: Option<String>,
    },
}

/// Removes a credential, in this order: index marked, newest token revoked (if `revoke`), item, sealed file, index.
/// May be repeated after any interruption.
///
/// # Errors
/// The store or the disk refused; the next command that meets the name goes on with it.
pub fn remove(
    keeper: &Keeper<'_>,
    _lock: &Lock,
    index: Index,
    revoke: bool,
) -> Result<Revocation, Error> {
    let credentials = keeper.paths.credentials();
    // Before this one goes: else a renaming that was not finished would bring the old name back.
    let index = super::relocate::end_predecessor(keeper, index)?;
    // The store is asked before anything is changed: a locked one keeps everything as it is.
    let record = match look::read_record(keeper, index.clone()) {
        // A keychain finds an item by name and id: there is none, and the files of this id belong to another name.
        Ok(None) if is_anothers(keeper, &index) => {
            Index::delete(&credentials, &index.name)?;
            return Ok(lost(
                revoke && index.kind == Kind::Login,
                "its record in the store was another's",
            ));
        }
        Ok(found) => found.map(|found| found.record),
        // The item under this id is another credential's: only the entry is this one's to remove.
        Err(Error::Swapped { .. }) => {
            Index::delete(&credentials, &index.name)?;
            return Ok(lost(
                revoke && index.kind == Kind::Login,
                "its record in the store was another's",
            ));
        }
        // A record that cannot be read can still be thrown away.
        Err(Error::Damaged { reason, .. }) => {
            tracing::info!(reason, "the record cannot be read");
            None
        }
        Err(error) => return Err(error),
    };
    let state = if revoke {
        State::Removing
    } else {
        State::Forgetting
    };
    if index.state == State::Active || index.state == State::Adding {
        Index {
            state,
            ..index.clone()
        }
        .write(&credentials)?;
    }
    let revocation = match &record {
        Some(record) if revoke => revoke_newest(keeper, record)?,
        _ => lost(
            revoke && index.kind == Kind::Login,
            "its record is gone from the store",
        ),
    };
    keeper
        .stores
        .delete(index.store, &Slot::record(&index.name, &index.id))?;
    for left in &index.leftovers {
        keeper
            .stores
            .delete(left.store, &Slot::record(&left.name, &left.id))?;
    }
    Sealed::delete(&keeper.paths.sealed(), &index.id)?;
    if let Some(earlier) = &index.earlier {
        // An addition that was never finished: what it would have replaced goes with it.
        for warning in clear(keeper, earlier).0 {
            tracing::info!(warning, "something of a replaced entry is left");
        }
    }
    Index::delete(&credentials, &index.name)?;
    Ok(revocation)
}

/// There is nothing to revoke, or nothing left to do it with.
fn lost(wanted: bool, reason: &str) -> Revocation {
    if wanted {
        Revocation::Failed {
            reason: reason.into(),
            page: None,
        }
    } else {
        Revocation::Skipped
    }
}

fn revoke_newest(keeper: &Keeper<'_>, record: &Record) -> Result<Revocation, Error> {
    let (token, is_refresh) = match &record.secret {
        Some(SecretPart::Login {
            refresh_token: Some(token),
            ..
        }) => (token, true),
        Some(SecretPart::Login {
            access: Some(access),
            ..
        }) => (&access.token, false),
        _ => return Ok(Revocation::Skipped),
    };
    let name = &record.name;
    let failed = |reason: String, page: Option<String>| Ok(Revocation::Failed { reason, page });
    // Whatever is wrong with the row, the login can be removed; it is only not revoked.
    let spec = keeper
        .row(name, &record.bound)
        .ok()
        .flatten()
        .and_then(|row| row.oauth)
        .and_then(|oauth| oauth.revoke);
    let page = spec.as_ref().and_then(|spec| spec.page.clone());
    let style = spec.map_or(RevokeStyle::Rfc7009, |spec| spec.style);
    if style == RevokeStyle::None || record.bound.revocation_endpoint.is_none() {
        return failed(RevokeError::Unsupported.to_string(), page);
    }
    let endpoint = match bound_url(
        name,
        "revocation endpoint",
        record.bound.revocation_endpoint.as_ref(),
    ) {
        Ok(endpoint) => endpoint,
        Err(error) => return failed(error.to_string(), page),
    };
    let client = match keeper.client(name, &record.bound) {
        Ok(client) => client,
        Err(error @ Error::Store(_)) => return Err(error),
        Err(error) => return failed(error.to_string(), page),
    };
    match keeper.network.run(oauth::revoke(
        keeper.network,
        style,
        &endpoint,
        &client,
        token,
        is_refresh,
    ))? {
        Ok(()) => Ok(Revocation::Done),
        Err(error) => failed(error.to_string(), page),
    }
}
