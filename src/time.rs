//! Durations and intervals as people write them.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How far two clocks may differ: machines that share a home, and servers, are seconds apart.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whether a stored time is later than now: a clock was wrong when it was stored, or is wrong now,
/// and nothing can be counted from it.
pub fn is_from_future(time: Timestamp, now: Timestamp) -> bool {
    time.duration_since(now) > CLOCK_SKEW
}

/// A duration as people write it: `60s`, `5m`, `8h`, `30d`, `1h 30m`; a bare number is seconds.
///
/// # Errors
/// The text is not a duration.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; use a value such as 60s, 5m, 8h or 30d");
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    // A day is always 24 hours here: intervals are not counted in calendar days.
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// Reads a duration from a configuration file.
///
/// # Errors
/// The value is not a duration.
pub fn optional_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    duration(&text).map(Some).map_err(serde::de::Error::custom)
}

/// The shortest time between two rotations of a key.
const SHORTEST: Duration = Duration::from_secs(3600);

/// The word for keys that are not rotated.
const NEVER: &str = "never";

/// How often a key is rotated: a duration with its unit, one hour at least, or `never`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Interval {
    text: String,
    every: Result<Option<SignedDuration>, String>,
}

impl Interval {
    /// The interval in a file that a person may have edited. An invalid one is kept with its
    /// reason, so that it is reported where it matters and does not make the whole file unreadable.
    pub fn from_file(text: String) -> Self {
        let every = parse(&text);
        Self { text, every }
    }

    /// How often; `None` for never.
    ///
    /// # Errors
    /// The text in the file is not an interval.
    pub fn every(&self) -> Result<Option<SignedDuration>, String> {
        self.every.clone()
    }
}

fn parse(text: &str) -> Result<Option<SignedDuration>, String> {
    if text == NEVER {
        return Ok(None);
    }
    if text.parse::<u32>().is_ok() {
        return Err(format!("`{text}` has no unit; write {text}d for days"));
    }
    match duration(text)? {
        time if time < SHORTEST => Err("a key cannot be rotated more than once an hour".into()),
        time => Ok(Some(
            SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX),
        )),
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let every = parse(text)?;
        Ok(Self {
            text: text.to_owned(),
            every: Ok(every),
        })
    }
}

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl fmt::Display for Interval {
    /// The text as it was given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        for (text, seconds) in [
            ("60s", 60),
            ("5m", 300),
            ("8h", 28_800),
            ("30d", 2_592_000),
            ("1h 30m", 5400),
            ("7", 7),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "x",
            "-5m",
            "5 parsecs",
            "1month",
            "99999999999999999999d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn intervals_have_a_unit_and_are_an_hour_at_least() {
        let every = |text: &str| {
            text.parse::<Interval>()
                .and_then(|interval| interval.every())
        };
        assert_eq!(every("14d"), Ok(Some(SignedDuration::from_hours(14 * 24))));
        assert_eq!(every("1h"), Ok(Some(SignedDuration::from_hours(1))));
        assert_eq!(every("never"), Ok(None));
        for bad in ["30", "0d", "59m", "x", "Never", ""] {
            assert!(every(bad).is_err(), "{bad}");
            let kept = Interval::from_file(bad.into());
            assert!(kept.every().is_err() && kept.to_string() == bad);
        }
    }
}
