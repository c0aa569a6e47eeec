//! The OAuth half of a row: the endpoints, and how the server differs from the standards.

use super::register::Register;
use super::{Template, check_variable};
use crate::credential::{ClientAuth, trusted_url};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The endpoints and behaviour of an authorization server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct OAuthSpec {
    /// The issuer identifier (RFC 8414 section 2), which is compared with the `iss` parameter of
    /// the redirect (RFC 9207).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Whether the server announces that it includes `iss` in every authorization response (RFC
    /// 9207 section 3).
    #[serde(skip_serializing_if = "is_default")]
    pub announces_iss: bool,
    /// The URL that the browser opens (RFC 6749 section 3.1).
    pub authorization_endpoint: String,
    /// The URL to which codes and refresh tokens are sent (RFC 6749 section 3.2).
    pub token_endpoint: String,
    /// The URL at which tokens are revoked, as in RFC 7009 or in the provider's own way (see
    /// `revoke`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Whether a code challenge (RFC 7636) is sent.
    pub pkce: Pkce,
    /// How a client with a secret authenticates.
    pub client_auth: ClientAuth,
    /// How it authenticates if the server does not accept the client that way. A login keeps the way
    /// that worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_auth_fallback: Option<ClientAuth>,
    /// Whether the client of a user has a secret.
    pub client_secret: SecretRule,
    /// How the parameters of a token request are encoded; RFC 6749 section 4.1.3 requires a form.
    #[serde(skip_serializing_if = "is_default")]
    pub token_body: TokenBody,
    /// JSON pointer (RFC 6901) to the object in a token response that contains the token's fields,
    /// if that is not the response itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_at: Option<String>,
    /// Values of `token_type` that mean the same as `Bearer`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_types: Vec<String>,
    /// The name of the scope parameter, if it is not `scope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_param: Option<String>,
    /// The separator of scopes in a request; RFC 6749 section 3.3 requires a space.
    pub scope_separator: String,
    /// The scopes that are requested if the user names none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_scopes: Vec<String>,
    /// Scopes without which the server issues no refresh token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offline_scopes: Vec<String>,
    /// Further parameters of the authorization request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub authorize_params: BTreeMap<String, String>,
    /// The headers that contain the access token; Bearer if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Template>,
    /// The environment variable that conventionally contains an access token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Variables that programs read before those of `env`. `exec` removes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// The assumed lifetime of an access token in seconds, if the server does not report one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_lifetime: Option<u32>,
    /// How refreshes behave.
    pub refresh: RefreshSpec,
    /// The loopback redirect that the server accepts (RFC 8252 section 7.3).
    pub redirect: Redirect,
    /// How a logout revokes the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke: Option<RevokeSpec>,
    /// How the account of a login is found.
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
    /// The server refuses a request without it.
    Required,
    /// The server verifies it if it is present. Servers that do not support it ignore it (RFC 7636
    /// section 5).
    #[default]
    Supported,
    /// The server refuses a request with it.
    Unsupported,
}

/// Parameters of the authorization request that authctl sets itself: none may be repeated (RFC 6749
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

/// Whether the client of a user has a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SecretRule {
    /// The server requires one even from a native app.
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
    /// Whether a refresh token can be used only once; this is shown to the user and nothing depends
    /// on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotates: Option<bool>,
    /// Days without use after which the login expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_days: Option<u32>,
    /// Days after which the login expires, however much it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absolute_days: Option<u32>,
    /// Whether the redirect URI must be repeated.
    #[serde(skip_serializing_if = "is_default")]
    pub send_redirect_uri: bool,
    /// Whether the granted scope must be repeated.
    #[serde(skip_serializing_if = "is_default")]
    pub send_scope: bool,
    /// Error codes besides `invalid_grant` that mean that the login has expired or was revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_errors: Vec<String>,
}

/// The loopback redirect a server accepts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Redirect {
    /// `127.0.0.1`, `[::1]` or `localhost`, as it is registered.
    pub host: String,
    /// The registered ports; if empty, any free port.
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

/// How a logout revokes the login.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeSpec {
    /// The method.
    pub style: RevokeStyle,
    /// The page on which a user revokes a login manually, for when the request fails or there is
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// The methods of revocation. A new one needs a function in `oauth::revoke`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevokeStyle {
    /// RFC 7009.
    Rfc7009,
    /// `POST {"credentials":[TOKEN]}` without authentication.
    CredentialsList,
    /// The provider has no revocation request.
    None,
}

/// How the account of a login is found, if no ID token names it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhoAmI {
    /// The URL; it is requested with GET and the access token.
    pub url: String,
    /// If set, a POST with this JSON body is sent instead of the GET; empty for a POST without a
    /// body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// JSON pointer (RFC 6901) to the permanent identifier of the account.
    pub subject: String,
    /// JSON pointer to the readable name of the account.
    pub label: String,
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
            client_auth_fallback: None,
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
            overrides: Vec::new(),
            assumed_lifetime: None,
            refresh: RefreshSpec::default(),
            redirect: Redirect::default(),
            revoke: None,
            whoami: None,
            register: None,
        }
    }

    /// Every field that may contain a variable.
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
        self.check_urls()?;
        self.check_redirect()?;
        if self.scope_separator != " " && self.scope_separator != "," {
            return Err("scope_separator must be a space or a comma".into());
        }
        let revokes = |revoke: &RevokeSpec| revoke.style != RevokeStyle::None;
        if self.revoke.as_ref().is_some_and(revokes) && self.revocation_endpoint.is_none() {
            return Err("revoke needs a revocation_endpoint".into());
        }
        self.headers
            .iter()
            .try_for_each(|header| header.check(&["token"]))
            .map_err(|reason| format!("headers: {reason}"))?;
        if !self.headers.is_empty() && !self.headers.iter().any(|header| header.uses("token")) {
            return Err("headers: no header contains the token".into());
        }
        self.env
            .iter()
            .try_for_each(|name| check_variable(name))
            .map_err(|reason| format!("env: {reason}"))?;
        self.check_parameters()?;
        // Such a token cannot be used as a bearer token, or must not be.
        let is_bound =
            |kind: &&String| ["dpop", "mac", "pop"].contains(&kind.to_ascii_lowercase().as_str());
        match self.token_types.iter().find(is_bound) {
            Some(kind) => Err(format!(
                "token_types: a token of the type `{kind}` is not a bearer token"
            )),
            None => Ok(()),
        }
    }

    fn check_urls(&self) -> Result<(), String> {
        let check = |field: &str, text: &str| match trusted_url(text) {
            // RFC 6749 sections 3.1 and 3.2: an endpoint has no fragment.
            Ok(url) if url.fragment().is_some() && field.ends_with("endpoint") => {
                Err(format!("{field} must not have a fragment"))
            }
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{field}: {error}")),
        };
        let whoami = self.whoami.as_ref().map(|whoami| &whoami.url);
        let register = self.register.as_ref().map(|register| &register.page);
        for (field, text) in [
            ("authorization_endpoint", Some(&self.authorization_endpoint)),
            ("token_endpoint", Some(&self.token_endpoint)),
            ("issuer", self.issuer.as_ref()),
            ("revocation_endpoint", self.revocation_endpoint.as_ref()),
            ("whoami.url", whoami),
            ("register.page", register),
        ] {
            text.map_or(Ok(()), |text| check(field, text))?;
        }
        Ok(())
    }

    fn check_redirect(&self) -> Result<(), String> {
        let Redirect { host, path, .. } = &self.redirect;
        if !matches!(host.as_str(), "127.0.0.1" | "[::1]" | "localhost") {
            return Err("redirect.host must be 127.0.0.1, [::1] or localhost".into());
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
        if !path.starts_with('/') || !path.chars().all(is_plain) {
            return Err("redirect.path must be a plain path that starts with `/`".into());
        }
        Ok(())
    }

    /// Checks that the row sets no parameter that authctl sets itself.
    fn check_parameters(&self) -> Result<(), String> {
        let is_own = |name: &str| OWN_PARAMETERS.contains(&name);
        let mut named = self.authorize_params.keys().chain(&self.scope_param);
        if let Some(name) = named.find(|name| is_own(name)) {
            return Err(format!(
                "authorize_params or scope_param: the parameter `{name}` is set by authctl"
            ));
        }
        let endpoint =
            trusted_url(&self.authorization_endpoint).map_err(|error| error.to_string())?;
        match endpoint.query_pairs().find(|(name, _)| is_own(name)) {
            Some((name, _)) => Err(format!(
                "authorization_endpoint contains the parameter `{name}`, which is set by authctl"
            )),
            None => Ok(()),
        }
    }
}
