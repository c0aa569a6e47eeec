//! What works on this machine.

use super::Status;
use crate::credential::StoreKind;
use serde::Serialize;

documents! {
    /// `doctor`.
    #[derive(serde::Deserialize)]
    Doctor {
        /// The checks.
        checks: Vec<Check>,
        /// What to expect of each store that contains credentials.
        stores: Vec<StoreOutlook>,
        /// Whether the checks ran in the environment of cron.
        as_cron: bool,
    }

    /// One check.
    #[derive(serde::Deserialize)]

    Check {
        /// What was checked.
        name: String,
        /// `ok`, `note` or `problem`.
        status: Status,
        /// The result.
        detail: String,
        /// What to do about it.
        hint: Option<String>,
    }

    /// What to expect of a store.
    #[derive(serde::Deserialize)]

    StoreOutlook {
        /// `keychain` or `vault`.
        store: StoreKind,
        /// The number of credentials in it.
        credentials: usize,
        /// The exit code of a command that reads one.
        exit_code: u8,
        /// A description.
        detail: String,
    }
}
