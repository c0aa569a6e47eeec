//! The one question "does the provider accept this key?", for `key add`, `status --check` and
//! rotations.

use super::api::{Api, CallError, Sender};
use super::engine::last_day;
use super::fill::Values;
use super::times::time_at;
use crate::credential::{Bound, Parts};
use crate::lifecycle::Context;
use crate::provider::{Check, KeySpec, Recipe};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use std::time::Duration;

/// The time limit when a person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest account name that is shown, in characters.
const MAX_ACCOUNT: usize = 80;

/// What the provider says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Good,
    /// It works, but lacks the permission for this request.
    Forbidden,
    /// It does not work.
    Bad,
    /// The provider's response is inconclusive.
    Unclear(String),
    /// The provider could not be asked.
    Unreachable(String),
    /// The key is not bound to the place where the request goes, so nothing was sent.
    Elsewhere,
    /// There is no request that tells.
    Unknowable,
}

/// The answer to the question.
pub struct Answer {
    /// Whether the key works.
    pub verdict: Verdict,
    /// The account of the key, if the answer contains it.
    pub account: Option<String>,
    /// The day on which the key expires, if the answer contains it.
    pub expires: Option<Date>,
}

/// A key and how it is verified.
pub(super) struct Question<'a> {
    pub context: &'a Context<'a>,
    pub key: &'a KeySpec,
    pub recipe: Option<&'a Recipe>,
    pub bound: &'a Bound,
    pub timeout: Duration,
}

/// Asks the provider whether a key works, with the harmless request of its row.
pub fn verify(context: &Context<'_>, key: &KeySpec, bound: &Bound, parts: &Parts) -> Answer {
    let question = Question {
        context,
        key,
        recipe: None,
        bound,
        timeout: PATIENCE,
    };
    let values = Values {
        now: Timestamp::now(),
        ..Values::default()
    };
    question.ask(parts, &values)
}

impl Question<'_> {
    /// Asks about one key. The request of the recipe is preferred, since it may be signed.
    pub fn ask(&self, parts: &Parts, values: &Values) -> Answer {
        let only = |verdict| Answer {
            verdict,
            account: None,
            expires: None,
        };
        let check = self.key.check.as_ref();
        let plain = check.map(Check::call);
        let own = self.recipe.and_then(|recipe| recipe.verify.clone());
        let fields = check.filter(|_| own.is_none());
        let label = fields.and_then(|check| check.label.as_ref());
        let expires = fields.and_then(|check| check.expires.as_ref());
        let Some(call) = own.or(plain) else {
            return only(Verdict::Unknowable);
        };
        let is_signed = self.recipe.is_some_and(|recipe| recipe.signing.is_some());
        let as_used = !is_signed && !self.key.headers.is_empty();
        let api = Api {
            context: self.context,
            recipe: self.recipe.filter(|_| !as_used),
            wants_document: !call.failures.is_empty(),
            timeout: self.timeout,
        };
        let values = Values {
            parts: parts.clone(),
            ..values.clone()
        };
        let sender = Sender {
            templates: self.key.headers.clone(),
            parts: parts.clone(),
            bound: self.bound.clone(),
        };
        match api.call(&call, &values, &sender) {
            Ok(document) => Answer {
                verdict: Verdict::Good,
                account: label.and_then(|pointer| account(&document, pointer)),
                expires: expires
                    .and_then(|pointer| time_at(&document, pointer))
                    .map(last_day),
            },
            // Without a recipe, the request is not about this key: 404 says nothing about it.
            Err(CallError::Gone) if self.recipe.is_none() => {
                only(Verdict::Unclear("the provider returned status 404".into()))
            }
            Err(CallError::Unauthorized(_) | CallError::Gone) => only(Verdict::Bad),
            Err(CallError::Forbidden(_)) => only(Verdict::Forbidden),
            Err(CallError::Elsewhere(_)) => only(Verdict::Elsewhere),
            Err(error @ (CallError::NotSent(_) | CallError::Lost(_) | CallError::Busy { .. })) => {
                only(Verdict::Unreachable(error.to_string()))
            }
            Err(error) => only(Verdict::Unclear(error.to_string())),
        }
    }
}

/// The account in an answer, safe to show.
fn account(document: &Value, pointer: &str) -> Option<String> {
    let text = document.pointer(pointer)?.as_str()?;
    Some(
        text.chars()
            .filter(char::is_ascii_graphic)
            .take(MAX_ACCOUNT)
            .collect(),
    )
}
