//! What is printed about secrets and how they were stored or removed.

use crate::credential::{Kind, StoreKind};
use serde::Serialize;

documents! {
    /// `token`: the access token, or the key.
    Token<'a> {
        /// The credential.
        name: String,
        /// `login` or `key`.
        kind: Kind,
        /// The secret itself.
        token: &'a str,
        /// When it expires (RFC 3339), if known.
        expires_at: Option<String>,
    }

    /// `header --format json`: the request headers.
    Headers<'a> {
        /// The headers, in the order in which they are sent.
        headers: Vec<Header<'a>>,
        /// When they expire (RFC 3339), if known.
        expires_at: Option<String>,
    }

    /// One header.
    Header<'a> {
        /// The field name.
        name: &'a str,
        /// The field value, which contains the secret.
        value: &'a str,
    }

    /// `refresh`.
    Refreshed {
        /// The login.
        name: String,
        /// When the new access token expires (RFC 3339).
        expires_at: Option<String>,
    }

    /// `login`.
    LoggedIn {
        /// The credential.
        name: String,
        /// `login`.
        kind: Kind,
        /// The granted scopes.
        scopes: Vec<String>,
        /// The store: `keychain` or `vault`.
        store: StoreKind,
    }

    /// `logout` and `key remove`.
    Removed {
        /// The credential.
        name: String,
        /// Whether it was revoked at the provider.
        revoked: bool,
        /// Whether it was deleted from its store.
        deleted: bool,
    }

    /// `key add`.
    Added {
        /// The credential.
        name: String,
        /// `key`.
        kind: Kind,
    }

    /// `move`.
    Moved {
        /// The credential.
        name: String,
        /// The new store.
        store: StoreKind,
    }

    /// `rename`.
    Renamed {
        /// The new name.
        name: String,
        /// The old name.
        was: String,
    }
}
