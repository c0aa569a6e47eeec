//! The steps after the browser, for every grant: redeem the code, identify the account, store the
//! login.

use super::put::{Put, put};
use super::{Claim, ClientError, Context, Error, Found, Registration, twins};
use crate::credential::{
    AccessToken, Bound, ClientAuth, Kind, Name, Origin, SecretPart, StoreKind, is_granted,
    scope_words, trusted_url,
};
use crate::oauth::{self, Dialect, Grant, IdTokenError, Person, TokenError, TokenReply};
use crate::provider::{OAuthSpec, RenderError, Row};
use crate::secret::Secret;
use crate::signals::shield;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The time limit for the token endpoint.
const EXCHANGE: Duration = Duration::from_secs(45);

/// A login that is under way.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// The name of the login.
    pub name: Name,
    /// The provider's row, with its variables filled in.
    pub row: Row,
    /// The OAuth part of the row.
    pub oauth: OAuthSpec,
    /// The values of the row's variables.
    pub variables: BTreeMap<String, String>,
    /// Whether the row was made from metadata and has to be stored.
    pub is_new_provider: bool,
    /// The client to log in with.
    pub client: Registration,
    /// The store for a new credential.
    pub store: StoreKind,
    /// The redirect URI of the request.
    pub redirect_uri: String,
    /// All scopes of the request.
    pub scopes: Vec<String>,
    /// The scopes that the user asked for.
    pub asked: Vec<String>,
    /// The origins that the user chose.
    pub origins: Vec<Origin>,
    /// Whether a login as another account may be replaced.
    pub replace: bool,
}

/// A finished login.
#[derive(Serialize, Deserialize)]
pub struct Done {
    /// The account, as the provider names it.
    pub account: Option<String>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

/// Why a login was not completed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The token endpoint gave no token.
    #[error("the login was not completed: {0}")]
    Token(#[from] TokenError),
    /// The ID token cannot be trusted.
    #[error("the login was not completed: {0}")]
    IdToken(#[from] IdTokenError),
    /// The provider did not say which account this is, and the name belongs to an account.
    #[error("cannot determine the account of this login: {0}")]
    Unidentified(String),
    /// The ID token does not tell the account, and the name belongs to an account.
    #[error("cannot determine the account of this login: {0}")]
    Unreadable(IdTokenError),
    /// The browser logged in as another account.
    #[error("`{name}` is the login of {old}, but the browser logged in as {new}")]
    OtherAccount {
        /// The login.
        name: Name,
        /// The account it belongs to.
        old: String,
        /// The account of the browser.
        new: String,
    },
    /// The credential cannot be read or stored.
    #[error(transparent)]
    Lifecycle(#[from] Error),
    /// The client cannot be stored.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The row of a new provider cannot be stored.
    #[error(transparent)]
    Provider(#[from] crate::provider::ProviderError),
    /// An endpoint of the row is not a URL to trust.
    #[error(transparent)]
    Url(#[from] crate::credential::OriginError),
    /// The headers of the account request cannot be made.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl From<crate::http::TransportError> for LoginError {
    fn from(error: crate::http::TransportError) -> Self {
        Self::Lifecycle(error.into())
    }
}

impl Attempt {
    /// The same attempt with the other way of authenticating the client, if there is one.
    fn with_fallback(&self) -> Option<Self> {
        let mut other = self.clone();
        self.client.secret.as_ref()?;
        other.oauth.client_auth = other.oauth.client_auth_fallback.take()?;
        if let Some(oauth) = other.row.oauth.as_mut().filter(|_| self.is_new_provider) {
            oauth.client_auth = other.oauth.client_auth;
            oauth.client_auth_fallback = None;
        }
        Some(other)
    }

    fn client_auth(&self) -> ClientAuth {
        if self.client.secret.is_some() {
            self.oauth.client_auth
        } else {
            ClientAuth::None
        }
    }
}

/// Exchanges a grant for tokens, such as a code (RFC 6749 section 4.1.3), which can be redeemed once.
/// If the server does not accept the client, the code is still good, and the other way of
/// authenticating follows at once. Returns the attempt that worked as well.
///
/// # Errors
/// The token endpoint gave no token, or Ctrl-C came first.
pub fn redeem(
    context: &Context<'_>,
    attempt: &Attempt,
    grant: &Grant,
) -> Result<(TokenReply, Attempt), LoginError> {
    let refused = match exchange(context, attempt, grant) {
        Ok(reply) => return Ok((reply, attempt.clone())),
        Err(refused) => refused,
    };
    // RFC 6749 section 5.2; some servers say nothing but 401.
    let of_client = ["invalid_client", "unauthorized_client", "status 401"];
    let misses_id =
        |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("client_id"));
    let is_client = matches!(
        &refused,
        LoginError::Token(TokenError::Denied { code, description })
            if of_client.contains(&code.as_str()) || misses_id(description)
    );
    let Some(other) = attempt.with_fallback().filter(|_| is_client) else {
        return Err(refused);
    };
    tracing::info!("the server did not accept the client; trying the other way to authenticate");
    match exchange(context, &other, grant) {
        Ok(reply) => Ok((reply, other)),
        // It says more than a refusal of the other way, which the server may not know.
        Err(LoginError::Token(TokenError::Denied { .. })) => Err(refused),
        Err(error) => Err(error),
    }
}

fn exchange(
    context: &Context<'_>,
    attempt: &Attempt,
    grant: &Grant,
) -> Result<TokenReply, LoginError> {
    let endpoint = trusted_url(&attempt.oauth.token_endpoint)?;
    let client = oauth::Client {
        id: attempt.client.id.clone(),
        auth: attempt.client_auth(),
        secret: attempt.client.secret.clone(),
    };
    let dialect = Dialect::of(&attempt.oauth);
    let network = context.network;
    let request = oauth::request(network, &endpoint, &client, grant, &dialect, EXCHANGE);
    let shield = shield();
    network.run(async {
        tokio::select! {
            reply = request => reply.map_err(LoginError::from),
            () = shield.interrupted() => Err(Error::Interrupted.into()),
        }
    })?
}

/// Stores a login, in place of `before` if there is one: the row of a new provider and a new client
/// first, so that the record never names what is not stored.
///
/// # Errors
/// A store or the disk refused; then the login that was there is still there.
pub fn put_login(
    claim: &Claim<'_>,
    attempt: &Attempt,
    before: Option<&Found>,
    reply: TokenReply,
    person: Option<Person>,
    received_at: Timestamp,
) -> Result<Done, LoginError> {
    let (context, provider) = (&claim.context, attempt.name.provider());
    if attempt.is_new_provider && !context.catalogue.is_own(provider) {
        context.catalogue.add(&attempt.row)?;
    }
    attempt
        .client
        .store(context, &attempt.name, &attempt.oauth, attempt.store)?;
    let refresh_token_expires_at = match (&reply.refresh_token, before) {
        // The earlier token may be kept, and its expiry with it.
        (None, Some(found)) => found.entry.login.refresh_token_expires_at,
        _ => reply.refresh_token_expires_at(received_at),
    };
    let bound = bound(attempt, before, person.as_ref(), reply.scope);
    let refresh_token = reply
        .refresh_token
        .or_else(|| kept_refresh_token(before, &bound));
    let refreshable = refresh_token.is_some();
    let life = reply
        .expires_in
        .or(attempt.oauth.assumed_lifetime.filter(|_| refreshable));
    let token = AccessToken {
        token: reply.access_token,
        received_at,
        expires_at: life.map(|life| received_at + SignedDuration::from_secs(life.into())),
        scope: Vec::new(),
        resource: None,
    };
    let account = bound.label.clone().or_else(|| bound.subject.clone());
    let twins = twins::warning(context, &attempt.name, &bound);
    let scopes = bound.scopes.clone();
    let what = Put {
        bound,
        secret: SecretPart::Login {
            refresh_token,
            access: (!refreshable).then(|| token.clone()),
        },
        access: Some(token),
        store: attempt.store,
    };
    let saved = put(claim, before, what, |entry| {
        entry.login.logged_in_at = Some(received_at);
        entry.login.refresh_token_expires_at = refresh_token_expires_at;
    })?;
    let mut warnings = saved.warnings;
    warnings.extend(twins);
    // OpenID Connect Core section 11: it is a request for a refresh token.
    let is_missing = |scope: &&String| {
        let is_implied = refreshable && *scope == "offline_access";
        !is_implied && !is_granted(scope, &scopes)
    };
    let missing: Vec<String> = attempt.asked.iter().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        warnings.push(format!("the provider did not grant {}", missing.join(", ")));
    }
    // The login is saved; what is left of the earlier client is no reason to call it a failure.
    warnings.extend(
        attempt
            .client
            .delete_replaced(context, provider)
            .err()
            .map(|error| error.to_string()),
    );
    Ok(Done {
        account,
        scopes,
        refreshable,
        warnings,
    })
}

/// The refresh token of the earlier login, if it belongs to the same account and client: some
/// providers issue one on the first consent only.
fn kept_refresh_token(before: Option<&Found>, bound: &Bound) -> Option<Secret> {
    let record = &before?.record;
    let is_same = record.bound.client_id == bound.client_id
        && record.bound.token_endpoint == bound.token_endpoint
        && record.bound.subject.is_some()
        && record.bound.subject == bound.subject;
    match record.secret.as_ref().filter(|_| is_same)? {
        SecretPart::Login { refresh_token, .. } => refresh_token.clone(),
        SecretPart::Key(_) => None,
    }
}

fn bound(
    attempt: &Attempt,
    before: Option<&Found>,
    person: Option<&Person>,
    granted: Option<Vec<String>>,
) -> Bound {
    let oauth = &attempt.oauth;
    // Origins that were chosen for a key are not for a login's token.
    let chosen = before
        .filter(|found| found.record.kind() == Some(Kind::Login))
        .map(|found| &found.record.bound)
        .filter(|bound| bound.chosen_origins && attempt.origins.is_empty());
    let row = attempt.row.bound_origins().unwrap_or_default();
    let (origins, chosen_origins) = match chosen {
        Some(bound) => (bound.origins.clone(), true),
        // A row that was made from metadata has the origins that the user chose.
        None if attempt.origins.is_empty() || attempt.origins == row => (row, false),
        None => (attempt.origins.clone(), true),
    };
    Bound {
        origins,
        chosen_origins,
        issuer: oauth.issuer.clone(),
        token_endpoint: Some(oauth.token_endpoint.clone()),
        revocation_endpoint: oauth.revocation_endpoint.clone(),
        client_id: Some(attempt.client.id.clone()),
        client_auth: attempt.client_auth(),
        redirect_uri: Some(attempt.redirect_uri.clone()),
        subject: person.map(|person| person.subject.clone()),
        label: person.and_then(|person| person.label.clone()),
        // RFC 6749 section 5.1: the server leaves it out when it granted what was asked for.
        scopes: granted.unwrap_or_else(|| scope_words(&attempt.scopes.join(" "))),
        headers: Vec::new(),
        shape: Some(attempt.row.shape(Kind::Login)),
        variables: attempt.variables.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests;
