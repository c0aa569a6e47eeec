//! Asking the authorization endpoint for its page before a browser does. A server that no longer
//! knows a client shows an error in the browser and never redirects (RFC 6749 section 4.1.2.1), so
//! that a login would wait for nothing.

use super::token::said;
use crate::http::{Network, Request};
use std::time::Duration;
use url::Url;

/// The time limit of the request: a slow server is left to the browser.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the server says, if it refuses the page of this URL with status 400 or 401; `None` for any
/// other answer, and if there is none.
pub async fn refused_page(network: &Network, url: &Url) -> Option<String> {
    let request = Request {
        url: url.clone(),
        method: None,
        body: None,
        headers: Vec::new(),
        timeout: TIMEOUT,
    };
    let reply = network.send(request).await.ok()?;
    if !matches!(reply.status, 400 | 401) {
        return None;
    }
    let said = said(&reply).join(", ");
    let colon = if said.is_empty() { "" } else { ": " };
    Some(format!("status {}{colon}{said}", reply.status))
}
