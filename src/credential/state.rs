//! Where an entry stands in its life, and the small facts that the index keeps about it.

use super::{Entry, Id, Name, StoreKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a credential is in its life. Anything but [`State::Active`] was left by an interrupted
/// command; the next command that takes the lock finishes it or undoes it.
#[derive(Clone, Debug)]
pub enum State {
    /// Stored and usable.
    Active,
    /// Being stored for the first time.
    Adding {
        /// The entry that is being replaced; it comes back if the addition is undone.
        earlier: Option<Box<Entry>>,
        /// A store write that timed out may still take effect until this time.
        may_land_until: Option<Timestamp>,
    },
    /// Being revoked at the provider and deleted.
    Removing {
        /// The entry that an unfinished addition was replacing; it is deleted too.
        earlier: Option<Box<Entry>>,
    },
    /// Being deleted here without revoking anything.
    Forgetting {
        /// The entry that an unfinished addition was replacing; it is deleted too.
        earlier: Option<Box<Entry>>,
        /// A store write that timed out may still take effect until this time.
        may_land_until: Option<Timestamp>,
    },
    /// Being stored under another name. Whether the successor exists decides which of the two names
    /// stays.
    Renaming {
        /// The entry that takes this one's place.
        successor: Other,
    },
}

impl State {
    /// The name of the state, as files and `--json` have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Adding { .. } => "adding",
            Self::Removing { .. } => "removing",
            Self::Forgetting { .. } => "forgetting",
            Self::Renaming { .. } => "renaming",
        }
    }

    /// What was being done, for a sentence.
    pub fn doing(&self) -> &'static str {
        match self {
            Self::Forgetting { .. } => "removing",
            state => state.name(),
        }
    }

    /// Whether the credential is stored and usable.
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether it is being stored for the first time.
    pub fn is_adding(&self) -> bool {
        matches!(self, Self::Adding { .. })
    }

    /// Whether it is being stored under another name.
    pub fn is_renaming(&self) -> bool {
        matches!(self, Self::Renaming { .. })
    }

    /// The entry that is being replaced.
    pub fn earlier(&self) -> Option<&Entry> {
        match self {
            Self::Adding { earlier, .. }
            | Self::Removing { earlier }
            | Self::Forgetting { earlier, .. } => earlier.as_deref(),
            Self::Active | Self::Renaming { .. } => None,
        }
    }

    /// Takes the entry that is being replaced out of the state.
    pub fn into_earlier(self) -> Option<Box<Entry>> {
        match self {
            Self::Adding { earlier, .. }
            | Self::Removing { earlier }
            | Self::Forgetting { earlier, .. } => earlier,
            Self::Active | Self::Renaming { .. } => None,
        }
    }

    /// Until when a store write that timed out may still take effect.
    pub fn may_land_until(&self) -> Option<Timestamp> {
        match self {
            Self::Adding { may_land_until, .. } | Self::Forgetting { may_land_until, .. } => {
                *may_land_until
            }
            Self::Active | Self::Removing { .. } | Self::Renaming { .. } => None,
        }
    }
}

/// The kinds of failure that the index keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ErrorCode {
    /// A login is no longer valid.
    LoginRequired,
    /// The provider cannot be reached.
    Unreachable,
    /// The answer to a rotation was lost.
    NoReply,
    /// A new key is not accepted yet.
    NotAccepted,
    /// A key could not be revoked.
    NotRevoked,
    /// The store does not have the new key yet.
    NotInStore,
    /// A rotation was refused.
    Refused,
    /// The value of a key was replaced, and the new one was never received.
    Dead,
    /// There is no rotation recipe.
    NoRecipe,
    /// Anything else.
    Failed,
    /// A kind that this version does not know.
    Other(String),
}

impl ErrorCode {
    const NAMES: [(Self, &str); 10] = [
        (Self::LoginRequired, "login_required"),
        (Self::Unreachable, "unreachable"),
        (Self::NoReply, "no_reply"),
        (Self::NotAccepted, "not_accepted"),
        (Self::NotRevoked, "not_ended"),
        (Self::NotInStore, "not_taken"),
        (Self::Refused, "refused"),
        (Self::Dead, "dead"),
        (Self::NoRecipe, "no_recipe"),
        (Self::Failed, "failed"),
    ];
}

impl From<String> for ErrorCode {
    fn from(text: String) -> Self {
        let known = Self::NAMES.into_iter().find(|(_, name)| *name == text);
        known.map_or(Self::Other(text), |(code, _)| code)
    }
}

impl From<ErrorCode> for String {
    fn from(code: ErrorCode) -> Self {
        code.to_string()
    }
}

impl std::fmt::Display for ErrorCode {
    /// The name in files and in `--json`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Self::Other(text) = self {
            return f.write_str(text);
        }
        let name = Self::NAMES.iter().find(|(code, _)| code == self);
        f.write_str(name.map_or("failed", |(_, name)| name))
    }
}

/// Why the last attempt at something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LastError {
    /// When it failed.
    #[cfg_attr(test, schemars(with = "String"))]
    pub at: Timestamp,
    /// The kind of failure.
    #[cfg_attr(test, schemars(with = "String"))]
    pub code: ErrorCode,
    /// The message, without secrets.
    pub reason: String,
    /// Since when the server has been answering "later", without a success in between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub answered_since: Option<Timestamp>,
}

/// The other entry of a rename: the one that takes this one's place, or the one whose place this
/// one takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Other {
    /// Its name.
    pub name: Name,
    /// Its id, so that a later credential of the same name is not mistaken for it.
    pub id: Id,
}

/// An item that could not be deleted yet, or that a delayed store write may still create. It stays
/// listed until it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// The store that holds it.
    pub store: StoreKind,
    /// The name under which it was stored.
    pub name: Name,
    /// The id under which it was stored.
    pub id: Id,
    /// A store write that timed out may create it until this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The program that provided the keychain when it took the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provided_by: Option<String>,
}
