//! The second half of a login: the code is redeemed under the lock, and what comes of it is saved.

use super::super::warn_all;
use super::{Attempt, is_mendable, refuse_key};
use crate::app::App;
use crate::credential::{
    AccessToken, Bound, ClientAuth, Index, Kind, Name, Record, SecretPart, trusted_url,
};
use crate::disk::Lock;
use crate::failure::{Code, Failure};
use crate::lifecycle::{Error, Found, Keeper, Look, add, look, save, settle};
use crate::oauth::{
    self, Callback, Flow, Grant, Person, TokenError, TokenReply, subject_of, whoami,
};
use crate::provider::render;
use crate::sealed::Sealed;
use crate::secret::Secret;
use crate::signals::shield;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the token endpoint may take.
const EXCHANGE: Duration = Duration::from_secs(45);

/// How long another authctl may be busy with the same login.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// What to tell about a finished login.
pub(super) struct Done {
    /// Whose it is, as the provider calls them.
    pub label: Option<String>,
    /// What was granted.
    pub scopes: Vec<String>,
    /// Whether it can be refreshed.
    pub refreshable: bool,
    /// What a person should know.
    pub warnings: Vec<String>,
}

pub(super) fn finish(
    app: &App,
    attempt: &Attempt<'_>,
    flow: &Flow,
    callback: &Callback,
) -> Result<Done, Failure> {
    let authorization = flow.accept(callback)?;
    // Up until the login is stored: a code is redeemed once.
    let _shield = shield();
    let keeper = app.keeper();
    let name = &attempt.target.name;
    let lock = lock(app, keeper, name)?;
    match settle(&keeper, &lock, name) {
        Ok(warnings) => warn_all(app, &warnings),
        Err(error) if is_mendable(&error) => {}
        Err(error) => return Err(error.into()),
    }
    // Again, now that nobody else can change it.
    let index = Index::read(&app.paths.credentials(), name)?;
    if let Some(index) = &index {
        refuse_key(index, attempt.args)?;
    }
    let before = match look(&keeper, name) {
        Ok(Look::Found(found)) => Some(found),
        Ok(_) => None,
        Err(error) if is_mendable(&error) => None,
        Err(error) => return Err(error.into()),
    };
    if before.is_none() {
        // The browser may have taken minutes: a code is not redeemed for a store that has been locked meanwhile.
        app.stores.probe(attempt.store)?;
    }
    let spinner = app.ui.spinner("completing the login");
    let reply = redeem(app, attempt, flow, &authorization.code)?;
    let received_at = Timestamp::now();
    // Of an entry that cannot be believed in all else, the person is still known.
    let bound = before
        .as_ref()
        .map(|found| &found.record.bound)
        .or(index.as_ref().map(|index| &index.bound));
    let bound = bound.filter(|bound| bound.token_endpoint.is_some());
    let person = identify(app, attempt, flow, &reply, bound)?;
    drop(spinner);
    if !attempt.args.replace
        && let Some(bound) = bound
    {
        check_same_person(attempt, bound, person.as_ref())?;
    }
    if attempt.target.is_new && !app.catalogue.is_own(name.provider()) {
        app.catalogue.add(&attempt.target.row)?;
    }
    attempt
        .client
        .keep(app, name, attempt.oauth, attempt.store)?;
    let mut done = store(
        keeper,
        &lock,
        attempt,
        before.as_deref(),
        reply,
        person,
        received_at,
    )?;
    // The login is saved; what is left of an earlier client is no reason to call it a failure.
    done.warnings.extend(
        attempt
            .client
            .settle_in(app, name.provider())
            .err()
            .map(|failure| failure.message),
    );
    Ok(done)
}

/// Takes the lock, unless Ctrl-C comes first.
fn lock(app: &App, keeper: Keeper<'_>, name: &Name) -> Result<Lock, Failure> {
    let began = Instant::now();
    let shield = shield();
    app.network.run(async {
        loop {
            match keeper.try_lock(name) {
                Err(Error::Busy { .. }) if began.elapsed() < LOCK_PATIENCE => {}
                other => return other.map_err(Failure::from),
            }
            tokio::select! {
                () = shield.interrupted() => return Err(given_up()),
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
    })?
}

fn given_up() -> Failure {
    Failure::new(Code::Interrupted, "interrupted, nothing was stored")
}

fn redeem(
    app: &App,
    attempt: &Attempt<'_>,
    flow: &Flow,
    code: &Secret,
) -> Result<TokenReply, Failure> {
    let endpoint = trusted_url(&attempt.oauth.token_endpoint)?;
    let grant = Grant::code(code, &attempt.redirect_uri, flow.verifier.as_ref());
    let client = oauth::Client {
        id: attempt.client.id.clone(),
        auth: client_auth(attempt),
        secret: attempt.client.secret.clone(),
    };
    let dialect = oauth::Dialect::of(attempt.oauth);
    let shield = shield();
    let reply = app.network.run(async {
        tokio::select! {
            reply = oauth::request(&app.network, &endpoint, &client, &grant, &dialect, EXCHANGE) => reply.map_err(|error| explain(attempt, error)),
            () = shield.interrupted() => Err(given_up()),
        }
    })??;
    Ok(reply)
}

fn client_auth(attempt: &Attempt<'_>) -> ClientAuth {
    if attempt.client.secret.is_some() {
        attempt.oauth.client_auth
    } else {
        ClientAuth::None
    }
}

/// A client that the server does not know is the user's to correct.
fn explain(attempt: &Attempt<'_>, error: TokenError) -> Failure {
    let wrong_client = matches!(&error, TokenError::Denied { code, .. } if code == "invalid_client" || code == "unauthorized_client");
    let failure = Failure::from(error);
    if wrong_client {
        let args = attempt.args;
        let name = args
            .name
            .as_ref()
            .map(|name| format!(" --as {name}"))
            .unwrap_or_default();
        let (what, id) = (&args.what, &attempt.client.id);
        failure.hint(format!(
            "check the client; to give its secret again: `authctl login {what}{name} --client-id {id} --client-secret-stdin < FILE`"
        ))
    } else {
        failure
    }
}

/// Whose login it is: as the row's question answers, where it has one that the token may go to; else by the ID token.
/// Always the same way for a provider: the two may call one person by different identifiers.
fn identify(
    app: &App,
    attempt: &Attempt<'_>,
    flow: &Flow,
    reply: &TokenReply,
    before: Option<&Bound>,
) -> Result<Option<Person>, Failure> {
    let mut told = None;
    if let Some(token) = &reply.id_token {
        let issuer = attempt.oauth.issuer.as_deref();
        let (subject, label) = subject_of(
            token,
            issuer,
            &attempt.client.id,
            flow.nonce.as_ref(),
            Timestamp::now(),
        )
        .map_err(|error| {
            Failure::new(
                Code::Refused,
                format!("the login was not completed: {error}"),
            )
        })?;
        told = Some(Person { subject, label });
    }
    let Some(ask) = &attempt.oauth.whoami else {
        return Ok(told);
    };
    let allowed = attempt.args.origin.is_empty()
        || trusted_url(&ask.url)
            .is_ok_and(|url| attempt.args.origin.iter().any(|origin| origin.covers(&url)));
    if !allowed {
        return Ok(told);
    }
    let parts = BTreeMap::from([("token".to_owned(), reply.access_token.clone())]);
    let headers = render(&attempt.target.row.login_headers(), &parts)?;
    let shield = shield();
    let answer = app.network.run(async {
        tokio::select! {
            answer = whoami(&app.network, ask, headers) => Ok(answer),
            () = shield.interrupted() => Err(given_up()),
        }
    })??;
    match answer {
        Ok(person) => Ok(Some(person)),
        Err(error) if before.is_some_and(|bound| bound.subject.is_some()) => Err(Failure::new(
            Code::Unreachable,
            format!("cannot tell whose login this is: {error}"),
        )
        .hint("try again; the old login is kept")),
        Err(error) => {
            app.ui
                .warn(&format!("cannot tell whose login this is: {error}"));
            Ok(None)
        }
    }
}

fn check_same_person(
    attempt: &Attempt<'_>,
    before: &Bound,
    person: Option<&Person>,
) -> Result<(), Failure> {
    let Some(old) = &before.subject else {
        return Ok(());
    };
    if person.is_some_and(|person| person.subject == *old) {
        return Ok(());
    }
    let name = &attempt.target.name;
    let called = |label: Option<&String>, subject: &str| {
        label.cloned().unwrap_or_else(|| subject.to_owned())
    };
    let new = person.map_or_else(
        || "somebody unknown".into(),
        |person| called(person.label.as_ref(), &person.subject),
    );
    let old = called(before.label.as_ref(), old);
    Err(Failure::new(
        Code::Refused,
        format!("`{name}` is the login of {old}, and the browser logged in as {new}"),
    )
    .hint(format!(
        "give the other account a name of its own, `authctl login {}/ACCOUNT`, or add `--replace`",
        name.provider()
    )))
}

fn store(
    keeper: Keeper<'_>,
    lock: &Lock,
    attempt: &Attempt<'_>,
    before: Option<&Found>,
    reply: TokenReply,
    person: Option<Person>,
    received_at: Timestamp,
) -> Result<Done, Failure> {
    let bound = bound(attempt, before, person.as_ref(), reply.scope);
    // A provider that issues a refresh token on the first consent alone: the one of the same person and client is
    // still good.
    let kept = before.filter(|found| {
        found.record.bound.client_id == bound.client_id
            && found.record.bound.token_endpoint == bound.token_endpoint
    });
    let kept = kept.filter(|found| {
        found.record.bound.subject.is_some() && found.record.bound.subject == bound.subject
    });
    let refresh_token =
        reply.refresh_token.or_else(
            || match kept.and_then(|found| found.record.secret.as_ref()) {
                Some(SecretPart::Login { refresh_token, .. }) => refresh_token.clone(),
                _ => None,
            },
        );
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
    let logged_in = |index: Index| Index {
        logged_in_at: Some(received_at),
        ..index
    };
    let mut sealed = Sealed::default();
    sealed.keep(token.clone());
    let secret = SecretPart::Login {
        refresh_token,
        access: (!refreshable).then_some(token),
    };
    let label = bound.label.clone().or_else(|| bound.subject.clone());
    let scopes = bound.scopes.clone();
    let asked = crate::credential::scope_words(&attempt.args.scope.join(" "));
    let missing: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|scope| !scopes.iter().any(|granted| granted == scope))
        .collect();
    let saved = match before {
        Some(found) => save(
            &keeper,
            lock,
            &logged_in(found.index.clone()),
            found.record.next(bound, secret),
            sealed,
            None,
        )?,
        None => {
            let record = Record::new(attempt.target.name.clone(), bound, secret)?;
            let index = logged_in(Index::adding(
                &record,
                Kind::Login,
                attempt.store,
                received_at,
            ));
            add(&keeper, lock, &index, &record, sealed)?
        }
    };
    let mut warnings = saved.warnings;
    if !missing.is_empty() {
        warnings.push(format!("the provider did not grant {}", missing.join(", ")));
    }
    Ok(Done {
        label,
        scopes,
        refreshable,
        warnings,
    })
}

fn bound(
    attempt: &Attempt<'_>,
    before: Option<&Found>,
    person: Option<&Person>,
    granted: Option<Vec<String>>,
) -> Bound {
    let oauth = attempt.oauth;
    // What was chosen for a key is no place for a login's token.
    let login = before
        .filter(|found| found.record.kind() == Some(Kind::Login))
        .map(|found| &found.record.bound);
    let earlier = login.filter(|bound| bound.chosen_origins && attempt.args.origin.is_empty());
    let row = attempt.target.row.bound_origins().unwrap_or_default();
    let (origins, chosen_origins) = match earlier {
        Some(bound) => (bound.origins.clone(), true),
        // A row made from metadata just now carries the origins that were given.
        None if attempt.args.origin.is_empty() || attempt.args.origin == row => (row, false),
        None => (attempt.args.origin.clone(), true),
    };
    Bound {
        origins,
        chosen_origins,
        issuer: oauth.issuer.clone(),
        token_endpoint: Some(oauth.token_endpoint.clone()),
        revocation_endpoint: oauth.revocation_endpoint.clone(),
        client_id: Some(attempt.client.id.clone()),
        client_auth: client_auth(attempt),
        redirect_uri: Some(attempt.redirect_uri.clone()),
        subject: person.map(|person| person.subject.clone()),
        label: person.and_then(|person| person.label.clone()),
        // RFC 6749 section 5.1: left out when it is what was asked for.
        scopes: granted
            .unwrap_or_else(|| crate::credential::scope_words(&attempt.scopes.join(" "))),
        headers: Vec::new(),
        shape: Some(attempt.target.row.shape(Kind::Login)),
        variables: attempt.target.variables.clone(),
    }
}
