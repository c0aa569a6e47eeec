//! How long cached tokens stay readable without the keychain.

use super::Config;
use crate::credential::Name;
use crate::time::duration;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The shortest time: the kernel counts whole seconds, and zero means no limit.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest time: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The word for a credential that is not to be cached.
const NEVER: &str = "never";

/// A time from one second to one day, or `never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CacheTime(Option<Duration>);

impl TryFrom<String> for CacheTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == NEVER {
            return Ok(Self(None));
        }
        let time = duration(&text)?;
        if (SHORTEST..=LONGEST).contains(&time) {
            Ok(Self(Some(time)))
        } else {
            Err("`cache` must be between 1s and 24h, or `never`".to_owned())
        }
    }
}

/// For how long the key of a sealed file is kept after the keychain was read: `cache` in
/// `config.toml`, for all logins or for one.
#[derive(Clone, Debug, Default)]
pub struct CacheTimes {
    every: CacheTime,
    named: BTreeMap<Name, CacheTime>,
}

impl CacheTimes {
    /// The times in the settings.
    pub fn of(config: &Config) -> Self {
        let named = config
            .credentials
            .iter()
            .filter_map(|(name, settings)| Some((name.clone(), settings.cache?)));
        Self {
            every: config.cache,
            named: named.collect(),
        }
    }

    /// The time for one login; `None` if it is not cached.
    pub fn time(&self, name: &Name) -> Option<Duration> {
        self.named.get(name).copied().unwrap_or(self.every).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_its_own_time_or_that_of_all() {
        let text = "cache = \"15m\"\n[credentials.\"acme/work\"]\ncache = \"1h\"\n[credentials.acme]\ncache = \"never\"\n[credentials.other]\n";
        let times = CacheTimes::of(&toml::from_str(text).unwrap());
        let time = |name: &str| times.time(&name.parse().unwrap());
        let minutes = |count: u64| Some(Duration::from_secs(60 * count));
        assert_eq!(time("acme/work"), minutes(60));
        assert_eq!(time("acme"), None);
        assert_eq!(time("other"), minutes(15));
        assert_eq!(time("acme/else"), minutes(15));
        let off = CacheTimes::of(&Config::default());
        assert_eq!(off.time(&"acme".parse().unwrap()), None);
    }

    #[test]
    fn a_time_that_makes_no_sense_is_an_error() {
        for bad in ["0s", "25h", "", "-1m", "Never", "for ever"] {
            let text = format!("cache = \"{bad}\"\n");
            assert!(toml::from_str::<Config>(&text).is_err(), "{bad}");
        }
        for bad in [
            "[credentials.\"a b\"]\ncache = \"1m\"",
            "[credentials.a]\ntime = \"1m\"",
        ] {
            assert!(toml::from_str::<Config>(bad).is_err(), "{bad}");
        }
    }
}
