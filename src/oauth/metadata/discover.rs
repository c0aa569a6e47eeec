//! Asking the places of an issuer for its metadata.

use super::document::Document;
use super::place::{Place, places};
use crate::credential::{OriginError, trusted_url};
use crate::http::{Network, Reply, Request, TransportError};
use crate::provider::OAuthSpec;
use std::time::Duration;
use url::Url;

/// The time limit for one metadata document.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How many redirects within one origin are followed.
const REDIRECTS: usize = 3;

/// The reason why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Not a URL that a login may use.
    #[error(transparent)]
    Url(#[from] OriginError),
    /// The server did not answer.
    #[error("cannot read the metadata of {host}: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// The reason.
        reason: String,
    },
    /// It answered, but publishes no metadata.
    #[error("{issuer} publishes no authorization server metadata")]
    None {
        /// The issuer.
        issuer: String,
        /// Each URL that was asked, with what was there.
        asked: Vec<String>,
    },
    /// Its metadata cannot be used.
    #[error("the metadata of {0} {1}")]
    Unusable(String, String),
}

/// What was found at one place.
enum Answer {
    /// The document of the issuer.
    Document(Box<Document>),
    /// Metadata that cannot be used, and why.
    Unusable(String),
    /// The server cannot answer now, and why.
    Later(String),
    /// No metadata, and what is there instead.
    Nothing(String),
}

/// Reads the metadata of an issuer.
///
/// Further places are asked as long as something is missing: some servers publish a part of their
/// endpoints in each of the two documents. A document of the whole origin is only taken if the
/// issuer has none of its own, and if it names exactly this issuer (RFC 8414 section 3.3).
///
/// # Errors
/// It cannot be reached, publishes no metadata, or publishes metadata that cannot be trusted. If
/// there are several reasons, the one from the place that came closest is reported.
pub async fn discover(network: &Network, issuer: &str) -> Result<OAuthSpec, MetadataError> {
    let url = trusted_url(issuer)?;
    let mut found: Option<Document> = None;
    let (mut unusable, mut later, mut asked) = (None, None, Vec::new());
    let mut kinds = Vec::new();
    for place in places(&url) {
        if kinds.contains(&place.kind) || (place.of_origin && found.is_some()) {
            continue;
        }
        match ask(network, issuer, &place).await {
            Ok(Answer::Document(document)) => {
                kinds.push(place.kind);
                match &mut found {
                    Some(first) => first.complete_from(*document),
                    None => found = Some(*document),
                }
                if found.as_ref().is_some_and(|found| !found.lacks_something()) {
                    break;
                }
            }
            Ok(Answer::Unusable(reason)) => unusable = unusable.or(Some(reason)),
            Ok(Answer::Later(reason)) => later = later.or(Some(reason)),
            Ok(Answer::Nothing(reason)) => asked.push(format!("{}: {reason}", place.url)),
            // The server is unreachable, so the other places are too.
            Err(reason) if found.is_none() => {
                return Err(MetadataError::Unreachable {
                    host: shown(&url),
                    reason,
                });
            }
            Err(_) => break,
        }
    }
    if let Some(found) = found {
        return found
            .specification()
            .map_err(|reason| MetadataError::Unusable(shown(&url), reason));
    }
    Err(match (unusable, later) {
        (Some(reason), _) => MetadataError::Unusable(shown(&url), reason),
        (None, Some(reason)) => MetadataError::Unreachable {
            host: shown(&url),
            reason,
        },
        (None, None) => MetadataError::None {
            issuer: issuer.to_owned(),
            asked,
        },
    })
}

/// Asks one place. A redirect is followed within the origin: elsewhere, another server would speak
/// for this one.
///
/// # Errors
/// There is no answer; the text is the reason.
async fn ask(network: &Network, issuer: &str, place: &Place) -> Result<Answer, String> {
    let mut url = place.url.clone();
    for _ in 0..=REDIRECTS {
        let request = Request {
            url: url.clone(),
            method: None,
            body: None,
            headers: Vec::new(),
            timeout: TIMEOUT,
        };
        let reply = match network.send(request).await {
            Ok(reply) => reply,
            Err(TransportError::Unreadable(reason)) => return Ok(Answer::Nothing(reason)),
            Err(TransportError::NotSent(reason) | TransportError::Lost(reason)) => {
                return Err(reason);
            }
        };
        match reply.status {
            200 => return Ok(read(issuer, place, &reply)),
            status @ (301..=303 | 307 | 308) => {
                let target = reply.location.as_deref().map(|target| url.join(target));
                match target {
                    Some(Ok(target)) if target.origin() == url.origin() => url = target,
                    Some(Ok(target)) => {
                        return Ok(Answer::Nothing(format!(
                            "redirects to another server, {}",
                            shown(&target)
                        )));
                    }
                    _ => return Ok(Answer::Nothing(format!("status {status}"))),
                }
            }
            // Another place may have it; a server that asks to retry later is reported as such.
            status if status == 429 || status >= 500 => {
                return Ok(Answer::Later(format!("it returned status {status}")));
            }
            status => return Ok(Answer::Nothing(format!("status {status}"))),
        }
    }
    Ok(Answer::Nothing("too many redirects".into()))
}

/// Reads a document that came with status 200.
fn read(issuer: &str, place: &Place, reply: &Reply) -> Answer {
    // A web application answers every path with its start page.
    let is_page = reply.body.trim_ascii_start().starts_with(b"<");
    match Document::read(&reply.body) {
        Err(_) if is_page => Answer::Nothing("a web page".into()),
        // Whatever is there, it need not concern this part of the origin.
        Err(_) if place.of_origin => Answer::Nothing("no metadata of this issuer".into()),
        Err(reason) => Answer::Unusable(reason),
        Ok(document) if place.of_origin && document.issuer != issuer => {
            Answer::Nothing("no metadata of this issuer".into())
        }
        Ok(document) if !document.is_of(issuer) => Answer::Unusable(format!(
            "names another issuer, `{}`",
            crate::oauth::plain::plain(&document.issuer)
        )),
        Ok(document) => Answer::Document(Box::new(document)),
    }
}

fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}
