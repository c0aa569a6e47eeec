//! Authorization server metadata: RFC 8414, or OpenID Connect Discovery 1.0 if a server publishes
//! only that.

use crate::credential::{ClientAuth, OriginError, trusted_url};
use crate::http::{Network, Reply, Request, TransportError};
use crate::provider::{OAuthSpec, Pkce, RevokeSpec, RevokeStyle};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// The time limit for one metadata document.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The reason why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Not a URL that a login may use.
    #[error(transparent)]
    Url(#[from] OriginError),
    /// The server did not answer.
    #[error("cannot read the metadata of {host}: {reason}")]
    Unreachable {
        /// The host.
        host: String,
        /// The reason.
        reason: String,
    },
    /// It answered, but publishes no metadata.
    #[error("{0} publishes no authorization server metadata (status {1})")]
    None(String, u16),
    /// Its metadata cannot be used.
    #[error("the metadata of {0} {1}")]
    Unusable(String, String),
}

/// RFC 8414 section 2, the fields that a login needs.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    scopes_supported: Option<Vec<String>>,
}

/// Reads the metadata of an issuer.
///
/// # Errors
/// It cannot be reached, publishes no metadata, or publishes metadata that cannot be trusted.
pub async fn discover(network: &Network, issuer: &str) -> Result<OAuthSpec, MetadataError> {
    let url = trusted_url(issuer)?;
    let mut last = MetadataError::None(shown(&url), 0);
    for place in places(&url) {
        let request = Request {
            url: place,
            method: None,
            body: None,
            headers: Vec::new(),
            timeout: TIMEOUT,
        };
        match network.send(request).await {
            // A web application answers every path with its start page; the next location may have
            // the document.
            Ok(Reply {
                status: 200, body, ..
            }) => match read(issuer, &url, &body) {
                Ok(spec) => return Ok(spec),
                Err(error) => last = error,
            },
            // The next location may have it; a server that asks to retry later is reported as such.
            Ok(Reply { status, .. }) if status == 429 || status >= 500 => {
                last = MetadataError::Unreachable {
                    host: shown(&url),
                    reason: format!("it returned status {status}"),
                };
            }
            Ok(Reply { status, .. }) => last = MetadataError::None(shown(&url), status),
            Err(
                TransportError::NotSent(reason)
                | TransportError::Lost(reason)
                | TransportError::Unreadable(reason),
            ) => {
                return Err(MetadataError::Unreachable {
                    host: shown(&url),
                    reason,
                });
            }
        }
    }
    Err(last)
}

/// RFC 8414 section 3.1 inserts the well-known path before the issuer's own; OpenID Connect
/// Discovery section 4.1 appends it.
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let with = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    vec![
        with(format!("/.well-known/oauth-authorization-server{path}")),
        with(format!("{path}/.well-known/openid-configuration")),
    ]
}

fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn read(asked: &str, url: &Url, body: &[u8]) -> Result<OAuthSpec, MetadataError> {
    let unusable = |reason: String| MetadataError::Unusable(shown(url), reason);
    let document: Document = serde_json::from_slice(body).map_err(|error| {
        unusable(format!(
            "is malformed at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    // RFC 8414 section 3.3: it must be identical to the issuer that was asked; a trailing slash is
    // the one difference that is accepted, since users often omit it.
    if document.issuer.trim_end_matches('/') != asked.trim_end_matches('/') {
        return Err(unusable(format!(
            "names another issuer, `{}`",
            super::authorize::plain(&document.issuer)
        )));
    }
    let endpoint = |name: &str, value: Option<String>| {
        let value = value.ok_or_else(|| unusable(format!("has no {name}")))?;
        trusted_url(&value)
            .map_err(|error| unusable(format!("has an unusable {name}: {error}")))?;
        Ok::<_, MetadataError>(value)
    };
    let mut spec = OAuthSpec::new(
        endpoint("authorization_endpoint", document.authorization_endpoint)?,
        endpoint("token_endpoint", document.token_endpoint)?,
    );
    spec.revocation_endpoint = document
        .revocation_endpoint
        .filter(|url| trusted_url(url).is_ok());
    spec.revoke = spec.revocation_endpoint.as_ref().map(|_| RevokeSpec {
        style: RevokeStyle::Rfc7009,
        page: None,
    });
    spec.issuer = Some(document.issuer);
    spec.announces_iss = document.authorization_response_iss_parameter_supported;
    // RFC 9700 section 2.1.1: PKCE is used anyway; servers that do not know it ignore it.
    if document
        .code_challenge_methods_supported
        .is_some_and(|methods| methods.iter().any(|method| method == "S256"))
    {
        spec.pkce = Pkce::Required;
    }
    // RFC 8414 section 2: `client_secret_basic` is the default.
    let methods = document
        .token_endpoint_auth_methods_supported
        .unwrap_or_else(|| vec!["client_secret_basic".into()]);
    let has = |method: &str| methods.iter().any(|known| known == method);
    spec.client_auth = if has("client_secret_basic") || !has("client_secret_post") {
        ClientAuth::Basic
    } else {
        ClientAuth::Post
    };
    // A server may announce both and accept only the one with which the client was registered.
    spec.client_auth_fallback =
        (has("client_secret_basic") && has("client_secret_post")).then_some(ClientAuth::Post);
    let offers = |scope: &str| {
        document
            .scopes_supported
            .iter()
            .flatten()
            .any(|known| known == scope)
    };
    if offers("openid") {
        spec.default_scopes.push("openid".into());
    }
    if offers("offline_access") {
        spec.offline_scopes.push("offline_access".into());
        // OpenID Connect Core section 11: without consent, the scope is ignored.
        spec.authorize_params
            .insert("prompt".into(), "consent".into());
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(edit: impl Fn(&mut serde_json::Value)) -> Result<OAuthSpec, MetadataError> {
        let mut value = serde_json::json!({
            "issuer": "https://as.test/t", "authorization_endpoint": "https://as.test/a", "token_endpoint": "https://as.test/k",
            "scopes_supported": ["openid", "offline_access"], "authorization_response_iss_parameter_supported": true,
        });
        edit(&mut value);
        read(
            "https://as.test/t",
            &Url::parse("https://as.test/t").unwrap(),
            value.to_string().as_bytes(),
        )
    }

    #[test]
    fn both_well_known_places_are_asked() {
        let asked: Vec<String> = places(&Url::parse("https://as.test/t/").unwrap())
            .iter()
            .map(Url::to_string)
            .collect();
        assert_eq!(
            asked,
            [
                "https://as.test/.well-known/oauth-authorization-server/t",
                "https://as.test/t/.well-known/openid-configuration"
            ]
        );
        let asked: Vec<String> = places(&Url::parse("https://as.test").unwrap())
            .iter()
            .map(Url::to_string)
            .collect();
        assert_eq!(
            asked,
            [
                "https://as.test/.well-known/oauth-authorization-server",
                "https://as.test/.well-known/openid-configuration"
            ]
        );
    }

    #[test]
    fn metadata_becomes_a_specification() {
        let spec = document(|_| {}).unwrap();
        assert_eq!(
            (spec.default_scopes.as_slice(), spec.announces_iss),
            (&["openid".to_owned()][..], true)
        );
        assert_eq!(spec.client_auth, ClientAuth::Basic);
        assert!(spec.revoke.is_none());
        let spec = document(|value| {
            value["token_endpoint_auth_methods_supported"] =
                serde_json::json!(["client_secret_post"])
        })
        .unwrap();
        assert_eq!(spec.client_auth, ClientAuth::Post);
        assert_eq!(spec.client_auth_fallback, None);
        let both = document(|value| {
            value["token_endpoint_auth_methods_supported"] =
                serde_json::json!(["none", "client_secret_post", "client_secret_basic"])
        });
        let spec = both.unwrap();
        assert_eq!(
            (spec.client_auth, spec.client_auth_fallback),
            (ClientAuth::Basic, Some(ClientAuth::Post))
        );
    }

    #[test]
    fn metadata_that_cannot_be_trusted_is_refused() {
        for (field, value) in [
            ("issuer", "https://evil.test"),
            ("token_endpoint", "http://as.test/k"),
            ("authorization_endpoint", "javascript:alert(1)"),
            ("token_endpoint", "https://user@as.test/k"),
        ] {
            assert!(
                document(|doc| doc[field] = value.into()).is_err(),
                "{field}"
            );
        }
        assert!(
            document(|doc| drop(doc.as_object_mut().unwrap().remove("token_endpoint"))).is_err()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn malformed_metadata_never_panics_and_never_passes(garbage: Vec<u8>, field in 0usize..5, value: String) {
            let url = Url::parse("https://as.test/t").unwrap();
            prop_assert!(read("https://as.test/t", &url, &garbage).is_err());
            let fields = ["issuer", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "scopes_supported"];
            let _ = document(|doc| doc[fields[field]] = value.clone().into());
        }
    }
}
