//! What a credential is bound to, fixed when it was stored: where its secrets may go.

use super::Origin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a client proves to the token endpoint who it is (RFC 6749 section 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// A public client: `client_id` in the body, no secret.
    #[default]
    None,
    /// HTTP Basic with form-encoded id and secret (section 2.3.1).
    Basic,
    /// `client_id` and `client_secret` in the body.
    Post,
}

/// The binding. The record holds the one that counts; the index holds a copy that `list` may read without the store,
/// and a copy that says something else (at the same generation) has been edited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Where the access token or key may be sent.
    pub origins: Vec<Origin>,
    /// Whether the user chose them with `--origin`; otherwise they are those of the row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen_origins: bool,
    /// The authorization server's issuer identifier, where it has one (RFC 8414 section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The one place that the refresh token and the client secret go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// RFC 7009, or the provider's own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// The user's client registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How that client authenticates.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The redirect URI of the login: some servers want it again at a refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// Whose login it is, as the provider identifies people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How the provider calls that person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Granted scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Header templates given with `--header`, for providers without a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// A digest of how the row said that it is handed out (headers, variables, parts) when it was stored. A row of the
    /// user's own is a file that anybody who can write there may edit: it must not change where a secret ends up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// Values of the row's variables (a self-managed host, a tenant, a site).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

impl Bound {
    /// Whether a request to `url` stays where this credential belongs.
    pub fn covers(&self, url: &url::Url) -> bool {
        self.origins.iter().any(|origin| origin.covers(url))
    }
}
