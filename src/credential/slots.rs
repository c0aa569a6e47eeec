//! The slots of an API key: the key that is in use, and the keys of a rotation that is not
//! finished.

use crate::secret::{Alphabet, BadSecret, Secret, stored_list, stored_map, stored_option};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The named parts of a key; most have one, `key`.
pub type Parts = BTreeMap<String, Secret>;

/// Everything that is stored of an API key. Ids are treated like secrets, because at some providers
/// the id of a key is the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slots {
    /// The key in use.
    #[serde(serialize_with = "stored_map")]
    pub active: Parts,
    /// The provider's id of it, if it is known.
    #[serde(
        default,
        serialize_with = "stored_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub active_id: Option<Secret>,
    /// Whether a rotation created it, so that a rotation may revoke it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
    /// A new key that is not verified yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Made>,
    /// Previous keys that are still valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<Retiring>,
    /// Requests that may or may not have created a key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub making: Vec<Making>,
}

/// A key that a rotation created.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Its parts.
    #[serde(serialize_with = "stored_map")]
    pub parts: Parts,
    /// The provider's id of it, or its slot; not known if a person created it.
    #[serde(
        default,
        serialize_with = "stored_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Secret>,
    /// When it was created. A provider may take a while to know it.
    pub at: Timestamp,
    /// When it expires, if that was requested. A later run may be the one that switches to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// A key that was replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retiring {
    /// Its parts: some providers revoke a key by its value.
    #[serde(serialize_with = "stored_map")]
    pub parts: Parts,
    /// The provider's id of it, or its slot, if known.
    #[serde(
        default,
        serialize_with = "stored_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Secret>,
    /// When it was replaced.
    pub since: Timestamp,
    /// It is not revoked before this time.
    pub until: Timestamp,
    /// Not created by authctl, so it is not revoked; only the time has to pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

/// The intent to create a key, which is on the disk before the request is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Making {
    /// The label by which the key is found at the provider.
    pub label: String,
    /// The ids that existed before, if keys have no labels; a new key is recognized by these.
    #[serde(
        default,
        serialize_with = "stored_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub known: Vec<Secret>,
    /// When the request was sent. After a while it can no longer take effect.
    pub at: Timestamp,
    /// Whether the old value expires at the same moment; then readers wait for the lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub roll: bool,
}

impl Slots {
    /// A key that a person gave.
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

    /// Whether the active key may be expiring at this moment.
    pub fn is_rolling(&self) -> bool {
        self.making.iter().any(|making| making.roll)
    }

    /// Whether a rotation made keys that are not revoked yet.
    pub fn has_made_keys(&self) -> bool {
        self.made || self.pending.is_some() || !self.retiring.is_empty() || !self.making.is_empty()
    }

    /// The slots after a person replaced the key. Keys that a rotation created are kept until they
    /// are revoked: the pending key, and the active one if a rotation created it. If the keys are
    /// in two slots (`has_slots`), the slot of a key that was not created by authctl has to wait
    /// for the grace period as well. Intents stay, except that of a roll, whose key is the one that
    /// is replaced.
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
        // The same key, given again, must not be revoked.
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

    /// Checks that every secret is safe in a header. Ids are never part of one.
    ///
    /// # Errors
    /// Says what is wrong with the first secret that is not safe.
    pub fn check(&self) -> Result<(), BadSecret> {
        let pending = self.pending.iter().flat_map(|made| made.parts.values());
        let retiring = self.retiring.iter().flat_map(|old| old.parts.values());
        self.active
            .values()
            .chain(pending)
            .chain(retiring)
            .try_for_each(|part| part.check(Alphabet::Printable))
    }

    /// What the index says about the slots.
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

/// What a rotation has not finished, for the index. It contains no ids and no labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The number of requests that may have created an unused key.
    #[serde(default)]
    pub making: usize,
    /// Whether one of them replaces the value of the key.
    #[serde(default)]
    pub rolling: bool,
    /// Whether a new key is not verified yet.
    #[serde(default)]
    pub pending: bool,
    /// When each of the previous keys may be revoked.
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
    fn a_new_key_from_the_user_loses_no_created_key() {
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

    #[test]
    fn the_index_has_the_progress_of_a_rotation() {
        let (at, until) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let plain = Slots::of(parts("a"));
        assert_eq!(plain.progress(), None);
        assert!(!plain.is_rolling() && !plain.has_made_keys());
        let pending = Made {
            parts: parts("p"),
            id: None,
            at,
            expires: None,
        };
        let retiring = Retiring {
            parts: parts("o"),
            id: None,
            since: at,
            until,
            by_hand: false,
        };
        let making = |roll| Making {
            label: "l".into(),
            known: Vec::new(),
            at,
            roll,
        };
        let with = |change: &dyn Fn(&mut Slots)| {
            let mut slots = plain.clone();
            change(&mut slots);
            assert!(slots.has_made_keys());
            slots
        };
        with(&|slots| slots.made = true);
        let pending = with(&|slots| slots.pending = Some(pending.clone())).progress();
        assert!(pending.unwrap().pending);
        let retiring = with(&|slots| slots.retiring = vec![retiring.clone()]).progress();
        assert_eq!(retiring.unwrap().retiring, [until]);
        for roll in [false, true] {
            let slots = with(&|slots| slots.making = vec![making(roll)]);
            let progress = slots.progress().unwrap();
            assert_eq!(
                (progress.making, progress.rolling, slots.is_rolling()),
                (1, roll, roll)
            );
        }
    }

    #[test]
    fn the_same_key_has_the_same_parts() {
        let two = |one: &str, other: &str| {
            let mut both = parts(one);
            both.insert("app".into(), Secret::new(other));
            both
        };
        assert!(same_parts(&two("a", "b"), &two("a", "b")));
        for other in [two("a", "c"), two("c", "b"), parts("a"), Parts::new()] {
            assert!(!same_parts(&two("a", "b"), &other) && !same_parts(&other, &two("a", "b")));
        }
    }

    #[test]
    fn a_part_that_a_header_cannot_contain_is_refused() {
        let at = Timestamp::UNIX_EPOCH;
        assert!(Slots::of(parts("good")).check().is_ok());
        assert!(Slots::of(parts("bad\n")).check().is_err());
        let pending = Made {
            parts: parts("bad\n"),
            id: None,
            at,
            expires: None,
        };
        let mut slots = Slots::of(parts("good"));
        slots.pending = Some(pending);
        assert!(slots.check().is_err());
    }
}
