//! Revocation: RFC 7009, and the methods of providers that differ from it.

use super::token::{Client, Grant, encode, explain};
use crate::http::{Network, Reply, Request, TransportError};
use crate::provider::{Header, RevokeStyle};
use crate::secret::Secret;
use std::time::Duration;
use url::Url;

/// The time limit for a revocation.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The reason why a token may still be valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// The answer is not a success.
    #[error("the server returned status {status}{words}")]
    Refused {
        /// The status.
        status: u16,
        /// What the server says about it, after a colon; empty if that is nothing.
        words: String,
    },
    /// The provider has no revocation request.
    #[error("the provider has no way to revoke a login")]
    Unsupported,
}

/// Revokes a token at the provider.
///
/// # Errors
/// It may still be valid.
pub async fn revoke(
    network: &Network,
    style: RevokeStyle,
    endpoint: &Url,
    client: &Client,
    token: &Secret,
    is_refresh: bool,
) -> Result<(), RevokeError> {
    let hint = if is_refresh {
        "refresh_token"
    } else {
        "access_token"
    };
    let (kind, content) = match style {
        // RFC 7009 section 2.1: with client authentication, and a hint about the type of token.
        RevokeStyle::Rfc7009 => (FORM, encode(client, &Grant::revocation(token, hint))),
        RevokeStyle::CredentialsList => {
            let body = serde_json::json!({ "credentials": [token.expose()] }).to_string();
            ("application/json", (Secret::new(body), Vec::new()))
        }
        RevokeStyle::None => return Err(RevokeError::Unsupported),
    };
    let refused = match send(network, endpoint, kind, content).await? {
        None => return Ok(()),
        Some(refused) => refused,
    };
    // The Python package `mcp` demands the field of a public client, too. A second request for the
    // same token changes nothing more (section 2.2).
    let wants_field = style == RevokeStyle::Rfc7009
        && client.secret.is_none()
        && String::from_utf8_lossy(&refused.body).contains("client_secret");
    if wants_field {
        let mut grant = Grant::revocation(token, hint);
        grant.add("client_secret", Some(Secret::new("")));
        if send(network, endpoint, FORM, encode(client, &grant))
            .await?
            .is_none()
        {
            return Ok(());
        }
    }
    Err(RevokeError::Refused {
        status: refused.status,
        words: explain(&refused, client, token),
    })
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Sends one request; returns the answer if it is not a success.
async fn send(
    network: &Network,
    endpoint: &Url,
    kind: &'static str,
    (body, headers): (Secret, Vec<Header>),
) -> Result<Option<Reply>, RevokeError> {
    let request = Request {
        url: endpoint.clone(),
        method: None,
        body: Some((kind, body)),
        headers,
        timeout: TIMEOUT,
    };
    match network.send(request).await {
        Ok(reply) => Ok((!(200..300).contains(&reply.status)).then_some(reply)),
        Err(
            TransportError::NotSent(reason)
            | TransportError::Lost(reason)
            | TransportError::Unreadable(reason),
        ) => Err(RevokeError::Unreachable(reason)),
    }
}
