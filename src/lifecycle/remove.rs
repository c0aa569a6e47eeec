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
use crate::store::Slot;

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
        let slot = Slot::record(&left.name, &left.id);
        context.stores.delete(left.store, &slot)?;
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
mod tests {
    use super::super::testing::{Home, Server, json, parts};
    use super::*;
    use crate::credential::{Bound, Leftover, Name, Slots, StoreKind};

    fn name() -> Name {
        "acme".parse().unwrap()
    }

    fn bound(server: Option<&Server>) -> Bound {
        Bound {
            revocation_endpoint: server.map(|server| server.url.clone()),
            client_id: Some("tool".into()),
            ..Bound::default()
        }
    }

    fn removed(home: &Home, revoke: bool) -> Result<Revocation, Error> {
        let context = home.context();
        let claim = context.claim(&name()).unwrap();
        let entry = home.index.find(&name()).unwrap().unwrap();
        remove(&claim, entry, revoke)
    }

    #[test]
    fn a_login_is_revoked_and_deleted() {
        let server = Server::answering(vec![Some(json(200, ""))]);
        let home = Home::new();
        let found = home.login(&name(), bound(Some(&server)), "r1");
        assert!(matches!(removed(&home, true), Ok(Revocation::Done)));
        assert!(server.bodies()[0].contains("token=r1"));
        assert!(home.index.find(&name()).unwrap().is_none());
        assert!(!home.has_item(&found.entry));
    }

    #[test]
    fn what_was_not_revoked_is_reported_unless_nobody_asked() {
        let home = Home::new();
        home.login(&name(), bound(None), "r1");
        assert!(matches!(
            removed(&home, true),
            Ok(Revocation::Failed { .. })
        ));
        let server = Server::answering(vec![]);
        home.login(&name(), bound(Some(&server)), "r1");
        assert!(matches!(removed(&home, false), Ok(Revocation::Skipped)));
        assert!(server.bodies().is_empty());
        home.key(&name(), Slots::of(parts("k")));
        assert!(matches!(removed(&home, true), Ok(Revocation::Skipped)));
        assert_eq!(home.items(), 0);
    }

    #[test]
    fn a_removal_says_so_first_and_takes_the_leftovers_along() {
        let home = Home::new();
        home.key(&name(), Slots::of(parts("k")));
        let other = home.key(&"acme/other".parse().unwrap(), Slots::of(parts("o")));
        home.leave(&name(), |entry| {
            entry.leftovers.push(Leftover {
                store: StoreKind::Vault,
                name: other.entry.name.clone(),
                id: other.entry.id.clone(),
                until: None,
            });
        });
        for (revoke, state) in [(true, "removing"), (false, "forgetting")] {
            let entry = home.found(&name()).unwrap().entry;
            let marked = mark(&home.context(), entry.clone(), revoke).unwrap();
            assert_eq!(marked.state.name(), state);
            let on_disk = home.index.find(&name()).unwrap().unwrap();
            assert_eq!(on_disk.state.name(), state);
            home.index.write(&entry).unwrap();
        }
        removed(&home, false).unwrap();
        assert_eq!(home.items(), 0);
    }

    #[test]
    fn an_entry_that_names_another_credential_s_item_is_deleted_alone() {
        let home = Home::new();
        let other = home.key(&"acme/other".parse().unwrap(), Slots::of(parts("o")));
        home.index
            .write(&Entry {
                name: name(),
                ..other.entry.clone()
            })
            .unwrap();
        assert!(matches!(removed(&home, false), Ok(Revocation::Skipped)));
        assert!(home.index.find(&name()).unwrap().is_none());
        assert!(home.has_item(&other.entry));
    }
}
