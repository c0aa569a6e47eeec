//! What a tab completes besides commands and flags: names from the index and the catalogue, read from their folders
//! alone. No store is opened and no network is touched.

use crate::config::{Client, Paths};
use crate::credential::{Index, Kind};
use crate::provider::{Catalogue, Row};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

/// The names of credentials.
pub(super) fn credentials() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .map(|paths| Index::names(&paths.credentials()))
            .unwrap_or_default();
        names
            .iter()
            .map(|name| CompletionCandidate::new(name.to_string()))
            .collect()
    })
}

/// The names of providers: what a login or a key can be made for.
pub(super) fn providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .map(|paths| Catalogue::new(&paths).names())
            .unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The names of API keys alone.
pub(super) fn keys() -> ArgValueCandidates {
    of_kind(Kind::Key)
}

/// The names of logins alone.
pub(super) fn logins() -> ArgValueCandidates {
    of_kind(Kind::Login)
}

fn of_kind(kind: Kind) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let entries = Paths::from_environment()
            .map(|paths| Index::all(&paths.credentials()))
            .unwrap_or_default();
        let fits = entries
            .into_iter()
            .flatten()
            .filter(|index| index.kind == kind);
        fits.map(|index| CompletionCandidate::new(index.name.to_string()))
            .collect()
    })
}

/// What one can log in to: providers with logins, and the logins that there are.
pub(super) fn login_targets() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(paths) = Paths::from_environment() else {
            return Vec::new();
        };
        let rows = rows(&paths, |row| row.oauth.is_some());
        let logins = Index::all(&paths.credentials())
            .into_iter()
            .flatten()
            .filter(|index| index.kind == Kind::Login);
        let mut names: Vec<String> = logins
            .map(|index| index.name.to_string())
            .chain(rows)
            .collect();
        names.sort();
        names.dedup();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// Providers with logins.
pub(super) fn login_providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(|row| row.oauth.is_some()))
}

/// Providers with keys.
pub(super) fn key_providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(|row| row.key.is_some()))
}

/// Providers that there are clients of.
pub(super) fn clients() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .map(|paths| Client::providers(&paths))
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
    let rows = catalogue
        .names()
        .into_iter()
        .filter_map(|name| catalogue.find(&name).ok().flatten());
    rows.filter(|row| fits(row)).map(|row| row.name).collect()
}
