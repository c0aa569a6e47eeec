//! Durations as people write them.

use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

/// A duration as people write it: `60s`, `5m`, `8h`, `30d`, `1h 30m`; a bare number is seconds.
///
/// # Errors
/// It is none.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration; write 60s, 5m, 8h or 30d");
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    // A day is 24 hours here: what is counted has no calendar.
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// The shortest time between two rotations of a key.
const SHORTEST: Duration = Duration::from_secs(3600);

/// How often something is done: a duration with its unit, an hour at least.
///
/// # Errors
/// It is none, or too short.
pub fn interval(text: &str) -> Result<Duration, String> {
    if text.parse::<u32>().is_ok() {
        return Err(format!("`{text}` has no unit; write {text}d for days"));
    }
    match duration(text)? {
        time if time < SHORTEST => Err("a key is rotated once an hour at most".into()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_what_people_write() {
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
        assert_eq!(interval("14d"), Ok(Duration::from_secs(14 * 86_400)));
        for bad in ["30", "0d", "59m", "x"] {
            assert!(interval(bad).is_err(), "{bad}");
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
}
