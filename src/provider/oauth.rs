//! The OAuth half of a row: where its logins go and how its servers differ from the standards.

use super::{Template, check_variable};
use crate::credential::{ClientAuth, trusted_url};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Endpoints and behaviour of an authorization server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct OAuthSpec {
    /// Issuer identifier (RFC 8414 section 2); checked against `iss` of a redirect (RFC 9207) where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whether the server announces `iss` in every authorization response (RFC 9207 section 3).
    #[serde(skip_serializing_if = "is_default")]
    pub announces_iss: bool,
    /// Where the browser goes (RFC 6749 section 3.1).
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens go (section 3.2).
    pub token_endpoint: String,
    /// Where tokens are revoked (RFC 7009), or the provider's own URL, see `revoke`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Whether a code challenge is sent; it is, unless the server would refuse it (RFC 7636).
    pub pkce: Pkce,
    /// How the client authenticates when it has a secret.
    pub client_auth: ClientAuth,
    /// Whether a client of the user's has a secret.
    pub client_secret: SecretRule,
    /// How the parameters of a token request are encoded: RFC 6749 section 4.1.3 says as a form.
    #[serde(skip_serializing_if = "is_default")]
    pub token_body: TokenBody,
    /// JSON pointer (RFC 6901) to the object in a token reply that holds the token's fields, where that is not the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_at: Option<String>,
    /// Values of `token_type` besides `Bearer` that mean the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_types: Vec<String>,
    /// The name of the scope parameter, where it is not `scope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_param: Option<String>,
    /// What separates scopes in a request: RFC 6749 section 3.3 says a space.
    pub scope_separator: String,
    /// Scopes asked for when the user names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_scopes: Vec<String>,
    /// Scopes without which the server issues no refresh token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offline_scopes: Vec<String>,
    /// Further parameters of the authorization request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub authorize_params: BTreeMap<String, String>,
    /// Headers that carry the access token; Bearer when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Template>,
    /// The environment variable that conventionally holds an access token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Seconds an access token is assumed to live when the server says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_lifetime: Option<u32>,
    /// How refreshes behave.
    pub refresh: RefreshSpec,
    /// The loopback redirect it accepts (RFC 8252 section 7.3).
    pub redirect: Redirect,
    /// How a logout revokes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke: Option<RevokeSpec>,
    /// How to learn whose login it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whoami: Option<WhoAmI>,
    /// Where and how a user registers a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<Register>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Whether a code challenge is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Pkce {
    /// The server refuses a request without.
    Required,
    /// The server checks it when it is there. Unknown servers ignore it (RFC 7636 section 5).
    #[default]
    Supported,
    /// The server refuses a request with it.
    Unsupported,
}

/// Parameters of the authorization request that say where the answer goes and to whom: none may come twice (RFC 6749
/// section 3.1).
const OWN_PARAMETERS: [&str; 10] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "response_mode",
];

/// How a token request is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// A JSON object.
    Json,
}

/// Whether the user's client has a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SecretRule {
    /// The server wants one even from a native app.
    Required,
    /// Both kinds of client exist.
    #[default]
    Optional,
    /// A public client must not send one.
    Forbidden,
}

/// How refreshes behave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RefreshSpec {
    /// Whether a refresh token is spent by its use; shown to the user, nothing depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotates: Option<bool>,
    /// Days without use after which the login ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_days: Option<u32>,
    /// Days after which a person must log in again, however much it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_days: Option<u32>,
    /// Whether the redirect URI must be repeated.
    #[serde(skip_serializing_if = "is_default")]
    pub send_redirect_uri: bool,
    /// Whether the granted scope must be repeated.
    #[serde(skip_serializing_if = "is_default")]
    pub send_scope: bool,
    /// Error codes besides `invalid_grant` that mean: this login is over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_errors: Vec<String>,
}

/// The loopback redirect a server accepts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Redirect {
    /// `127.0.0.1`, `[::1]` or `localhost`, as registrations spell it.
    pub host: String,
    /// Ports that are registered; empty: any free one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// The path.
    pub path: String,
}

impl Default for Redirect {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            ports: Vec::new(),
            path: "/callback".into(),
        }
    }
}

/// How a logout revokes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeSpec {
    /// The way.
    pub style: RevokeStyle,
    /// Where a person revokes by hand, for when the call fails or there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// The ways in which providers revoke. A new one is a function in `oauth::revoke`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevokeStyle {
    /// RFC 7009.
    Rfc7009,
    /// `POST {"credentials":[TOKEN]}` without authentication.
    CredentialsList,
    /// The provider has no call for it.
    None,
}

/// How to learn whose login it is, when no ID token says so.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhoAmI {
    /// A GET with the access token.
    pub url: String,
    /// A POST with this JSON text instead; empty for a POST without a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// JSON pointer (RFC 6901) to what identifies the person for good.
    pub subject: String,
    /// JSON pointer to how the person is called.
    pub label: String,
}

/// Where and how a user registers a client.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The page.
    pub page: String,
    /// What to choose there, besides the redirect URI.
    pub note: String,
}

impl Default for OAuthSpec {
    fn default() -> Self {
        Self::new(String::new(), String::new())
    }
}

impl OAuthSpec {
    /// A server that follows the standards.
    pub fn new(authorization_endpoint: String, token_endpoint: String) -> Self {
        Self {
            authorization_endpoint,
            token_endpoint,
            issuer: None,
            announces_iss: false,
            revocation_endpoint: None,
            pkce: Pkce::default(),
            client_auth: ClientAuth::Basic,
            client_secret: SecretRule::default(),
            token_body: TokenBody::default(),
            reply_at: None,
            token_types: Vec::new(),
            scope_param: None,
            scope_separator: " ".into(),
            default_scopes: Vec::new(),
            offline_scopes: Vec::new(),
            authorize_params: BTreeMap::new(),
            headers: Vec::new(),
            env: Vec::new(),
            assumed_lifetime: None,
            refresh: RefreshSpec::default(),
            redirect: Redirect::default(),
            revoke: None,
            whoami: None,
            register: None,
        }
    }

    /// Every field that may hold a variable.
    pub(super) fn urls_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let optional = self
            .issuer
            .iter_mut()
            .chain(self.revocation_endpoint.iter_mut());
        let pages = self
            .revoke
            .iter_mut()
            .filter_map(|revoke| revoke.page.as_mut());
        [&mut self.authorization_endpoint, &mut self.token_endpoint]
            .into_iter()
            .chain(optional)
            .chain(pages)
            .chain(self.whoami.iter_mut().map(|whoami| &mut whoami.url))
            .chain(self.register.iter_mut().map(|register| &mut register.page))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let url = |field: &str, text: &str| match trusted_url(text) {
            // RFC 6749 sections 3.1 and 3.2: an endpoint has no fragment.
            Ok(url) if url.fragment().is_some() && field.ends_with("endpoint") => {
                Err(format!("{field} must not have a fragment"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{field}: {error}")),
        };
        url("authorization_endpoint", &self.authorization_endpoint)?;
        url("token_endpoint", &self.token_endpoint)?;
        for (field, text) in [
            ("issuer", &self.issuer),
            ("revocation_endpoint", &self.revocation_endpoint),
            (
                "whoami.url",
                &self.whoami.as_ref().map(|whoami| whoami.url.clone()),
            ),
            (
                "register.page",
                &self.register.as_ref().map(|register| register.page.clone()),
            ),
        ] {
            text.as_ref().map_or(Ok(()), |text| url(field, text))?;
        }
        if !matches!(
            self.redirect.host.as_str(),
            "127.0.0.1" | "[::1]" | "localhost"
        ) {
            return Err("redirect.host must be 127.0.0.1, [::1] or localhost".into());
        }
        let path_char = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !self.redirect.path.starts_with('/') || !self.redirect.path.chars().all(path_char) {
            return Err("redirect.path must be a plain path that starts with `/`".into());
        }
        if self.scope_separator != " " && self.scope_separator != "," {
            return Err("scope_separator must be a space or a comma".into());
        }
        if self
            .revoke
            .as_ref()
            .is_some_and(|revoke| revoke.style != RevokeStyle::None)
            && self.revocation_endpoint.is_none()
        {
            return Err("revoke needs a revocation_endpoint".into());
        }
        self.headers
            .iter()
            .try_for_each(|header| header.check(&["token"]))
            .map_err(|reason| format!("headers: {reason}"))?;
        if !self.headers.is_empty() && !self.headers.iter().any(|header| header.uses("token")) {
            return Err("headers: none of them holds the token".into());
        }
        self.env
            .iter()
            .try_for_each(|name| check_variable(name))
            .map_err(|reason| format!("env: {reason}"))?;
        let asked = self.authorize_params.keys().chain(&self.scope_param);
        if let Some(own) = asked
            .into_iter()
            .find(|name| OWN_PARAMETERS.contains(&name.as_str()))
        {
            return Err(format!("the parameter `{own}` is this program's to set"));
        }
        let query = trusted_url(&self.authorization_endpoint).map_err(|error| error.to_string())?;
        if let Some((own, _)) = query
            .query_pairs()
            .find(|(name, _)| OWN_PARAMETERS.contains(&name.as_ref()))
        {
            return Err(format!(
                "authorization_endpoint holds the parameter `{own}`, which is this program's to set"
            ));
        }
        // Such a token is of no use as a bearer token, or must not be used as one.
        match self
            .token_types
            .iter()
            .find(|kind| ["dpop", "mac", "pop"].contains(&kind.to_ascii_lowercase().as_str()))
        {
            Some(kind) => Err(format!(
                "token_types: a token of the type `{kind}` is no bearer token"
            )),
            None => Ok(()),
        }
    }
}
