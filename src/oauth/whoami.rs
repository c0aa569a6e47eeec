//! The account of a login, if no ID token names it: a GET with the new access token.

use super::plain::plain;
use crate::credential::trusted_url;
use crate::http::{Network, Reply, Request, TransportError, json_post};
use crate::provider::{Header, WhoAmI};
use serde_json::Value;
use std::time::Duration;

/// The time limit of the request.
const TIMEOUT: Duration = Duration::from_secs(15);

/// An account at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Its permanent identifier.
    pub subject: String,
    /// Its readable name.
    pub label: Option<String>,
}

/// Asks the provider for the account of a token.
///
/// # Errors
/// It did not answer, or the answer lacks the fields that the row names.
pub async fn whoami(
    network: &Network,
    ask: &WhoAmI,
    headers: Vec<Header>,
) -> Result<Person, TransportError> {
    let url = trusted_url(&ask.url).map_err(|error| TransportError::NotSent(error.to_string()))?;
    match network
        .send(Request {
            url,
            method: None,
            body: json_post(ask.post.as_deref()),
            headers,
            timeout: TIMEOUT,
        })
        .await?
    {
        Reply {
            status: 200, body, ..
        } => read(ask, &body)
            .ok_or_else(|| TransportError::Lost("the response does not name the account".into())),
        Reply { status, .. } => Err(TransportError::Lost(format!(
            "the server returned status {status}"
        ))),
    }
}

fn read(ask: &WhoAmI, body: &[u8]) -> Option<Person> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let text = |pointer: &str| match document.pointer(pointer)? {
        Value::String(text) if text.len() <= 255 && !text.chars().any(char::is_control) => {
            Some(text.clone())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let subject = text(&ask.subject).filter(|subject| !subject.is_empty())?;
    Some(Person {
        subject,
        label: text(&ask.label).map(|label| plain(&label)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_at_the_pointer_of_the_row() {
        let ask = WhoAmI {
            url: String::new(),
            post: None,
            subject: "/data/id".into(),
            label: "/data/login".into(),
        };
        let person = read(&ask, br#"{"data":{"id":42,"login":"me"}}"#).unwrap();
        assert_eq!(
            person,
            Person {
                subject: "42".into(),
                label: Some("me".into())
            }
        );
        for bad in [
            &b"{}"[..],
            b"",
            b"[1",
            br#"{"data":{"id":null}}"#,
            br#"{"data":{"id":""}}"#,
        ] {
            assert!(read(&ask, bad).is_none());
        }
    }
}
