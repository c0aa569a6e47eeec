//! The first step of every run: what an answer that was lost may have left at the provider.

use super::Error;
use super::backend::orphans;
use super::engine::{ARRIVAL, Engine, can_arrive};
use crate::credential::{Making, Slots};

impl Engine<'_, '_> {
    /// What a lost answer left at the provider: found by its label, and ended, since nobody has its value. The label stays
    /// until the request can no longer arrive.
    pub(super) fn look_up_intents(&mut self) -> Result<(), Error> {
        let slots = self.run.slots()?.clone();
        if slots.making.is_empty() {
            return Ok(());
        }
        let mut is_whole = true;
        if self.backend.leaves_orphans() {
            let id = self
                .backend
                .identify(&slots, &self.values)
                .map_err(|error| self.failed(error))?;
            let known = Slots {
                active_id: id,
                ..slots.clone()
            };
            let Some(listing) = self
                .backend
                .list(&self.values)
                .map_err(|error| self.failed(error))?
            else {
                return self.cannot_look(&slots);
            };
            is_whole = !listing.is_partial;
            if !is_whole {
                self.run
                    .warnings
                    .push(format!("`{}`: the provider lists more keys than are read here, so one may be left behind", self.run.name()));
            }
            let has_labels = self.backend.has_labels();
            for orphan in orphans(&listing, &known, has_labels, ARRIVAL) {
                self.may_end(&known, has_labels)?;
                self.end(&orphan.id, None)
                    .map_err(|error| self.not_ended(&error))?;
                self.run.warnings.push(format!(
                    "a key of `{}` that a lost answer had left at the provider is ended",
                    self.run.name()
                ));
            }
        }
        let stays = |making: &&Making| !making.roll && (can_arrive(making) || !is_whole);
        let making: Vec<Making> = slots.making.iter().filter(stays).cloned().collect();
        if making.len() < slots.making.len() {
            self.run.save(Slots { making, ..slots }, None)?;
        }
        Ok(())
    }

    /// Nobody can look for what a lost answer may have left: a person has to, and says so.
    fn cannot_look(&mut self, slots: &Slots) -> Result<(), Error> {
        if self.options.force {
            return self.run.save(
                Slots {
                    making: Vec::new(),
                    ..slots.clone()
                },
                None,
            );
        }
        let labels: Vec<&str> = slots
            .making
            .iter()
            .map(|making| making.label.as_str())
            .collect();
        let reason = format!(
            "keys cannot be listed, and one called {} may be left: end it by hand",
            labels.join(", ")
        );
        let hint = Some(format!(
            "then run `authctl rotate {} --force`",
            self.run.name()
        ));
        Err(Error::Refused {
            name: self.run.name().clone(),
            reason,
            hint,
        })
    }

    /// Nothing is ended on a guess: not while the id of the key in use is unknown, and not a key without a label, which may be
    /// a person's.
    fn may_end(&self, slots: &Slots, has_labels: bool) -> Result<(), Error> {
        let name = self.run.name().clone();
        if slots.active_id.is_none() && !slots.made {
            let reason =
                "a lost answer may have left a key, and the id of the key in use is not known"
                    .into();
            return Err(Error::Refused {
                name: name.clone(),
                reason,
                hint: Some(format!("run `authctl key set {name} --id ID`")),
            });
        }
        if !has_labels && !self.options.force {
            let reason =
                "a key was made about when an answer was lost, and it may be a person's".into();
            return Err(Error::Refused {
                name: name.clone(),
                reason,
                hint: Some(format!(
                    "if it is nobody's, run `authctl rotate {name} --force`, which ends it"
                )),
            });
        }
        Ok(())
    }
}
