//! The slots of an API key: the one that is handed out, and what a rotation has made and not yet ended.

use crate::secret::{Alphabet, BadSecret, Secret, stored_list, stored_map, stored_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The named parts of a key; most have one, `key`.
pub type Parts = BTreeMap<String, Secret>;

/// Everything that is kept of an API key. Ids are the provider's; they are kept like secrets, since at some providers
/// the id of a key is the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slots {
    /// What is handed out.
    #[serde(serialize_with = "stored_map")]
    pub active: Parts,
    /// The provider's id of it, where it is known.
    #[serde(
        default,
        serialize_with = "stored_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub active_id: Option<Secret>,
    /// Whether a rotation made it, so that a rotation may end it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
    /// Made, kept, and not yet seen to work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Made>,
    /// Replaced, and still good for those who asked before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<Retiring>,
    /// What was asked for, and may or may not have come into being.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub making: Vec<Making>,
}

/// A key that a rotation made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Its parts.
    #[serde(serialize_with = "stored_map")]
    pub parts: Parts,
    /// The provider's id of it, or the slot it sits in; unknown where a person made it.
    #[serde(
        default,
        serialize_with = "stored_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Secret>,
    /// When it was made: a provider may take a while to know it.
    pub at: Timestamp,
    /// When it ends, where that was asked for: a later run may be the one that hands it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// A key that was replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retiring {
    /// Its parts: some providers take a key back by its value.
    #[serde(serialize_with = "stored_map")]
    pub parts: Parts,
    /// The provider's id of it, or the slot it sits in, where that is known.
    #[serde(
        default,
        serialize_with = "stored_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Secret>,
    /// When it was replaced.
    pub since: Timestamp,
    /// Nobody ends it before this.
    pub until: Timestamp,
    /// Not ours to end: it only has to be waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

/// An intent: it is on the disk before the request is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Making {
    /// By which the key is found at the provider.
    pub label: String,
    /// The ids that were there before, where keys have no labels: what is new is known by that.
    #[serde(
        default,
        serialize_with = "stored_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub known: Vec<Secret>,
    /// When it was asked for; after a while the request can no longer arrive.
    pub at: Timestamp,
    /// Whether the old key ends in the same moment: readers then wait for the lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub roll: bool,
}

impl Slots {
    /// A key that was just given.
    pub fn of(active: Parts) -> Self {
        Self {
            active,
            active_id: None,
            made: false,
            pending: None,
            retiring: Vec::new(),
            making: Vec::new(),
        }
    }

    /// Whether the active key may be ending this very moment.
    pub fn is_rolling(&self) -> bool {
        self.making.iter().any(|making| making.roll)
    }

    /// The slots after a person gave another key. What a rotation made is kept until it is ended at the provider: the
    /// pending key, and the active one if it was made here. Where keys sit in two slots (`has_slots`), the slot of a key
    /// that was not made here waits for the grace as well. Intents stay, but for a roll's: its key is the one replaced.
    pub fn replaced_by(
        &self,
        parts: Parts,
        id: Option<Secret>,
        (since, until): (Timestamp, Timestamp),
        has_slots: bool,
    ) -> Self {
        let mut retiring = self.retiring.clone();
        if let Some(pending) = &self.pending {
            retiring.push(Retiring {
                parts: pending.parts.clone(),
                id: pending.id.clone(),
                since,
                until,
                by_hand: pending.id.is_none(),
            });
        }
        if self.made || has_slots {
            retiring.push(Retiring {
                parts: self.active.clone(),
                id: self.active_id.clone(),
                since,
                until,
                by_hand: !self.made,
            });
        }
        // The key itself, given once more: there is nothing of it to end.
        retiring.retain(|old| !same_parts(&old.parts, &parts));
        let making = self
            .making
            .iter()
            .filter(|making| !making.roll)
            .cloned()
            .collect();
        Self {
            active: parts,
            active_id: id,
            made: false,
            pending: None,
            retiring,
            making,
        }
    }

    /// Every secret in it is safe in a header. Ids never go there.
    ///
    /// # Errors
    /// Says what is wrong with the first that is not.
    pub fn check(&self) -> Result<(), BadSecret> {
        let pending = self.pending.iter().flat_map(|made| made.parts.values());
        let retiring = self.retiring.iter().flat_map(|old| old.parts.values());
        self.active
            .values()
            .chain(pending)
            .chain(retiring)
            .try_for_each(|part| part.check(Alphabet::Printable))
    }

    /// What may be told of it without a store.
    pub fn progress(&self) -> Option<Progress> {
        let progress = Progress {
            making: self.making.len(),
            rolling: self.is_rolling(),
            pending: self.pending.is_some(),
            retiring: self.retiring.iter().map(|old| old.until).collect(),
        };
        (progress != Progress::default()).then_some(progress)
    }
}

/// Whether two keys are the same.
pub fn same_parts(one: &Parts, other: &Parts) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, part)| {
            other
                .get(name)
                .is_some_and(|theirs| theirs.same_as(part.expose()))
        })
}

/// What a rotation has not finished, for the index: no ids, no labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// So many requests may have made a key that nobody has.
    #[serde(default)]
    pub making: usize,
    /// One of them ends the old key in the same moment.
    #[serde(default)]
    pub rolling: bool,
    /// A new key waits for being accepted.
    #[serde(default)]
    pub pending: bool,
    /// When each of the replaced keys may be ended.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub retiring: Vec<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(value: &str) -> Parts {
        Parts::from([("key".to_owned(), Secret::new(value))])
    }

    #[test]
    fn a_key_given_by_hand_loses_nothing_that_was_made() {
        let at = Timestamp::UNIX_EPOCH;
        let made = Made {
            parts: parts("p"),
            id: Some(Secret::new("3")),
            at,
            expires: None,
        };
        let roll = Making {
            label: "k".into(),
            known: Vec::new(),
            at,
            roll: true,
        };
        let making = vec![
            Making {
                label: "l".into(),
                known: Vec::new(),
                at,
                roll: false,
            },
            roll,
        ];
        let slots = Slots {
            active_id: Some(Secret::new("2")),
            made: true,
            pending: Some(made),
            making,
            ..Slots::of(parts("a"))
        };
        let after = slots.replaced_by(parts("new"), None, (at, at), false);
        let ids: Vec<&str> = after
            .retiring
            .iter()
            .filter_map(|old| old.id.as_ref())
            .map(Secret::expose)
            .collect();
        assert_eq!(
            (ids, after.making.len(), after.made, after.pending.is_none()),
            (vec!["3", "2"], 1, false, true)
        );
        let by_hand = Slots {
            made: false,
            ..slots.clone()
        };
        assert_eq!(
            by_hand
                .replaced_by(parts("new"), None, (at, at), false)
                .retiring
                .len(),
            1,
            "not ours to end"
        );
        let slotted = by_hand.replaced_by(parts("new"), None, (at, at), true);
        assert!(
            slotted.retiring.last().unwrap().by_hand,
            "and in slots, waited for"
        );
        assert!(
            slots
                .replaced_by(parts("a"), None, (at, at), false)
                .retiring
                .iter()
                .all(|old| !same_parts(&old.parts, &parts("a")))
        );
    }
}
