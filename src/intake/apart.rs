//! Names for several keys of one provider in one file.

use super::found::RecognizedKey;
use crate::credential::Name;
use std::collections::{BTreeMap, BTreeSet};

/// Joins keys that are equal, and gives several keys of one provider accounts, named after their
/// place in the file: none replaces another. The key in the usual variables keeps the plain name.
pub(super) fn name_apart(found: &mut Vec<RecognizedKey>) {
    join_equal(found);
    let count = |found: &[RecognizedKey], counts: fn(&RecognizedKey) -> bool| {
        let mut counted: BTreeMap<Name, usize> = BTreeMap::new();
        for key in found.iter().filter(|key| counts(key)) {
            *counted.entry(key.name.clone()).or_default() += 1;
        }
        counted
    };
    let all = count(found, |key| key.problem.is_none());
    let usual = count(found, |key| key.problem.is_none() && key.is_usual);
    for key in found.iter_mut() {
        let is_alone = all.get(&key.name).is_none_or(|count| *count < 2);
        let is_first = key.is_usual && usual.get(&key.name) == Some(&1);
        if !is_alone && !is_first && key.problem.is_none() {
            key.name = account(key).unwrap_or_else(|| key.name.clone());
        }
    }
    let mut names: BTreeSet<Name> = BTreeSet::new();
    for key in found.iter_mut() {
        if key.problem.is_none() && !names.insert(key.name.clone()) {
            key.problem = Some(format!(
                "not stored: the file contains another key named `{}`; run `authctl key add {}/ACCOUNT`",
                key.name,
                key.name.provider()
            ));
        }
    }
}

/// Joins keys of one provider with the same parts.
fn join_equal(found: &mut Vec<RecognizedKey>) {
    let mut joined: Vec<RecognizedKey> = Vec::new();
    for key in found.drain(..) {
        let same = |other: &&mut RecognizedKey| {
            other.problem.is_none()
                && key.problem.is_none()
                && other.name == key.name
                && other.parts.len() == key.parts.len()
                && other.parts.iter().all(|(part, value)| {
                    let own = key.parts.get(part);
                    own.is_some_and(|own| own.same_as(value.expose()))
                })
        };
        match joined.iter_mut().find(same) {
            Some(other) => {
                other.is_usual |= key.is_usual;
                other.places.extend(key.places);
            }
            None => joined.push(key),
        }
    }
    *found = joined;
}

/// A name with an account that tells the place of a key.
fn account(key: &RecognizedKey) -> Option<Name> {
    let (variable, place) = key.places.first()?;
    let words = if place.starts_with('/') {
        place.as_str()
    } else {
        variable.as_str()
    };
    let account = words
        .trim_matches('/')
        .to_ascii_lowercase()
        .replace(['_', '/', ' '], "-");
    Name::new(key.name.provider(), &account).ok()
}
