//! Failures of the stores.

use super::{Code, Failure};
use crate::credential::StoreKind::{Keychain, Vault};
use crate::store::Error;

/// What to do about a store that cannot be reached.
fn hint(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Locked {
            store: Vault,
            reason: Some(_),
        } => {
            "enter the passphrase in a terminal, or correct the file that AUTHCTL_VAULT_PASSPHRASE_FILE names"
        }
        Error::Locked {
            store: Vault,
            reason: None,
        } => "run `authctl vault unlock` in a terminal, or set AUTHCTL_VAULT_PASSPHRASE_FILE",
        Error::Locked {
            store: Keychain, ..
        } => {
            "unlock the keychain (log in to the desktop, or use your keychain application), then retry"
        }
        Error::TimedOut {
            store: Keychain, ..
        } => "look for a window that asks for the password of the keychain or for your permission",
        Error::Foreign { .. } => {
            "run the command as that user (`sudo -u USER authctl …`), or run it as root, either with root's home directory (`sudo -H authctl …`) or with AUTHCTL_HOME set to a folder owned by root"
        }
        Error::NoVault { .. } => "run `authctl vault init`",
        Error::Unavailable {
            store: Keychain, ..
        } => {
            "check that DBUS_SESSION_BUS_ADDRESS is set, and that a Secret Service is running and has a keyring (create one in your keychain application)"
        }
        Error::OtherKeychain { .. } => {
            "stop the program that provides the keychain now, and start the one that has the item; if that is gone for good, store the credential again with `--replace`"
        }
        _ => return None,
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::Tampered { .. } | Error::Foreign { .. } => Code::Refused,
            Error::Damaged { .. } => Code::Failed,
            _ => Code::StoreUnavailable,
        };
        Self {
            code,
            hint: hint(&error).map(str::to_owned),
            message: error.to_string(),
            missing: None,
        }
    }
}
