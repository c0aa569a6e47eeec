//! Where things lie, what the user set, and the user's OAuth client registrations.

mod client;
mod duration;
mod paths;

pub use client::{Client, ClientSecret};
pub use duration::{duration, interval};
pub use paths::Paths;

use crate::credential::StoreKind;
use crate::disk::{self, Privacy};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `config.toml` may say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where new credentials are kept, unless a flag or `AUTHCTL_STORE` says otherwise.
    pub store: Option<StoreKind>,
    /// How keys are rotated.
    #[serde(default)]
    pub rotation: RotationConfig,
}

/// What it may say of rotation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RotationConfig {
    /// How often keys are rotated (`30d`, or `never`), unless a key or its provider says otherwise.
    pub every: Option<String>,
    /// The same for the keys of one provider.
    pub providers: BTreeMap<String, String>,
    /// How long a replaced key stays good (`24h`).
    pub grace: Option<String>,
    /// A program, and its arguments, that is run when a scheduled rotation failed.
    pub notify: Vec<String>,
}

/// Why a file of the user's cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// It says something this program does not understand.
    #[error("{}{at}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// `:LINE` where it is known.
        at: String,
        /// What is wrong.
        reason: String,
    },
}

/// Reads a TOML file of the user's; `None` when there is none.
///
/// # Errors
/// It cannot be read, or does not fit `T`; the line is named.
pub fn read_toml<T: serde::de::DeserializeOwned>(
    path: &std::path::Path,
) -> Result<Option<T>, Error> {
    let Some(bytes) = disk::read(path, Privacy::Shared)? else {
        return Ok(None);
    };
    parse_toml(path, &bytes).map(Some)
}

/// Reads TOML that came from `path`.
///
/// # Errors
/// It does not fit `T`; the line is named.
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
    /// The user's settings; the defaults when there is no file.
    ///
    /// # Errors
    /// The file cannot be read or says something unknown.
    pub fn load(paths: &Paths) -> Result<Self, Error> {
        Ok(read_toml(&paths.config_file())?.unwrap_or_default())
    }
}
