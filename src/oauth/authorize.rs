//! The authorization request (RFC 6749 section 4.1.1 with PKCE, RFC 7636) and the check of its
//! response.

use super::callback::Callback;
use super::plain::plain;
use crate::provider::{OAuthSpec, Pkce};
use crate::secret::{SealError, Secret, base64url};
use ring::digest::{SHA256, digest};
use url::Url;

/// The state of one login, made before the browser opens.
pub struct Flow {
    /// The authorization URL.
    pub url: Url,
    state: Secret,
    /// The PKCE code verifier, unless the server would refuse it.
    pub verifier: Option<Secret>,
    /// The nonce, which the ID token repeats if `openid` is requested.
    pub nonce: Option<Secret>,
    issuer: Option<String>,
    announces_iss: bool,
}

/// A checked authorization response.
#[derive(Debug)]
pub struct Authorization {
    /// The authorization code.
    pub code: Secret,
}

/// The reason why an authorization response is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The user or the provider denied it (RFC 6749 section 4.1.2.1).
    #[error("the provider refused: {code}{}", description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Denied {
        /// The error code.
        code: String,
        /// The description of the provider, plain ASCII.
        description: Option<String>,
    },
    /// RFC 9207: the response comes from another authorization server.
    #[error(
        "the response names the issuer `{found}`, not `{expected}`: it may come from another server"
    )]
    WrongIssuer {
        /// The issuer in the response.
        found: String,
        /// The issuer in the row.
        expected: String,
    },
    /// RFC 9207: the issuer is announced, but missing.
    #[error(
        "the response does not name its issuer, although the metadata of the provider says that it does"
    )]
    NoIssuer,
    /// Neither a code nor an error.
    #[error("the response contains neither a code nor an error")]
    Empty,
    /// RFC 6749 section 3.1: no parameter may be repeated.
    #[error("the response contains `{0}` more than once")]
    Repeated(&'static str),
}

/// Prepares a login: state, PKCE verifier, nonce, and the URL to open.
///
/// # Errors
/// The random generator of the system failed.
pub fn begin(
    spec: &OAuthSpec,
    endpoint: &Url,
    client_id: &str,
    redirect_uri: &str,
    scopes: &[String],
) -> Result<Flow, SealError> {
    let state = Secret::random()?;
    let verifier = if spec.pkce == Pkce::Unsupported {
        None
    } else {
        Some(Secret::random()?)
    };
    let nonce = if scopes.iter().any(|scope| scope == "openid") {
        Some(Secret::random()?)
    } else {
        None
    };
    let mut url = endpoint.clone();
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state.expose());
        if !scopes.is_empty() {
            query.append_pair(
                spec.scope_param.as_deref().unwrap_or("scope"),
                &scopes.join(&spec.scope_separator),
            );
        }
        if let Some(verifier) = &verifier {
            query
                .append_pair("code_challenge", &challenge(verifier))
                .append_pair("code_challenge_method", "S256");
        }
        if let Some(nonce) = &nonce {
            query.append_pair("nonce", nonce.expose());
        }
        for (name, value) in &spec.authorize_params {
            query.append_pair(name, value);
        }
    }
    Ok(Flow {
        url,
        state,
        verifier,
        nonce,
        issuer: spec.issuer.clone(),
        announces_iss: spec.announces_iss,
    })
}

/// RFC 7636 section 4.2.
fn challenge(verifier: &Secret) -> String {
    base64url(digest(&SHA256, verifier.expose().as_bytes()).as_ref())
}

impl Flow {
    /// Whether a redirect belongs to *this* login. All others change nothing, and the login
    /// continues to wait.
    pub fn is_ours(&self, callback: &Callback) -> bool {
        matches!(callback.get("state"), Ok(Some(state)) if self.state.same_as(state.expose()))
    }

    /// What to tell the user about a redirect that is not ours: it may be from anybody, but it may
    /// also be the answer that this login waits for.
    pub fn complaint(&self, callback: &Callback) -> Option<String> {
        // Only the code: any web page can make the browser send a text of its own here.
        let what = match callback.refusal_code() {
            Some(code) => format!("an error response ({code})"),
            None if callback.has("code") || callback.has("state") => "a response".to_owned(),
            None => return None,
        };
        Some(if callback.has("state") {
            format!("{what} with the `state` of another login arrived and was ignored")
        } else {
            format!("{what} without the `state` of this login arrived and was ignored")
        })
    }

    /// Checks a redirect that [`Flow::is_ours`] accepted.
    ///
    /// # Errors
    /// It contains an error, comes from another issuer, or contains no code.
    pub fn accept(&self, callback: &Callback) -> Result<Authorization, AuthorizeError> {
        let code = callback.get("code")?;
        let error = callback.get("error")?;
        match (callback.get("iss")?, &self.issuer) {
            // RFC 9207 section 2.4: compared as strings, if present, before anything else is used.
            (Some(found), Some(expected)) if found.expose() != expected => {
                return Err(AuthorizeError::WrongIssuer {
                    found: plain(found.expose()),
                    expected: expected.clone(),
                });
            }
            // A server may omit it from an error response; a code without it is refused.
            (None, _) if self.announces_iss && error.is_none() => {
                return Err(AuthorizeError::NoIssuer);
            }
            _ => {}
        }
        if let Some(error) = error {
            let description = callback
                .get("error_description")?
                .map(|text| plain(text.expose()))
                .filter(|text| !text.is_empty());
            return Err(AuthorizeError::Denied {
                code: plain(error.expose()),
                description,
            });
        }
        match code {
            Some(code) if code.len() > 0 => Ok(Authorization { code: code.clone() }),
            _ => Err(AuthorizeError::Empty),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flow(spec: &OAuthSpec, scopes: &[&str]) -> Flow {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        begin(
            spec,
            &Url::parse("https://as.test/auth?x=1").unwrap(),
            "id",
            "http://127.0.0.1:1/callback",
            &scopes,
        )
        .unwrap()
    }

    fn spec() -> OAuthSpec {
        OAuthSpec {
            issuer: Some("https://as.test".into()),
            announces_iss: true,
            ..OAuthSpec::default()
        }
    }

    fn query(flow: &Flow, name: &str) -> Option<String> {
        flow.url
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_request_carries_state_challenge_and_nonce_and_keeps_the_endpoints_query() {
        let flow = flow(&spec(), &["openid", "a"]);
        assert_eq!(query(&flow, "x").as_deref(), Some("1"));
        assert_eq!(query(&flow, "scope").as_deref(), Some("openid a"));
        assert_eq!(
            query(&flow, "code_challenge_method").as_deref(),
            Some("S256")
        );
        assert_eq!(
            query(&flow, "nonce").as_deref(),
            Some(flow.nonce.as_ref().unwrap().expose())
        );
        assert!(
            !flow
                .url
                .as_str()
                .contains(flow.verifier.as_ref().unwrap().expose())
        );
    }

    #[test]
    fn nonce_and_challenge_are_omitted_if_not_supported() {
        let spec = OAuthSpec {
            pkce: Pkce::Unsupported,
            ..spec()
        };
        let flow = flow(&spec, &["a"]);
        assert!(query(&flow, "nonce").is_none() && query(&flow, "code_challenge").is_none());
    }

    #[test]
    fn a_redirect_is_ours_only_with_exactly_our_state() {
        let flow = flow(&spec(), &[]);
        let state = flow.state.expose().to_owned();
        assert!(flow.is_ours(&Callback::from_query(&format!("state={state}&code=x"))));
        for other in [
            "",
            "state=",
            "state=x&code=y",
            &format!("state={state}&state={state}"),
            &format!("state={state}x"),
        ] {
            assert!(!flow.is_ours(&Callback::from_query(other)), "{other}");
        }
    }

    #[test]
    fn the_issuer_is_checked_whenever_it_is_announced_or_present() {
        let accept = |spec: &OAuthSpec, query: &str| {
            flow(spec, &[])
                .accept(&Callback::from_query(query))
                .map(|found| found.code.expose().to_owned())
        };
        assert_eq!(
            accept(&spec(), "code=c&iss=https%3A%2F%2Fas.test").unwrap(),
            "c"
        );
        assert_eq!(accept(&spec(), "code=c"), Err(AuthorizeError::NoIssuer));
        assert!(matches!(
            accept(&spec(), "code=c&iss=https://evil.test"),
            Err(AuthorizeError::WrongIssuer { .. })
        ));
        assert!(matches!(
            accept(&spec(), "error=access_denied"),
            Err(AuthorizeError::Denied { .. })
        ));
        let silent = OAuthSpec {
            announces_iss: false,
            ..spec()
        };
        assert_eq!(accept(&silent, "code=c").unwrap(), "c");
        assert!(matches!(
            accept(&silent, "code=c&iss=https://evil.test"),
            Err(AuthorizeError::WrongIssuer { .. })
        ));
        assert!(matches!(
            accept(&silent, "code=c&code=d"),
            Err(AuthorizeError::Repeated("code"))
        ));
        assert_eq!(accept(&silent, "code="), Err(AuthorizeError::Empty));
    }

    #[test]
    fn a_denial_is_shown_without_control_characters() {
        let spec = OAuthSpec::default();
        let error = flow(&spec, &[])
            .accept(&Callback::from_query(
                "error=a%1bb&error_description=c%0d%0ad%e2%80%ae",
            ))
            .unwrap_err();
        assert_eq!(error.to_string(), "the provider refused: ab (c d)");
    }

    proptest! {
        #[test]
        fn no_query_panics_or_is_mistaken_for_ours(query: String) {
            let flow = flow(&spec(), &[]);
            let callback = Callback::from_query(&query);
            prop_assert!(!flow.is_ours(&callback));
            let _ = flow.accept(&callback);
        }
    }
}
