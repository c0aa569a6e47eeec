//! One key, as its provider's row describes it.

use super::dotenv::{Place, Variable};
use super::found::RecognizedKey;
use super::leftover::is_placeholder;
use super::paste::pasted;
use crate::credential::{Bound, Kind, Name, Parts};
use crate::failure::Failure;
use crate::provider::{KeySpec, Row};
use crate::secret::{Alphabet, Secret};
use std::collections::BTreeMap;

/// A value without `Bearer`, or the value of an option, as documents for other programs have them.
pub(super) fn bare(value: &str) -> &str {
    // Nothing is around a single word.
    let is_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'+');
    if value.bytes().all(is_word) && !value.starts_with('-') {
        return value;
    }
    let value = pasted(value, true).value;
    value
        .strip_prefix("--")
        .and_then(|option| option.split_once('='))
        .map_or(value, |(_, value)| value)
}

/// Whether a variable, or its path, names the provider.
pub(super) fn names(variable: &Variable, row: &Row) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| word.len() > 1)
            .map(str::to_ascii_lowercase)
            .collect()
    };
    let mut own = words(&row.name);
    own.extend(words(&row.title));
    let groups = row.key.iter().flat_map(KeySpec::variable_groups);
    let firsts = groups
        .flatten()
        .filter_map(|name| words(name).into_iter().next());
    own.extend(firsts);
    let mut given = words(&variable.name);
    if let Place::Path(path) = &variable.place {
        given.extend(words(path));
    }
    let joined = given.concat();
    given.iter().any(|word| own.contains(word)) || joined.contains(&row.name.replace('-', ""))
}

pub(super) fn describe(
    row: &Row,
    key: &KeySpec,
    held: &[&Variable],
) -> Result<RecognizedKey, Failure> {
    let name: Name = row.name.parse()?;
    let parts: Parts = key
        .parts
        .iter()
        .zip(held)
        .map(|(part, variable)| {
            let value = bare(variable.value.expose());
            (part.name.clone(), Secret::new(value))
        })
        .collect();
    let wrong = key.parts.iter().find(|part| {
        parts.get(&part.name).is_some_and(|value| {
            value.check(Alphabet::Printable).is_err() || key.looks_wrong(&part.name, value.expose())
        })
    });
    let is_example = key.parts.iter().any(|part| {
        let value = parts.get(&part.name);
        let is_checked = part.pattern.is_none() || key.parts.len() == 1;
        is_checked && value.is_some_and(|value| is_placeholder(value.expose()))
    });
    let resolved = row.resolve(&BTreeMap::new());
    // What an option or a header contains is no value that a shell would read.
    let odd = held
        .iter()
        .filter(|variable| bare(variable.value.expose()) == variable.value.expose())
        .find_map(|variable| variable.problem);
    let problem = match (&resolved, wrong) {
        _ if odd.is_some() => {
            odd.map(|odd| format!("not stored: {odd}; run `authctl key add {name}`"))
        }
        _ if is_example => Some("not stored: it is a placeholder, not a key".into()),
        (Err(_), _) => Some(format!(
            "not stored: its host is needed; run `authctl key add {name} --set host=HOST`"
        )),
        (_, Some(part)) => Some(format!(
            "not stored: the {} does not look like a key for {}; if it is one, run `authctl key add {name}`",
            part.label, row.title
        )),
        (Ok(_), None) => key
            .rejection(&parts)
            .map(|reason| format!("not stored: {reason}")),
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
        .map(|variable| (variable.name.clone(), variable.place.to_string()))
        .collect();
    Ok(RecognizedKey {
        name,
        parts,
        bound,
        places,
        is_usual: false,
        problem,
    })
}
