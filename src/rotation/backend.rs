//! What a rotation asks of the provider: through its own interface, or through a program of the
//! user's.

use super::Verdict;
use super::api::CallError;
use super::fill::Values;
use crate::credential::{Made, Making, Parts, Slots};
use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};

/// A key that the provider lists.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: Secret,
    /// Its label, if the provider reports one.
    pub label: Option<String>,
    /// When it was created, if the provider reports that.
    pub created: Option<Timestamp>,
    /// Its value, or a part of it, if the provider reports that.
    pub value: Option<Secret>,
}

/// The keys that the provider lists.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The keys.
    pub keys: Vec<Listed>,
    /// Whether there may be more.
    pub is_partial: bool,
}

/// The provider, as a rotation sees it.
pub trait Backend {
    /// Uses this key for requests from now on, unless a manager is set.
    fn use_key(&mut self, active: &Parts);
    /// Whether keys are found by their labels; otherwise only by the time of their creation.
    fn has_labels(&self) -> bool;
    /// Whether a lost answer can leave a key that nobody has.
    fn leaves_orphans(&self) -> bool;
    /// The id of the active key, if it can be determined.
    fn identify(&self, slots: &Slots, values: &Values) -> Result<Option<Secret>, CallError>;
    /// Fills in the permissions of the current key and the lifetime of the new one.
    fn read_rights(&self, values: &mut Values, stored: Option<Timestamp>) -> Result<(), CallError>;
    /// Checks that the request for the new key can be sent, before the intent is saved.
    fn prepare(&self, values: &Values) -> Result<(), CallError>;
    /// The keys that exist; `None` if the provider cannot list them.
    fn list(&self, values: &Values) -> Result<Option<Listing>, CallError>;
    /// Creates a key.
    fn create(&self, values: &Values) -> Result<Made, CallError>;
    /// The time by the provider's clock, if the provider sends it when asked about a key.
    fn clock(&self, parts: &Parts, values: &Values) -> Option<Timestamp>;
    /// Whether a key works.
    fn verify(&self, parts: &Parts, values: &Values) -> Verdict;
    /// Revokes a key.
    fn revoke(&self, values: &Values) -> Result<(), CallError>;
}

/// The listed keys that nobody has: created for one of the intents, but in no slot. Without labels
/// (`has_labels`), the one key that did not exist before an intent and was created around its time.
/// That is a guess, and two candidates are none.
pub fn orphans<'a>(
    listing: &'a Listing,
    slots: &Slots,
    has_labels: bool,
    about: SignedDuration,
) -> Vec<&'a Listed> {
    let kept = |id: &Secret| {
        let pending = slots.pending.iter().filter_map(|made| made.id.as_ref());
        let retiring = slots.retiring.iter().filter_map(|old| old.id.as_ref());
        slots
            .active_id
            .iter()
            .chain(pending)
            .chain(retiring)
            .any(|ours| ours.same_as(id.expose()))
    };
    let around_then =
        |created: Timestamp, making: &Making| created.duration_since(making.at).abs() <= about;
    let is_new = |key: &Listed, making: &Making| {
        !making.known.is_empty()
            && !making
                .known
                .iter()
                .any(|known| known.same_as(key.id.expose()))
    };
    let meant = |key: &Listed| {
        slots
            .making
            .iter()
            .any(|making| match (&key.label, key.created) {
                (Some(label), _) if has_labels => *label == making.label,
                (_, Some(created)) if !has_labels => {
                    is_new(key, making) && around_then(created, making)
                }
                _ => false,
            })
    };
    let found: Vec<&Listed> = listing
        .keys
        .iter()
        .filter(|key| !kept(&key.id) && meant(key))
        .collect();
    if has_labels || found.len() == 1 {
        found
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
