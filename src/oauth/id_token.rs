//! The ID token of OpenID Connect. It was received from the token endpoint over TLS, so its
//! signature need not be verified (OpenID Connect Core section 3.1.3.7, rule 6); its claims are.

use super::plain::plain;
use crate::secret::Secret;
use crate::time::CLOCK_SKEW;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The reason why an ID token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not a JWT that can be read. An encrypted one has five parts.
    #[error("the ID token is {0}")]
    Unreadable(&'static str),
    /// It was made for another issuer or client, or for nobody.
    #[error("the {claim} of the ID token is {found}, but it should be `{expected}`")]
    Other {
        /// What differs.
        claim: &'static str,
        /// What the token says.
        found: String,
        /// What this login expects.
        expected: String,
    },
    /// It was made for another request.
    #[error("the nonce of the ID token is not the one of this login")]
    Nonce,
    /// It is no longer valid.
    #[error("the ID token expired {0} minutes ago")]
    Expired(i64),
    /// The account is not one that can be stored.
    #[error("the subject of the ID token is not valid")]
    Subject,
}

/// The longest `sub` (OpenID Connect Core section 2).
const MAX_SUBJECT: usize = 255;

/// The account in an ID token: `sub`, and a readable name if there is one.
///
/// `now` is the time of the server that sent it, if it told the time: it is that server's own
/// token, and this machine's clock may be wrong.
///
/// # Errors
/// It cannot be read, or was made for another issuer, client or login.
pub fn subject_of(
    token: &Secret,
    issuer: Option<&str>,
    client_id: &str,
    nonce: Option<&Secret>,
    now: Timestamp,
) -> Result<(String, Option<String>), IdTokenError> {
    let claims = Claims::read(token)?;
    let other = |claim, found: String, expected: &str| IdTokenError::Other {
        claim,
        found,
        expected: expected.to_owned(),
    };
    // Core section 3.1.3.7, rules 2, 3 and 11.
    if let Some(issuer) = issuer
        && claims.text("iss") != Some(issuer)
    {
        return Err(other("issuer", claims.shown("iss"), issuer));
    }
    if !claims.audiences().contains(&client_id) {
        return Err(other("audience", claims.shown("aud"), client_id));
    }
    // Rules 4 and 5: issued to this client, and not to another one that may pass it on.
    if claims.text("azp").is_some_and(|party| party != client_id) {
        return Err(other("authorized party", claims.shown("azp"), client_id));
    }
    // Rule 9, with an allowance for clocks that differ.
    let late = claims.seconds("exp").map(|end| now.as_second() - end);
    if let Some(late) = late.filter(|late| *late > CLOCK_SKEW.as_secs()) {
        return Err(IdTokenError::Expired(late / 60));
    }
    if let Some(nonce) = nonce
        && !claims
            .text("nonce")
            .is_some_and(|found| nonce.same_as(found))
    {
        return Err(IdTokenError::Nonce);
    }
    let subject = claims.subject().ok_or(IdTokenError::Subject)?;
    let label = ["email", "preferred_username"]
        .into_iter()
        .filter_map(|name| claims.text(name))
        .map(plain)
        .find(|label| !label.is_empty());
    Ok((subject, label))
}

/// The claims. One in a form that is not understood counts as missing.
struct Claims(Map<String, Value>);

impl Claims {
    fn read(token: &Secret) -> Result<Self, IdTokenError> {
        let segments: Vec<&str> = token.expose().split('.').collect();
        let payload = match segments.as_slice() {
            [_, payload, _] => payload,
            [_, _, _, _, _] => return Err(IdTokenError::Unreadable("encrypted")),
            _ => return Err(IdTokenError::Unreadable("not a JWT")),
        };
        let payload = payload.trim_end_matches('=');
        // RFC 7515 section 2 requires the URL-safe alphabet.
        let json = URL_SAFE_NO_PAD
            .decode(payload)
            .or_else(|_| STANDARD_NO_PAD.decode(payload));
        let json = json.map_err(|_| IdTokenError::Unreadable("malformed"))?;
        match serde_json::from_slice(&json) {
            Ok(Value::Object(claims)) => Ok(Self(claims)),
            _ => Err(IdTokenError::Unreadable("malformed")),
        }
    }

    /// A claim that is a text and not empty.
    fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    /// A time in seconds since 1970; some servers send it as text.
    fn seconds(&self, name: &str) -> Option<i64> {
        let seconds = match self.0.get(name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a cast to an integer saturates"
        )]
        let seconds = seconds as i64;
        // The difference to any time must not overflow.
        Some(seconds.clamp(i64::MIN / 4, i64::MAX / 4))
    }

    fn audiences(&self) -> Vec<&str> {
        match self.0.get("aud") {
            Some(Value::String(audience)) => vec![audience],
            Some(Value::Array(audiences)) => audiences.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The account; a number is its digits.
    fn subject(&self) -> Option<String> {
        let subject = match self.0.get("sub")? {
            Value::String(text) => text.clone(),
            Value::Number(number) if !number.is_f64() => number.to_string(),
            _ => return None,
        };
        let is_valid = !subject.is_empty()
            && subject.len() <= MAX_SUBJECT
            && !subject.chars().any(char::is_control);
        is_valid.then_some(subject)
    }

    /// A claim for a message.
    fn shown(&self, name: &str) -> String {
        match self.0.get(name) {
            None => "missing".into(),
            Some(Value::Array(values)) if values.is_empty() => "an empty list".into(),
            Some(Value::String(text)) => format!("`{}`", plain(text)),
            Some(other) => format!("`{}`", plain(&other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::base64url;
    use proptest::prelude::*;
    use serde_json::json;

    fn token(claims: &Value) -> Secret {
        Secret::new(format!(
            "e30.{}.sig",
            base64url(claims.to_string().as_bytes())
        ))
    }

    fn good() -> Value {
        json!({"iss": "https://as.test", "sub": "7", "aud": ["x", "me"], "nonce": "n", "email": "a@b\u{1b}"})
    }

    type Account = Result<(String, Option<String>), IdTokenError>;

    fn check(token: &Secret) -> Account {
        let now = Timestamp::from_second(1_000).unwrap();
        let nonce = Secret::new("n");
        subject_of(token, Some("https://as.test"), "me", Some(&nonce), now)
    }

    fn with(field: &str, value: Value) -> Account {
        let mut claims = good();
        claims[field] = value;
        check(&token(&claims))
    }

    #[test]
    fn claims_must_belong_to_this_login() {
        assert_eq!(check(&token(&good())), Ok(("7".into(), Some("a@b".into()))));
        for (field, value) in [
            ("iss", "https://evil.test"),
            ("aud", "you"),
            ("azp", "you"),
            ("nonce", "m"),
            ("sub", ""),
        ] {
            assert!(with(field, value.into()).is_err(), "{field}");
            assert!(
                field == "azp" || with(field, Value::Null).is_err(),
                "{field}"
            );
        }
        assert!(with("aud", json!(["x", "y"])).is_err());
        assert!(with("aud", json!(["me"])).is_ok());
        assert!(with("sub", "s".repeat(255).into()).is_ok());
        assert!(with("sub", "s".repeat(256).into()).is_err());
        // The time is 1000, and the clocks may differ by five minutes.
        for (expiry, is_valid) in [(100, false), (699, false), (701, true), (1060, true)] {
            assert_eq!(with("exp", expiry.into()).is_ok(), is_valid, "{expiry}");
        }
    }

    #[test]
    fn h1_a_claim_in_an_unusual_form_does_not_stop_a_login() {
        for (subject, expected) in [(json!(58318), "58318"), (json!(0), "0"), (json!(-1), "-1")] {
            assert_eq!(with("sub", subject).unwrap().0, expected);
        }
        for (field, value) in [
            ("preferred_username", json!(5)),
            ("email", json!(["a@b"])),
            ("email", json!({})),
            ("azp", json!("")),
            ("azp", json!(null)),
            ("exp", json!("2000")),
            ("exp", json!("soon")),
            ("exp", json!(1e300)),
            ("auth_time", json!([])),
        ] {
            assert!(with(field, value.clone()).is_ok(), "{field}: {value}");
        }
        assert_eq!(with("exp", json!("600")), Err(IdTokenError::Expired(6)));
        // Base64 with the other alphabet and padding.
        let mut claims = good();
        claims["name"] = "???>>>~~~".into();
        let payload = base64::engine::general_purpose::STANDARD.encode(claims.to_string());
        assert!(payload.contains(['+', '/']));
        assert!(check(&Secret::new(format!("e30.{payload}.sig"))).is_ok());
    }

    #[test]
    fn h1_what_cannot_be_read_is_told_apart_from_what_is_wrong() {
        for (text, reason) in [
            ("a.b.c.d.e", "encrypted"),
            ("abc", "not a JWT"),
            ("", "not a JWT"),
            ("e30.!.sig", "malformed"),
            ("e30.W10.sig", "malformed"),
        ] {
            let error = check(&Secret::new(text));
            assert_eq!(error, Err(IdTokenError::Unreadable(reason)), "{text}");
        }
    }

    #[test]
    fn h5_a_refused_claim_says_what_was_found_and_what_was_expected() {
        for (field, value, told) in [
            (
                "aud",
                json!([]),
                "the audience of the ID token is an empty list, but it should be `me`",
            ),
            (
                "aud",
                json!("you"),
                "the audience of the ID token is `you`, but it should be `me`",
            ),
            (
                "aud",
                json!(["x"]),
                "the audience of the ID token is `[\"x\"]`, but it should be `me`",
            ),
            (
                "azp",
                json!("you"),
                "the authorized party of the ID token is `you`, but it should be `me`",
            ),
            (
                "iss",
                json!("https://as.test/"),
                "the issuer of the ID token is `https://as.test/`, but it should be `https://as.test`",
            ),
            (
                "iss",
                json!(5),
                "the issuer of the ID token is `5`, but it should be `https://as.test`",
            ),
        ] {
            assert_eq!(with(field, value).unwrap_err().to_string(), told);
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused(text: String, field in "iss|sub|aud|azp|exp|nonce|email", value: f64) {
            prop_assert!(subject_of(&Secret::new(text), None, "me", None, Timestamp::UNIX_EPOCH).is_err());
            let _ = with(&field, json!(value));
            let _ = with(&field, json!([value]));
        }
    }
}
