//! What a rotation is asked to do, and how far it got.

use crate::credential::Name;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What the user wants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Whether a new key is created; otherwise only an unfinished rotation is finished.
    pub create: bool,
    /// Whether the new key may have more permissions, or live longer, than the previous one.
    pub force: bool,
    /// How long the previous key stays valid.
    pub grace: SignedDuration,
    /// Whether the user gave the grace period now; then it also counts for keys that are waiting
    /// already.
    pub grace_given: bool,
    /// The credential that manages the key.
    pub manager: Option<Name>,
    /// The generation that was found to be due. If the record has another one by now, it is not due
    /// any more.
    pub planned: Option<u64>,
    /// Whether the user agreed to a recipe with unverified facts.
    pub agreed: bool,
}

/// How far a rotation got.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Whether a new key is handed out now.
    pub switched: bool,
    /// Whether a login got a fresh token.
    pub refreshed: bool,
    /// How many previous keys were revoked at the provider.
    pub revoked: usize,
    /// How many previous keys a person has to revoke, without authctl being able to ask whether
    /// that was done.
    pub to_revoke_manually: usize,
    /// Until when the previous key stays valid.
    pub waits_until: Option<Timestamp>,
}
