//! Whether a provider accepts a key.

use crate::app::App;
use crate::credential::{Bound, trusted_url};
use crate::failure::{Code, Failure};
use crate::http::{Reply, Request, json_post};
use crate::provider::{Check, Header};
use std::time::Duration;

/// What a provider says of a key.
pub(in crate::commands) enum Tried {
    /// It works; whose it is, where the answer says so.
    Good(Option<String>),
    /// It does not, with this status.
    Refused(u16),
    /// Nothing that tells: a network that is down says nothing about a key, and neither does 403, which a good key with few
    /// rights also gets.
    Unclear(String),
    /// It was not asked: the key may not be sent there.
    Elsewhere,
}

/// Tries a key at its provider.
pub(in crate::commands) fn try_key(
    app: &App,
    bound: &Bound,
    headers: Vec<Header>,
    check: &Check,
) -> Result<Tried, Failure> {
    let url = trusted_url(&check.url)?;
    if !bound.covers(&url) {
        return Ok(Tried::Elsewhere);
    }
    let _spinner = app.ui.spinner(&format!(
        "trying the key at {}",
        url.host_str().unwrap_or_default()
    ));
    let request = Request {
        url,
        method: None,
        body: json_post(check.post.as_deref()),
        headers,
        timeout: Duration::from_secs(15),
    };
    Ok(match app.network.run(app.network.send(request))? {
        Ok(Reply {
            status: 200..300,
            body,
            ..
        }) => {
            let document: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            let label = check
                .label
                .as_ref()
                .and_then(|pointer| document?.pointer(pointer)?.as_str().map(str::to_owned));
            Tried::Good(label.map(|label| {
                label
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(80)
                    .collect()
            }))
        }
        Ok(Reply {
            status: status @ 401,
            ..
        }) => Tried::Refused(status),
        Ok(Reply { status, .. }) => Tried::Unclear(format!("the provider answered {status}")),
        Err(error) => Tried::Unclear(error.to_string()),
    })
}

/// Tries a key that is about to be stored. Only a clear "no" stops it.
pub(super) fn verify(
    app: &App,
    bound: &Bound,
    headers: Vec<Header>,
    check: &Check,
) -> Result<Option<String>, Failure> {
    match try_key(app, bound, headers, check)? {
        Tried::Good(label) => return Ok(label),
        Tried::Refused(status) => {
            return Err(Failure::new(
                Code::Refused,
                format!("the provider does not accept this key (status {status})"),
            )
            .hint("nothing was stored; `--no-verify` stores it all the same"));
        }
        Tried::Unclear(reason) => app
            .ui
            .warn(&format!("the key could not be tried: {reason}")),
        Tried::Elsewhere => app
            .ui
            .say("the key is not tried: its origins are not those of the provider's row"),
    }
    Ok(None)
}
