//! The ID token of OpenID Connect. It was received from the token endpoint over TLS, so its
//! signature need not be verified (OpenID Connect Core section 3.1.3.7, rule 6); its claims are.

use super::authorize::plain;
use crate::secret::Secret;
use base64::Engine as _;
use jiff::Timestamp;
use serde::Deserialize;

/// The reason why an ID token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Not a JWT.
    #[error("the ID token is malformed")]
    Malformed,
    /// A claim does not match this login.
    #[error("the {0} of the ID token is not valid for this login")]
    Claim(&'static str),
}

/// The allowed difference between the clock of the server and ours, in seconds.
const CLOCK_SKEW: f64 = 300.0;

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: Option<f64>,
    nonce: Option<String>,
    email: Option<String>,
    preferred_username: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The account in an ID token: `sub`, and a readable name if there is one.
///
/// # Errors
/// It is malformed, or made for another issuer, client or login.
pub fn subject_of(
    token: &Secret,
    issuer: Option<&str>,
    client_id: &str,
    nonce: Option<&Secret>,
    now: Timestamp,
) -> Result<(String, Option<String>), IdTokenError> {
    let mut segments = token.expose().split('.');
    let (Some(_), Some(payload), Some(_), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        return Err(IdTokenError::Malformed);
    };
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .map_err(|_| IdTokenError::Malformed)?;
    let claims: Claims = serde_json::from_slice(&json).map_err(|_| IdTokenError::Malformed)?;
    // Core section 3.1.3.7, rules 2, 3 and 11.
    if issuer.is_some_and(|issuer| issuer != claims.iss) {
        return Err(IdTokenError::Claim("issuer"));
    }
    let ours = match &claims.aud {
        Audience::One(audience) => audience == client_id,
        Audience::Many(audiences) => audiences.iter().any(|audience| audience == client_id),
    };
    // Rules 3 and 5: issued to this client, and not to another one that may pass it on.
    if !ours || claims.azp.as_ref().is_some_and(|party| party != client_id) {
        return Err(IdTokenError::Claim("audience"));
    }
    // Rule 9, with an allowance for clocks that differ.
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    if claims
        .exp
        .is_some_and(|end| end + CLOCK_SKEW < now.as_second() as f64)
    {
        return Err(IdTokenError::Claim("expiry"));
    }
    if let Some(nonce) = nonce
        && !claims.nonce.is_some_and(|found| nonce.same_as(&found))
    {
        return Err(IdTokenError::Claim("nonce"));
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 || claims.sub.chars().any(char::is_control) {
        return Err(IdTokenError::Claim("subject"));
    }
    let label = claims
        .email
        .or(claims.preferred_username)
        .map(|label| plain(&label))
        .filter(|label| !label.is_empty());
    Ok((claims.sub, label))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::base64url;
    use proptest::prelude::*;

    fn token(claims: &serde_json::Value) -> Secret {
        Secret::new(format!(
            "e30.{}.sig",
            base64url(claims.to_string().as_bytes())
        ))
    }

    #[test]
    fn claims_must_belong_to_this_login() {
        let nonce = Secret::new("n");
        let check = |claims: serde_json::Value| {
            subject_of(
                &token(&claims),
                Some("https://as.test"),
                "me",
                Some(&nonce),
                Timestamp::from_second(1_000).unwrap(),
            )
        };
        let good = serde_json::json!({"iss": "https://as.test", "sub": "7", "aud": ["x", "me"], "nonce": "n", "email": "a@b\u{1b}"});
        assert_eq!(
            check(good.clone()).unwrap(),
            ("7".into(), Some("a@b".into()))
        );
        for (field, value) in [
            ("iss", "https://evil.test"),
            ("aud", "you"),
            ("azp", "you"),
            ("nonce", "m"),
            ("sub", ""),
        ] {
            let mut bad = good.clone();
            bad[field] = value.into();
            assert!(matches!(check(bad), Err(IdTokenError::Claim(_))), "{field}");
        }
        let with = |field: &str, value: serde_json::Value| {
            let mut claims = good.clone();
            claims[field] = value;
            check(claims)
        };
        let others = serde_json::json!(["x", "y"]);
        assert_eq!(with("aud", others), Err(IdTokenError::Claim("audience")));
        assert!(with("aud", serde_json::json!(["me"])).is_ok());
        assert!(with("sub", "s".repeat(255).into()).is_ok());
        assert!(with("sub", "s".repeat(256).into()).is_err());
        // The time is 1000, and the clocks may differ by five minutes.
        for (expiry, is_valid) in [(100, false), (699, false), (701, true), (1060, true)] {
            assert_eq!(with("exp", expiry.into()).is_ok(), is_valid, "{expiry}");
        }
        let mut without = good;
        without.as_object_mut().unwrap().remove("nonce");
        assert_eq!(check(without), Err(IdTokenError::Claim("nonce")));
    }

    proptest! {
        #[test]
        fn garbage_is_malformed(text: String) {
            prop_assert!(subject_of(&Secret::new(text), None, "me", None, Timestamp::UNIX_EPOCH).is_err());
        }
    }
}
