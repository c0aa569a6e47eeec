//! Whether everything on this disk still says what the record says. Editing a file cannot redirect a secret: it stops it.

use super::{Error, Found, Keeper};
use crate::config::Client;
use crate::credential::{Index, Record};

/// Whether a record is the one its entry names.
pub(super) fn check_identity(index: &Index, record: &Record) -> Result<(), Error> {
    if record.name != index.name || record.id != index.id {
        return Err(Error::Swapped {
            name: index.name.clone(),
            found: record.name.clone(),
        });
    }
    Ok(())
}

/// Whether entry, row and client agree with what the record is bound to.
pub(super) fn check(keeper: &Keeper<'_>, found: &Found) -> Result<(), Error> {
    let (name, bound) = (&found.index.name, &found.record.bound);
    let refused = |reason: String| {
        Err(Error::Refused {
            name: name.clone(),
            reason,
        })
    };
    if !found.index.agrees_with(&found.record) {
        return refused(
            "its index file was edited and no longer says what the record is bound to".into(),
        );
    }
    if let Some(client_id) = &bound.client_id
        && let Some(client) = Client::read(keeper.paths, name.provider())?
        && client.of(client_id).is_none()
    {
        return refused(format!(
            "it is bound to the client `{client_id}`, and clients/{}.toml names another",
            name.provider()
        ));
    }
    // A row that came with the program may change with it; the bound values simply count. One of the user's own is a
    // file that anybody who can write there may have edited.
    if !keeper.catalogue.is_own(name.provider()) {
        return Ok(());
    }
    let Some(row) = keeper.row(name, bound)? else {
        return Ok(());
    };
    if let (Some(oauth), Some(endpoint)) = (&row.oauth, &bound.token_endpoint)
        && oauth.token_endpoint != *endpoint
    {
        return refused(format!(
            "it is bound to the token endpoint {endpoint}, and providers/{}.toml names another",
            row.name
        ));
    }
    if let Some(oauth) = &row.oauth
        && bound.token_endpoint.is_some()
        && (oauth.revocation_endpoint != bound.revocation_endpoint || oauth.issuer != bound.issuer)
    {
        return refused(format!(
            "providers/{}.toml names another issuer or revocation endpoint than it is bound to",
            row.name
        ));
    }
    // Headers that were given with a key do not come from the row.
    if bound.headers.is_empty() && bound.shape.as_ref() != Some(&row.shape(found.index.kind)) {
        return refused(format!(
            "providers/{}.toml says otherwise than before how it is sent",
            row.name
        ));
    }
    let origins = row.bound_origins().unwrap_or_default();
    if !bound.chosen_origins && origins != bound.origins {
        return refused(format!(
            "providers/{}.toml names other origins than it is bound to",
            row.name
        ));
    }
    Ok(())
}
