//! The provider, as a recipe describes it: each request by whoever may make it, to where its credential belongs.

use super::fill::{FillError, Values, text_at};
use super::{signing, xml};
use crate::credential::{Bound, Parts};
use crate::http::{Reply, Request, TransportError};
use crate::lifecycle::Keeper;
use crate::provider::{Call, Header, Method, Recipe, RenderError, Signing, Template, render};
use crate::secret::Secret;
use crate::signals;
use serde_json::Value;
use std::time::Duration;

/// The deadline of one request.
const TIMEOUT: Duration = Duration::from_secs(30);

/// After a signal, an answer that may be on its way is waited for this long: it may hold a key that nobody else has.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// Who makes a request: its headers and parts, and where they may go.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The headers that its credential usually goes in.
    pub templates: Vec<Template>,
    /// Its parts.
    pub parts: Parts,
    /// What it is bound to.
    pub bound: Bound,
}

/// Why a request gave nothing. The difference decides what may have happened at the provider.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It never got there, so nothing happened.
    #[error("{0}")]
    NotSent(String),
    /// It may have been acted upon.
    #[error("{0}")]
    Lost(String),
    /// The provider has no such key.
    #[error("the provider knows no such key")]
    Gone,
    /// The provider does not take this credential.
    #[error("the provider does not accept the credential that asks (status {0})")]
    Unauthorized(u16),
    /// The credential is good, and may not do this; nothing happened.
    #[error("the provider does not allow it (status 403{0})")]
    Forbidden(String),
    /// The provider said no; nothing happened.
    #[error("the provider refuses it: {0}")]
    Refused(String),
    /// Too many requests; nothing happened.
    #[error("the provider wants fewer requests: try again later")]
    Busy {
        /// Seconds it asks to wait.
        retry_after: Option<u64>,
    },
    /// The request would have gone where its credential does not belong.
    #[error("{0} is not where the credential that asks belongs")]
    Elsewhere(String),
    /// A value is missing; nothing was sent.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// The headers cannot be made.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl CallError {
    /// The same with the secrets that were sent taken out of what the provider said: some answer with what they were asked.
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

/// The provider behind a recipe.
pub struct Api<'a> {
    pub keeper: &'a Keeper<'a>,
    pub recipe: &'a Recipe,
    /// Whether requests are authorized as the key is when it is used, whatever the recipe says of its own requests.
    pub as_used: bool,
    /// Whether what the answer says counts, and not only its status.
    pub wants_document: bool,
}

impl Api<'_> {
    /// Makes one request and reads its answer as a document (null for none).
    pub fn call(&self, call: &Call, values: &Values, caller: &Caller) -> Result<Value, CallError> {
        let url = values.url(call)?;
        let body = values.body(call)?;
        if !caller.bound.covers(&url) {
            return Err(CallError::Elsewhere(url.origin().ascii_serialization()));
        }
        let mut headers = if self.as_used {
            Vec::new()
        } else {
            render(&self.recipe.extra_headers, &Parts::new())?
        };
        if !call.bare {
            headers.extend(self.authorization(&url, body.as_ref(), values, caller)?);
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let method = Some(call.method).filter(|_| body.is_none() || call.method != Method::Get);
        let request = Request {
            url,
            method,
            body,
            headers,
            timeout: TIMEOUT,
        };
        let sent = self.keeper.network.run(async {
            tokio::select! {
                sent = self.keeper.network.send(request) => sent,
                () = signals::enough(LAST_WAIT) => Err(TransportError::Lost("interrupted".into())),
            }
        });
        let sent = sent.and_then(|sent| sent);
        let reply = sent.map_err(|error| match error {
            TransportError::NotSent(reason) => CallError::NotSent(format!("{host}: {reason}")),
            TransportError::Lost(reason) => CallError::Lost(format!("{host}: {reason}")),
        })?;
        tracing::debug!(host, status = reply.status, "the provider answered");
        judge(call, &reply, self.wants_document).map_err(|error| {
            error.without(
                caller
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
        caller: &Caller,
    ) -> Result<Vec<Header>, CallError> {
        if self.as_used {
            return Ok(render(&caller.templates, &caller.parts)?);
        }
        if let Some(Signing::Aws4) = self.recipe.signing {
            let (kind, body) = body.map_or(("", ""), |(kind, body)| (*kind, body.expose()));
            return Ok(signing::aws4(url, kind, body, &caller.parts, values.now)?);
        }
        let mut parts = caller.parts.clone();
        if let Some(session) = &self.recipe.session {
            let asked = Values {
                parts: caller.parts.clone(),
                ..values.clone()
            };
            let answer = self.call(&session.call, &asked, caller)?;
            let token = text_at(&answer, &session.token)
                .ok_or_else(|| CallError::Refused("it gives no session token".into()))?;
            parts.insert("session".into(), Secret::new(token));
        }
        let templates = if self.recipe.headers.is_empty() {
            &caller.templates
        } else {
            &self.recipe.headers
        };
        Ok(render(templates, &parts)?)
    }
}

fn judge(call: &Call, reply: &Reply, wants_document: bool) -> Result<Value, CallError> {
    let document = read(call, &reply.body);
    match reply.status {
        status if call.gone.contains(&status) => Err(CallError::Gone),
        200..300 if !wants_document => Ok(Value::Null),
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
        status if call.bad.contains(&status) => Err(CallError::Unauthorized(status)),
        429 => Err(CallError::Busy {
            retry_after: reply.retry_after,
        }),
        // A gateway may say this of a request that was acted upon.
        status @ (408 | 425 | 500..) => {
            Err(CallError::Lost(format!("it answered with status {status}")))
        }
        403 => Err(CallError::Forbidden(
            document.map(|document| said(&document)).unwrap_or_default(),
        )),
        status => Err(CallError::Refused(format!(
            "status {status}{}",
            document.map(|document| said(&document)).unwrap_or_default()
        ))),
    }
}

fn read(call: &Call, body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|_| "its answer is not text".to_owned())?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    if call.xml {
        xml::read(text)
    } else {
        serde_json::from_str(text).map_err(|_| "its answer is not JSON".to_owned())
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

/// What the provider says of a failure, in the places where it is usually said.
fn said(document: &Value) -> String {
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
    plain(&text.unwrap_or_else(|| "it names no reason".into()))
}

/// A stranger's sentence: short, and without what looks like a key in it.
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
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(call: Value, status: u16, body: &str) -> Result<Value, CallError> {
        let call: Call = serde_json::from_value(call).unwrap();
        judge(
            &call,
            &Reply {
                status,
                retry_after: None,
                date: None,
                body: body.as_bytes().to_vec(),
            },
            true,
        )
    }

    #[test]
    fn an_answer_says_whether_something_may_have_happened() {
        let call = || json!({ "url": "https://a.test/", "failures": ["/errors"] });
        assert_eq!(judged(call(), 200, "{\"a\":1}").unwrap(), json!({ "a": 1 }));
        assert_eq!(judged(call(), 204, "").unwrap(), Value::Null);
        assert_eq!(
            judged(call(), 200, "{\"errors\":[]}").unwrap(),
            json!({ "errors": [] })
        );
        for (status, body, nothing) in [
            (200, "{\"errors\":[{\"message\":\"no\"}]}", true),
            (200, "<html>", false),
            (502, "", false),
            (403, "{\"message\":\"missing scope\"}", true),
            (401, "", true),
            (404, "", true),
            (429, "", true),
        ] {
            assert_eq!(
                judged(call(), status, body).unwrap_err().nothing_happened(),
                nothing,
                "{status} {body}"
            );
        }
        let told = judged(call(), 400, "{\"error\":\"not you, k-1\"}")
            .unwrap_err()
            .without([Secret::new("k-1")].iter());
        assert_eq!(
            told.to_string(),
            "the provider refuses it: status 400: not you, …"
        );
        let error = judged(
            call(),
            403,
            "{\"message\":\"missing scope for sk-0123456789012345678901234\"}",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the provider does not allow it (status 403: missing scope for …)"
        );
    }
}
