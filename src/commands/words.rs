//! Phrases that several commands print: relative times, counts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::time::Duration;

/// The message when nothing is stored.
pub(super) const NO_CREDENTIALS: &str =
    "no credentials are stored yet; run `authctl login NAME` or `authctl key add NAME`";

/// `1 finding`, `2 findings`.
pub(super) fn count(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// `in 59 minutes`, `3 days ago`, `just now`.
pub(super) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.duration_since(now).as_secs();
    match seconds {
        0 => "just now".into(),
        // Rounded, so that a day from now is still one a moment later.
        1.. => format!("in {}", length(nearest(seconds.unsigned_abs()))),
        _ => format!("{} ago", length(seconds.unsigned_abs())),
    }
}

/// The day of a time, in UTC.
pub(super) fn day(time: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(time).date()
}

/// Adds half a unit, since [`length`] rounds down.
fn nearest(seconds: u64) -> u64 {
    seconds
        + match seconds {
            0..=119 => 0,
            120..=7_199 => 30,
            7_200..=172_799 => 1_800,
            _ => 43_200,
        }
}

/// `59 minutes`, rounded down.
pub(super) fn length(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 {
        format!("1 {unit}")
    } else {
        format!("{count} {unit}s")
    }
}

/// A word of a command line for a POSIX shell, quoted if it has to be.
pub(super) fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@+,=%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''")).into()
}

/// How to stop keeping a key.
pub(super) const CACHE_HINT: &str = "run `authctl lock` to forget the keys that are kept in memory, or remove `cache` from config.toml to turn the cache off";

/// What it means that `cache` is on for this number of logins.
pub(super) fn cache(logins: usize, longest: Duration) -> String {
    let logins = count(logins, "login");
    if !cfg!(target_os = "linux") {
        return format!(
            "`cache` is on for {logins}, but has no effect: this system has no kernel keyring"
        );
    }
    format!(
        "`cache` is on for {logins}: for {} after the store is read, any program running as this user can read the cached tokens without opening the store",
        length(longest.as_secs())
    )
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
        assert_eq!(at(3599), "in 60 minutes");
        assert_eq!(at(-3599), "59 minutes ago");
        assert_eq!(
            (at(86_400), at(86_399)),
            ("in 24 hours".into(), "in 24 hours".into())
        );
        assert_eq!(at(-259_200), "3 days ago");
    }
}
