//! A rotation in a keeper: it creates, replaces and revokes keys, and this process may be killed at
//! any moment.

use super::rotate::rotate_claimed;
use super::setup::manager;
use super::{Error, Options, Report};
use crate::credential::{Kind, Name};
use crate::keeper::{self, Reported};
use crate::lifecycle::{self, Context, Wanted, token};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The word for this task.
pub const ROTATE: &str = "rotate";

/// How long to wait for the keeper. A rotation may send two dozen requests, or call a program as
/// often, each of which may take a minute.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// What a keeper needs to know about a rotation.
#[derive(Serialize, Deserialize)]
pub struct Rotate {
    /// The credential.
    pub name: Name,
    options: Options,
}

/// How far a rotation got in the keeper.
#[derive(Serialize, Deserialize)]
pub struct Rotated {
    /// Its report, or why it did not finish.
    pub report: Result<Report, Trouble>,
    /// What to tell the user, whatever the outcome.
    pub warnings: Vec<String>,
}

/// Why a rotation did not finish in the keeper.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// [`Error::Manual`].
    Manual,
    /// [`Error::NotAgreed`].
    NotAgreed {
        /// The unverified fields.
        fields: String,
    },
    /// Anything else.
    Failed(Reported),
}

impl Trouble {
    /// What the caller needs to know of an error; `report` makes the text for the user.
    pub fn of(error: Error, report: impl FnOnce(Error) -> Reported) -> Self {
        match error {
            Error::Manual { .. } => Self::Manual,
            Error::NotAgreed { fields, .. } => Self::NotAgreed { fields },
            error => Self::Failed(Reported {
                store: error.store(),
                is_logged: true,
                ..report(error)
            }),
        }
    }

    fn into_error(self, name: &Name) -> Error {
        let name = name.clone();
        match self {
            Self::Manual => Error::Manual { name },
            Self::NotAgreed { fields } => Error::NotAgreed { name, fields },
            Self::Failed(failure) => Error::Reported(failure),
        }
    }
}

/// Rotates one credential, or continues a rotation that was interrupted. `warnings` gets what to
/// tell the user, whatever the outcome.
///
/// # Errors
/// See [`Error`]; whatever was created is kept.
pub fn rotate(
    context: &Context<'_>,
    name: &Name,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Report, Error> {
    let entry = context.index.entry(name).map_err(lifecycle::Error::from)?;
    if entry.kind == Kind::Login {
        let wanted = Wanted {
            force: true,
            ..Wanted::default()
        };
        warnings.extend(token(context, name, &wanted)?.warnings);
        return Ok(Report {
            refreshed: true,
            ..Report::default()
        });
    }
    // Before the key is claimed: the manager may have to be refreshed under a lock of its own, or
    // its store opened by a person.
    manager(context, &entry, options)?;
    context
        .stores
        .open_now(entry.store)
        .map_err(lifecycle::Error::from)?;
    let lock = context.claim(name)?.into_lock();
    let task = Rotate {
        name: name.clone(),
        options: options.clone(),
    };
    let stores = context.stores.opened();
    let target = name.to_string();
    let rotated: Rotated = keeper::run(lock, (ROTATE, &target), stores, task, PATIENCE)
        .map_err(lifecycle::Error::from)?;
    warnings.extend(rotated.warnings);
    rotated.report.map_err(|trouble| trouble.into_error(name))
}

/// Rotates a key in the keeper, under the lock of its caller.
///
/// # Errors
/// As for [`rotate`].
pub fn rotate_in_keeper(
    context: &Context<'_>,
    lock: Option<i32>,
    task: &Rotate,
    warnings: &mut Vec<String>,
) -> Result<Report, Error> {
    let claim = context.inherit_claim(&task.name, lock)?;
    rotate_claimed(&claim, &task.options, warnings)
}
