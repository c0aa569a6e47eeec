//! What a credential is bound to: where its secrets may be sent. It is fixed when the credential is
//! stored.

use super::Origin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a client authenticates at the token endpoint (RFC 6749 section 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// A public client: `client_id` in the body, no secret.
    #[default]
    None,
    /// HTTP Basic with form-encoded id and secret (RFC 6749 section 2.3.1).
    Basic,
    /// HTTP Basic, and `client_id` in the body as well, which some servers demand.
    #[serde(rename = "basic_with_id")]
    BasicWithId,
    /// `client_id` and `client_secret` in the body.
    Post,
}

/// The binding. That of the record counts. The index has a copy that `list` can read without the
/// store; a copy that differs (at the same generation) was edited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The origins that the access token or key may be sent to.
    pub origins: Vec<Origin>,
    /// Whether the user chose them with `--origin`; otherwise they are those of the provider.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen_origins: bool,
    /// The issuer identifier of the authorization server, if it has one (RFC 8414 section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The endpoint that the refresh token and the client secret are sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// The endpoint that revokes a token (RFC 7009, or as the provider has it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// The client id of the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How the client authenticates.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The redirect URI of the login: some servers require it again at a refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The account id at the provider, which never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The account name at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The granted scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The header templates given with `--header`, for unknown providers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// A digest of how the row said that the credential is sent (headers, variables, parts) when it
    /// was stored. A row of the user's is a file that others may be able to edit, and it must not
    /// change where a secret ends up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// The values of the row's variables (a self-managed host, a tenant, a site).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

impl Bound {
    /// Whether a request to `url` stays within the origins.
    pub fn covers(&self, url: &url::Url) -> bool {
        self.origins.iter().any(|origin| origin.covers(url))
    }
}
