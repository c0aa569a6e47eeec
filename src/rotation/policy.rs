//! How often a key is rotated, and how long the one before stays good.

use crate::config::{RotationConfig, duration, interval};
use crate::credential::{Index, Name};
use jiff::SignedDuration;

/// How long a replaced key stays good, unless the user says otherwise.
pub const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The least time between a switch and the end of the old key: whoever was handed it before must be done with it.
pub const READER_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// How often a key is rotated where nobody says otherwise.
const EVERY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The word for keys that are not rotated.
pub const NEVER: &str = "never";

/// What the user set.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    config: RotationConfig,
}

impl Policy {
    /// From the user's settings.
    ///
    /// # Errors
    /// Says which of them is no duration.
    pub fn new(config: &RotationConfig) -> Result<Self, String> {
        let wrong = |reason: String| format!("config.toml: rotation: {reason}");
        for text in config
            .every
            .iter()
            .chain(config.providers.values())
            .filter(|text| *text != NEVER)
        {
            interval(text).map_err(wrong)?;
        }
        config
            .grace
            .iter()
            .try_for_each(|text| duration(text).map(drop))
            .map_err(wrong)?;
        Ok(Self {
            config: config.clone(),
        })
    }

    /// How long a replaced key stays good.
    pub fn grace(&self) -> SignedDuration {
        self.config
            .grace
            .as_ref()
            .and_then(|text| signed(text))
            .unwrap_or(GRACE)
    }

    /// How often a key is rotated, as somebody said it, or `None` where nobody did.
    pub fn said<'a>(&'a self, index: &'a Index) -> Option<&'a str> {
        let provider = self.of_provider(&index.name);
        index
            .rotate_every
            .as_deref()
            .or(provider)
            .or(self.config.every.as_deref())
    }

    fn of_provider(&self, name: &Name) -> Option<&str> {
        self.config
            .providers
            .get(name.provider())
            .map(String::as_str)
    }

    /// How often a key is rotated; `None` for never.
    ///
    /// # Errors
    /// The index file was edited and says no duration.
    pub fn every(&self, index: &Index) -> Result<Option<SignedDuration>, String> {
        match self.said(index) {
            None => Ok(Some(EVERY)),
            Some(NEVER) => Ok(None),
            Some(text) => interval(text)
                .map(|every| Some(SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX))),
        }
    }
}

fn signed(text: &str) -> Option<SignedDuration> {
    SignedDuration::try_from(duration(text).ok()?).ok()
}
