//! A provider in memory, for the tests of the steps of a rotation.

use super::api::CallError;
use super::backend::{Backend, Listed, Listing};
use super::engine::Engine;
use super::fill::Values;
use super::options::Options;
use super::run::Run;
use super::{Error, Verdict};
use crate::credential::{Made, Making, Parts, Retiring, Slots};
use crate::lifecycle::testing::{Home, parts};
use crate::provider::Recipe;
use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use std::cell::RefCell;

/// The provider: what it lists, what it says about a key, and what it was asked to revoke.
pub(super) struct Provider {
    pub has_labels: bool,
    pub leaves_orphans: bool,
    pub own_id: Option<&'static str>,
    pub lists: bool,
    pub listing: Listing,
    pub verdicts: Vec<(&'static str, Verdict)>,
    pub revocation: fn() -> Result<(), CallError>,
    pub revoked: RefCell<Vec<String>>,
    pub clock: Option<Timestamp>,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            has_labels: true,
            leaves_orphans: true,
            own_id: Some("id-active"),
            lists: true,
            listing: Listing::default(),
            verdicts: Vec::new(),
            revocation: || Ok(()),
            revoked: RefCell::default(),
            clock: None,
        }
    }
}

impl Provider {
    pub fn listing(mut self, keys: Vec<Listed>) -> Self {
        self.listing.keys = keys;
        self
    }
}

impl Backend for Provider {
    fn use_key(&mut self, _: &Parts) {}

    fn has_labels(&self) -> bool {
        self.has_labels
    }

    fn leaves_orphans(&self) -> bool {
        self.leaves_orphans
    }

    fn identify(&self, _: &Slots, _: &Values) -> Result<Option<Secret>, CallError> {
        Ok(self.own_id.map(Secret::new))
    }

    fn read_rights(&self, _: &mut Values, _: Option<Timestamp>) -> Result<(), CallError> {
        Ok(())
    }

    fn prepare(&self, _: &Values) -> Result<(), CallError> {
        Ok(())
    }

    fn list(&self, _: &Values) -> Result<Option<Listing>, CallError> {
        Ok(self.lists.then(|| self.listing.clone()))
    }

    fn create(&self, _: &Values) -> Result<Made, CallError> {
        Err(CallError::NotSent("these steps create nothing".into()))
    }

    fn clock(&self, _: &Parts, _: &Values) -> Option<Timestamp> {
        self.clock
    }

    fn verify(&self, parts: &Parts, _: &Values) -> Verdict {
        let value = parts["key"].expose();
        let known = self.verdicts.iter().find(|(key, _)| *key == value);
        known.map_or(Verdict::Bad, |(_, verdict)| verdict.clone())
    }

    fn revoke(&self, values: &Values) -> Result<(), CallError> {
        let id = values.id.as_ref().map_or("", Secret::expose);
        self.revoked.borrow_mut().push(id.to_owned());
        (self.revocation)()
    }
}

/// A key that the provider lists.
pub(super) fn listed(id: &str, label: &str) -> Listed {
    Listed {
        id: Secret::new(id),
        label: Some(label.to_owned()),
        created: Some(Timestamp::now()),
        value: None,
    }
}

/// An intent of `minutes` ago.
pub(super) fn making(label: &str, minutes: i64) -> Making {
    Making {
        label: label.to_owned(),
        known: vec![Secret::new("id-active")],
        at: ago(minutes),
        roll: false,
    }
}

/// A key that was replaced `minutes` ago, with a grace period that ended `over` minutes ago.
pub(super) fn retired(value: &str, id: Option<&str>, minutes: i64, over: i64) -> Retiring {
    Retiring {
        parts: parts(value),
        id: id.map(Secret::new),
        since: ago(minutes),
        until: ago(over),
        by_hand: false,
    }
}

pub(super) fn ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

/// The slots of the key `active`, whose id is known.
pub(super) fn slots() -> Slots {
    Slots {
        active_id: Some(Secret::new("id-active")),
        made: true,
        ..Slots::of(parts("active"))
    }
}

pub(super) fn options() -> Options {
    Options {
        create: true,
        force: false,
        grace: SignedDuration::from_hours(24),
        grace_given: false,
        manager: None,
        planned: None,
        agreed: false,
    }
}

/// What is left after a step.
pub(super) struct After<T> {
    pub result: Result<T, Error>,
    pub slots: Slots,
    pub generation: u64,
    pub warnings: Vec<String>,
    pub revoked: Vec<String>,
}

const REVOKES: &str = r#"
    kind = "create_revoke"
    create = { call = { method = "POST", url = "https://a.test/keys" }, parts = { key = "/key" }, id = "/id" }
    revoke = { method = "DELETE", url = "https://a.test/keys/${id}" }
"#;

/// Runs one step on a stored key with these slots.
pub(super) fn step<T>(
    slots: Slots,
    mut provider: Provider,
    options: &Options,
    work: impl FnOnce(&mut Engine<'_, '_>) -> Result<T, Error>,
) -> After<T> {
    let home = Home::new();
    let name = "acme".parse().unwrap();
    home.key(&name, slots);
    let recipe: Recipe = toml::from_str(REVOKES).unwrap();
    let context = home.context();
    let claim = context.claim(&name).unwrap();
    let mut run = Run::open(&claim).unwrap();
    let mut engine = Engine {
        run: &mut run,
        backend: &mut provider,
        recipe: &recipe,
        values: Values::default(),
        options,
        pauses: &[],
    };
    let result = work(&mut engine);
    let warnings = std::mem::take(&mut run.warnings);
    drop(claim);
    let found = home.found(&name).unwrap();
    After {
        result,
        slots: found.record.slots().unwrap().clone(),
        generation: found.record.generation,
        warnings,
        revoked: provider.revoked.into_inner(),
    }
}
