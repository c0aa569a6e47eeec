//! Storing and changing API keys.

use super::put::{Put, put};
use super::{Claim, Context, Error, Found, Saved};
use crate::credential::{
    Bound, Entry, Kind, Name, Parts, Record, RotationState, SecretPart, Slots, StoreKind,
};
use crate::provider::RotationKind;
use crate::secret::Secret;
use crate::time::Interval;
use jiff::{SignedDuration, Timestamp};

/// A key that a person gives.
pub struct NewKey {
    /// The parts of the key.
    pub parts: Parts,
    /// The provider's id of it, if the person gave it.
    pub id: Option<Secret>,
    /// How often it is rotated.
    pub every: Every,
    /// The day on which the key expires.
    pub expires: Option<jiff::civil::Date>,
    /// The credential that manages it; `None` keeps the one that is set.
    pub manager: Option<Name>,
    /// How long a key that it replaces stays valid at the provider.
    pub grace: SignedDuration,
}

/// How often a key is rotated from now on.
#[derive(Clone, Debug)]
pub enum Every {
    /// As before.
    Keep,
    /// This often; `None` for the default.
    Set(Option<Interval>),
}

/// What `key set` changes; what is `None` stays.
pub struct KeyChange {
    /// How often the key is rotated.
    pub every: Option<Interval>,
    /// The longest lifetime of a new key.
    pub lifetime: Option<Interval>,
    /// The day on which the key expires, or never.
    pub expires: Option<Option<jiff::civil::Date>>,
    /// The credential that manages it, or none.
    pub manager: Option<Option<Name>>,
    /// The provider's id of it.
    pub id: Option<Secret>,
    /// What it is bound to, with the settings of its recipe.
    pub bound: Bound,
}

/// Stores a key, in place of `before` if there is one.
///
/// # Errors
/// The store refused; then nothing has changed.
pub fn put_key(
    claim: &Claim<'_>,
    before: Option<&Found>,
    bound: Bound,
    key: NewKey,
    store: StoreKind,
) -> Result<Saved, Error> {
    let mut warnings = Vec::new();
    let slots = match before {
        Some(found) => replacing(claim, found, &bound, &key, &mut warnings)?,
        None => slots_of(&key),
    };
    let recipe = recipe_of(&claim.context, claim.name(), &bound, &key.parts);
    let what = Put {
        bound,
        secret: SecretPart::Key(slots),
        access: None,
        store,
    };
    let mut saved = put(claim, before, what, |entry| {
        // Facts about a login do not hold for the key that replaces it.
        if entry.kind == Kind::Login {
            entry.rotation = RotationState::default();
        }
        entry.kind = Kind::Key;
        let old = std::mem::take(&mut entry.rotation);
        entry.rotation = RotationState {
            key_since: Some(Timestamp::now()),
            expires: key.expires,
            every: match key.every {
                Every::Keep => old.every,
                Every::Set(every) => every,
            },
            lifetime: old.lifetime,
            manager: key.manager.or(old.manager),
            recipe,
            // A failure of the previous key says nothing about this one.
            last_error: None,
            agreed: old.agreed,
            progress: old.progress,
        };
    })?;
    saved.warnings.extend(warnings);
    Ok(saved)
}

/// Changes what is known about a stored key, without giving it again.
///
/// # Errors
/// It is a login, or the store refused; then nothing has changed.
pub fn set_key(claim: &Claim<'_>, found: &Found, change: KeyChange) -> Result<Saved, Error> {
    let Some(slots) = found.record.slots() else {
        return Err(Error::Unsuitable(format!(
            "`{}` is a login; only API keys are rotated",
            claim.name()
        )));
    };
    let slots = Slots {
        active_id: change.id.or(slots.active_id.clone()),
        ..slots.clone()
    };
    let what = Put {
        bound: change.bound,
        secret: SecretPart::Key(slots),
        access: None,
        store: found.entry.store,
    };
    put(claim, Some(found), what, |entry| {
        let rotation = &mut entry.rotation;
        rotation.every = change.every.or(rotation.every.take());
        rotation.lifetime = change.lifetime.or(rotation.lifetime.take());
        rotation.expires = change.expires.unwrap_or(rotation.expires);
        if let Some(manager) = change.manager {
            rotation.manager = manager;
        }
    })
}

/// The name of the recipe that rotates a key, where its provider has several.
fn recipe_of(context: &Context<'_>, name: &Name, bound: &Bound, parts: &Parts) -> Option<String> {
    let row = context
        .catalogue
        .find(name.provider())
        .ok()
        .flatten()
        .filter(|_| bound.headers.is_empty())?;
    row.recipe(parts)?.name.clone()
}

fn slots_of(key: &NewKey) -> Slots {
    Slots {
        active_id: key.id.clone(),
        ..Slots::of(key.parts.clone())
    }
}

/// The slots of a key that a person replaces. What is left to revoke is written to the index first:
/// if the process dies after the store was written, there must not be a key that nobody is told to
/// revoke.
fn replacing(
    claim: &Claim<'_>,
    found: &Found,
    bound: &Bound,
    key: &NewKey,
    warnings: &mut Vec<String>,
) -> Result<Slots, Error> {
    let slots = replaced(&claim.context, &found.record, bound, key, warnings);
    if slots.progress() != found.entry.rotation.progress {
        let mut entry: Entry = found.entry.clone();
        entry.rotation.progress = slots.progress();
        claim.context.index.write(&entry)?;
    }
    Ok(slots)
}

/// Keys that a rotation made are kept until they are revoked, unless the new key belongs to another
/// place: revoking them would send them there, so the user is told instead.
fn replaced(
    context: &Context<'_>,
    record: &Record,
    bound: &Bound,
    key: &NewKey,
    warnings: &mut Vec<String>,
) -> Slots {
    let Some(before) = record.slots() else {
        warnings.push(format!(
            "the login `{}` that this key replaces was not revoked and stays valid at the provider",
            record.name
        ));
        return slots_of(key);
    };
    let row = context
        .catalogue
        .find(record.name.provider())
        .ok()
        .flatten();
    let recipe = |parts: &Parts| {
        row.as_ref()
            .and_then(|row| row.recipe(parts))
            .map(|recipe| recipe.name.clone())
    };
    let place = |bound: &Bound| {
        let Bound {
            origins,
            variables,
            headers,
            ..
        } = bound.clone();
        (origins, variables, headers)
    };
    let is_elsewhere =
        place(&record.bound) != place(bound) || recipe(&before.active) != recipe(&key.parts);
    if is_elsewhere {
        if before.has_made_keys() {
            warnings.push(format!(
                "keys that a rotation of `{}` created may still be valid at its previous provider or host; revoke them there",
                record.name
            ));
        }
        return slots_of(key);
    }
    let has_slots = row
        .as_ref()
        .and_then(|row| Some(row.recipe(&before.active)?.kind == RotationKind::TwoSlot))
        .unwrap_or(false);
    let now = Timestamp::now();
    let until = now.saturating_add(key.grace).unwrap_or(Timestamp::MAX);
    before.replaced_by(key.parts.clone(), key.id.clone(), (now, until), has_slots)
}

#[cfg(test)]
mod tests;
