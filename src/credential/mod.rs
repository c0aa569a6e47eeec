//! What authctl keeps: names, ids, origins, records (the secret part) and index files (the rest).

mod bound;
mod index;
mod name;
mod origin;
mod progress;
mod record;
mod slots;

pub use bound::{Bound, ClientAuth};
pub use index::{Entries, Index, IndexError};
pub use name::{Id, Name, NameError, check_part};
pub use origin::{Origin, OriginError, is_loopback, plain_url, trusted_url};
pub use progress::{LastError, Leftover, Other, State};
pub use record::{AccessToken, Record, RecordError, SecretPart, scope_words};
pub use slots::{Made, Making, Parts, Progress, Retiring, Slots, same_parts};

use serde::{Deserialize, Serialize};

/// The two kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Where records live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// The keychain of the operating system
    Keychain,
    /// A folder of age files under a passphrase (or, unattended, a key beside them)
    Vault,
}

impl std::fmt::Display for StoreKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keychain => "keychain",
            Self::Vault => "vault",
        })
    }
}
