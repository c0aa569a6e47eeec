//! From a name to an access token, or to the parts of a key.

use super::cached::{keep_key, look_without_store};
use super::decide::{self, Step, Wanted};
use super::kept;
use super::refresh::Fresh;
use super::{Claim, Context, Error, Found, Look, look, recover};
use crate::credential::{Bound, Kind, Name, SecretPart, is_granted};
use crate::secret::Secret;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a caller gets.
pub struct Handed {
    /// Key or login.
    pub kind: Kind,
    /// Named parts: `token` for a login, the parts of the key for a key.
    pub parts: BTreeMap<String, Secret>,
    /// What the credential is bound to.
    pub bound: Bound,
    /// When the access token expires.
    pub expires_at: Option<Timestamp>,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

/// A usable access token of a login, or the parts of a key.
///
/// # Errors
/// See [`Error`]; none of them loses anything that was stored.
pub fn parts(context: &Context<'_>, name: &Name, wanted: &Wanted) -> Result<Handed, Error> {
    if let Some(found) = look_without_store(context, name) {
        check_scope(name, &found.record.bound, wanted)?;
        let step = decide::first_step(&found.record, &found.sealed, wanted, Timestamp::now());
        if let Step::Use(token) = step {
            tracing::info!(%name, "the cached token is valid for long enough; its store was not read");
            let warnings = found.warnings;
            return Ok(hand_token(found.record.bound, Fresh { token, warnings }));
        }
    }
    let found = match look(context, name)? {
        Look::Nothing => return Err(Error::NotFound(name.clone())),
        // Left incomplete by an interrupted command, or an item that another process is replacing
        // right now.
        Look::Incomplete | Look::Absent(_) => return locked_parts(context, name, wanted),
        Look::Found(found) => found,
    };
    match &found.record.secret {
        Some(SecretPart::Key(slots)) if slots.is_rolling() => locked_parts(context, name, wanted),
        Some(SecretPart::Key(slots)) => hand_key(context, name, &found, &slots.active, wanted),
        _ => {
            let bound = found.record.bound.clone();
            let fresh = fresh(context, name, wanted, &found)?;
            keep_key(context, &found);
            Ok(hand_token(bound, fresh))
        }
    }
}

/// A fresh access token of a login.
///
/// # Errors
/// As for [`parts`]; also if the credential is a key.
pub fn token(context: &Context<'_>, name: &Name, wanted: &Wanted) -> Result<Handed, Error> {
    let handed = parts(context, name, wanted)?;
    if handed.kind == Kind::Key {
        return Err(Error::Unsuitable(format!(
            "`{name}` is an API key, which cannot be refreshed"
        )));
    }
    Ok(handed)
}

fn fresh(
    context: &Context<'_>,
    name: &Name,
    wanted: &Wanted,
    found: &Found,
) -> Result<Fresh, Error> {
    check_scope(name, &found.record.bound, wanted)?;
    let began = Timestamp::now();
    match decide::first_step(&found.record, &found.sealed, wanted, began) {
        Step::Use(token) => {
            tracing::info!(%name, "the cached token is valid for long enough");
            Ok(Fresh {
                token,
                warnings: found.warnings.clone(),
            })
        }
        Step::Repeat(failure) => {
            tracing::info!(%name, "a refresh failed a moment ago; not sending another request yet");
            Err(Error::repeated(name, failure, began))
        }
        Step::LogIn => Err(Error::over(name, &found.record.bound)),
        Step::Cannot => Err(Error::cannot(name)),
        Step::Refresh => {
            tracing::info!(%name, "no cached token is valid for long enough");
            let seen = found
                .sealed
                .token(&wanted.scope, wanted.resource.as_deref())
                .map(|token| token.token.clone());
            let (claim, bound) = match context.try_claim(name) {
                Ok(claim) => (claim, Some(&found.record.bound)),
                // Whoever is faster may be getting the same token.
                Err(Error::Busy { .. }) => (context.claim(name)?, None),
                Err(error) => return Err(error),
            };
            kept::refresh(claim, wanted, seen.as_ref(), began, bound)
        }
    }
}

/// For what the first look could not decide.
fn locked_parts(context: &Context<'_>, name: &Name, wanted: &Wanted) -> Result<Handed, Error> {
    let claim = context.claim(name)?;
    let warnings = recover(&claim)?;
    let mut handed = recovered_parts(claim, wanted)?;
    handed.warnings.extend(warnings);
    Ok(handed)
}

fn recovered_parts(claim: Claim<'_>, wanted: &Wanted) -> Result<Handed, Error> {
    let (context, name) = (&claim.context, claim.name());
    match look(context, name)? {
        Look::Nothing | Look::Incomplete => Err(Error::NotFound(name.clone())),
        Look::Absent(entry) => Err(Error::gone(&entry)),
        Look::Found(found) => match &found.record.secret {
            Some(SecretPart::Key(slots)) => hand_key(context, name, &found, &slots.active, wanted),
            _ => {
                check_scope(name, &found.record.bound, wanted)?;
                let fresh = kept::refresh(claim, wanted, None, Timestamp::now(), None)?;
                Ok(hand_token(found.record.bound, fresh))
            }
        },
    }
}

fn hand_token(bound: Bound, fresh: Fresh) -> Handed {
    Handed {
        kind: Kind::Login,
        parts: BTreeMap::from([("token".to_owned(), fresh.token.token)]),
        bound,
        expires_at: fresh.token.expires_at,
        warnings: fresh.warnings,
    }
}

fn hand_key(
    context: &Context<'_>,
    name: &Name,
    found: &Found,
    parts: &BTreeMap<String, Secret>,
    wanted: &Wanted,
) -> Result<Handed, Error> {
    check_key_question(name, wanted)?;
    let bound = found.record.bound.clone();
    if bound.headers.is_empty() && !context.catalogue.has(name.provider()) {
        return Err(Error::row_missing(name, Kind::Key));
    }
    tracing::info!(%name, "using the stored key");
    Ok(Handed {
        kind: Kind::Key,
        parts: parts.clone(),
        bound,
        expires_at: None,
        warnings: found.warnings.clone(),
    })
}

/// A refresh must not ask for a scope that was not granted (RFC 6749 section 6).
fn check_scope(name: &Name, bound: &Bound, wanted: &Wanted) -> Result<(), Error> {
    match wanted
        .scope
        .iter()
        .find(|word| !is_granted(word, &bound.scopes))
    {
        Some(word) => Err(Error::NotGranted {
            name: name.clone(),
            scope: word.clone(),
        }),
        None => Ok(()),
    }
}

fn check_key_question(name: &Name, wanted: &Wanted) -> Result<(), Error> {
    if !wanted.scope.is_empty() || wanted.resource.is_some() || wanted.force {
        return Err(Error::Unsuitable(format!(
            "`{name}` is an API key, which has no scope or resource and cannot be refreshed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
