//! One request to a provider, as a recipe describes it. It is only sent to an origin that its
//! credential is bound to.

use super::fill::{FillError, Values, text_at};
use super::{signing, xml};
use crate::credential::{Bound, Parts};
use crate::http::{Reply, Request, TransportError};
use crate::lifecycle::Context;
use crate::provider::{Call, Header, Method, Recipe, RenderError, Signing, Template, render};
use crate::secret::Secret;
use crate::signals;
use serde_json::Value;
use std::time::Duration;

/// The time limit of one request.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait for an answer after a signal: it may contain a key that nobody else has.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// The credential that authorizes a request.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The headers that it is usually sent in.
    pub templates: Vec<Template>,
    /// Its parts.
    pub parts: Parts,
    /// What it is bound to.
    pub bound: Bound,
}

/// Why a request failed. The variant decides what may have happened at the provider.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It was not sent, so nothing happened.
    #[error("{0}")]
    NotSent(String),
    /// It may have taken effect.
    #[error("{0}")]
    Lost(String),
    /// The provider has no such key.
    #[error("the provider has no such key")]
    Gone,
    /// The provider does not accept the credential.
    #[error("the provider does not accept the credential (status {0})")]
    Unauthorized(u16),
    /// The credential lacks the permission; nothing happened.
    #[error("the provider denies permission (status 403{0})")]
    Forbidden(String),
    /// The provider refused; nothing happened.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// Too many requests; nothing happened.
    #[error("the provider is rate-limiting requests")]
    Busy {
        /// The seconds to wait that it asks for.
        retry_after: Option<u64>,
    },
    /// The credential is not bound to the origin of the request.
    #[error("the credential is not bound to {0}")]
    Elsewhere(String),
    /// A value is missing; nothing was sent.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// The headers cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl CallError {
    /// The same error, without the secrets that were sent: some providers repeat the request in
    /// their answer.
    pub fn without<'s>(self, secrets: impl Iterator<Item = &'s Secret>) -> Self {
        let secrets: Vec<&str> = secrets
            .map(Secret::expose)
            .filter(|secret| !secret.is_empty())
            .collect();
        let clean = |text: String| {
            secrets
                .iter()
                .fold(text, |text, secret| text.replace(secret, "…"))
        };
        match self {
            Self::NotSent(text) => Self::NotSent(clean(text)),
            Self::Lost(text) => Self::Lost(clean(text)),
            Self::Forbidden(text) => Self::Forbidden(clean(text)),
            Self::Refused(text) => Self::Refused(clean(text)),
            other => other,
        }
    }

    /// Whether it is certain that nothing happened at the provider.
    pub fn nothing_happened(&self) -> bool {
        !matches!(self, Self::Lost(_))
    }
}

/// The interface of a provider.
pub struct Api<'a> {
    pub context: &'a Context<'a>,
    /// How requests are authorized; without a recipe, with the headers that the credential is
    /// usually sent in.
    pub recipe: Option<&'a Recipe>,
    /// Whether the answer has to be a document; otherwise its status is enough.
    pub wants_document: bool,
    /// The time limit of one request.
    pub timeout: Duration,
}

impl Api<'_> {
    /// Sends one request and reads its answer as a document (null for none).
    pub fn call(&self, call: &Call, values: &Values, sender: &Sender) -> Result<Value, CallError> {
        let url = values.url(call)?;
        let body = values.body(call)?;
        if !sender.bound.covers(&url) {
            return Err(CallError::Elsewhere(url.origin().ascii_serialization()));
        }
        let mut headers = match self.recipe {
            Some(recipe) => render(&recipe.extra_headers, &Parts::new())?,
            None => Vec::new(),
        };
        if !call.bare {
            headers.extend(self.authorization(&url, body.as_ref(), values, sender)?);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let method = Some(call.method).filter(|_| body.is_none() || call.method != Method::Get);
        let request = Request {
            url,
            method,
            body,
            headers,
            timeout: self.timeout,
        };
        let sent = self.context.network.run(async {
            tokio::select! {
                sent = self.context.network.send(request) => sent,
                () = signals::enough(LAST_WAIT) => Err(TransportError::Lost("interrupted".into())),
            }
        });
        let sent = sent.and_then(|sent| sent);
        let reply = sent.map_err(|error| match error {
            TransportError::NotSent(reason) => CallError::NotSent(format!("{host}: {reason}")),
            TransportError::Lost(reason) | TransportError::Unreadable(reason) => {
                CallError::Lost(format!("{host}: {reason}"))
            }
        })?;
        tracing::debug!(host, status = reply.status, "the provider answered");
        read_reply(call, &reply, self.wants_document).map_err(|error| {
            error.without(
                sender
                    .parts
                    .values()
                    .chain(values.parts.values())
                    .chain(&values.id),
            )
        })
    }

    fn authorization(
        &self,
        url: &url::Url,
        body: Option<&(&'static str, Secret)>,
        values: &Values,
        sender: &Sender,
    ) -> Result<Vec<Header>, CallError> {
        let Some(recipe) = self.recipe else {
            return Ok(render(&sender.templates, &sender.parts)?);
        };
        if let Some(Signing::Aws4) = recipe.signing {
            let (kind, body) = body.map_or(("", ""), |(kind, body)| (*kind, body.expose()));
            return Ok(signing::aws4(url, kind, body, &sender.parts, values.now)?);
        }
        let mut parts = sender.parts.clone();
        if let Some(session) = &recipe.session {
            let asked = Values {
                parts: sender.parts.clone(),
                ..values.clone()
            };
            let answer = self.call(&session.call, &asked, sender)?;
            let token = text_at(&answer, &session.token).ok_or_else(|| {
                CallError::Refused("the response contains no session token".into())
            })?;
            parts.insert("session".into(), Secret::new(token));
        }
        let templates = if recipe.headers.is_empty() {
            &sender.templates
        } else {
            &recipe.headers
        };
        Ok(render(templates, &parts)?)
    }
}

fn read_reply(call: &Call, reply: &Reply, wants_document: bool) -> Result<Value, CallError> {
    let document = read(call, &reply.body);
    match reply.status {
        status if call.gone.contains(&status) => Err(CallError::Gone),
        200..300 if !wants_document => Ok(document.unwrap_or_default()),
        200..300 => {
            let document = document.map_err(CallError::Lost)?;
            let failed = call
                .failures
                .iter()
                .filter_map(|pointer| document.pointer(pointer))
                .find(|found| is_filled(found));
            match failed {
                Some(found) => Err(CallError::Refused(reason(found))),
                None => Ok(document),
            }
        }
        status if call.bad.contains(&status) && is_limited(call, &reply.body) => {
            Err(CallError::Forbidden(
                document
                    .map(|document| message_in(&document))
                    .unwrap_or_default(),
            ))
        }
        status if call.bad.contains(&status) => Err(CallError::Unauthorized(status)),
        429 => Err(CallError::Busy {
            retry_after: reply.retry_after,
        }),
        // A gateway may answer this although the request took effect.
        status @ (408 | 425 | 500..) => Err(CallError::Lost(format!(
            "the provider returned status {status}{}",
            document
                .map(|document| message_in(&document))
                .unwrap_or_default()
        ))),
        403 => Err(CallError::Forbidden(
            document
                .map(|document| message_in(&document))
                .unwrap_or_default(),
        )),
        status => Err(CallError::Refused(format!(
            "status {status}{}",
            document
                .map(|document| message_in(&document))
                .unwrap_or_default()
        ))),
    }
}

/// Whether a refusal says that the credential only lacks a permission.
fn is_limited(call: &Call, body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    call.limited.iter().any(|text| body.contains(text.as_str()))
}

fn read(call: &Call, body: &[u8]) -> Result<Value, String> {
    let text =
        std::str::from_utf8(body).map_err(|_| "the response is not UTF-8 text".to_owned())?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    if call.xml {
        xml::read(text)
    } else {
        serde_json::from_str(text).map_err(|_| "the response is not JSON".to_owned())
    }
}

fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}

/// The error message in an answer, at the places where providers usually put it.
fn message_in(document: &Value) -> String {
    let places = [
        "/error/message",
        "/message",
        "/errors/0/message",
        "/errors/0/reason",
        "/ErrorResponse/Error/Code",
        "/error_code",
        "/error",
        "/errors/0",
    ];
    let found = places.iter().find_map(|pointer| text_at(document, pointer));
    found
        .map(|text| format!(": {}", plain(&text)))
        .unwrap_or_default()
}

fn reason(found: &Value) -> String {
    let text = text_at(found, "/0/message")
        .or_else(|| text_at(found, "/message"))
        .or_else(|| found.as_str().map(str::to_owned));
    plain(&text.unwrap_or_else(|| "no reason given".into()))
}

/// A message of the provider, shortened, without words that look like a key.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        if word.len() > 24 && word.chars().any(|c| c.is_ascii_digit()) {
            "…"
        } else {
            word
        }
    });
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(160)
        .collect()
}

#[cfg(test)]
mod tests;
