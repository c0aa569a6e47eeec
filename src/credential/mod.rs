//! Credentials: names, ids, origins, records (the secret part) and entries of the index (the rest).

mod bound;
mod entry;
mod entry_file;
mod index;
mod name;
mod origin;
mod record;
mod scope;
mod slots;
mod state;

pub use bound::{Bound, ClientAuth};
pub use entry::{Entry, LoginState, RotationState};
pub use index::{Entries, Index, IndexError};
pub use name::{Id, Name, NameError, check_part};
pub use origin::{Origin, OriginError, is_loopback, plain_url, trusted_url};
pub use record::{AccessToken, Record, RecordError, SecretPart};
pub use scope::{is_granted, scope_words};
/// What strangers may have edited, for the fuzzer.
#[cfg(any(test, fuzzing))]
pub mod fuzz {
    pub use super::index::fuzz as entry;
    pub use super::record::fuzz as record;
}
pub use slots::{Made, Making, Parts, Progress, Retiring, Slots, same_parts};
pub use state::{ErrorCode, LastError, Leftover, Other, State};

use serde::{Deserialize, Serialize};

/// The two kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An API key, of one or more parts.
    Key,
    /// An OAuth login.
    Login,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Login => "login",
        })
    }
}

/// The credential stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The keychain of the operating system
    Keychain,
    /// A folder of age files, protected by a passphrase or (unattended) by a key in the same folder
    Vault,
}

impl StoreKind {
    /// All stores.
    pub const ALL: [Self; 2] = [Self::Keychain, Self::Vault];

    /// The name of the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::Vault => "vault",
        }
    }
}

impl std::fmt::Display for StoreKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
