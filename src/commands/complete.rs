//! Completion of names, from the index and the catalogue. No store is opened, and the network is
//! not used.

use crate::config::{Client, Paths};
use crate::credential::Kind;
use crate::provider::{Catalogue, Row};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

/// The names of credentials.
pub(super) fn credentials() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .map(|paths| paths.index().names())
            .unwrap_or_default();
        names
            .iter()
            .map(|name| CompletionCandidate::new(name.to_string()))
            .collect()
    })
}

/// The names of providers.
pub(super) fn providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment()
            .map(|paths| Catalogue::new(&paths).names())
            .unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}

/// The names of API keys.
pub(super) fn keys() -> ArgValueCandidates {
    of_kind(Kind::Key)
}

/// The names of logins.
pub(super) fn logins() -> ArgValueCandidates {
    of_kind(Kind::Login)
}

fn of_kind(kind: Kind) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let entries = Paths::from_environment()
            .map(|paths| paths.index().all().readable)
            .unwrap_or_default();
        let fits = entries.into_iter().filter(|entry| entry.kind == kind);
        fits.map(|entry| CompletionCandidate::new(entry.name.to_string()))
            .collect()
    })
}

/// The names of providers with logins, and of stored logins.
pub(super) fn login_targets() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(paths) = Paths::from_environment() else {
            return Vec::new();
        };
        let rows = rows(&paths, |row| row.oauth.is_some());
        let logins = paths
            .index()
            .all()
            .readable
            .into_iter()
            .filter(|entry| entry.kind == Kind::Login);
        let mut names: Vec<String> = logins
            .map(|entry| entry.name.to_string())
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

/// Providers with a stored client.
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
