//! Whether a row of the user's own still matches what a record is bound to. Editing the file cannot
//! send a secret elsewhere: the credential is refused instead.

use super::{Context, Error};
use crate::credential::{Entry, Record};

/// Checks that the provider's row matches what the record is bound to. A built-in row may change
/// with the program, and the bound values count; a row of the user's own is a file that anybody who
/// can write there may have edited.
///
/// # Errors
/// The row is invalid, or names other endpoints, origins or headers.
pub(super) fn check_row(
    context: &Context<'_>,
    entry: &Entry,
    record: &Record,
) -> Result<(), Error> {
    let (name, bound) = (&entry.name, &record.bound);
    let refused = |reason: String| {
        Err(Error::Refused {
            name: name.clone(),
            kind: entry.kind,
            reason,
        })
    };
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
