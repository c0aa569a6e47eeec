//! The provider's own interface, as the row describes it.

use super::Verdict;
use super::api::{Api, CallError, Caller};
use super::backend::{Backend, Listed, Listing};
use super::fill::{Values, id, new_end, text_at, time_at};
use crate::credential::{Bound, Made, Parts, Slots};
use crate::lifecycle::Keeper;
use crate::provider::{Call, KeySpec, List, Recipe, RotationKind};
use crate::secret::{Alphabet, Secret};
use jiff::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// How often, and after what pause, a value that is not there yet is asked for.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The provider behind a row.
pub struct Remote<'a> {
    pub keeper: &'a Keeper<'a>,
    pub recipe: &'a Recipe,
    pub key: &'a KeySpec,
    pub bound: Bound,
    /// The active key.
    pub active: Parts,
    /// Who asks in its place.
    pub manager: Option<Caller>,
}

impl Remote<'_> {
    fn api(&self) -> Api<'_> {
        Api {
            keeper: self.keeper,
            recipe: self.recipe,
            as_used: false,
            wants_document: true,
        }
    }

    fn holder(&self, parts: &Parts) -> Caller {
        Caller {
            templates: self.key.headers.clone(),
            parts: parts.clone(),
            bound: self.bound.clone(),
        }
    }

    fn caller(&self) -> Caller {
        self.manager
            .clone()
            .unwrap_or_else(|| self.holder(&self.active))
    }

    fn listed(&self, list: &List, values: &Values) -> Result<Listing, CallError> {
        let answer = self.api().call(&list.call, values, &self.caller())?;
        let items = answer.pointer(&list.items).unwrap_or(&Value::Null);
        let items: &[Value] = match items {
            Value::Array(items) => items,
            // An empty list is an empty element in XML, or none at all.
            Value::Null if list.call.xml => &[],
            Value::String(text) if text.is_empty() && list.call.xml => &[],
            _ => {
                return Err(CallError::Lost(
                    "it lists no keys where they should be".into(),
                ));
            }
        };
        let read = |item: &Value| {
            let at = |pointer: &Option<String>| {
                pointer.as_ref().and_then(|pointer| text_at(item, pointer))
            };
            Some(Listed {
                id: text_at(item, &list.id).and_then(|text| id(text).ok())?,
                label: at(&list.label),
                created: list
                    .created
                    .as_ref()
                    .and_then(|pointer| time_at(item, pointer)),
                value: at(&list.value)
                    .or_else(|| {
                        at(&self
                            .recipe
                            .identify
                            .as_ref()
                            .and_then(|identify| identify.listed.clone()))
                    })
                    .map(Secret::new),
            })
        };
        let is_partial = list
            .more
            .as_ref()
            .and_then(|pointer| answer.pointer(pointer))
            .is_some_and(is_more);
        let keys: Vec<Listed> = items.iter().filter_map(read).collect();
        // What cannot be read, and what may stand on a further page, is not known to be absent.
        let is_partial = is_partial
            || keys.len() < items.len()
            || list.full.is_some_and(|full| items.len() >= full);
        Ok(Listing { keys, is_partial })
    }

    /// What the provider gave, as a key: its parts over those that stay.
    fn made(&self, answer: &Value, values: &Values) -> Result<Made, CallError> {
        let lost = |what: &str| CallError::Lost(format!("its answer holds no {what}"));
        let Some(create) = &self.recipe.create else {
            return Err(lost("key"));
        };
        let text = match &create.id {
            Some(pointer) if pointer.starts_with('/') => {
                Some(text_at(answer, pointer).ok_or_else(|| lost("id"))?)
            }
            Some(template) => Some(
                values
                    .text(template)
                    .map_err(|error| CallError::Lost(error.to_string()))?,
            ),
            None => None,
        };
        let id = text.map(id).transpose().map_err(CallError::Lost)?;
        let shown;
        let shows = match &create.value {
            Some(call) => {
                shown = self.shown(
                    call,
                    &Values {
                        id: id.clone(),
                        ..values.clone()
                    },
                )?;
                &shown
            }
            None => answer,
        };
        let mut parts = self.active.clone();
        for (name, pointer) in &create.parts {
            let value = Secret::new(text_at(shows, pointer).ok_or_else(|| lost("key"))?);
            value
                .check(Alphabet::Printable)
                .map_err(|error| CallError::Lost(format!("the new key {error}")))?;
            parts.insert(name.clone(), value);
        }
        Ok(Made {
            parts,
            id,
            at: Timestamp::now(),
            expires: values.expires,
        })
    }

    fn shown(&self, call: &Call, values: &Values) -> Result<Value, CallError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match (self.api().call(call, values, &self.caller()), pauses.next()) {
                (Ok(answer), _) => return Ok(answer),
                (
                    Err(
                        CallError::Gone
                        | CallError::NotSent(_)
                        | CallError::Busy { .. }
                        | CallError::Lost(_),
                    ),
                    Some(pause),
                ) => std::thread::sleep(pause),
                // The key was made, whatever this says.
                (Err(error), _) => return Err(CallError::Lost(error.to_string())),
            }
        }
    }

    fn is_slotted(&self) -> bool {
        self.recipe.kind == RotationKind::TwoSlot
    }

    /// The slot that holds a key with these parts.
    fn slot_of(&self, parts: &Parts, values: &Values) -> Result<Option<Secret>, CallError> {
        let Some(list) = &self.recipe.list else {
            return Ok(None);
        };
        let listing = self.listed(list, values)?;
        let holds = |key: &Listed| {
            key.value
                .as_ref()
                .is_some_and(|value| parts.values().any(|part| part.same_as(value.expose())))
        };
        Ok(listing.keys.into_iter().find(holds).map(|key| key.id))
    }
}

/// Whether a key looks like its hint: its beginning, or its beginning and end with dots or stars between them.
fn fits(hint: &str, key: &str) -> bool {
    let cut = hint.find(['.', '…', '*']).filter(|at| {
        hint.get(*at..)
            .is_some_and(|rest| rest.starts_with("..") || rest.starts_with(['…', '*']))
    });
    let (begin, end) = cut.map_or((hint, ""), |at| {
        (
            hint.get(..at).unwrap_or_default(),
            hint.get(at..).unwrap_or_default(),
        )
    });
    let end = end.trim_start_matches(['.', '…', '*']);
    begin.len() + end.len() >= 8
        && key.len() > begin.len() + end.len()
        && key.starts_with(begin)
        && key.ends_with(end)
        || key == hint
}

fn is_more(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty() && text != "false",
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

impl Backend for Remote<'_> {
    fn use_key(&mut self, active: &Parts) {
        self.active = active.clone();
    }

    fn has_labels(&self) -> bool {
        self.recipe
            .list
            .as_ref()
            .is_some_and(|list| list.label.is_some())
    }

    fn leaves_orphans(&self) -> bool {
        !self.is_slotted()
    }

    fn identify(&self, slots: &Slots, values: &Values) -> Result<Option<Secret>, CallError> {
        if self.is_slotted() {
            return self.slot_of(&slots.active, values);
        }
        if slots.active_id.is_some() {
            return Ok(slots.active_id.clone());
        }
        let Some(identify) = &self.recipe.identify else {
            return Ok(None);
        };
        if let Some(value) = identify
            .part
            .as_ref()
            .and_then(|part| slots.active.get(part))
        {
            let Some(pattern) = &identify.pattern else {
                return Ok(Some(value.clone()));
            };
            let found = regex_lite::Regex::new(pattern).ok().and_then(|pattern| {
                Some(
                    pattern
                        .captures(value.expose())?
                        .get(1)?
                        .as_str()
                        .to_owned(),
                )
            });
            return found.map(id).transpose().map_err(CallError::Refused);
        }
        if let Some(call) = &identify.call {
            let values = Values {
                parts: slots.active.clone(),
                ..values.clone()
            };
            // With the key itself: of nobody else would it tell that key's id. What names the key in the request is told
            // to whoever manages it.
            let by_value = call.url.contains("${part:");
            let caller = if by_value {
                self.caller()
            } else {
                self.holder(&slots.active)
            };
            let answer = self.api().call(call, &values, &caller)?;
            let found = identify
                .id
                .as_ref()
                .and_then(|pointer| text_at(&answer, pointer));
            return found.map(id).transpose().map_err(CallError::Refused);
        }
        let (Some(_), Some(list)) = (&identify.listed, &self.recipe.list) else {
            return Ok(None);
        };
        let listing = self.listed(list, values)?;
        if listing.is_partial {
            return Ok(None);
        }
        let is_it = |key: &Listed| {
            key.value.as_ref().is_some_and(|hint| {
                slots
                    .active
                    .values()
                    .any(|part| fits(hint.expose(), part.expose()))
            })
        };
        let mut found = listing.keys.iter().filter(|key| is_it(key));
        // Two that begin alike are no answer.
        Ok(found
            .next()
            .filter(|_| found.next().is_none())
            .map(|key| key.id.clone()))
    }

    fn read_rights(&self, values: &mut Values, stored: Option<Timestamp>) -> Result<(), CallError> {
        if let Some(read) = self
            .recipe
            .read
            .as_ref()
            .filter(|read| values.id.is_some() || !read.needs_id())
        {
            values.old = Some(self.api().call(read, values, &self.caller())?);
        }
        if let Some(lifetime) = &self.recipe.lifetime {
            let old = values.old.clone().unwrap_or_default();
            let created = lifetime
                .created
                .as_ref()
                .and_then(|pointer| time_at(&old, pointer))
                .or(stored);
            values.expires = new_end(
                created,
                time_at(&old, &lifetime.expires),
                lifetime.days,
                values.now,
            );
        }
        Ok(())
    }

    fn prepare(&self, values: &Values) -> Result<(), CallError> {
        if let Some(create) = &self.recipe.create {
            values.body(&create.call)?;
            let shows = create.value.iter().map(|call| {
                (
                    call,
                    Values {
                        id: Some(Secret::new("x")),
                        ..values.clone()
                    },
                )
            });
            for (call, values) in std::iter::once((&create.call, values.clone())).chain(shows) {
                let url = values.url(call)?;
                if !self.caller().bound.covers(&url) {
                    return Err(CallError::Elsewhere(url.origin().ascii_serialization()));
                }
            }
        }
        Ok(())
    }

    fn list(&self, values: &Values) -> Result<Option<Listing>, CallError> {
        self.recipe
            .list
            .as_ref()
            .map(|list| self.listed(list, values))
            .transpose()
    }

    fn create(&self, values: &Values) -> Result<Made, CallError> {
        let Some(create) = &self.recipe.create else {
            return Err(CallError::Refused("the recipe makes no keys".into()));
        };
        if !self.is_slotted() {
            let answer = self.api().call(&create.call, values, &self.caller())?;
            return self.made(&answer, values);
        }
        // Asked of the provider each time, never remembered: a person may have moved the key to the other slot.
        let taken = self.slot_of(&self.active, values)?;
        let Some(taken) = taken else {
            return Err(CallError::Refused(
                "the key in use sits in neither of its slots".into(),
            ));
        };
        let Some(idle) = self.recipe.slots.iter().find(|slot| !taken.same_as(slot)) else {
            return Err(CallError::Refused("there is no other slot".into()));
        };
        let values = Values {
            id: Some(Secret::new(idle.as_str())),
            ..values.clone()
        };
        // The idle slot holds nothing that anybody uses, so it may be made again blindly.
        let answer = match self.api().call(&create.call, &values, &self.caller()) {
            Err(CallError::Lost(_)) => self.api().call(&create.call, &values, &self.caller())?,
            answer => answer?,
        };
        Ok(Made {
            id: values.id.clone(),
            ..self.made(&answer, &values)?
        })
    }

    fn verify(&self, parts: &Parts, values: &Values) -> Verdict {
        let check = self
            .key
            .check
            .as_ref()
            .map(|check| Call::plain(&check.url, check.post.as_deref()));
        let Some(call) = self.recipe.verify.clone().or(check) else {
            return Verdict::Unknowable;
        };
        let values = Values {
            parts: parts.clone(),
            ..values.clone()
        };
        let as_used = self.recipe.signing.is_none() && !self.key.headers.is_empty();
        let api = Api {
            as_used,
            wants_document: !call.failures.is_empty(),
            ..self.api()
        };
        match api.call(&call, &values, &self.holder(parts)) {
            Ok(_) => Verdict::Good,
            Err(CallError::Unauthorized(_) | CallError::Gone) => Verdict::Bad,
            // A key with few rights is forbidden what the check asks: it is as good as the other one, which is too.
            Err(CallError::Forbidden(_)) => Verdict::Forbidden,
            Err(error) => Verdict::Unclear(error.to_string()),
        }
    }

    fn end(&self, values: &Values) -> Result<(), CallError> {
        if self.is_slotted() {
            let (Some(create), Some(slot)) = (&self.recipe.create, &values.id) else {
                return Ok(());
            };
            // A slot that holds another key by now has lost this one already.
            return match self.slot_of(&values.parts, values)? {
                Some(holding) if holding.same_as(slot.expose()) => self
                    .api()
                    .call(&create.call, values, &self.caller())
                    .map(drop),
                _ => Err(CallError::Gone),
            };
        }
        let Some(revoke) = &self.recipe.revoke else {
            return Err(CallError::Refused(
                "there is no request that ends a key".into(),
            ));
        };
        self.api().call(revoke, values, &self.caller()).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_hint_is_a_beginning_or_a_beginning_and_an_end() {
        let key = "sk-ant-api03-abcdefghijklmnop";
        for hint in [
            "sk-ant-api03-abc",
            "sk-ant-api03-abc...mnop",
            "sk-ant-api…mnop",
            "sk-a*****klmnop",
            key,
        ] {
            assert!(fits(hint, key), "{hint}");
        }
        for hint in [
            "",
            "sk-",
            "sk...",
            "sk-ant-api03-abc...mnoq",
            "sk-ant-api03-abcdefghijklmnopq",
            "...mnop",
        ] {
            assert!(!fits(hint, key), "{hint}");
        }
    }
}
