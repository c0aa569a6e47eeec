//! Completion of names, from the index and the catalogue. No store is opened, and the network is
//! not used.

use crate::config::{Client, Paths};
use crate::credential::{Kind, Name};
use crate::provider::{Catalogue, Row};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// The names of credentials.
pub(super) fn credentials() -> ArgValueCandidates {
    ArgValueCandidates::new(|| offer(stored_names().iter().map(Name::to_string).collect()))
}

fn stored_names() -> Vec<Name> {
    let names = Paths::from_environment().and_then(|paths| paths.index().names().ok());
    names.map(|names| names.readable).unwrap_or_default()
}

/// The names of providers.
pub(super) fn providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .and_then(|paths| Catalogue::new(&paths).names().ok())
            .unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The names of API keys.
pub(super) fn keys() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| offer(names_of(Kind::Key, typed)))
}

/// The names of logins.
pub(super) fn logins() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| offer(names_of(Kind::Login, typed)))
}

/// The names of providers with logins, and of stored logins.
pub(super) fn login_targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let mut names = names_of(Kind::Login, typed);
        let rows = Paths::from_environment().map(|paths| rows(&paths, |row| row.oauth.is_some()));
        let fits = |name: &String| name.starts_with(&*typed.to_string_lossy());
        names.extend(rows.unwrap_or_default().into_iter().filter(fits));
        names.sort();
        names.dedup();
        offer(names)
    })
}

/// The largest number of entries that are read to complete a name, which must be too fast for a
/// person to notice a delay. If more match what was typed, the names of the other kind are offered
/// as well.
const MAX_READ: usize = 500;

/// The names of this kind that begin with what was typed.
fn names_of(kind: Kind, typed: &OsStr) -> Vec<String> {
    let Some(paths) = Paths::from_environment() else {
        return Vec::new();
    };
    let (index, typed) = (paths.index(), typed.to_string_lossy());
    let fits = |name: &Name| name.to_string().starts_with(&*typed);
    let names = index.names().map(|names| names.readable);
    let mut names: Vec<Name> = names.unwrap_or_default().into_iter().filter(fits).collect();
    if names.len() <= MAX_READ {
        names.retain(|name| match index.find(name) {
            Ok(entry) => entry.is_some_and(|entry| entry.kind == kind),
            Err(_) => false,
        });
    }
    names.iter().map(Name::to_string).collect()
}

fn offer(names: Vec<String>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Providers with logins.
pub(super) fn login_providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(|row| row.oauth.is_some()))
}

/// Providers with keys.
pub(super) fn key_providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(|row| row.key.is_some()))
}

/// Providers with a stored client.
pub(super) fn clients() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .and_then(|paths| Client::providers(&paths).ok())
            .unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

fn candidates(fits: impl Fn(&Row) -> bool) -> Vec<CompletionCandidate> {
    let names = Paths::from_environment()
        .map(|paths| rows(&paths, fits))
        .unwrap_or_default();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn rows(paths: &Paths, fits: impl Fn(&Row) -> bool) -> Vec<String> {
    let catalogue = Catalogue::new(paths);
    let rows = catalogue.rows().unwrap_or_default().into_iter();
    rows.filter(|row| fits(row)).map(|row| row.name).collect()
}

/// What `exec` is given: credentials, then a program after `--`. (The library takes everything for
/// values of the first positional argument.)
pub(super) fn credentials_or_programs() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        match words_after_dashes() {
            None => {
                let names = stored_names();
                let names = names.iter().map(Name::to_string);
                offer(names.filter(|name| name.starts_with(&*typed)).collect())
            }
            Some(0) if !typed.is_empty() && !typed.contains('/') => offer(programs(&typed)),
            // The shell itself completes files.
            Some(_) => Vec::new(),
        }
    })
}

/// The programs in PATH that begin with what was typed.
fn programs(typed: &str) -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&path).filter_map(|folder| folder.read_dir().ok());
    let begins = |name: &String| name.starts_with(typed);
    let names: BTreeSet<String> = files
        .flatten()
        .flatten()
        .filter_map(|file| Some((file.file_name().into_string().ok().filter(begins)?, file)))
        .filter(|(_, file)| is_program(&file.path()))
        .map(|(name, _)| name)
        .collect();
    names.into_iter().collect()
}

/// How many words are between `--` and the word that is completed; `None` if there is no `--`. The
/// command line begins after a first `--`; fish alone does not say which of the words it is.
fn words_after_dashes() -> Option<usize> {
    let words: Vec<_> = std::env::args_os().skip(2).collect();
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok();
    let index = index.and_then(|text| text.parse().ok());
    let index: usize = index.unwrap_or(words.len().saturating_sub(1));
    let before = words.get(..index.min(words.len()))?;
    let dashes = before.iter().position(|word| word == "--")?;
    Some(index - dashes - 1)
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "exe")
}

/// The pages of the manual.
pub(super) fn pages() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let mut names = vec!["secrets".to_owned(), "providers".to_owned()];
        for command in super::command_line().get_subcommands() {
            names.push(command.get_name().to_owned());
            let below = command.get_subcommands();
            names.extend(below.map(|below| format!("{}-{}", command.get_name(), below.get_name())));
        }
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}
