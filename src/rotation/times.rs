//! Times in the requests and answers of providers.

use crate::time::is_from_future;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A time in the format that a template names.
///
/// # Errors
/// There is no such format.
pub(super) fn format_time(format: &str, time: Timestamp, now: Timestamp) -> Result<Value, String> {
    let civil = TimeZone::UTC.to_datetime(time);
    Ok(match format {
        "date" => Value::String(civil.date().to_string()),
        "datetime" => Value::String(civil.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        "rfc3339" => Value::String(format!("{}Z", civil.strftime("%Y-%m-%dT%H:%M:%S"))),
        "millis" => Value::from(time.as_millisecond()),
        "seconds" => Value::from(time.duration_since(now).as_secs().max(1)),
        other => return Err(format!("`{other}` is not a time format")),
    })
}

/// A time as providers write it: RFC 3339 with or without the zone, a date, seconds or milliseconds
/// since 1970.
pub(super) fn time_at(value: &Value, pointer: &str) -> Option<Timestamp> {
    match value.pointer(pointer)? {
        Value::Number(number) => {
            let number = number.as_f64()?;
            // Milliseconds from 1973 on, or seconds up to the year 5138.
            let seconds = if number >= 1e11 {
                number / 1000.0
            } else {
                number
            };
            Timestamp::from_second(seconds as i64)
                .ok()
                .filter(|time| *time > Timestamp::UNIX_EPOCH)
        }
        Value::String(text) => text
            .parse::<Timestamp>()
            .ok()
            .or_else(|| {
                TimeZone::UTC
                    .to_timestamp(text.parse::<jiff::civil::DateTime>().ok()?)
                    .ok()
            })
            .or_else(|| {
                text.parse::<i64>()
                    .ok()
                    .and_then(|seconds| Timestamp::from_second(seconds).ok())
            }),
        _ => None,
    }
}

/// When the new key expires: after the lifetime of the current one, or after `days` if that one
/// does not expire; but not after a longer time than `longest`, which a user sets where a provider
/// has come to limit the lifetime.
pub(super) fn new_end(
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    days: Option<u16>,
    longest: Option<SignedDuration>,
    now: Timestamp,
) -> Option<Timestamp> {
    let created = created.filter(|created| !is_from_future(*created, now));
    let days = days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    let same = expires.map(|expires| expires.duration_since(created.unwrap_or(now)));
    let life = same
        .or(days)
        .map(|life| life.max(SignedDuration::from_hours(24)));
    let life = life.into_iter().chain(longest).min()?;
    now.checked_add(life).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_key_lives_as_long_as_the_current_one() {
        let (now, made, ends) = (
            at("2027-01-01T00:00:00Z"),
            at("2026-01-01T00:00:00Z"),
            at("2026-01-31T00:00:00Z"),
        );
        assert_eq!(
            new_end(Some(made), Some(ends), None, None, now),
            Some(at("2027-01-31T00:00:00Z"))
        );
        assert_eq!(new_end(None, None, None, None, now), None);
        assert_eq!(
            new_end(None, None, Some(10), None, now),
            Some(at("2027-01-11T00:00:00Z"))
        );
        assert_eq!(
            new_end(None, Some(ends), None, None, now),
            Some(at("2027-01-02T00:00:00Z")),
            "an expiry date in the past is not a lifetime"
        );
        for (expires, days, longest, lives) in [
            (Some(ends), None, 10, Some(10)),
            (Some(ends), None, 90, Some(30)),
            (None, Some(365), 90, Some(90)),
            (None, None, 90, Some(90)),
        ] {
            let longest = Some(SignedDuration::from_hours(24 * longest));
            let end = new_end(Some(made), expires, days, longest, now);
            let lives = lives.map(|days| now + SignedDuration::from_hours(24 * days));
            assert_eq!(end, lives, "d3_a_limit_of_the_user_counts");
        }
        let time = |value: Value| time_at(&json!({ "t": value }), "/t");
        for same in [
            json!("2026-01-31"),
            json!("2026-01-31T00:00:00"),
            json!("2026-01-31T00:00:00.000Z"),
            json!(1769817600),
            json!(1769817600000_i64),
            json!("1769817600"),
        ] {
            assert_eq!(time(same.clone()), Some(ends), "{same}");
        }
        assert_eq!(time(json!(0)), None);
    }
}
