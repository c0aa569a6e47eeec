//! The registration of a client at a provider.

use serde::{Deserialize, Serialize};

/// Where and how a user registers a client.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The page on which a user registers a client.
    pub page: String,
    /// What to enter on the registration page, in addition to the redirect URI.
    pub note: String,
    /// Whether the provider accepts every loopback URI, so that no redirect URI is registered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_redirect_uri: bool,
}
