//! The values of fields in documents.

use crate::code::Code;
use serde::Serialize;

/// The outcome of one rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(in crate::commands) enum RotationOutcome {
    /// It succeeded, or nothing was due.
    Done(RotationStep),
    /// It failed.
    Failed(Code),
}

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum RotationStep {
    /// A new key is in use.
    Rotated,
    /// A login was refreshed.
    Refreshed,
    /// A previous key was revoked.
    Ended,
    /// Nothing had to be done.
    Nothing,
    /// The user has to do something.
    #[serde(rename = "by_hand")]
    Manual,
}

/// What would be done for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Action {
    /// Rotate the key.
    Rotate,
    /// Finish an interrupted rotation.
    Finish,
    /// Refresh the login.
    Refresh,
    /// Log in again, with `authctl login`.
    LogIn,
    /// Nothing.
    Nothing,
}

/// The result of a check of `doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Status {
    /// It works.
    Ok,
    /// It does not work, but there is an alternative.
    Note,
    /// It does not work, and commands will fail.
    Problem,
}

/// Whether a credential works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(in crate::commands) enum Verified {
    /// It can be used.
    Usable(Usable),
    /// It cannot be used.
    Failed(Code),
}

/// In what way a credential can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Usable {
    /// The provider accepts it.
    Good,
    /// The store contains it, and no request can verify it.
    Readable,
}

/// The JSON name of a value, for use in tables.
pub(in crate::commands) fn word(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| Some(value.as_str()?.replace('_', " ")))
        .unwrap_or_default()
}
