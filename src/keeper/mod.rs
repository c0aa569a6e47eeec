//! The keeper: this program again, as a process of its own that outlives its caller.
//!
//! Every operation that uses up a token or changes a key at a provider runs there: a refresh, the
//! redemption of a code, a rotation. Callers can be killed at any moment (a time limit, Ctrl-C, a
//! closed terminal, the end of a CI job), and then nobody would be left to read the provider's
//! answer.
//!
//! The caller holds the lock of the credential when it starts the keeper, which inherits the open
//! lock file: the lock is held until the keeper has saved the result, whatever happens to the
//! caller. The request is written to the keeper's standard input, and the outcome to its standard
//! output. The keeper runs in a session of its own, never prompts, and exits when it is
//! done.

#[cfg(unix)]
mod inherit;
mod serve;
mod start;

use crate::code::Code;
use crate::credential::StoreKind;
use crate::secret::{Secret, stored_option};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub use serve::{Call, answer, receive};
#[cfg(unix)]
pub use start::reap;
pub use start::run;

/// The hidden command that runs this program as a keeper.
pub const KEEP: &str = "__keep";

/// What a keeper writes before it reads the request: no other process can inspect it from now on.
const READY: u8 = b'+';

/// What ends an outcome, which is one line of JSON.
const END: u8 = b'\n';

/// How long a keeper may take until then.
const START: Duration = Duration::from_secs(20);

/// The longest request or outcome, in bytes.
const MAX_MESSAGE: u64 = 4 * 1024 * 1024;

/// What a keeper is asked to do.
#[derive(Serialize, Deserialize)]
pub struct Request<T> {
    /// How much it writes to the log: the number of `-v`.
    pub verbosity: u8,
    /// How the stores are opened.
    pub stores: Opened,
    /// The task.
    pub task: T,
}

/// How a keeper opens the stores.
#[derive(Serialize, Deserialize)]
pub struct Opened {
    /// The vault identity, if the caller has opened it: a keeper asks for no passphrase.
    #[serde(serialize_with = "stored_option")]
    pub identity: Option<Secret>,
    /// The time limit for all keychain calls. It is longer if a person can enter its password.
    pub patience: Duration,
}

/// How a task ended.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<T> {
    /// It succeeded.
    Done(T),
    /// It failed.
    Failed(Reported),
}

/// A failure that the keeper reported, ready for the user.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Reported {
    /// The exit code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The store that could not be used, if that is the reason.
    pub store: Option<StoreKind>,
    /// Whether the keeper has written the failure to the audit log.
    pub is_logged: bool,
}

/// Why a keeper did not do its task.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper was not started, so nothing was sent.
    #[error("cannot start another process: {0}")]
    Start(std::io::Error),
    /// It ended without an outcome. What it saved before is not lost.
    #[error("the process that talks to the provider ended unexpectedly")]
    Ended,
    /// It is still at work.
    #[error("the provider has not answered after {} seconds; a background process is still waiting", patience.as_secs())]
    Late {
        /// How long the caller waited.
        patience: Duration,
    },
    /// The task failed.
    #[error(transparent)]
    Failed(Reported),
}

impl Error {
    /// Whether the keeper writes the event to the audit log, or has done so.
    pub fn is_logged(&self) -> bool {
        match self {
            Self::Start(_) | Self::Ended => false,
            Self::Late { .. } => true,
            Self::Failed(reported) => reported.is_logged,
        }
    }
}
