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
    /// Whether the page does not ask for a redirect URI, because every loopback URI is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_redirect_uri: bool,
}
