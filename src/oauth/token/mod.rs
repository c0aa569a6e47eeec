//! The token endpoint (RFC 6749 section 3.2): one request and one parser of the response, for every
//! grant.

mod fields;
mod lifetime;
mod refusal;
mod reply;

pub use refusal::is_over;
pub(super) use refusal::said;
#[cfg(any(test, fuzzing))]
pub use reply::fuzz;

use crate::credential::ClientAuth;
use crate::http::{Network, Reply, Request, TransportError};
use crate::provider::{Header, OAuthSpec, TokenBody};
use crate::secret::Secret;
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

/// The client that sends a request.
pub struct Client {
    /// The client identifier.
    pub id: String,
    /// How it authenticates.
    pub auth: ClientAuth,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
}

/// The parameters of one grant.
pub struct Grant(Vec<(&'static str, Secret)>);

impl Grant {
    /// RFC 6749 section 4.1.3.
    pub fn code(code: &Secret, redirect_uri: &str, verifier: Option<&Secret>) -> Self {
        let mut grant = Self(vec![
            ("grant_type", Secret::new("authorization_code")),
            ("code", code.clone()),
            ("redirect_uri", Secret::new(redirect_uri)),
        ]);
        grant.add("code_verifier", verifier.cloned());
        grant
    }

    /// RFC 6749 section 6.
    pub fn refresh(token: &Secret) -> Self {
        Self(vec![
            ("grant_type", Secret::new("refresh_token")),
            ("refresh_token", token.clone()),
        ])
    }

    /// RFC 7009 section 2.1, which shares the client authentication.
    pub(super) fn revocation(token: &Secret, hint: &str) -> Self {
        Self(vec![
            ("token", token.clone()),
            ("token_type_hint", Secret::new(hint)),
        ])
    }

    /// A further parameter, if there is one.
    pub fn add(&mut self, name: &'static str, value: Option<Secret>) {
        self.0.extend(value.map(|value| (name, value)));
    }
}

/// A successful response (RFC 6749 section 5.1).
#[derive(Debug)]
pub struct TokenReply {
    /// The access token, checked.
    pub access_token: Secret,
    /// The refresh token, checked, if there is one.
    pub refresh_token: Option<Secret>,
    /// The lifetime of the access token in seconds, if there is a plausible one.
    pub expires_in: Option<u32>,
    /// The lifetime of the refresh token in seconds, if the server reports it.
    pub refresh_expires_in: Option<u32>,
    /// The granted scope, if the server reports it.
    pub scope: Option<Vec<String>>,
    /// The ID token of OpenID Connect.
    pub id_token: Option<Secret>,
    /// The time of the server's clock, if it sends it.
    pub date: Option<Timestamp>,
}

impl TokenReply {
    /// When the refresh token expires, if the server reports it.
    pub fn refresh_token_expires_at(&self, received_at: Timestamp) -> Option<Timestamp> {
        let life = SignedDuration::from_secs(self.refresh_expires_in?.into());
        received_at.saturating_add(life).ok()
    }
}

/// The reason why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The server never received the request; nothing has changed.
    #[error("{0}")]
    NotSent(String),
    /// The request may have taken effect, but its response was lost or malformed.
    #[error("{0}")]
    Lost(String),
    /// The server is overloaded or has an internal error.
    #[error(
        "the server returned status {status}{}{}",
        code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default(),
        description.as_ref().map(|text| format!(": {text}")).unwrap_or_default()
    )]
    Busy {
        /// HTTP status.
        status: u16,
        /// Its error code, if any.
        code: Option<String>,
        /// What it says about it, in printable characters.
        description: Option<String>,
        /// The seconds after which it allows a retry.
        retry_after: Option<u64>,
    },
    /// The server refused (RFC 6749 section 5.2).
    #[error("the server refused the request: {code}{}", description.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Denied {
        /// The error code, or `status NNN` when it gave none.
        code: String,
        /// What it says about it, in printable characters.
        description: Option<String>,
    },
    /// A successful response that must not be used.
    #[error("{reason}")]
    Unusable {
        /// What is wrong with it, without a value.
        reason: String,
        /// The refresh token in it: the old one is spent.
        successor: Option<Secret>,
    },
}

/// How the token endpoint of a provider differs from RFC 6749; by default not at all.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    body: TokenBody,
    reply_at: Option<String>,
    token_types: Vec<String>,
    over_errors: Vec<String>,
}

impl Dialect {
    /// The behaviour in the row.
    pub fn of(spec: &OAuthSpec) -> Self {
        Self {
            body: spec.token_body,
            reply_at: spec.reply_at.clone(),
            token_types: spec.token_types.clone(),
            over_errors: spec.refresh.over_errors.clone(),
        }
    }
}

/// Sends a grant to the token endpoint.
///
/// # Errors
/// See [`TokenError`]; the variants differ in whether the grant may have been used up.
pub async fn request(
    network: &Network,
    endpoint: &Url,
    client: &Client,
    grant: &Grant,
    dialect: &Dialect,
    timeout: Duration,
) -> Result<TokenReply, TokenError> {
    let (mut body, headers) = encode(client, grant);
    let kind = match dialect.body {
        TokenBody::Form => "application/x-www-form-urlencoded",
        TokenBody::Json => {
            body = as_json(&body);
            "application/json"
        }
    };
    let request = Request {
        url: endpoint.clone(),
        method: None,
        body: Some((kind, body)),
        headers,
        timeout,
    };
    match network.send(request).await {
        Ok(reply) => reply::read(&reply, dialect).map_err(|error| scrub(error, client, grant)),
        Err(TransportError::NotSent(reason)) => Err(TokenError::NotSent(reason)),
        Err(TransportError::Lost(reason)) => Err(TokenError::Lost(reason)),
        Err(TransportError::Unreadable(reason)) => Err(TokenError::Unusable {
            reason,
            successor: None,
        }),
    }
}

/// Anything shorter is not a secret, and removing it would break words.
const SHORTEST: usize = 6;

/// What a server says about a refusal, after a colon, without the secrets that were sent; empty if
/// that is nothing.
pub(super) fn explain(reply: &Reply, client: &Client, token: &Secret) -> String {
    let said = [Some(token), client.secret.as_ref()]
        .into_iter()
        .flatten()
        .filter(|secret| secret.len() >= SHORTEST)
        .fold(said(reply).join(", "), |said, secret| {
            secret.removed_from(&said)
        });
    if said.is_empty() {
        return said;
    }
    format!(": {said}")
}

/// Removes what was sent from an error: a server may quote it, and errors are shown and stored.
fn scrub(error: TokenError, client: &Client, grant: &Grant) -> TokenError {
    let public = [
        "grant_type",
        "redirect_uri",
        "scope",
        "resource",
        "token_type_hint",
    ];
    let sent = grant
        .0
        .iter()
        .filter(|(name, _)| !public.contains(name))
        .map(|(_, value)| value)
        .chain(client.secret.as_ref());
    let secrets: Vec<&Secret> = sent.filter(|value| value.len() >= SHORTEST).collect();
    let clean = |text: String| {
        secrets
            .iter()
            .fold(text, |text, secret| secret.removed_from(&text))
    };
    match error {
        TokenError::Denied { code, description } => TokenError::Denied {
            code: clean(code),
            description: description.map(clean),
        },
        TokenError::Busy {
            status,
            code,
            description,
            retry_after,
        } => TokenError::Busy {
            status,
            code: code.map(clean),
            description: description.map(clean),
            retry_after,
        },
        TokenError::Unusable { reason, successor } => TokenError::Unusable {
            reason: clean(reason),
            successor,
        },
        other => other,
    }
}

/// The same parameters as a JSON object, for servers that accept nothing else.
fn as_json(form: &Secret) -> Secret {
    let pairs = url::form_urlencoded::parse(form.expose().as_bytes());
    let object: serde_json::Map<String, serde_json::Value> = pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    Secret::new(serde_json::Value::Object(object).to_string())
}

/// The form body and the headers of a request with client authentication.
pub(super) fn encode(client: &Client, grant: &Grant) -> (Secret, Vec<Header>) {
    let mut form = Serializer::new(String::new());
    for (name, value) in &grant.0 {
        form.append_pair(name, value.expose());
    }
    let mut headers = Vec::new();
    match (client.auth, &client.secret) {
        (ClientAuth::Basic | ClientAuth::BasicWithId, Some(secret)) => {
            if client.auth == ClientAuth::BasicWithId {
                form.append_pair("client_id", &client.id);
            }
            // RFC 6749 section 2.3.1: id and secret are form-encoded before they become user name
            // and password.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encoded(&client.id), encoded(secret.expose()));
            let value = format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(pair)
            );
            headers.push(Header {
                name: "Authorization".into(),
                value: Secret::new(value),
            });
        }
        (ClientAuth::Post, Some(secret)) => {
            form.append_pair("client_id", &client.id)
                .append_pair("client_secret", secret.expose());
        }
        // A public client sends its id, section 3.2.1.
        (_, None) | (ClientAuth::None, _) => {
            form.append_pair("client_id", &client.id);
        }
    }
    (Secret::new(form.finish()), headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_a_server_quotes_are_removed() {
        let client = Client {
            id: "id".into(),
            auth: ClientAuth::Post,
            secret: Some(Secret::new("client+secret")),
        };
        let text = "refresh token planted-token is over, client%2Bsecret or client+secret was sent";
        let error = TokenError::Denied {
            code: "invalid_grant".into(),
            description: Some(text.into()),
        };
        let shown = scrub(
            error,
            &client,
            &Grant::refresh(&Secret::new("planted-token")),
        )
        .to_string();
        assert_eq!(
            shown,
            "the server refused the request: invalid_grant: refresh token … is over, … or … was sent"
        );
    }

    #[test]
    fn a_body_may_be_json() {
        let client = Client {
            id: "id&".into(),
            auth: ClientAuth::None,
            secret: None,
        };
        let (form, _) = encode(&client, &Grant::refresh(&Secret::new("r\"+ 1")));
        let json: serde_json::Value = serde_json::from_str(as_json(&form).expose()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"grant_type": "refresh_token", "refresh_token": "r\"+ 1", "client_id": "id&"})
        );
    }

    #[test]
    fn client_authentication_is_one_way_at_a_time() {
        let client = |auth, secret: Option<&str>| Client {
            id: "my:id".into(),
            auth,
            secret: secret.map(Secret::new),
        };
        let sent = |client: Client| {
            let (body, headers) = encode(&client, &Grant::refresh(&Secret::new("r")));
            (
                body.expose().to_owned(),
                headers
                    .first()
                    .map(|header| header.value.expose().to_owned()),
            )
        };
        let (body, header) = sent(client(ClientAuth::Basic, Some("with/odd+chars%&=")));
        assert_eq!(body, "grant_type=refresh_token&refresh_token=r");
        let expected =
            base64::engine::general_purpose::STANDARD.encode("my%3Aid:with%2Fodd%2Bchars%25%26%3D");
        assert_eq!(header.unwrap(), format!("Basic {expected}"));
        let (body, header) = sent(client(ClientAuth::BasicWithId, Some("s")));
        assert!(body.ends_with("&client_id=my%3Aid") && header.is_some());
        let (body, header) = sent(client(ClientAuth::Post, Some("s&")));
        assert!(body.ends_with("&client_id=my%3Aid&client_secret=s%26") && header.is_none());
        for public in [
            client(ClientAuth::None, Some("s")),
            client(ClientAuth::Basic, None),
            client(ClientAuth::Post, None),
        ] {
            let (body, header) = sent(public);
            assert!(
                body.ends_with("&client_id=my%3Aid") && header.is_none(),
                "{body}"
            );
        }
    }
}
