//! What a tab completes besides commands and flags: names from the index and the catalogue, read from their folders
//! alone. No store is opened and no network is touched.

use crate::config::Paths;
use crate::credential::Index;
use crate::provider::Catalogue;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

/// The names of credentials.
pub(super) fn credentials() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment().map(|paths| Index::names(&paths.credentials())).unwrap_or_default();
        names.iter().map(|name| CompletionCandidate::new(name.to_string())).collect()
    })
}

/// The names of providers: what a login or a key can be made for.
pub(super) fn providers() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Paths::from_environment().map(|paths| Catalogue::new(&paths).names()).unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}
