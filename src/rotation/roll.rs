//! `roll`: one request gives the same key a new value, and the old one ends in the same moment. There is no second key to
//! fall back to, so the intent is marked before, readers wait while it stands, and a lost answer is settled by trying the
//! old key.

use super::engine::{Engine, can_arrive, last_day};
use super::fill::Values;
use super::rotate::Report;
use super::{Error, Verdict};
use crate::credential::{Made, Making, Slots};
use crate::signals;
use jiff::Timestamp;

impl Engine<'_, '_> {
    /// All of a roll. Only somebody else (`has_manager`) can ask for a new value when the old one is dead already.
    pub(super) fn go_rolling(&mut self, has_manager: bool) -> Result<Report, Error> {
        let mut report = Report::default();
        let mut must = self.options.create;
        let slots = self.run.slots()?.clone();
        if slots.is_rolling() {
            match self.backend.verify(&slots.active, &self.values) {
                Verdict::Good | Verdict::Forbidden
                    if slots
                        .making
                        .iter()
                        .any(|making| making.roll && can_arrive(making)) =>
                {
                    // It did not happen yet, and a second one would race with it.
                    let reason =
                        "the request may still arrive; in ten minutes it cannot any more".into();
                    return Err(Error::NoReply {
                        name: self.run.name().clone(),
                        reason,
                    });
                }
                Verdict::Good | Verdict::Forbidden => {
                    // It did not happen.
                    let making = slots
                        .making
                        .iter()
                        .filter(|making| !making.roll)
                        .cloned()
                        .collect();
                    self.run.save(Slots { making, ..slots }, None)?;
                }
                Verdict::Bad if has_manager && self.recipe.roll_again => {
                    must = false;
                    self.roll(slots, &mut report)?;
                }
                Verdict::Bad => {
                    return Err(Error::Dead {
                        name: self.run.name().clone(),
                    });
                }
                Verdict::Unclear(reason) => {
                    return Err(Error::Unreachable {
                        name: self.run.name().clone(),
                        reason,
                    });
                }
                Verdict::Unknowable => {
                    return Err(Error::NoRecipe {
                        name: self.run.name().clone(),
                    });
                }
            }
        }
        if must {
            let slots = self.run.slots()?.clone();
            self.roll(slots, &mut report)?;
        }
        Ok(report)
    }

    fn roll(&mut self, slots: Slots, report: &mut Report) -> Result<(), Error> {
        let name = self.run.name().clone();
        let id = match &slots.active_id {
            Some(id) => Some(id.clone()),
            None => self
                .backend
                .identify(&slots, &self.values)
                .map_err(|error| self.failed(error))?,
        };
        let mut values = Values {
            id: id.clone(),
            parts: slots.active.clone(),
            ..self.values.clone()
        };
        // With a dead key in hand there is nobody left who could read what it was allowed.
        if !slots.is_rolling() {
            self.backend
                .read_rights(&mut values, self.run.index.key_since)
                .map_err(|error| self.failed(error))?;
        }
        self.backend
            .prepare(&values)
            .map_err(|error| self.failed(error))?;
        let others: Vec<Making> = slots
            .making
            .iter()
            .filter(|making| !making.roll)
            .cloned()
            .collect();
        let mut making = others.clone();
        making.push(Making {
            label: "roll".into(),
            known: Vec::new(),
            at: Timestamp::now(),
            roll: true,
        });
        let intended = Slots {
            active_id: id,
            making,
            ..slots
        };
        let room = self.run.reserve()?;
        // Up until the new key is on the disk.
        let _shield = signals::shield();
        let again = self.run.slots()?.is_rolling();
        self.run.save(intended.clone(), None)?;
        tracing::info!(%name, "the intent is kept; the key is rolled");
        values.now = Timestamp::now();
        match self.backend.create(&values) {
            Ok(Made {
                parts, id, expires, ..
            }) => {
                // At once: there is no other key any more.
                let now = Timestamp::now();
                self.run.index.key_since = Some(now);
                // Where the recipe says nothing of it, the end stays what it was.
                if self.recipe.lifetime.is_some() {
                    self.run.index.expires = expires.map(last_day);
                }
                self.run.index.rotation_error = None;
                let active_id = id.or(intended.active_id.clone());
                self.run.save(
                    Slots {
                        active: parts.clone(),
                        active_id,
                        making: others,
                        ..intended
                    },
                    Some(room),
                )?;
                self.backend.use_key(&parts);
                report.switched = true;
                Ok(())
            }
            // The old key is dead: the mark stays until there is another.
            Err(error) if error.nothing_happened() && again => Err(self.failed(error)),
            Err(error) if error.nothing_happened() => {
                self.run.save(
                    Slots {
                        making: others,
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
