//! Storing several keys: everything that can be known is checked before the first is stored.

use crate::app::{App, store_for};
use crate::credential::{Kind, Name, SecretPart};
use crate::failure::{Code, Failure};
use crate::intake::Bundled;
use crate::lifecycle::{Every, Look, NewKey, existing, look, put_key};
use std::collections::BTreeSet;

/// Checks everything that can be known before anything is stored. Returns the names that contain
/// the same keys already.
pub(super) fn check_all(
    app: &App,
    keys: &[Bundled],
    replace: bool,
) -> Result<BTreeSet<Name>, Failure> {
    let mut there = BTreeSet::new();
    for key in keys {
        let existing = app.index.find(&key.name)?;
        if let Some(entry) = existing.as_ref().filter(|_| !replace) {
            if key.is_bare && is_stored(app, key)? {
                there.insert(key.name.clone());
                continue;
            }
            let hint = if key.is_bare {
                "it has another value; add `--replace` to replace it; nothing was stored"
            } else {
                "add `--replace` to replace it; nothing was stored"
            };
            return Err(Failure::exists(entry).hint(hint));
        }
        let store = store_for(app, existing.as_ref())?;
        app.stores.open_now(store)?;
    }
    Ok(there)
}

/// Whether this key is stored under its name.
fn is_stored(app: &App, key: &Bundled) -> Result<bool, Failure> {
    let Look::Found(found) = look(&app.context(), &key.name)? else {
        return Ok(false);
    };
    Ok(match &found.record.secret {
        Some(SecretPart::Key(slots)) => {
            slots.active.len() == key.parts.len()
                && key.parts.iter().all(|(part, value)| {
                    let stored = slots.active.get(part);
                    stored.is_some_and(|stored| stored.same_as(value.expose()))
                })
        }
        _ => false,
    })
}

/// Stores every key that is not stored yet.
pub(super) fn store_all(
    app: &App,
    keys: &[Bundled],
    there: &BTreeSet<Name>,
    replace: bool,
) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| !there.contains(&key.name)) {
        store(app, key, replace).map_err(|failure| match names.as_slice() {
            [] => failure,
            stored => failure.hint(format!("already stored: {}", stored.join(", "))),
        })?;
        names.push(key.name.to_string());
    }
    Ok(names)
}

fn store(app: &App, key: &Bundled, replace: bool) -> Result<(), Failure> {
    let name: &Name = &key.name;
    let claim = app.context().claim(name)?;
    // A credential that cannot be used stays: the names in a file may be guesses.
    let existing = existing(&claim, false)?;
    app.ui.warn_all(&existing.warnings);
    let before = existing.found;
    if let Some(found) = &before {
        if !replace {
            return Err(Failure::exists(&found.entry));
        }
        if key.is_bare && found.entry.kind == Kind::Login {
            return Err(Failure::new(Code::Refused, format!("`{name}` is a login"))
                .hint("choose another account: `authctl key add PROVIDER/ACCOUNT`"));
        }
    }
    // A file that has nothing but the key does not change what the key is bound to, or how it is
    // rotated.
    let (bound, every) = match before.as_ref().filter(|_| key.is_bare) {
        Some(found) => (found.record.bound.clone(), Every::Keep),
        None => (key.bound.clone(), Every::Set(key.rotate_every.clone())),
    };
    let store = match &before {
        Some(found) => found.entry.store,
        None => store_for(app, None)?,
    };
    let new = NewKey {
        parts: key.parts.clone(),
        id: None,
        every,
        expires: key.expires,
        manager: None,
        grace: app.policy.grace(),
    };
    let saved = put_key(&claim, before.as_deref(), bound, new, store)?;
    app.ui.warn_all(&saved.warnings);
    Ok(())
}
