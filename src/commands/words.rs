//! Times for people: relative, never absolute.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `in 59 minutes`, `3 days ago`, `just now`.
pub(super) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.duration_since(now).as_secs();
    let text = length(seconds.unsigned_abs());
    if seconds == 0 {
        return "just now".into();
    }
    if seconds >= 0 { format!("in {text}") } else { format!("{text} ago") }
}

/// The day that a time falls on, as the whole world counts it.
pub(super) fn day(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

/// `59 minutes`.
pub(super) fn length(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_round() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let at = |seconds: i64| relative(Timestamp::from_second(1_000_000 + seconds).unwrap(), now);
        assert_eq!(at(0), "just now");
        assert_eq!(at(1), "in 1 second");
        assert_eq!(at(-119), "119 seconds ago");
        assert_eq!(at(3599), "in 59 minutes");
        assert_eq!(at(86_400), "in 24 hours");
        assert_eq!(at(-259_200), "3 days ago");
    }
}
