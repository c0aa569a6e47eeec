//! When an access token expires, in whatever form a server says it. RFC 6749 section 5.1 has
//! `expires_in`, in seconds; others send the time itself, or a duration with a unit.

use super::fields::Fields;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Where to look for the expiry of a refresh token. There is no standard for it.
const REFRESH_NAMES: [&str; 5] = [
    "refresh_expires_in",
    "refresh_token_expires_in",
    "x_refresh_token_expires_in",
    "refresh_token_expires_at",
    "refresh_expires_at",
];

/// Where the end is looked for, in this order.
const NAMES: [&str; 6] = [
    "expires_in",
    "expires_at",
    "expires_on",
    "expires",
    "expiration",
    "expiry",
];

/// Numbers from here on are times since 1970 (this one is in 2001) and no durations.
const FIRST_TIME: f64 = 1e9;

/// Times from here on are in milliseconds.
const FIRST_MILLISECONDS: f64 = 1e12;

/// Anything longer is the same as no limit: ten years.
const LONGEST: f64 = 315_360_000.0;

/// The lifetime in seconds from `now`; `None` if no plausible one is named. Zero and negative values
/// mean "no limit" at some servers and nothing at others, so they are ignored.
pub(super) fn lifetime(fields: &Fields, now: Timestamp) -> Option<u32> {
    first(&NAMES, fields, now)
}

/// The lifetime of the refresh token, read like [`lifetime`].
pub(super) fn refresh_lifetime(fields: &Fields, now: Timestamp) -> Option<u32> {
    first(&REFRESH_NAMES, fields, now)
}

fn first(names: &[&str], fields: &Fields, now: Timestamp) -> Option<u32> {
    let found = names.iter().filter_map(|name| fields.get(name));
    found.filter_map(|value| seconds(value, now)).next()
}

fn seconds(value: &Value, now: Timestamp) -> Option<u32> {
    let seconds = match value {
        Value::Number(number) => from_number(number.as_f64()?, now),
        Value::String(text) => from_text(text.trim(), now)?,
        _ => return None,
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    // Half a second is a lifetime, and not an unlimited one.
    (f64::MIN_POSITIVE..=LONGEST)
        .contains(&seconds)
        .then_some(seconds.max(1.0) as u32)
}

fn from_number(number: f64, now: Timestamp) -> f64 {
    if number < FIRST_TIME {
        return number;
    }
    let time = if number < FIRST_MILLISECONDS {
        number
    } else {
        number / 1000.0
    };
    // An end that is over still is one.
    (time - now.as_duration().as_secs_f64()).max(1.0)
}

fn from_text(text: &str, now: Timestamp) -> Option<f64> {
    let digits = text.replace([',', '_'], "");
    if let Ok(number) = digits.parse::<f64>() {
        return Some(from_number(number, now));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.duration_since(now).as_secs_f64().max(1.0));
    }
    let duration: SignedDuration = text.parse().ok()?;
    Some(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-11-27T12:00:00Z";

    fn read(json: &str) -> Option<u32> {
        lifetime(&Fields::read(json.as_bytes(), None), NOW.parse().unwrap())
    }

    #[test]
    fn d2_an_end_is_read_in_every_form() {
        for (field, expected) in [
            (r#""expires_in":3600"#, Some(3600)),
            (r#""expires_in":"3600""#, Some(3600)),
            (r#""expires_in":"3,600""#, Some(3600)),
            (r#""expires_in":5.9"#, Some(5)),
            (r#""expires_in":0.5"#, Some(1)),
            (r#""expires_in":"3s""#, Some(3)),
            (r#""expires_in":"PT3S""#, Some(3)),
            (r#""expires_in":"1h""#, Some(3600)),
            (r#""expiresIn":7"#, Some(7)),
            (r#""expires":7"#, Some(7)),
            (r#""expires_in":1795780860"#, Some(60)),
            (r#""expires_at":1795780860"#, Some(60)),
            (r#""expires_at":"1795780860""#, Some(60)),
            (r#""expires_at":1795780860000"#, Some(60)),
            (r#""expires_on":"2026-11-27T12:01:00Z""#, Some(60)),
            (r#""expiresAt":"2026-11-27T13:01:00+01:00""#, Some(60)),
            (r#""expires_in":null,"expires_at":1795780860"#, Some(60)),
            // It is over, which is not the same as unlimited.
            (r#""expires_at":1500000000"#, Some(1)),
            (r#""expires_at":"2020-01-01T00:00:00Z""#, Some(1)),
            (r#""expires_in":-1"#, None),
            (r#""expires_in":0"#, None),
            (r#""expires_in":1e300"#, None),
            (r#""expires_in":"soon""#, None),
            (r#""expires_in":"""#, None),
            (r#""expires_in":[1]"#, None),
            (r#""expires_in":true"#, None),
        ] {
            let json = format!("{{\"access_token\":\"a\",{field}}}");
            assert_eq!(read(&json), expected, "{field}");
        }
        assert_eq!(read(r#"{"access_token":"a"}"#), None);
    }

    #[test]
    fn d4_the_end_of_a_refresh_token_is_read_too() {
        for (field, expected) in [
            (r#""refresh_expires_in":1800"#, Some(1800)),
            (r#""refresh_token_expires_in":"1800""#, Some(1800)),
            (r#""x_refresh_token_expires_in":8726400"#, Some(8_726_400)),
            (r#""refreshTokenExpiresIn":7"#, Some(7)),
            (r#""refresh_token_expires_at":1795780860"#, Some(60)),
            // No end, as some servers write it.
            (r#""refresh_expires_in":0"#, None),
            (r#""expires_in":5"#, None),
        ] {
            let json = format!("{{\"access_token\":\"a\",{field}}}");
            let fields = Fields::read(json.as_bytes(), None);
            let found = refresh_lifetime(&fields, NOW.parse().unwrap());
            assert_eq!(found, expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(text: String, number: f64) {
            let fields = |value| serde_json::json!({"access_token": "a", "expires_in": value});
            for value in [fields(Value::from(text)), fields(Value::from(number))] {
                if let Some(seconds) = read(&value.to_string()) {
                    prop_assert!((1..=315_360_000).contains(&seconds));
                }
            }
        }
    }
}
