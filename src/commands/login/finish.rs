//! The second half of a login as the command sees it: takes the claim, looks at what the login
//! replaces, and lets a keeper do the rest.

use super::super::words::shell_word;
use super::args::LoginArgs;
use super::replaced::refuse_key;
use crate::app::App;
use crate::failure::{Code, Failure};
use crate::lifecycle::{Attempt, Done, Error, Login, existing, log_in};
use crate::oauth::{Callback, Flow};
use crate::signals::on_exit;

/// Finishes a login with the provider's answer.
pub(super) fn finish(
    app: &App,
    args: &LoginArgs,
    attempt: Attempt,
    flow: &Flow,
    callback: &Callback,
) -> Result<Done, Failure> {
    let authorization = flow.accept(callback)?;
    let context = app.context();
    let claim = context
        .claim_unless_interrupted(&attempt.name)
        .map_err(interrupted)?;
    // Read again, now that no other process can change it.
    let existing = existing(&claim, true)?;
    app.ui.warn_all(&existing.warnings);
    if let Some(entry) = &existing.entry {
        refuse_key(entry, attempt.replace)?;
    }
    if existing.found.is_none() {
        // The browser may have taken minutes: a code is not redeemed for a store that was locked
        // meanwhile.
        app.stores.probe(attempt.store)?;
    }
    let spinner = app.ui.spinner("completing the login");
    let login = Login {
        code: authorization.code,
        verifier: flow.verifier.clone(),
        nonce: flow.nonce.clone(),
        client_hint: client_hint(args, &attempt),
        row_hint: row_hint(args, &attempt),
        attempt,
    };
    let ui = app.ui;
    on_exit(Some(Box::new(move || {
        ui.must_say("interrupted; the login will be completed in the background");
    })));
    let done = log_in(claim, login);
    on_exit(None);
    drop(spinner);
    app.is_logged.set(match &done {
        Ok(_) => true,
        Err(Error::Keeper(error)) => error.is_logged(),
        Err(_) => false,
    });
    done.map_err(interrupted)
}

fn interrupted(error: Error) -> Failure {
    match error {
        Error::Interrupted => Failure::new(Code::Interrupted, "interrupted; nothing was stored"),
        error => error.into(),
    }
}

/// What to do if the server does not know the client: the user has to correct the client id or
/// secret.
fn client_hint(args: &LoginArgs, attempt: &Attempt) -> String {
    format!(
        "check the client id; to enter the client secret again, run `authctl login {}`",
        args.again(Some(&attempt.client.id), true)
    )
}

/// What to do if a server does not behave as its metadata says: correct the row that was made from
/// it.
fn row_hint(args: &LoginArgs, attempt: &Attempt) -> Option<String> {
    let provider = attempt.name.provider();
    attempt.is_new_provider.then(|| {
        let origins = args.origin.iter();
        let origins: String = origins
            .map(|origin| format!(" --origin {}", shell_word(&origin.to_string())))
            .collect();
        let again = LoginArgs {
            what: attempt.name.to_string(),
            name: None,
            origin: Vec::new(),
            ..args.clone()
        };
        format!(
            "if the issuer's metadata is wrong or incomplete, run `authctl provider show {} --as {provider}{origins} > {provider}.toml`, correct the file (see `authctl man providers`), run `authctl provider add {provider}.toml`, and log in with `authctl login {}`",
            shell_word(&args.what),
            again.again(Some(&attempt.client.id), attempt.client.secret.is_some())
        )
    })
}
