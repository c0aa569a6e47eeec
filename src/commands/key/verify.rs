//! Whether a provider accepts a key, before it is stored.

use crate::app::App;
use crate::credential::{Bound, trusted_url};
use crate::failure::{Code, Failure};
use crate::http::{Reply, Request, json_post};
use crate::provider::{Check, Header};
use std::time::Duration;

/// Tries the key at the provider. Only a clear "no" stops it: a network that is down says
/// nothing about a key, and neither does 403, which a good key with few rights also gets.
pub(super) fn verify(app: &App, bound: &Bound, headers: &[Header], check: &Check) -> Result<Option<String>, Failure> {
    let url = trusted_url(&check.url)?;
    if !bound.covers(&url) {
        app.ui.say("the key is not tried: its origins are not those of the provider's row");
        return Ok(None);
    }
    let spinner = app.ui.spinner(&format!("trying the key at {}", url.host_str().unwrap_or_default()));
    let request =
        Request { url, method: None, body: json_post(check.post.as_deref()), headers: headers.to_vec(), timeout: Duration::from_secs(15) };
    let reply = app.network.run(app.network.send(request))?;
    drop(spinner);
    match reply {
        Ok(Reply { status: 200..300, body, .. }) => {
            let document: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
            let label = check.label.as_ref().and_then(|pointer| document?.pointer(pointer)?.as_str().map(str::to_owned));
            Ok(label.map(|label| label.chars().filter(char::is_ascii_graphic).take(80).collect()))
        }
        Ok(Reply { status: status @ 401, .. }) => {
            Err(Failure::new(Code::Refused, format!("the provider does not accept this key (status {status})"))
                .hint("nothing was stored; `--no-verify` stores it all the same"))
        }
        Ok(Reply { status, .. }) => {
            app.ui.warn(&format!("the key could not be tried: the provider answered {status}"));
            Ok(None)
        }
        Err(error) => {
            app.ui.warn(&format!("the key could not be tried: {error}"));
            Ok(None)
        }
    }
}
