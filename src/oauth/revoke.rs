//! Revocation: RFC 7009, and the methods of providers that differ from it.

use super::token::{Client, Grant, encode};
use crate::http::{Network, Reply, Request, TransportError};
use crate::provider::RevokeStyle;
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
    #[error("the server returned status {0}")]
    Refused(u16),
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
    let (kind, (body, headers)) = match style {
        RevokeStyle::Rfc7009 => {
            // RFC 7009 section 2.1: with client authentication, and a hint about the type of token.
            let hint = if is_refresh {
                "refresh_token"
            } else {
                "access_token"
            };
            (
                "application/x-www-form-urlencoded",
                encode(client, &Grant::revocation(token, hint)),
            )
        }
        RevokeStyle::CredentialsList => {
            let body = serde_json::json!({ "credentials": [token.expose()] }).to_string();
            ("application/json", (Secret::new(body), Vec::new()))
        }
        RevokeStyle::None => return Err(RevokeError::Unsupported),
    };
    match network
        .send(Request {
            url: endpoint.clone(),
            method: None,
            body: Some((kind, body)),
            headers,
            timeout: TIMEOUT,
        })
        .await
    {
        Ok(Reply {
            status: 200..300, ..
        }) => Ok(()),
        Ok(Reply { status, .. }) => Err(RevokeError::Refused(status)),
        Err(
            TransportError::NotSent(reason)
            | TransportError::Lost(reason)
            | TransportError::Unreadable(reason),
        ) => Err(RevokeError::Unreachable(reason)),
    }
}
