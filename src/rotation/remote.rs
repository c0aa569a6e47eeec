//! The provider's own interface, as the row describes it.

use super::api::{Api, CallError, Sender, TIMEOUT};
use super::backend::{Backend, Listed, Listing};
use super::fill::{Values, id, text_at};
use super::hint::hint_fits;
use super::listing::listing;
use super::omit::omit;
use super::times::{new_end, time_at};
use super::verify::{Question, Verdict};
use crate::credential::{Bound, Made, Parts, Slots};
use crate::lifecycle::Context;
use crate::provider::{Call, KeySpec, List, Recipe, RotationKind};
use crate::secret::{Alphabet, Secret};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;

/// The pauses between the attempts to read a value that is not available yet.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The interface of a provider, as its row describes it.
pub struct Remote<'a> {
    pub context: &'a Context<'a>,
    pub recipe: &'a Recipe,
    pub key: &'a KeySpec,
    pub bound: Bound,
    /// The active key.
    pub active: Parts,
    /// The credential that manages the key, if one is set.
    pub manager: Option<Sender>,
    /// The longest lifetime of a new key, if the user limits it.
    pub lifetime: Option<SignedDuration>,
}

impl Remote<'_> {
    fn api(&self) -> Api<'_> {
        Api {
            context: self.context,
            recipe: Some(self.recipe),
            wants_document: true,
            timeout: TIMEOUT,
        }
    }

    fn holder(&self, parts: &Parts) -> Sender {
        Sender {
            templates: self.key.headers.clone(),
            parts: parts.clone(),
            bound: self.bound.clone(),
        }
    }

    fn sender(&self) -> Sender {
        self.manager
            .clone()
            .unwrap_or_else(|| self.holder(&self.active))
    }

    fn listed(&self, list: &List, values: &Values) -> Result<Listing, CallError> {
        let answer = self.api().call(&list.call, values, &self.sender())?;
        let identify = self.recipe.identify.as_ref();
        let hint = identify.and_then(|identify| identify.listed.as_deref());
        listing(list, hint, &answer)
    }

    /// The key in an answer: its parts replace those of the active key, the others stay.
    fn made(&self, answer: &Value, values: &Values) -> Result<Made, CallError> {
        let lost = |what: &str| CallError::Lost(format!("the response contains no {what}"));
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
            match (self.api().call(call, values, &self.sender()), pauses.next()) {
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
                // The key was created, whatever this answer says.
                (Err(error), _) => return Err(CallError::Lost(error.to_string())),
            }
        }
    }

    fn is_slotted(&self) -> bool {
        self.recipe.kind == RotationKind::TwoSlot
    }

    /// The slot that contains a key with these parts.
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
            // The request is authorized with the key itself: it returns the id of the key that
            // asks. A request that contains the key is authorized by its manager.
            let by_value = call.url.contains("${part:");
            let sender = if by_value {
                self.sender()
            } else {
                self.holder(&slots.active)
            };
            let answer = self.api().call(call, &values, &sender)?;
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
                    .any(|part| hint_fits(hint.expose(), part.expose()))
            })
        };
        let mut found = listing.keys.iter().filter(|key| is_it(key));
        // Two keys that match are no answer.
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
            let mut old = self.api().call(read, values, &self.sender())?;
            omit(&mut old, &self.recipe.omit);
            values.old = Some(old);
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
                self.lifetime,
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
                if !self.sender().bound.covers(&url) {
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
            return Err(CallError::Refused("the recipe cannot create keys".into()));
        };
        if !self.is_slotted() {
            let answer = self.api().call(&create.call, values, &self.sender())?;
            return self.made(&answer, values);
        }
        // The provider is asked each time: a person may have moved the key to the other slot.
        let taken = self.slot_of(&self.active, values)?;
        let Some(taken) = taken else {
            return Err(CallError::Refused(
                "the current key is in neither slot at the provider".into(),
            ));
        };
        let Some(idle) = self.recipe.slots.iter().find(|slot| !taken.same_as(slot)) else {
            return Err(CallError::Refused("the recipe names no other slot".into()));
        };
        let values = Values {
            id: Some(Secret::new(idle.as_str())),
            ..values.clone()
        };
        // Nobody uses the key in the idle slot, so a lost request may be repeated.
        let answer = match self.api().call(&create.call, &values, &self.sender()) {
            Err(CallError::Lost(_)) => self.api().call(&create.call, &values, &self.sender())?,
            answer => answer?,
        };
        Ok(Made {
            id: values.id.clone(),
            ..self.made(&answer, &values)?
        })
    }

    fn clock(&self, parts: &Parts, values: &Values) -> Option<Timestamp> {
        let network = self.context.network;
        // That of an earlier answer may be from another server.
        network.take_server_time();
        self.verify(parts, values);
        network.take_server_time()
    }

    fn verify(&self, parts: &Parts, values: &Values) -> Verdict {
        let question = Question {
            context: self.context,
            key: self.key,
            recipe: Some(self.recipe),
            bound: &self.bound,
            timeout: TIMEOUT,
        };
        match question.ask(parts, values).verdict {
            Verdict::Elsewhere => {
                Verdict::Unclear("the key is not bound to the origin that verifies it".into())
            }
            verdict => verdict,
        }
    }

    fn revoke(&self, values: &Values) -> Result<(), CallError> {
        if self.is_slotted() {
            let (Some(create), Some(slot)) = (&self.recipe.create, &values.id) else {
                return Ok(());
            };
            // A slot that contains another key by now no longer contains this one.
            return match self.slot_of(&values.parts, values)? {
                Some(holding) if holding.same_as(slot.expose()) => self
                    .api()
                    .call(&create.call, values, &self.sender())
                    .map(drop),
                _ => Err(CallError::Gone),
            };
        }
        let Some(revoke) = &self.recipe.revoke else {
            return Err(CallError::Refused("the recipe cannot revoke keys".into()));
        };
        self.api().call(revoke, values, &self.sender()).map(drop)
    }
}
