//! Recognizing keys among variables: by the names of the variables first, then by how a value
//! begins.

use super::apart::name_apart;
use super::describe::{bare, describe, names};
use super::dotenv::{Contents, Other, Variable};
use super::found::{Leftover, Recognized, RecognizedKey};
use super::leftover::{suspicion, words};
use crate::failure::Failure;
use crate::provider::{Candidates, Catalogue, KeySpec, Prefixes, Row};
use std::collections::{BTreeSet, HashMap};

/// The variables, and which of them are taken by a key already.
struct Search<'a> {
    variables: &'a [Variable],
    /// The positions of the variables of each name that a row has.
    by_name: HashMap<&'a str, Vec<usize>>,
    taken: BTreeSet<usize>,
    /// The keys, with the position of the first variable of each.
    found: Vec<(usize, RecognizedKey)>,
}

/// The keys in a file, and what else in it may be a secret.
///
/// # Errors
/// A row of the catalogue has an invalid name.
pub fn recognize(catalogue: &Catalogue, contents: &Contents) -> Result<Recognized, Failure> {
    let mut candidates = Candidates::new(catalogue);
    for variable in &contents.variables {
        candidates.see_variable(&variable.name);
        candidates.see_value(bare(variable.value.expose()));
    }
    for word in contents
        .others
        .iter()
        .flat_map(|other| keys_in(other.text.expose()))
    {
        candidates.see_value(word);
    }
    among(&candidates.rows()?, contents)
}

fn among(rows: &[Row], contents: &Contents) -> Result<Recognized, Failure> {
    let mut search = Search::of(rows, &contents.variables);
    for row in rows {
        let Some(key) = &row.key else { continue };
        for (number, group) in key.variable_groups().into_iter().enumerate() {
            search.by_names(row, key, group, number == 0)?;
            search.incomplete(row, key, group)?;
        }
    }
    let prefixes = Prefixes::of(rows);
    search.by_form(&prefixes)?;
    let left = search.left(&prefixes, contents);
    let Search { mut found, .. } = search;
    found.sort_by_key(|(position, _)| *position);
    let mut keys: Vec<RecognizedKey> = found.into_iter().map(|(_, key)| key).collect();
    name_apart(&mut keys);
    Ok(Recognized { keys, left })
}

impl<'a> Search<'a> {
    fn of(rows: &'a [Row], variables: &'a [Variable]) -> Self {
        let keys = rows.iter().filter_map(|row| row.key.as_ref());
        let names = keys.flat_map(|key| {
            let groups = key.variable_groups().into_iter().flatten();
            groups.chain(&key.companions)
        });
        let mut by_name: HashMap<&str, Vec<usize>> =
            names.map(|name| (name.as_str(), Vec::new())).collect();
        for (position, variable) in variables.iter().enumerate() {
            if let Some(positions) = by_name.get_mut(variable.name.as_str()) {
                positions.push(position);
            }
        }
        Self {
            variables,
            by_name,
            taken: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn is_free(&self, position: usize) -> bool {
        !self.taken.contains(&position)
    }

    /// The positions of the variables of a name.
    fn called(&self, name: &str) -> &[usize] {
        self.by_name
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn take(&mut self, row: &Row, key: &KeySpec, at: &[usize]) -> Result<RecognizedKey, Failure> {
        self.taken.extend(at);
        let held: Vec<&Variable> = at
            .iter()
            .filter_map(|position| self.variables.get(*position))
            .collect();
        let mut found = describe(row, key, &held)?;
        // A key that is valid only together with something else is of no use alone.
        let inside = held.first().map(|variable| variable.inside.as_str());
        let companion = key.companions.iter().find_map(|name| {
            self.called(name).iter().copied().find(|position| {
                self.variables
                    .get(*position)
                    .map(|found| found.inside.as_str())
                    == inside
            })
        });
        if let Some(variable) = companion.and_then(|position| self.variables.get(position)) {
            self.taken.extend(companion);
            found
                .places
                .push((variable.name.clone(), variable.place.to_string()));
            found.problem = Some(format!(
                "not stored: it is temporary, and only valid together with {}",
                variable.name
            ));
        }
        Ok(found)
    }

    /// Takes every complete group: the parts of a key are in the same object of the file.
    fn by_names(
        &mut self,
        row: &Row,
        key: &KeySpec,
        group: &[String],
        is_usual: bool,
    ) -> Result<(), Failure> {
        let Some((first_name, others)) = group.split_first() else {
            return Ok(());
        };
        let beside = |name: &String, inside: &str| {
            self.called(name).iter().copied().find(|position| {
                self.variables
                    .get(*position)
                    .is_some_and(|variable| variable.inside == inside)
            })
        };
        let complete: Vec<Vec<usize>> = self
            .called(first_name)
            .iter()
            .filter_map(|position| {
                let first = self.variables.get(*position)?;
                let others = others.iter().map(|name| beside(name, &first.inside));
                std::iter::once(Some(*position)).chain(others).collect()
            })
            .collect();
        for at in complete {
            if let Some(first) = at.first().copied()
                && at.iter().all(|position| self.is_free(*position))
            {
                let key = RecognizedKey {
                    is_usual,
                    ..self.take(row, key, &at)?
                };
                self.found.push((first, key));
            }
        }
        Ok(())
    }

    /// Reports a group of which a variable is missing: a part of a key is of no use, but its owner
    /// may believe that it was stored.
    fn incomplete(&mut self, row: &Row, key: &KeySpec, group: &[String]) -> Result<(), Failure> {
        let Some(missing) = group.iter().find(|name| self.called(name).is_empty()) else {
            return Ok(());
        };
        let mut at: Vec<usize> = group
            .iter()
            .flat_map(|name| self.called(name))
            .copied()
            .filter(|position| self.is_free(*position))
            .collect();
        at.sort_unstable();
        if let Some(first) = at.first().copied() {
            let problem = format!("not stored: its other part, {missing}, is not in the file");
            let key = RecognizedKey {
                problem: Some(problem),
                ..self.take(row, key, &at)?
            };
            self.found.push((first, key));
        }
        Ok(())
    }

    /// Takes the remaining variables whose value begins like a key. The name of the variable has to
    /// name the provider as well: a form may be shared by several.
    fn by_form(&mut self, prefixes: &Prefixes<'_>) -> Result<(), Failure> {
        for (position, variable) in self.variables.iter().enumerate() {
            if !self.is_free(position) {
                continue;
            }
            let Some(row) = prefixes.owner(bare(variable.value.expose())) else {
                continue;
            };
            let Some(key) = row.key.as_ref().filter(|key| key.parts.len() == 1) else {
                continue;
            };
            let mut found = self.take(row, key, &[position])?;
            if !names(variable, row) {
                found.problem = Some(format!(
                    "not stored: it looks like a key for {}; if it is one, run `authctl key add {}`",
                    row.title, row.name
                ));
            }
            self.found.push((position, found));
        }
        Ok(())
    }

    /// What no key has taken and may be a secret.
    fn left(&self, prefixes: &Prefixes<'_>, contents: &Contents) -> Vec<Leftover> {
        let open = contents.open.iter().map(|(name, place)| Leftover {
            variable: Some(name.clone()),
            place: place.to_string(),
            problem: "its quotes are never closed".into(),
        });
        let is_open = |variable: &Variable| {
            let mut open = contents.open.iter();
            open.any(|(_, place)| *place == variable.place)
        };
        let variables = self
            .variables
            .iter()
            .enumerate()
            .filter(|(position, variable)| self.is_free(*position) && !is_open(variable))
            .filter_map(|(_, variable)| {
                // First: most variables are no secret.
                let problem = suspicion(Some(&variable.name), variable.value.expose())?;
                Some(Leftover {
                    variable: Some(variable.name.clone()),
                    place: variable.place.to_string(),
                    problem,
                })
            });
        let others = contents.others.iter().filter_map(|other| {
            let problem = in_other(prefixes, other)?;
            Some(Leftover {
                variable: None,
                place: other.place.to_string(),
                problem,
            })
        });
        let mut left: Vec<Leftover> = open.chain(variables).chain(others).collect();
        left.sort_by_key(|left| {
            let number = left.place.strip_prefix("line ");
            number.and_then(|number| number.parse::<usize>().ok())
        });
        left
    }
}

/// The words of a line that may be a key, also behind a name and a colon.
fn keys_in(text: &str) -> impl Iterator<Item = &str> {
    words(text).flat_map(|word| word.split(':'))
}

/// What a line without a variable may contain.
fn in_other(prefixes: &Prefixes<'_>, other: &Other) -> Option<String> {
    let text = other.text.expose();
    keys_in(text)
        .find_map(|word| {
            let row = prefixes.owner(word)?;
            let key = row.key.as_ref()?;
            let part = key.parts.first()?;
            let fits = part.pattern.is_some() && !key.looks_wrong(&part.name, word);
            fits.then(|| format!("looks like a key for {}", row.title))
        })
        .or_else(|| suspicion(None, text))
}

/// Reads any file, for the fuzzer.
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer stops at a panic")]
pub fn fuzz(data: &[u8]) {
    use std::sync::OnceLock;
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        let paths = crate::config::Paths::in_one("/nonexistent".as_ref());
        Catalogue::new(&paths).rows().expect("the built-in rows")
    });
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = super::paste::pasted(text, true);
    if let Ok(contents) = Contents::of(text) {
        let found = among(rows, &contents);
        assert!(found.is_ok(), "the built-in rows have valid names");
    }
}

#[cfg(test)]
mod tests;
