//! How often keys are rotated, and how long a replaced key stays valid.

use crate::config::RotationConfig;
use crate::credential::Entry;
use crate::time::Interval;
use jiff::SignedDuration;

/// How long a replaced key stays valid by default.
pub const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The shortest time between the switch to a new key and the revocation of the previous one:
/// programs that were handed the previous key must be done with it.
pub const READER_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// How often a key is rotated by default.
const EVERY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The user's settings.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    config: RotationConfig,
}

impl Policy {
    /// The policy of the configuration file.
    pub fn new(config: RotationConfig) -> Self {
        Self { config }
    }

    /// How long a replaced key stays valid.
    pub fn grace(&self) -> SignedDuration {
        self.config.grace.map_or(GRACE, |grace| {
            SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX)
        })
    }

    /// The interval that was set for a key, its provider or all keys; `None` for the default.
    pub fn interval<'a>(&'a self, entry: &'a Entry) -> Option<&'a Interval> {
        let of_provider = self.config.providers.get(entry.name.provider());
        entry
            .rotation
            .every
            .as_ref()
            .or(of_provider)
            .or(self.config.every.as_ref())
    }

    /// How often a key is rotated; `None` for never.
    ///
    /// # Errors
    /// The index file was edited and does not contain an interval.
    pub fn every(&self, entry: &Entry) -> Result<Option<SignedDuration>, String> {
        self.interval(entry)
            .map_or(Ok(Some(EVERY)), Interval::every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_key_stays_valid_for_a_day_unless_something_else_is_set() {
        assert_eq!(Policy::default().grace(), GRACE);
        let text = "grace = \"2h\"";
        let policy = Policy::new(toml::from_str(text).unwrap());
        assert_eq!(policy.grace(), SignedDuration::from_hours(2));
    }
}
