//! What this layer works with.

use super::Error;
use crate::audit::Event;
use crate::code::Outcome;
use crate::config::Paths;
use crate::credential::{Bound, Index, Name};
use crate::http::Network;
use crate::provider::{Catalogue, Row};
use crate::store::Stores;

/// The parts that this layer works with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The folders.
    pub paths: &'a Paths,
    /// The index.
    pub index: &'a Index,
    /// The stores.
    pub stores: &'a Stores,
    /// The catalogue of providers.
    pub catalogue: &'a Catalogue,
    /// The network, set up on first use.
    pub network: &'a Network,
    /// Whether this process is a keeper. Any other starts one for what uses up a token or changes a key.
    pub is_keeper: bool,
}

impl Context<'_> {
    /// Writes an event to the audit log.
    pub(super) fn log_event(
        &self,
        event: &str,
        name: &Name,
        outcome: Outcome,
        detail: Option<&str>,
    ) {
        Event::now(event, Some(name.to_string()), outcome, detail).append(&self.paths.audit());
    }

    /// The provider's row with its variables filled in, if there is a row.
    pub(super) fn row(&self, name: &Name, bound: &Bound) -> Result<Option<Row>, Error> {
        let row = self.catalogue.find(name.provider())?;
        Ok(row.map(|row| row.resolve(&bound.variables)).transpose()?)
    }
}
