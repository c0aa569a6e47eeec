//! Recognizing keys among variables: by the names of the variables first, then by how a value
//! begins.

use super::Variable;
use crate::credential::{Bound, Kind, Name, Parts};
use crate::failure::Failure;
use crate::provider::{Catalogue, KeySpec, Row};
use crate::secret::Alphabet;
use std::collections::{BTreeMap, BTreeSet};

/// A key that was recognized.
pub struct RecognizedKey {
    /// The name it would be stored under.
    pub name: Name,
    /// Its parts.
    pub parts: Parts,
    /// What it is bound to.
    pub bound: Bound,
    /// The variables that contain it, and where they are in the file.
    pub places: Vec<(String, String)>,
    /// Why it cannot be stored, if it cannot.
    pub problem: Option<String>,
}

/// The variables, and which of them are taken by a key already.
struct Search<'a> {
    variables: &'a [Variable],
    taken: BTreeSet<usize>,
    /// The keys, with the position of the first variable of each.
    found: Vec<(usize, RecognizedKey)>,
}

/// The keys among variables, in the order of the variables.
///
/// # Errors
/// A row of the catalogue has an invalid name.
pub fn recognize(
    catalogue: &Catalogue,
    variables: &[Variable],
) -> Result<Vec<RecognizedKey>, Failure> {
    let mut search = Search {
        variables,
        taken: BTreeSet::new(),
        found: Vec::new(),
    };
    let names = catalogue.names();
    let rows = names
        .iter()
        .filter_map(|name| catalogue.find(name).ok().flatten());
    for row in rows {
        let Some(key) = &row.key else { continue };
        for group in groups(key) {
            search.by_names(&row, key, &group)?;
            search.incomplete(&row, key, &group)?;
        }
    }
    search.by_form(catalogue)?;
    let Search { mut found, .. } = search;
    found.sort_by_key(|(position, _)| *position);
    let mut found: Vec<RecognizedKey> = found.into_iter().map(|(_, key)| key).collect();
    name_apart(&mut found);
    Ok(found)
}

/// The variables that contain one key: one for each part, in their order. For a key with a single
/// part, each variable is an alternative.
fn groups(key: &KeySpec) -> Vec<Vec<&String>> {
    if key.parts.len() == 1 {
        key.env.iter().map(|name| vec![name]).collect()
    } else {
        vec![key.env.iter().take(key.parts.len()).collect()]
    }
}

impl Search<'_> {
    fn is_free(&self, position: usize) -> bool {
        !self.taken.contains(&position)
    }

    fn take(&mut self, row: &Row, key: &KeySpec, at: &[usize]) -> Result<RecognizedKey, Failure> {
        self.taken.extend(at);
        let held: Vec<&Variable> = at
            .iter()
            .filter_map(|position| self.variables.get(*position))
            .collect();
        describe(row, key, &held)
    }

    /// Takes every complete group: the parts of a key are in the same object of the file.
    fn by_names(&mut self, row: &Row, key: &KeySpec, group: &[&String]) -> Result<(), Failure> {
        let Some((first_name, others)) = group.split_first() else {
            return Ok(());
        };
        let beside = |name: &String, inside: &str| {
            self.variables
                .iter()
                .position(|variable| variable.name == *name && variable.inside == inside)
        };
        let complete: Vec<Vec<usize>> = self
            .variables
            .iter()
            .enumerate()
            .filter(|(_, variable)| variable.name == **first_name)
            .filter_map(|(position, first)| {
                let others = others.iter().map(|name| beside(name, &first.inside));
                std::iter::once(Some(position)).chain(others).collect()
            })
            .collect();
        for at in complete {
            if let Some(first) = at.first().copied()
                && at.iter().all(|position| self.is_free(*position))
            {
                let key = self.take(row, key, &at)?;
                self.found.push((first, key));
            }
        }
        Ok(())
    }

    /// Reports a group of which a variable is missing: a part of a key is of no use, but its owner
    /// may believe that it was stored.
    fn incomplete(&mut self, row: &Row, key: &KeySpec, group: &[&String]) -> Result<(), Failure> {
        let is_there = |name: &&&String| {
            self.variables
                .iter()
                .any(|variable| variable.name == ***name)
        };
        let Some(missing) = group.iter().find(|name| !is_there(name)) else {
            return Ok(());
        };
        let at: Vec<usize> = self
            .variables
            .iter()
            .enumerate()
            .filter(|(position, variable)| {
                self.is_free(*position) && group.contains(&&variable.name)
            })
            .map(|(position, _)| position)
            .collect();
        if let Some(first) = at.first().copied() {
            let problem = format!("its other part, {missing}, is not in the file");
            let key = RecognizedKey {
                problem: Some(problem),
                ..self.take(row, key, &at)?
            };
            self.found.push((first, key));
        }
        Ok(())
    }

    /// Takes the remaining variables whose value begins like a key.
    fn by_form(&mut self, catalogue: &Catalogue) -> Result<(), Failure> {
        for (position, variable) in self.variables.iter().enumerate() {
            if !self.is_free(position) {
                continue;
            }
            let Some(row) = catalogue.recognize(variable.value.expose()) else {
                continue;
            };
            if let Some(key) = row.key.as_ref().filter(|key| key.parts.len() == 1) {
                let key = self.take(&row, key, &[position])?;
                self.found.push((position, key));
            }
        }
        Ok(())
    }
}

fn describe(row: &Row, key: &KeySpec, held: &[&Variable]) -> Result<RecognizedKey, Failure> {
    let name: Name = row.name.parse()?;
    let parts: Parts = key
        .parts
        .iter()
        .zip(held)
        .map(|(part, variable)| (part.name.clone(), variable.value.clone()))
        .collect();
    let wrong = key.parts.iter().find(|part| {
        parts.get(&part.name).is_some_and(|value| {
            value.check(Alphabet::Printable).is_err() || key.looks_wrong(&part.name, value.expose())
        })
    });
    let resolved = row.resolve(&BTreeMap::new());
    let odd = held.iter().find_map(|variable| variable.problem);
    let problem = match (&resolved, wrong) {
        _ if odd.is_some() => {
            odd.map(|odd| format!("not stored: {odd}; run `authctl key add {name}`"))
        }
        (Err(_), _) => Some(format!(
            "not stored: its host is needed; run `authctl key add {name} --set host=HOST`"
        )),
        (_, Some(part)) => Some(format!(
            "the {} does not look like a key for {}; if it is one, run `authctl key add {name}`",
            part.label, row.title
        )),
        (Ok(_), None) => None,
    };
    let origins = resolved
        .ok()
        .and_then(|row| row.bound_origins().ok())
        .unwrap_or_default();
    let bound = Bound {
        origins,
        shape: Some(row.shape(Kind::Key)),
        ..Bound::default()
    };
    let places = held
        .iter()
        .map(|variable| (variable.name.clone(), variable.place.clone()))
        .collect();
    Ok(RecognizedKey {
        name,
        parts,
        bound,
        places,
        problem,
    })
}

/// Gives several keys of one provider accounts, named after their place in the file; none replaces
/// another.
fn name_apart(found: &mut [RecognizedKey]) {
    let mut counted: BTreeMap<Name, usize> = BTreeMap::new();
    for key in found.iter() {
        *counted.entry(key.name.clone()).or_default() += 1;
    }
    let is_shared = |name: &Name| counted.get(name).is_some_and(|count| *count > 1);
    for key in found.iter_mut().filter(|key| is_shared(&key.name)) {
        let Some((variable, place)) = key.places.first() else {
            continue;
        };
        let words = if place.starts_with('/') {
            place.as_str()
        } else {
            variable.as_str()
        };
        let account = words
            .trim_matches('/')
            .to_ascii_lowercase()
            .replace(['_', '/', ' '], "-");
        if let Ok(name) = Name::new(key.name.provider(), &account) {
            key.name = name;
        }
    }
    let mut names: BTreeSet<Name> = BTreeSet::new();
    for key in found.iter_mut() {
        if !names.insert(key.name.clone()) && key.problem.is_none() {
            key.problem = Some(format!(
                "the file contains another key named `{}`; run `authctl key add {}/ACCOUNT`",
                key.name,
                key.name.provider()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dotenv;
    use super::*;
    use crate::config::Paths;

    #[test]
    fn keys_are_found_by_name_then_by_form() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::new(&Paths::in_one(home.path()));
        let text = format!(
            "STRIPE_API_KEY=sk_test_{a}\nPAY=sk_live_{a}\nDATABASE_URL=postgres://u:p@h/d\nDD_API_KEY={hex}\nDD_APP_KEY={hex}01234567\nGRAFANA_TOKEN=glsa_x\nOPENAI_API_KEY=nonsense\n",
            a = "0123456789abcdefABCD",
            hex = "0123456789abcdef0123456789abcdef"
        );
        let found = recognize(&catalogue, &dotenv::variables(&text).unwrap()).unwrap();
        let shown: Vec<(String, usize, bool)> = found
            .iter()
            .map(|key| (key.name.to_string(), key.parts.len(), key.problem.is_none()))
            .collect();
        let half = recognize(
            &catalogue,
            &dotenv::variables("DD_API_KEY=x\nOTHER=y\n").unwrap(),
        )
        .unwrap();
        assert_eq!(
            half[0].problem.as_deref(),
            Some("its other part, DD_APP_KEY, is not in the file")
        );
        let expected = [
            ("stripe/stripe-api-key", 1, true),
            ("stripe/pay", 1, true),
            ("datadog", 2, true),
            ("grafana", 1, false),
            ("openai", 1, false),
        ];
        assert_eq!(
            shown
                .iter()
                .map(|(name, parts, fine)| (name.as_str(), *parts, *fine))
                .collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn the_parts_of_one_key_stand_beside_each_other() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::new(&Paths::in_one(home.path()));
        let (id, secret) = ("AKIAIOSFODNN7EXAMPL2", "s".repeat(40));
        let text = format!(
            "{{\"a\":{{\"AWS_ACCESS_KEY_ID\":\"{id}\"}},\"b\":{{\"AWS_ACCESS_KEY_ID\":\"{id}\",\"AWS_SECRET_ACCESS_KEY\":\"{secret}\"}},
              \"dev\":{{\"STRIPE_API_KEY\":\"sk_test_0123456789\"}},\"prod\":{{\"STRIPE_API_KEY\":\"sk_live_0123456789\"}}}}"
        );
        let found = recognize(&catalogue, &dotenv::variables(&text).unwrap()).unwrap();
        let shown: Vec<(String, &str)> = found
            .iter()
            .map(|key| (key.name.to_string(), key.places[0].1.as_str()))
            .collect();
        let expected = [
            ("aws", "/b/AWS_ACCESS_KEY_ID"),
            ("stripe/dev-stripe-api-key", "/dev/STRIPE_API_KEY"),
            ("stripe/prod-stripe-api-key", "/prod/STRIPE_API_KEY"),
        ];
        assert_eq!(
            shown
                .iter()
                .map(|(name, place)| (name.as_str(), *place))
                .collect::<Vec<_>>(),
            expected
        );
    }
}
