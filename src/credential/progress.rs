//! The small things that an index file tells of a credential.

use super::{Id, Name, StoreKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which half of its life a credential is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being stored for the first time; whoever meets this under the lock finishes or forgets it.
    Adding,
    /// There.
    #[default]
    Active,
    /// Being revoked and removed; whoever meets this under the lock finishes it.
    Removing,
    /// Being removed here only.
    Forgetting,
    /// Being stored under another name; what became of that decides which of the two names is left.
    Renaming,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Adding => "adding",
            Self::Active => "active",
            Self::Removing => "removing",
            Self::Forgetting => "forgetting",
            Self::Renaming => "renaming",
        })
    }
}

/// Why the last refresh gave no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LastError {
    /// When.
    #[cfg_attr(test, schemars(with = "String"))]
    pub at: Timestamp,
    /// The name of the exit code: `unreachable` or `login_required`.
    pub code: String,
    /// In words without secrets.
    pub reason: String,
}

/// The other entry of a renaming: what takes this one's place, or whose place this one takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// Its name.
    pub name: Name,
    /// Its id, so that a later credential of that name is not taken for it.
    pub id: Id,
}

/// An item that could not be deleted yet, or that a store may still bring into being: it is named until it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// The store that holds it.
    pub store: StoreKind,
    /// The name under which it was stored.
    pub name: Name,
    /// The id under which it lies there.
    pub id: Id,
    /// A write that timed out may bring it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
