//! A rotation in progress: what every step works with. [`super::rotate`] has the order of the
//! steps.

use super::Error;
use super::api::CallError;
use super::backend::Backend;
use super::fill::Values;
use super::options::Options;
use super::run::Run;
use crate::credential::{Making, Parts};
use crate::provider::Recipe;
use crate::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// After this long, a request that was never answered can no longer take effect.
pub const ARRIVAL: SignedDuration = SignedDuration::from_mins(10);

/// A rotation in progress.
pub struct Engine<'a, 'b> {
    pub run: &'a mut Run<'b>,
    pub backend: &'a mut dyn Backend,
    pub recipe: &'a Recipe,
    pub values: Values,
    pub options: &'a Options,
    /// The pauses between the attempts to verify a new key.
    pub pauses: &'a [Duration],
}

impl Engine<'_, '_> {
    /// The error of a request that did nothing.
    pub fn failed(&self, error: CallError) -> Error {
        Error::of(self.run.name(), error, self.recipe.needs.as_deref())
    }

    /// The error of a request for a new key that did nothing. The usual reason of a refusal is the
    /// lifetime: it was copied, and the provider may have come to limit it.
    pub fn not_made(&self, error: CallError) -> Error {
        let is_refused = matches!(error, CallError::Refused(_)) && self.recipe.lifetime.is_some();
        let mut error = self.failed(error);
        if let Error::Refused { name, hint, .. } = &mut error
            && is_refused
        {
            hint.get_or_insert_with(|| {
                format!(
                    "if the provider limits the lifetime of keys, run `authctl key set {name} --lifetime 90d` to set a shorter one"
                )
            });
        }
        error
    }

    /// The rotation is refused.
    pub fn refused(&self, reason: impl Into<String>, hint: Option<String>) -> Error {
        Error::Refused {
            name: self.run.name().clone(),
            reason: reason.into(),
            hint,
        }
    }

    /// Revokes a key by its id. A key that is gone already counts as revoked.
    pub fn revoke(&self, id: &Secret, parts: Option<&Parts>) -> Result<(), Error> {
        let values = Values {
            id: Some(id.clone()),
            parts: parts.cloned().unwrap_or_default(),
            ..self.values.clone()
        };
        match self.backend.revoke(&values) {
            Ok(()) | Err(CallError::Gone) => Ok(()),
            Err(error) => Err(self.not_revoked(error.to_string())),
        }
    }

    /// A key could not be revoked.
    pub fn not_revoked(&self, reason: impl Into<String>) -> Error {
        Error::NotRevoked {
            name: self.run.name().clone(),
            reason: reason.into(),
        }
    }
}

/// Whether a request that was never answered may still take effect.
pub fn can_arrive(making: &Making) -> bool {
    Timestamp::now() < making.at.saturating_add(ARRIVAL).unwrap_or(Timestamp::MAX)
}

/// The last day on which a key is valid, in UTC.
pub fn last_day(end: Timestamp) -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(end).date()
}
