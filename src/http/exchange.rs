//! One request, one bounded answer, and the difference between "not sent" and "answer lost".

use super::decode::decode;
use super::{MAX_BODY, Network};
use crate::credential::is_loopback;
use crate::provider::{Header, Method};
use crate::secret::Secret;
use jiff::Timestamp;
use std::time::Duration;
use url::Url;

/// A request: small, with a time limit for the whole exchange.
pub struct Request {
    /// The URL.
    pub url: Url,
    /// The method; by default POST if there is a body.
    pub method: Option<Method>,
    /// The content type (empty for none) and the text of the body.
    pub body: Option<(&'static str, Secret)>,
    /// Further headers.
    pub headers: Vec<Header>,
    /// The time limit for the whole exchange.
    pub timeout: Duration,
}

/// The body of a POST that a row describes: JSON text, or nothing. Without it, the request is a
/// GET.
pub fn json_post(text: Option<&str>) -> Option<(&'static str, Secret)> {
    text.map(|text| {
        (
            if text.is_empty() {
                ""
            } else {
                "application/json"
            },
            Secret::new(text),
        )
    })
}

/// The answer.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After` in seconds, if it is a number.
    pub retry_after: Option<u64>,
    /// `Date`, if the server sends it (RFC 9110 section 6.6.1).
    pub date: Option<Timestamp>,
    /// `Location`, where a redirect leads.
    pub location: Option<String>,
    /// `Content-Type`, as it came.
    pub content_type: Option<String>,
    /// The body, decompressed, at most [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
}

/// Why there is no answer. The variant decides whether a refresh token may have been spent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request never reached the server.
    #[error("{0}")]
    NotSent(String),
    /// The request may have taken effect, and the answer was lost on the way.
    #[error("{0}")]
    Lost(String),
    /// The request was answered, and the answer cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Network {
    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// Says whether the request may have reached the server.
    pub async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        tracing::debug!(host = request.url.host_str(), "sending a request");
        let client = self.client(request.url.scheme() == "http" && is_loopback(&request.url))?;
        let method = request.method.unwrap_or(if request.body.is_some() {
            Method::Post
        } else {
            Method::Get
        });
        let mut builder = client
            .request(verb(method), request.url)
            .timeout(request.timeout);
        if let Some((kind, body)) = request.body.filter(|(kind, _)| !kind.is_empty()) {
            builder = builder
                .header("Content-Type", kind)
                .body(body.expose().to_owned());
        }
        if !request
            .headers
            .iter()
            .any(|header| header.name.eq_ignore_ascii_case("accept"))
        {
            builder = builder.header("Accept", "application/json");
        }
        for header in request.headers {
            let mut value =
                reqwest::header::HeaderValue::from_str(header.value.expose()).map_err(|_| {
                    TransportError::NotSent(format!("the header {} cannot be sent", header.name))
                })?;
            value.set_sensitive(true);
            builder = builder.header(&header.name, value);
        }
        // The URL in an error may contain a secret; the host is named elsewhere.
        let mut response = builder
            .send()
            .await
            .map_err(|error| classify(error.without_url()))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get("Retry-After")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok());
        let date = response
            .headers()
            .get("Date")
            .and_then(|value| jiff::fmt::rfc2822::parse(value.to_str().ok()?).ok());
        let date = date.map(|date| date.timestamp());
        self.server_time.set(date);
        let text = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let (content_type, location) = (text("Content-Type"), text("Location"));
        let encoding = text("Content-Encoding").unwrap_or_default();
        let too_large =
            || TransportError::Unreadable(format!("the response is larger than {MAX_BODY} bytes"));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                    return Err(too_large());
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    return Ok(Reply {
                        status,
                        retry_after,
                        date,
                        location,
                        content_type,
                        body: decode(body, &encoding).ok_or_else(too_large)?,
                    });
                }
                Err(error) => return Err(TransportError::Lost(chain(&error.without_url()))),
            }
        }
    }
}

fn verb(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

fn classify(error: reqwest::Error) -> TransportError {
    let text = chain(&error);
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(text)
    } else {
        TransportError::Lost(text)
    }
}

/// The reasons of an error, the outermost first, without repetitions.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|earlier| earlier.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    // The outer errors only say that there is an inner one.
    let inner = texts.iter().position(|text| {
        !text.starts_with("error sending request") && !text.starts_with("client error")
    });
    plain(texts.split_off(inner.unwrap_or(0)).join(": "))
}

/// A failure of the network in a few words, in place of the names of the calls that failed.
fn plain(reason: String) -> String {
    let known = [
        ("dns error", "the host name cannot be resolved"),
        ("Connection refused", "the connection was refused"),
        ("Network is unreachable", "the network is unreachable"),
        ("No route to host", "there is no route to the host"),
        ("operation timed out", "the server did not answer in time"),
    ];
    let Some((_, plain)) = known.iter().find(|(part, _)| reason.contains(part)) else {
        return reason;
    };
    tracing::debug!(reason, "the network failed");
    (*plain).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q3_a_failure_of_the_network_is_one_plain_sentence() {
        let network = Network::default();
        let reason = |url: &str| {
            let request = Request {
                url: Url::parse(url).unwrap(),
                method: None,
                body: None,
                headers: Vec::new(),
                timeout: Duration::from_secs(10),
            };
            match network.run(network.send(request)).unwrap() {
                Err(TransportError::NotSent(reason)) => reason,
                other => panic!("{other:?}"),
            }
        };
        // Nobody listens on the port of a socket that was closed.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        assert_eq!(
            reason(&format!("http://127.0.0.1:{port}/")),
            "the connection was refused"
        );
        for (said, plainly) in [
            (
                "dns error: failed to lookup address information",
                "the host name cannot be resolved",
            ),
            (
                "tcp connect error: Network is unreachable (os error 101)",
                "the network is unreachable",
            ),
            ("operation timed out", "the server did not answer in time"),
            (
                "invalid peer certificate: UnknownIssuer",
                "invalid peer certificate: UnknownIssuer",
            ),
        ] {
            assert_eq!(plain(said.to_owned()), plainly);
        }
    }
}
