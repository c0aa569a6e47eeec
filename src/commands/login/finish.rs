//! The second half of a login as the command sees it: takes the claim, calls the steps of
//! `lifecycle::login` in order, and reports.

use super::args::LoginArgs;
use super::replaced::refuse_key;
use crate::app::App;
use crate::failure::{Code, Failure};
use crate::lifecycle::{Attempt, Done, Error, LoginError, existing, identify, put_login, redeem};
use crate::oauth::{Callback, Flow, Grant, TokenError};
use crate::signals::shield;
use jiff::Timestamp;

/// Finishes a login with the provider's answer.
pub(super) fn finish(
    app: &App,
    args: &LoginArgs,
    attempt: &Attempt<'_>,
    flow: &Flow,
    callback: &Callback,
) -> Result<Done, Failure> {
    let authorization = flow.accept(callback)?;
    // Until the login is stored: a code can be redeemed once.
    let _shield = shield();
    let context = app.context();
    let claim = context
        .claim_unless_interrupted(attempt.name)
        .map_err(interrupted)?;
    // Read again, now that no other process can change it.
    let existing = existing(&claim, true)?;
    app.ui.warn_all(&existing.warnings);
    let (before, entry) = (existing.found, existing.entry);
    if let Some(entry) = &entry {
        refuse_key(entry, attempt.replace)?;
    }
    if before.is_none() {
        // The browser may have taken minutes: a code is not redeemed for a store that was locked
        // meanwhile.
        app.stores.probe(attempt.store)?;
    }
    let spinner = app.ui.spinner("completing the login");
    let verifier = flow.verifier.as_ref();
    let grant = Grant::code(&authorization.code, &attempt.redirect_uri, verifier);
    let reply = redeem(&context, attempt, &grant).map_err(|error| explain(args, attempt, error))?;
    let received_at = Timestamp::now();
    // Even an entry that cannot be used otherwise says whose login it is.
    let known = before
        .as_ref()
        .map(|found| &found.record.bound)
        .or(entry.as_ref().map(|entry| &entry.bound))
        .filter(|bound| bound.token_endpoint.is_some());
    let (nonce, mut warnings) = (flow.nonce.as_ref(), Vec::new());
    let person = identify(&context, attempt, nonce, &reply, known, &mut warnings)?;
    drop(spinner);
    app.ui.warn_all(&warnings);
    put_login(
        &claim,
        attempt,
        before.as_deref(),
        reply,
        person,
        received_at,
    )
    .map_err(Into::into)
}

fn interrupted(error: Error) -> Failure {
    match error {
        Error::Interrupted => Failure::new(Code::Interrupted, "interrupted; nothing was stored"),
        error => error.into(),
    }
}

/// A client that the server does not know has to be corrected by the user.
fn explain(args: &LoginArgs, attempt: &Attempt<'_>, error: LoginError) -> Failure {
    match error {
        LoginError::Lifecycle(error) => interrupted(error),
        LoginError::Token(TokenError::Denied { ref code, .. })
            if code == "invalid_client" || code == "unauthorized_client" =>
        {
            let name = args
                .name
                .as_ref()
                .map(|name| format!(" --as {name}"))
                .unwrap_or_default();
            let (what, id) = (&args.what, &attempt.client.id);
            Failure::from(error).hint(format!(
                "check the client id; to enter the client secret again, run `authctl login {what}{name} --client-id {id} --client-secret-stdin < FILE`"
            ))
        }
        error => error.into(),
    }
}
