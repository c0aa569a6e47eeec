//! Removing a credential. The entry says so first and is deleted last, so that a crash leaves
//! nothing that no entry names.

use super::cleanup::{clear, delete_item, discard_predecessor, shares_id};
use super::client::bound_url;
use super::look::read_record;
use super::{Claim, Context, Error};
use crate::credential::{Entry, Kind, Record, SecretPart, State};
use crate::oauth::{self, RevokeError};
use crate::provider::RevokeStyle;
use crate::sealed::Sealed;
use crate::store::{self, Slot};

/// Whether the credential was revoked at the provider.
#[derive(Debug)]
pub enum Revocation {
    /// It was.
    Done,
    /// That was not asked for.
    Skipped,
    /// It may still be valid there.
    Failed {
        /// The reason.
        reason: String,
        /// The page on which a person can revoke it.
        page: Option<String>,
    },
}

/// Removes a credential, in this order: entry marked, newest token revoked (if `revoke`), item,
/// sealed file, entry. It may be repeated after any interruption.
///
/// # Errors
/// The store or the disk refused; the next command that meets the name continues.
pub fn remove(claim: &Claim<'_>, entry: Entry, revoke: bool) -> Result<Revocation, Error> {
    let context = &claim.context;
    // First: otherwise a rename that was interrupted would bring the old name back.
    let entry = discard_predecessor(context, entry)?;
    let should_revoke = revoke && entry.kind == Kind::Login;
    let lost = |reason: &str| {
        if should_revoke {
            Revocation::Failed {
                reason: reason.into(),
                page: None,
            }
        } else {
            Revocation::Skipped
        }
    };
    // The store is asked before anything is changed: a locked store keeps everything as it is.
    let record = match read_record(context, entry.clone()) {
        // The item under this id belongs to another credential: only the entry is deleted. A
        // keychain finds an item by name and id, so it may also say that there is none.
        Err(Error::Swapped { .. }) => {
            context.index.delete(&entry.name)?;
            return Ok(lost("the store contained another credential's record"));
        }
        Ok(None) if shares_id(context, &entry) => {
            context.index.delete(&entry.name)?;
            return Ok(lost("the store contained another credential's record"));
        }
        Ok(found) => found.map(|found| found.record),
        // A record that cannot be read can still be deleted.
        Err(Error::Damaged { reason, .. }) => {
            tracing::info!(reason, "the record cannot be read");
            None
        }
        Err(error) => return Err(error),
    };
    let entry = mark(context, entry, revoke)?;
    let revocation = match &record {
        Some(record) if revoke => revoke_newest(context, record)?,
        _ => lost("its record is missing from the store"),
    };
    delete_item(context, &entry)?;
    for left in &entry.leftovers {
        match context.stores.delete(left.store, &Slot::left(left)) {
            // It would block the removal for as long as that program does not come back.
            Err(error @ store::Error::OtherKeychain { .. }) => {
                tracing::info!(%error, "an old item stays where it is");
            }
            deleted => deleted?,
        }
    }
    Sealed::delete(&context.paths.sealed(), &entry.id)?;
    if let Some(earlier) = entry.state.earlier() {
        // What an unfinished addition would have replaced is deleted with it.
        for warning in clear(context, earlier).0 {
            tracing::info!(
                warning,
                "part of a replaced credential could not be deleted"
            );
        }
    }
    context.index.delete(&entry.name)?;
    Ok(revocation)
}

/// Marks the entry as being removed, unless it is already.
fn mark(context: &Context<'_>, entry: Entry, revoke: bool) -> Result<Entry, Error> {
    if !matches!(entry.state, State::Active | State::Adding { .. }) {
        return Ok(entry);
    }
    let may_land_until = entry.state.may_land_until();
    let earlier = entry.state.clone().into_earlier();
    let state = if revoke {
        State::Removing { earlier }
    } else {
        State::Forgetting {
            earlier,
            may_land_until,
        }
    };
    let marked = Entry { state, ..entry };
    context.index.write(&marked)?;
    Ok(marked)
}

fn revoke_newest(context: &Context<'_>, record: &Record) -> Result<Revocation, Error> {
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
    // A login can be removed whatever is wrong with the provider's row; it is only not revoked
    // then.
    let spec = context
        .row(name, &record.bound)
        .ok()
        .flatten()
        .and_then(|row| row.oauth)
        .and_then(|oauth| oauth.revoke);
    let page = spec.as_ref().and_then(|spec| spec.page.clone());
    let style = spec.map_or(RevokeStyle::Rfc7009, |spec| spec.style);
    let endpoint = record.bound.revocation_endpoint.as_ref();
    if style == RevokeStyle::None || endpoint.is_none() {
        return failed(RevokeError::Unsupported.to_string(), page);
    }
    let endpoint = match bound_url(name, "revocation endpoint", endpoint) {
        Ok(endpoint) => endpoint,
        Err(error) => return failed(error.to_string(), page),
    };
    let client = match context.client(name, &record.bound) {
        Ok(client) => client,
        Err(error @ Error::Store(_)) => return Err(error),
        Err(error) => return failed(error.to_string(), page),
    };
    let request = oauth::revoke(
        context.network,
        style,
        &endpoint,
        &client,
        token,
        is_refresh,
    );
    match context.network.run(request)? {
        Ok(()) => Ok(Revocation::Done),
        Err(error) => failed(error.to_string(), page),
    }
}

#[cfg(test)]
mod tests;
