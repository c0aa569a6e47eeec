//! The credential that a login replaces, and what it keeps of it.

use super::args::LoginArgs;
use super::target::Target;
use crate::app::App;
use crate::credential::{Entry, Kind, scope_words};
use crate::failure::Failure;
use crate::lifecycle::{Found, Look, look, recover};
use crate::provider::OAuthSpec;

/// The login that this one replaces. It is read first, so that a locked store is found before the
/// browser opens, and an interrupted command is completed before an authorization code is issued.
pub(super) fn replaced(
    app: &App,
    target: &Target,
    args: &LoginArgs,
) -> Result<Option<Box<Found>>, Failure> {
    let (context, name) = (app.context(), &target.name);
    let entry = app.index.find(name)?;
    if entry.is_some_and(|entry| !entry.state.is_active()) {
        match recover(&context.claim(name)?) {
            Ok(warnings) => app.ui.warn_all(&warnings),
            Err(error) if error.is_mended_by_replacing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(entry) = app.index.find(name)? {
        refuse_key(&entry, args.replace)?;
    }
    match look(&context, name) {
        Ok(Look::Found(found)) => Ok(Some(found)),
        Ok(_) => Ok(None),
        // Edited or damaged: a new login mends it. It is claimed and read again later.
        Err(error) if error.is_mended_by_replacing() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A login replaces a key only with `--replace`.
pub(super) fn refuse_key(entry: &Entry, replace: bool) -> Result<(), Failure> {
    if entry.kind == Kind::Key && entry.state.is_active() && !replace {
        return Err(Failure::exists(entry));
    }
    Ok(())
}

/// The scopes of the request: those that were granted before, those that are asked for now, and
/// those that a refresh token needs; with `--only-scope`, what was asked for and nothing else.
pub(super) fn scopes(oauth: &OAuthSpec, before: Option<&Found>, args: &LoginArgs) -> Vec<String> {
    let asked = scope_words(&args.scope.join(" "));
    let mut scopes = match before.map(|found| found.record.bound.scopes.clone()) {
        _ if args.only_scope => return asked,
        Some(granted) if !granted.is_empty() => granted.into_iter().chain(asked).collect(),
        _ if asked.is_empty() => oauth.default_scopes.clone(),
        _ => asked,
    };
    scopes.extend(oauth.offline_scopes.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    scopes
}
