//! A rotation. Here are the steps of every kind in which two keys stand beside each other for a while. They follow one
//! order, whatever happened before: what a lost answer left is found and ended, a pending key is verified, what is due to
//! end is ended, and only then is a new one made.

use super::api::CallError;
use super::backend::{Backend, Listed};
use super::fill::Values;
use super::rotate::{Options, Report};
use super::run::Run;
use super::{Error, READER_LIFE, Verdict};
use crate::credential::{Made, Making, Retiring, Slots, same_parts};
use crate::provider::Recipe;
use crate::secret::random_bytes;
use crate::signals;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// After so long a request that was never answered can no longer arrive.
pub const ARRIVAL: SignedDuration = SignedDuration::from_mins(10);

/// The pauses between questions whether a new key works: a minute in all.
const PAUSES: [Duration; 7] = [
    Duration::from_millis(500),
    Duration::from_millis(1500),
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(20),
];

/// A rotation, as far as it gets.
pub struct Engine<'a, 'b> {
    pub run: &'a mut Run<'b>,
    pub backend: &'a mut dyn Backend,
    pub recipe: &'a Recipe,
    pub values: Values,
    pub options: &'a Options,
}

impl Engine<'_, '_> {
    /// All steps, in their order.
    pub fn go(&mut self) -> Result<Report, Error> {
        let mut report = Report::default();
        self.look_up_intents()?;
        if self.run.slots()?.pending.is_some() && self.verify_pending(&mut report)? {
            return Ok(report);
        }
        self.end_retired(&mut report)?;
        if !self.options.create {
            return Ok(report);
        }
        if let Some(until) = report.waits_until {
            return Err(Error::TooSoon {
                name: self.run.name().clone(),
                until,
            });
        }
        if self.recipe.kind.wants_a_person() {
            return Err(Error::ByHand {
                name: self.run.name().clone(),
            });
        }
        self.create()?;
        if signals::came() {
            return Err(crate::lifecycle::Error::Interrupted.into());
        }
        if !self.verify_pending(&mut report)? {
            let reason = "the provider made it, and knows it no more".into();
            return Err(Error::Refused {
                name: self.run.name().clone(),
                reason,
                hint: None,
            });
        }
        Ok(report)
    }

    pub(super) fn failed(&self, error: CallError) -> Error {
        Error::of(self.run.name(), error, self.recipe.needs.as_deref())
    }

    /// Whether the pending key works; then it is the one that is handed out. Gives whether the switch was made.
    pub fn verify_pending(&mut self, report: &mut Report) -> Result<bool, Error> {
        let slots = self.run.slots()?.clone();
        let Some(pending) = slots.pending.clone() else {
            return Ok(false);
        };
        let name = self.run.name().clone();
        let mut pauses = PAUSES.into_iter();
        loop {
            let mut is_bad = false;
            let verdict = self.backend.verify(&pending.parts, &self.values);
            let reason = match verdict {
                Verdict::Good | Verdict::Unknowable => break,
                Verdict::Forbidden
                    if self.backend.verify(&slots.active, &self.values) == Verdict::Forbidden =>
                {
                    break;
                }
                Verdict::Forbidden => "it may not do what the old key may".to_owned(),
                Verdict::Bad => {
                    is_bad = true;
                    "it does not know it".to_owned()
                }
                Verdict::Unclear(reason) => reason,
            };
            let old_enough =
                Timestamp::now() > pending.at.saturating_add(ARRIVAL).unwrap_or(Timestamp::MAX);
            match pauses.next() {
                Some(pause) => std::thread::sleep(pause),
                // What a person typed wrong is theirs to type again.
                None if is_bad && pending.id.is_none() => {
                    self.run.save(
                        Slots {
                            pending: None,
                            ..slots
                        },
                        None,
                    )?;
                    return Ok(false);
                }
                // Only what the provider has had time to know can be gone; and it is ended, in case it is not.
                None if is_bad && old_enough && self.is_gone(&pending)? => {
                    if let Some(id) = &pending.id {
                        self.end(id, Some(&pending.parts))
                            .map_err(|error| self.not_ended(&error))?;
                    }
                    self.run.save(
                        Slots {
                            pending: None,
                            ..slots
                        },
                        None,
                    )?;
                    return Ok(false);
                }
                None => return Err(Error::NotAccepted { name, reason }),
            }
        }
        tracing::info!(%name, "the new key works, or cannot be tried: it is handed out from now on");
        let now = Timestamp::now();
        let until = now
            .saturating_add(self.options.grace.max(READER_LIFE))
            .unwrap_or(Timestamp::MAX);
        let mut retiring = slots.retiring.clone();
        retiring.push(Retiring {
            parts: slots.active.clone(),
            id: slots.active_id.clone(),
            since: now,
            until,
            by_hand: false,
        });
        let switched = Slots {
            active: pending.parts.clone(),
            active_id: pending.id.clone(),
            made: pending.id.is_some(),
            pending: None,
            retiring,
            making: slots.making,
        };
        self.run.index.key_since = Some(now);
        // The day was the old key's.
        self.run.index.expires = pending.expires.map(last_day);
        self.run.index.rotation_error = None;
        self.run.save(switched, None)?;
        self.backend.use_key(&pending.parts);
        report.switched = true;
        report.waits_until = Some(until);
        Ok(true)
    }

    /// Whether the provider knows the pending key no more.
    fn is_gone(&self, pending: &Made) -> Result<bool, Error> {
        let Some(id) = &pending.id else {
            return Ok(false);
        };
        // A slot is always there; what counts is what it holds.
        let holds = |key: &Listed| {
            key.value.as_ref().is_some_and(|value| {
                pending
                    .parts
                    .values()
                    .any(|part| part.same_as(value.expose()))
            })
        };
        let is_it = |key: &Listed| {
            key.id.same_as(id.expose()) && (self.backend.leaves_orphans() || holds(key))
        };
        match self.backend.list(&self.values) {
            Ok(Some(listing)) if !listing.is_partial => Ok(!listing.keys.iter().any(is_it)),
            _ => Ok(false),
        }
    }

    /// Ends what was replaced and has had its grace: never before the store names the key that took its place.
    fn end_retired(&mut self, report: &mut Report) -> Result<(), Error> {
        loop {
            let slots = self.run.slots()?.clone();
            let now = Timestamp::now();
            let due = |old: &Retiring| {
                let soonest = old
                    .since
                    .saturating_add(READER_LIFE)
                    .unwrap_or(Timestamp::MAX);
                let until = self.options.grace_given.then(|| {
                    old.since
                        .saturating_add(self.options.grace)
                        .unwrap_or(Timestamp::MAX)
                });
                until
                    .map_or(old.until, |until| until.min(old.until))
                    .max(soonest)
            };
            let Some(old) = slots.retiring.iter().find(|old| due(old) <= now).cloned() else {
                report.waits_until = slots.retiring.iter().map(due).max();
                return Ok(());
            };
            if !self.run.is_taken {
                return Err(Error::NotTaken {
                    name: self.run.name().clone(),
                });
            }
            let rest: Vec<Retiring> = slots
                .retiring
                .iter()
                .filter(|other| !same_parts(&other.parts, &old.parts))
                .cloned()
                .collect();
            let is_in_use = same_parts(&old.parts, &slots.active)
                || matches!((&old.id, &slots.active_id), (Some(old), Some(active)) if self.backend.leaves_orphans() && old.same_as(active.expose()));
            tracing::info!(name = %self.run.name(), "a replaced key has had its grace");
            if !old.by_hand && !is_in_use {
                if self.end_one(&old)? {
                    report.ended += 1;
                } else {
                    report.to_end_by_hand += 1;
                    let name = self.run.name();
                    self.run.warnings.push(format!("the key before that of `{name}` is good until you end it on the provider's page"));
                }
            }
            self.run.save(
                Slots {
                    retiring: rest,
                    ..slots
                },
                None,
            )?;
        }
    }

    /// Ends a key, or finds that it is ended. Gives false where it is a person's to end and nobody can be asked.
    fn end_one(&self, old: &Retiring) -> Result<bool, Error> {
        let values = Values {
            id: old.id.clone(),
            parts: old.parts.clone(),
            ..self.values.clone()
        };
        // Without its id only some providers take a key back; then it is a person's to end, who may have done so.
        let can_be_named = old.id.is_some()
            || self
                .recipe
                .revoke
                .as_ref()
                .is_some_and(|call| !call.needs_id());
        if can_be_named && (self.recipe.revoke.is_some() || !self.recipe.kind.wants_a_person()) {
            return match self.backend.end(&values) {
                Ok(()) => Ok(true),
                // Gone counts as done, unless it still works: then it was looked for in the wrong place.
                Err(CallError::Gone)
                    if self.backend.verify(&old.parts, &self.values) != Verdict::Good =>
                {
                    Ok(true)
                }
                Err(CallError::Gone) => {
                    let reason = "the provider knows no such key, and it still works: was it looked for in the right place?".into();
                    Err(Error::NotEnded {
                        name: self.run.name().clone(),
                        reason,
                    })
                }
                Err(error) => Err(self.not_ended(&error)),
            };
        }
        match self.backend.verify(&old.parts, &self.values) {
            Verdict::Bad => Ok(true),
            Verdict::Unknowable => Ok(false),
            Verdict::Unclear(reason) => Err(Error::Unreachable {
                name: self.run.name().clone(),
                reason,
            }),
            _ => Err(Error::NotEnded {
                name: self.run.name().clone(),
                reason: "it still works, and a person has to end it".into(),
            }),
        }
    }

    pub(super) fn end(
        &self,
        id: &crate::secret::Secret,
        parts: Option<&crate::credential::Parts>,
    ) -> Result<(), CallError> {
        let values = Values {
            id: Some(id.clone()),
            parts: parts.cloned().unwrap_or_default(),
            ..self.values.clone()
        };
        match self.backend.end(&values) {
            Err(CallError::Gone) => Ok(()),
            other => other,
        }
    }

    pub(super) fn not_ended(&self, error: &CallError) -> Error {
        Error::NotEnded {
            name: self.run.name().clone(),
            reason: error.to_string(),
        }
    }

    /// Makes a key: rights, intent, request, pending; each on the disk before the next.
    fn create(&mut self) -> Result<(), Error> {
        let name = self.run.name().clone();
        let slots = self.run.slots()?.clone();
        let refused = |reason: String, hint: Option<String>| Error::Refused {
            name: name.clone(),
            reason,
            hint,
        };
        let id = self
            .backend
            .identify(&slots, &self.values)
            .map_err(|error| self.failed(error))?;
        let mut values = Values {
            id: id.clone(),
            parts: slots.active.clone(),
            ..self.values.clone()
        };
        if id.is_none() && !self.backend.leaves_orphans() {
            return Err(refused(
                "the key in use sits in neither of its slots".into(),
                None,
            ));
        }
        if id.is_none() && self.recipe.names_the_old_key() && !self.options.force {
            let hint = format!(
                "find it on the provider's page, then run `authctl key set {name} --id ID`"
            );
            return Err(refused(
                "the provider's id of the key in use is not known".into(),
                Some(hint),
            ));
        }
        if let Some(widens) = self
            .recipe
            .widens
            .as_ref()
            .filter(|_| self.recipe.read.is_none() && !self.options.force)
        {
            let hint = Some("add `--force` if that is meant".into());
            return Err(refused(
                format!("what the old key may do cannot be read: {widens}"),
                hint,
            ));
        }
        self.backend
            .read_rights(&mut values, self.run.index.key_since)
            .map_err(|error| self.failed(error))?;
        let mut known = Vec::new();
        if self.recipe.max_live.is_some()
            || !self.backend.has_labels() && self.backend.leaves_orphans()
        {
            let most = self.recipe.max_live.unwrap_or(usize::MAX);
            let listing = self
                .backend
                .list(&values)
                .map_err(|error| self.failed(error))?
                .unwrap_or_default();
            known = listing.keys.iter().map(|key| key.id.clone()).collect();
            if listing.keys.len() >= most {
                let hint = Some(
                    "end one of them on the provider's page; one that is not in use here".into(),
                );
                return Err(refused(
                    format!(
                        "the provider allows {most} keys at a time, and there are {}",
                        listing.keys.len()
                    ),
                    hint,
                ));
            }
        }
        let label = format!(
            "authctl-{}",
            random_bytes::<8>()?
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        );
        values.label = Some(label.clone());
        self.backend
            .prepare(&values)
            .map_err(|error| self.failed(error))?;
        let mut making = slots.making.clone();
        if self.backend.leaves_orphans() {
            making.push(Making {
                label: label.clone(),
                known,
                at: Timestamp::now(),
                roll: false,
            });
        }
        let intended = Slots {
            active_id: id,
            making,
            ..slots
        };
        let room = self.run.reserve()?;
        // Up until the new key is on the disk.
        let _shield = signals::shield();
        self.run.save(intended.clone(), None)?;
        values.now = Timestamp::now();
        tracing::info!(name = %self.run.name(), "the intent is kept; a new key is asked for");
        let without_intent: Vec<Making> = intended
            .making
            .iter()
            .filter(|making| making.label != label)
            .cloned()
            .collect();
        match self.backend.create(&values) {
            Ok(made) => self.run.save(
                Slots {
                    pending: Some(made),
                    making: without_intent,
                    ..intended
                },
                Some(room),
            ),
            Err(error) if error.nothing_happened() => {
                self.run.save(
                    Slots {
                        making: without_intent,
                        ..intended
                    },
                    None,
                )?;
                Err(self.failed(error))
            }
            Err(error) => Err(Error::NoReply {
                name,
                reason: error.to_string(),
            }),
        }
    }
}

/// Whether a request that was never answered may still arrive.
pub fn can_arrive(making: &Making) -> bool {
    Timestamp::now() < making.at.saturating_add(ARRIVAL).unwrap_or(Timestamp::MAX)
}

/// The last day on which a key is good for all of it, as the whole world counts days.
pub fn last_day(end: Timestamp) -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(end).date()
}
