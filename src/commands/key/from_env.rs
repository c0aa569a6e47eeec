//! `key add --from-env`: a key out of this process's environment, and where it was put there.

use crate::app::App;
use crate::credential::Name;
use crate::failure::{Code, Failure};
use crate::provider::Part;
use crate::secret::{Alphabet, Secret};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files in which people set variables, below the home folder.
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
    variables: &[String],
    parts: &[Part],
) -> Result<BTreeMap<String, Secret>, Failure> {
    if variables.len() != parts.len() {
        let names: Vec<&str> = parts.iter().map(|part| part.label.as_str()).collect();
        return Err(Failure::new(
            Code::Usage,
            format!(
                "such a key has {} parts ({}): give `--from-env` for each",
                parts.len(),
                names.join(", ")
            ),
        ));
    }
    let read = |(part, variable): (&Part, &String)| {
        let value = Secret::new(value(variable)?);
        value.check(Alphabet::Printable).map_err(|reason| {
            Failure::new(Code::Usage, format!("the value of {variable} {reason}"))
        })?;
        Ok((part.name.clone(), value))
    };
    parts.iter().zip(variables).map(read).collect()
}

/// The provider whose keys are conventionally in this variable.
pub(super) fn name_of(app: &App, variable: &str) -> Result<Option<Name>, Failure> {
    value(variable)?;
    let rows = app
        .catalogue
        .names()
        .into_iter()
        .filter_map(|name| app.catalogue.find(&name).ok().flatten());
    let mut fits = rows.filter(|row| {
        row.key
            .as_ref()
            .is_some_and(|key| key.env.iter().any(|name| name == variable))
    });
    let found = fits.next().filter(|_| fits.next().is_none());
    Ok(found.map(|row| row.name.parse()).transpose()?)
}

/// The value of a variable.
fn value(variable: &str) -> Result<String, Failure> {
    match std::env::var(variable) {
        Ok(value) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
        Ok(_) => Err(Failure::new(
            Code::Usage,
            format!("the variable {variable} is empty"),
        )),
        Err(std::env::VarError::NotPresent) => Err(Failure::new(
            Code::Usage,
            format!("there is no variable {variable} here"),
        )),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::new(
            Code::Usage,
            format!("the value of {variable} is not plain text"),
        )),
    }
}

/// Where a variable is set, as far as it stands in the usual files: `PATH:LINE`. They are read and never changed.
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
