//! One metadata document: what it says, and the specification of a provider that follows from it.
//!
//! A field that a login does not need decides nothing: what is not understood of it is left out.

use crate::credential::{ClientAuth, trusted_url};
use crate::oauth::plain::plain;
use crate::provider::{OAuthSpec, Pkce, RevokeSpec, RevokeStyle};
use serde_json::{Map, Value};

/// What a document says (RFC 8414 section 2), as far as a login needs it.
#[derive(Clone, Debug)]
pub(super) struct Document {
    fields: Map<String, Value>,
    /// The issuer, as the document writes it.
    pub issuer: String,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// It is no JSON object, or names no issuer; the text completes the sentence "the metadata …".
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            format!(
                "is malformed at line {}, column {}",
                error.line(),
                error.column()
            )
        })?;
        let Value::Object(fields) = value else {
            return Err("is not a JSON object".into());
        };
        let mut document = Self {
            fields,
            issuer: String::new(),
        };
        document.issuer = document.needed("issuer")?.to_owned();
        Ok(document)
    }

    /// Whether the document speaks for the issuer that was asked. RFC 8414 section 3.3 wants them
    /// to be identical; a trailing slash is the one difference that is accepted, since users often
    /// omit it.
    pub(super) fn is_of(&self, asked: &str) -> bool {
        self.issuer.trim_end_matches('/') == asked.trim_end_matches('/')
    }

    /// Whether another document may have more to say.
    pub(super) fn lacks_something(&self) -> bool {
        [
            "authorization_endpoint",
            "token_endpoint",
            "revocation_endpoint",
        ]
        .into_iter()
        .any(|name| self.text(name).is_none())
    }

    /// Takes over the fields that only the other document has, if both speak for the same issuer
    /// and name the same endpoints.
    pub(super) fn complete_from(&mut self, other: Self) {
        let contradicts = |name: &&str| match (self.text(name), other.text(name)) {
            (Some(ours), Some(theirs)) => ours != theirs,
            _ => false,
        };
        let endpoints = ["authorization_endpoint", "token_endpoint"];
        if !other.is_of(&self.issuer) || endpoints.iter().any(contradicts) {
            return;
        }
        for (name, value) in other.fields {
            let ours = self.fields.entry(name).or_insert(Value::Null);
            if ours.is_null() {
                *ours = value;
            }
        }
    }

    /// The specification of a provider with this metadata.
    ///
    /// # Errors
    /// An endpoint that a login needs is missing, or must not be used; the text completes the
    /// sentence "the metadata …".
    pub(super) fn specification(&self) -> Result<OAuthSpec, String> {
        let endpoint = |name: &str| {
            let value = self.needed(name)?;
            trusted_url(value).map_err(|error| format!("has an unusable {name}: {error}"))?;
            Ok::<_, String>(value.to_owned())
        };
        let mut spec = OAuthSpec::new(
            endpoint("authorization_endpoint")?,
            endpoint("token_endpoint")?,
        );
        spec.revocation_endpoint = self
            .text("revocation_endpoint")
            .filter(|url| trusted_url(url).is_ok())
            .map(str::to_owned);
        spec.revoke = spec.revocation_endpoint.as_ref().map(|_| RevokeSpec {
            style: RevokeStyle::Rfc7009,
            page: None,
        });
        spec.issuer = Some(self.issuer.clone());
        // RFC 9207 section 3.
        spec.announces_iss = self.says("authorization_response_iss_parameter_supported");
        // RFC 9700 section 2.1.1: PKCE is used anyway; servers that do not know it ignore it.
        if self
            .list("code_challenge_methods_supported")
            .contains(&"S256")
        {
            spec.pkce = Pkce::Required;
        }
        let methods = self.list("token_endpoint_auth_methods_supported");
        let (basic, post) = (
            // RFC 8414 section 2: it is the default.
            methods.is_empty() || methods.contains(&"client_secret_basic"),
            methods.contains(&"client_secret_post"),
        );
        spec.client_auth = if basic || !post {
            ClientAuth::Basic
        } else {
            ClientAuth::Post
        };
        // A server may announce both and accept only the one with which the client was registered,
        // and one that announces only Basic may miss the id in the body.
        spec.client_auth_fallback = match (basic, post) {
            (true, true) => Some(ClientAuth::Post),
            (false, true) => None,
            (_, false) => Some(ClientAuth::BasicWithId),
        };
        let scopes = self.list("scopes_supported");
        if scopes.contains(&"openid") {
            spec.default_scopes.push("openid".into());
        }
        if scopes.contains(&"offline_access") {
            spec.offline_scopes.push("offline_access".into());
            // OpenID Connect Core section 11: without consent, the scope is ignored.
            spec.authorize_params
                .insert("prompt".into(), "consent".into());
        }
        Ok(spec)
    }

    /// The text of a field, if it has one.
    fn text(&self, name: &str) -> Option<&str> {
        let text = self.fields.get(name)?.as_str()?.trim();
        (!text.is_empty()).then_some(text)
    }

    fn needed(&self, name: &str) -> Result<&str, String> {
        self.text(name).ok_or_else(|| match self.fields.get(name) {
            None | Some(Value::Null | Value::String(_)) => format!("has no {name}"),
            Some(other) => format!("has `{}` as its {name}", plain(&other.to_string())),
        })
    }

    /// The texts of a list; a text is read as a list that is separated by spaces or commas.
    fn list(&self, name: &str) -> Vec<&str> {
        match self.fields.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(text)) => text
                .split([' ', ','])
                .filter(|item| !item.is_empty())
                .collect(),
            _ => Vec::new(),
        }
    }

    fn says(&self, name: &str) -> bool {
        match self.fields.get(name) {
            Some(Value::Bool(says)) => *says,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }
}

/// Reads any two documents, for the fuzzer: a byte of zero separates them.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (Some(first), second) = (parts.next(), parts.next()) else {
        return;
    };
    let Ok(mut document) = Document::read(first) else {
        return;
    };
    let _ = document.is_of("https://issuer.example");
    if let Some(Ok(second)) = second.map(Document::read) {
        document.complete_from(second);
    }
    if let Err(reason) = document.specification() {
        assert!(!reason.contains(char::is_control), "shown: {reason:?}");
    }
}
