//! OAuth clients: registrations of the user's, one for each provider. authctl has no client ids of
//! its own.

use super::{Error, Paths, provider_files, read_toml};
use crate::credential::{Id, StoreKind};
use crate::disk;
use crate::secret::{Secret, stored};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// `clients/PROVIDER.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// The client identifier (RFC 6749 section 2.2).
    pub client_id: String,
    /// The item with the client secret, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<Id>,
    /// The store of that item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store: Option<StoreKind>,
    /// The client that this one is replacing; logins that were made with it still use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<Client>>,
}

/// A stored client secret, with what it is bound to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecret {
    /// The provider.
    pub provider: String,
    /// The client id.
    pub client_id: String,
    /// The endpoint that it may be sent to.
    pub token_endpoint: String,
    /// The endpoint that it may be sent to when a login is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// The secret.
    #[serde(serialize_with = "stored")]
    pub client_secret: Secret,
}

impl ClientSecret {
    /// The text for the store.
    pub fn to_text(&self) -> Secret {
        // Serializing plain strings cannot fail.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// Reads what [`ClientSecret::to_text`] wrote; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Client {
    fn path(paths: &Paths, provider: &str) -> PathBuf {
        paths.clients().join(format!("{provider}.toml"))
    }

    /// The providers with a stored client, sorted.
    ///
    /// # Errors
    /// The folder of the clients cannot be read.
    pub fn providers(paths: &Paths) -> Result<Vec<String>, Error> {
        provider_files(&paths.clients())
    }

    /// The user's client for a provider.
    ///
    /// # Errors
    /// The file cannot be read, or is invalid.
    pub fn read(paths: &Paths, provider: &str) -> Result<Option<Self>, Error> {
        read_toml(&Self::path(paths, provider))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, paths: &Paths, provider: &str) -> Result<(), Error> {
        let path = Self::path(paths, provider);
        let text = toml::to_string(self).map_err(|error| Error::Malformed {
            path: path.clone(),
            at: String::new(),
            reason: error.to_string(),
        })?;
        Ok(disk::write(&path, text.as_bytes())?)
    }

    /// Deletes the file.
    ///
    /// # Errors
    /// The disk refused.
    pub fn delete(paths: &Paths, provider: &str) -> Result<(), Error> {
        Ok(disk::remove(&Self::path(paths, provider))?)
    }

    /// The registrations with this client id, the newest first: this one, and those that it is
    /// replacing.
    pub fn all_of<'a>(&'a self, client_id: &'a str) -> impl Iterator<Item = &'a Self> {
        std::iter::successors(Some(self), |client| client.earlier.as_deref())
            .filter(move |client| client.client_id == client_id)
    }

    /// The newest registration with this client id.
    pub fn of<'a>(&'a self, client_id: &'a str) -> Option<&'a Self> {
        self.all_of(client_id).next()
    }

    /// Whether `text` is a valid client identifier: RFC 6749 appendix A.1 allows printable ASCII.
    pub fn is_valid_id(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= 512
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_malformed_file_is_an_error_that_names_it(garbage in "[a-z]{1,8} ?[=\\[\"]?[^\\r\\n]{0,20}\n?") {
            let home = tempfile::tempdir().unwrap();
            let paths = Paths::in_one(home.path());
            disk::write(&Client::path(&paths, "acme"), garbage.as_bytes()).unwrap();
            std::fs::write(paths.config_file(), &garbage).unwrap();
            let error = Client::read(&paths, "acme").unwrap_err().to_string();
            prop_assert!(error.contains("acme.toml"), "{}", error);
            prop_assert!(crate::config::Config::load(&paths).is_err());
        }
    }

    #[test]
    fn a_client_survives_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::in_one(home.path());
        let client = Client {
            client_id: "abc".into(),
            secret_id: None,
            secret_store: None,
            earlier: None,
        };
        client.write(&paths, "acme").unwrap();
        assert_eq!(Client::read(&paths, "acme").unwrap(), Some(client));
        assert_eq!(Client::read(&paths, "other").unwrap(), None);
    }

    #[test]
    fn client_ids_are_printable_and_bounded() {
        assert!(Client::is_valid_id("Iv1.0123 x"));
        for bad in ["", "a\nb", "ä", &"x".repeat(513)] {
            assert!(!Client::is_valid_id(bad));
        }
    }
}
