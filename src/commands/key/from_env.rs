//! `key add --from-env`: reading a key from the environment, and finding where the variable is set.

use crate::app::App;
use crate::credential::Name;
use crate::failure::Failure;
use crate::intake::unwrapped;
use crate::provider::{KeySpec, Part};
use crate::secret::{Alphabet, Secret};
use crate::ui::Ui;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files in the home folder in which people set variables.
const STARTUP: [&str; 8] = [
    ".profile",
    ".bash_profile",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".config/fish/config.fish",
    ".env",
];

/// The parts of a key, one variable for each.
pub(super) fn parts(
    ui: Ui,
    variables: &[String],
    key: &KeySpec,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let parts = &key.parts;
    if variables.len() != parts.len() {
        let names: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
        return Err(Failure::usage(format!(
            "the key has {} parts ({}); add `--from-env` for each",
            parts.len(),
            names.join(", ")
        )));
    }
    let read = |(part, variable): (&Part, &String)| {
        // Some programs set variables with the quotes of their files.
        let value = Secret::new(value(variable)?);
        let value = unwrapped(ui, &value, &part.label, !key.has_scheme(part));
        value
            .check(Alphabet::Printable)
            .map_err(|reason| Failure::usage(format!("the value of {variable} {reason}")))?;
        Ok((part.name.clone(), value))
    };
    parts.iter().zip(variables).map(read).collect()
}

/// The provider whose keys are usually in this variable.
pub(super) fn name_of(app: &App, variable: &str) -> Result<Option<Name>, Failure> {
    value(variable)?;
    let mut fits = app.catalogue.rows()?.into_iter().filter(|row| {
        row.key.as_ref().is_some_and(|key| {
            key.variable_groups()
                .concat()
                .iter()
                .any(|name| name == variable)
        })
    });
    let found = fits.next().filter(|_| fits.next().is_none());
    Ok(found.map(|row| row.name.parse()).transpose()?)
}

/// The value of a variable.
fn value(variable: &str) -> Result<String, Failure> {
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
        Ok(_) => Err(Failure::usage(format!("the variable {variable} is empty"))),
        Err(std::env::VarError::NotPresent) => Err(Failure::usage(format!(
            "the variable {variable} is not set"
        ))),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::usage(format!(
            "the value of {variable} is not UTF-8 text"
        ))),
    }
}

/// Where a variable is set in the usual files: `PATH:LINE`. The files are never changed.
pub(super) fn places(variable: &str) -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let below_home = home
        .iter()
        .flat_map(|home| STARTUP.map(|file| home.join(file)));
    let here = std::env::current_dir()
        .ok()
        .map(|folder| folder.join(".env"));
    let mut files: Vec<PathBuf> = below_home.chain(here).collect();
    files.dedup();
    files
        .iter()
        .flat_map(|path| lines(path, variable))
        .collect()
}

fn lines(path: &Path, variable: &str) -> Vec<String> {
    let Ok(Some(bytes)) = crate::disk::read(path, crate::disk::Privacy::Any) else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let sets = |line: &str| {
        let words: Vec<&str> = line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .collect();
        words.contains(&variable)
            && (line.contains(&format!("{variable}=")) || line.trim_start().starts_with("set "))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| sets(line))
        .map(|(number, _)| format!("{}:{}", path.display(), number + 1))
        .collect()
}
