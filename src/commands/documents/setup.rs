//! Clients, providers and the vault.

use crate::credential::StoreKind;
use serde::Serialize;

documents! {
    /// `client add`, `client remove`, and one entry of `client list`.
    Client {
        /// The provider.
        provider: String,
        /// The client id.
        client_id: String,
        /// The store of its secret, if it has one.
        secret_store: Option<StoreKind>,
        /// The logins that use it.
        used_by: Vec<String>,
    }

    /// `provider list`: one provider.
    Provider {
        /// Its name.
        name: String,
        /// Its display name.
        title: String,
        /// `login`, `key`, or both.
        kinds: Vec<String>,
        /// `built in` or `yours`.
        source: String,
    }

    /// `provider add` and `provider check`.
    ProviderAdded {
        /// Its name.
        name: String,
    }

    /// `provider remove`.
    ProviderRemoved {
        /// Its name.
        name: String,
    }

    /// `vault …`.
    Vault {
        /// Whether it is unattended: its key is in the same folder, without a passphrase.
        unattended: bool,
    }

    /// `lock`.
    Locked {
        /// How many keys of sealed files were kept.
        forgotten: u64,
        /// Whether the vault was unlocked.
        vault: bool,
    }
}
