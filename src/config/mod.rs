//! Folders, settings and OAuth clients.

mod cache;
mod client;
mod paths;

pub use cache::{CacheTime, CacheTimes};
pub use client::{Client, ClientSecret};
pub use paths::Paths;

use crate::credential::{Name, StoreKind};
use crate::disk::{self, Privacy};
use crate::time::{Interval, optional_duration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The settings in `config.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The store for new credentials, unless a flag or `AUTHCTL_STORE` names another.
    pub store: Option<StoreKind>,
    /// For how long cached tokens stay readable without the keychain (`15m`, or `never`).
    #[serde(default)]
    pub cache: CacheTime,
    /// The settings of single credentials.
    #[serde(default)]
    pub credentials: BTreeMap<Name, CredentialConfig>,
    /// How keys are rotated.
    #[serde(default)]
    pub rotation: RotationConfig,
}

/// The settings of one credential.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table of settings")]
pub struct CredentialConfig {
    /// Like `cache` of all credentials.
    pub cache: Option<CacheTime>,
}

/// The settings for rotations.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotationConfig {
    /// How often keys are rotated (`30d`, or `never`), unless it is set for a key or its provider.
    pub every: Option<Interval>,
    /// How often the keys of a provider are rotated.
    pub providers: BTreeMap<String, Interval>,
    /// How long a previous key stays valid (`24h`).
    #[serde(deserialize_with = "optional_duration")]
    pub grace: Option<Duration>,
    /// A program with its arguments, which is run when a scheduled rotation fails.
    pub notify: Vec<String>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// It is invalid.
    #[error("{}{at}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `:LINE` if it is known.
        at: String,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a TOML file; `None` if there is none.
///
/// # Errors
/// It cannot be read, or does not match `T`; the line is named.
pub fn read_toml<T: serde::de::DeserializeOwned>(
    path: &std::path::Path,
) -> Result<Option<T>, Error> {
    let Some(bytes) = disk::read(path, Privacy::Shared)? else {
        return Ok(None);
    };
    parse_toml(path, &bytes).map(Some)
}

/// The names of the providers that have a file in a folder, sorted.
///
/// # Errors
/// The folder cannot be read.
pub fn provider_files(folder: &std::path::Path) -> Result<Vec<String>, Error> {
    let files = disk::names_in(folder)?;
    let names = files.iter().filter_map(|file| file.strip_suffix(".toml"));
    // A file whose name is not a valid provider name is ignored: a shell would offer it as a
    // completion.
    let mut names: Vec<String> = names
        .filter(|name| crate::credential::check_part(name, "").is_ok())
        .map(str::to_owned)
        .collect();
    names.sort();
    Ok(names)
}

/// Parses TOML from the file `path`.
///
/// # Errors
/// It does not match `T`; the line is named.
pub fn parse_toml<T: serde::de::DeserializeOwned>(
    path: &std::path::Path,
    bytes: &[u8],
) -> Result<T, Error> {
    let malformed = |at, reason| Error::Malformed {
        path: path.to_owned(),
        at,
        reason,
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|_| malformed(String::new(), "it is not UTF-8 text".to_owned()))?;
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        malformed(
            line.map(|line| format!(":{line}")).unwrap_or_default(),
            error.message().to_owned(),
        )
    })
}

impl Config {
    /// The user's settings; the defaults if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or is invalid.
    pub fn load(paths: &Paths) -> Result<Self, Error> {
        Ok(read_toml(&paths.config_file())?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_in_the_readme_are_valid() {
        let readme = include_str!("../../README.md").replace("\r\n", "\n");
        let examples: Vec<Config> = readme
            .split("```toml\n")
            .skip(1)
            .map(|text| toml::from_str(text.split("```").next().unwrap()).unwrap())
            .collect();
        let [rotation, cache] = examples.as_slice() else {
            panic!("the readme has two examples");
        };
        let times = CacheTimes::of(cache);
        assert!(times.time(&"github".parse().unwrap()).is_some());
        assert!(times.time(&"github/work".parse().unwrap()).is_none());
        let rotation = &rotation.rotation;
        assert_eq!(rotation.grace, Some(Duration::from_secs(24 * 60 * 60)));
        let every = rotation.every.as_ref();
        assert!(every.is_some_and(|every| every.every().is_ok()));
        let openai = rotation.providers.get("openai");
        assert!(openai.is_some_and(|every| every.every().is_ok()));
        assert_eq!(rotation.notify.len(), 2);
    }
}
