//! Which variables hold keys that the catalogue knows: by their names first, then by how a value begins. Nothing is sent
//! anywhere: nobody said whose they are.

use super::dotenv::Found;
use crate::credential::{Bound, Kind, Name, Parts};
use crate::failure::Failure;
use crate::provider::{Catalogue, KeySpec, Row};
use crate::secret::Alphabet;
use std::collections::{BTreeMap, BTreeSet};

/// A key that was found.
pub(super) struct Discovered {
    /// What it would be called.
    pub name: Name,
    /// Its parts.
    pub parts: Parts,
    /// What it is bound to.
    pub bound: Bound,
    /// The variables that hold it, and where they stand.
    pub places: Vec<(String, String)>,
    /// Why it is not taken, if it is not.
    pub problem: Option<String>,
}

/// The keys among variables, in the order of the variables.
pub(super) fn discover(
    catalogue: &Catalogue,
    variables: &[Found],
) -> Result<Vec<Discovered>, Failure> {
    let rows: Vec<Row> = catalogue
        .names()
        .iter()
        .filter_map(|name| catalogue.find(name).ok().flatten())
        .collect();
    let mut taken = vec![false; variables.len()];
    let mut found = Vec::new();
    for row in &rows {
        let Some(key) = &row.key else { continue };
        // One variable for each part, in their order; some rows name further variables for the one part.
        let groups: Vec<Vec<&String>> = if key.parts.len() == 1 {
            key.env.iter().map(|name| vec![name]).collect()
        } else {
            vec![key.env.iter().take(key.parts.len()).collect()]
        };
        for group in groups {
            // Each time the first of them stands somewhere, with the others beside it.
            let firsts = variables
                .iter()
                .enumerate()
                .filter(|(_, variable)| group.first().is_some_and(|name| variable.name == **name));
            let beside = |name: &String, inside: &str| {
                variables
                    .iter()
                    .position(|variable| variable.name == *name && variable.inside == inside)
            };
            let complete: Vec<Vec<usize>> = firsts
                .filter_map(|(_, first)| {
                    group
                        .iter()
                        .map(|name| beside(name, &first.inside))
                        .collect()
                })
                .collect();
            for at in complete
                .into_iter()
                .filter(|at| !at.is_empty() && at.iter().all(|at| taken.get(*at) == Some(&false)))
                .collect::<Vec<_>>()
            {
                at.iter().for_each(|at| {
                    taken
                        .iter_mut()
                        .skip(*at)
                        .take(1)
                        .for_each(|taken| *taken = true)
                });
                let held: Vec<&Found> = at.iter().filter_map(|at| variables.get(*at)).collect();
                found.push((at.first().copied().unwrap_or(0), describe(row, key, &held)?));
            }
            // Half of a key is none, and somebody believes that it was taken.
            let is_there =
                |name: &&String| variables.iter().any(|variable| variable.name == **name);
            let half = |(number, variable): (usize, &Found)| {
                (taken.get(number) == Some(&false) && group.contains(&&variable.name))
                    .then_some(number)
            };
            let halves: Vec<usize> = variables.iter().enumerate().filter_map(half).collect();
            if let (Some(missing), Some(first)) =
                (group.iter().find(|name| !is_there(name)), halves.first())
            {
                let held: Vec<&Found> = halves.iter().filter_map(|at| variables.get(*at)).collect();
                halves.iter().for_each(|at| {
                    taken
                        .iter_mut()
                        .skip(*at)
                        .take(1)
                        .for_each(|taken| *taken = true)
                });
                let whole = describe(row, key, &held)?;
                found.push((
                    *first,
                    Discovered {
                        problem: Some(format!("{missing}, its other part, is not in the file")),
                        ..whole
                    },
                ));
            }
        }
    }
    for (number, variable) in variables
        .iter()
        .enumerate()
        .filter(|(number, _)| taken.get(*number) == Some(&false))
    {
        let row = catalogue.recognise(variable.value.expose());
        if let Some((row, key)) = row
            .as_ref()
            .and_then(|row| Some((row, row.key.as_ref().filter(|key| key.parts.len() == 1)?)))
        {
            found.push((number, describe(row, key, &[variable])?));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    let mut found: Vec<Discovered> = found.into_iter().map(|(_, found)| found).collect();
    name_apart(&mut found);
    Ok(found)
}

fn describe(row: &Row, key: &KeySpec, held: &[&Found]) -> Result<Discovered, Failure> {
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
        _ if odd.is_some() => odd.map(|odd| format!("{odd}: run `authctl key add {name}`")),
        (Err(_), _) => Some(format!(
            "where it belongs is not known: run `authctl key add {name} --set …`"
        )),
        (_, Some(part)) => Some(format!(
            "the {} does not look like one of {}'s: if it is, run `authctl key add {name}`",
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
    Ok(Discovered {
        name,
        parts,
        bound,
        places,
        problem,
    })
}

/// Several keys of one provider get accounts, named after where they stand; none takes the place of another.
fn name_apart(found: &mut [Discovered]) {
    let counted: BTreeMap<String, usize> =
        found.iter().fold(BTreeMap::new(), |mut counted, key| {
            *counted.entry(key.name.to_string()).or_default() += 1;
            counted
        });
    for key in found.iter_mut().filter(|key| {
        counted
            .get(&key.name.to_string())
            .is_some_and(|count| *count > 1)
    }) {
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
    let mut names: BTreeSet<String> = BTreeSet::new();
    for key in found.iter_mut() {
        if !names.insert(key.name.to_string()) && key.problem.is_none() {
            key.problem = Some(format!(
                "there is another `{}` in the file: run `authctl key add {}/ACCOUNT`",
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
        let found = discover(&catalogue, &dotenv::read(&text).unwrap()).unwrap();
        let shown: Vec<(String, usize, bool)> = found
            .iter()
            .map(|key| (key.name.to_string(), key.parts.len(), key.problem.is_none()))
            .collect();
        let half = discover(
            &catalogue,
            &dotenv::read("DD_API_KEY=x\nOTHER=y\n").unwrap(),
        )
        .unwrap();
        assert_eq!(
            half[0].problem.as_deref(),
            Some("DD_APP_KEY, its other part, is not in the file")
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
        let found = discover(&catalogue, &dotenv::read(&text).unwrap()).unwrap();
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
