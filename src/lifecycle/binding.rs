//! Whether the files on the disk still match what the record is bound to. Editing a file cannot
//! send a secret elsewhere: the credential is refused instead.

use super::{Context, Error};
use crate::config::Client;
use crate::credential::{Entry, Record};

/// Checks that a record is the one that its entry names.
pub(super) fn check_identity(entry: &Entry, record: &Record) -> Result<(), Error> {
    if record.name != entry.name || record.id != entry.id {
        return Err(Error::Swapped {
            name: entry.name.clone(),
            kind: entry.kind,
            found: record.name.clone(),
        });
    }
    Ok(())
}

/// Checks that the entry, the provider's row and the client match what the record is bound to.
pub(super) fn check(context: &Context<'_>, entry: &Entry, record: &Record) -> Result<(), Error> {
    let (name, bound) = (&entry.name, &record.bound);
    let refused = |reason: String| {
        Err(Error::Refused {
            name: name.clone(),
            kind: entry.kind,
            reason,
        })
    };
    // The index is written last, so a record may be ahead. Any other difference was made by
    // somebody who edited the file.
    if record.generation <= entry.generation && record.bound != entry.bound {
        return refused("its index file was edited and no longer matches its record".into());
    }
    if let Some(client_id) = &bound.client_id
        && let Some(client) = Client::read(context.paths, name.provider())?
        && client.of(client_id).is_none()
    {
        return refused(format!(
            "it is bound to the client `{client_id}`, but clients/{}.toml names another one",
            name.provider()
        ));
    }
    // A built-in row may change with the program; the bound values count. A row of the user's is a
    // file that anybody who can write there may have edited.
    if !context.catalogue.is_own(name.provider()) {
        return Ok(());
    }
    let Some(row) = context.row(name, bound)? else {
        return Ok(());
    };
    if let (Some(oauth), Some(endpoint)) = (&row.oauth, &bound.token_endpoint)
        && oauth.token_endpoint != *endpoint
    {
        return refused(format!(
            "it is bound to the token endpoint {endpoint}, but providers/{}.toml names another one",
            row.name
        ));
    }
    if let Some(oauth) = &row.oauth
        && bound.token_endpoint.is_some()
        && (oauth.revocation_endpoint != bound.revocation_endpoint || oauth.issuer != bound.issuer)
    {
        return refused(format!(
            "providers/{}.toml names an issuer or revocation endpoint that the credential is not bound to",
            row.name
        ));
    }
    // Headers that were given with `key add` do not come from the row.
    if bound.headers.is_empty() && bound.shape.as_ref() != Some(&row.shape(entry.kind)) {
        return refused(format!(
            "providers/{}.toml changed how the credential is sent",
            row.name
        ));
    }
    let origins = row.bound_origins().unwrap_or_default();
    if !bound.chosen_origins && origins != bound.origins {
        return refused(format!(
            "providers/{}.toml names origins that the credential is not bound to",
            row.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
