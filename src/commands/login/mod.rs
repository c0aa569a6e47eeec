//! `authctl login`: the browser flow, from the name to the stored record.

mod args;
mod client;
mod finish;
mod page;
mod queue;
mod register;
mod replaced;
mod target;

use super::{Profile, Run, answer, documents};
use crate::app::{App, store_for};
use crate::credential::{Name, StoreKind, scope_words, trusted_url};
use crate::failure::{Code, Failure};
use crate::intake::check_new_name;
use crate::lifecycle::{Attempt, Done, Turn};
use crate::oauth::{Listener, begin};
use crate::provider::OAuthSpec;
use std::sync::Arc;

pub use args::LoginArgs;
use replaced::{replaced, scopes};
use target::Target;

impl Run for LoginArgs {
    fn profile(&self) -> Profile {
        Profile::asking().logged("login", Some(self.called()))
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

fn run(app: &App, args: &LoginArgs) -> Result<(), Failure> {
    if args.timeout.is_zero() {
        return Err(Failure::usage("`--timeout` must be greater than zero"));
    }
    let target = target::find(app, args)?;
    let oauth = target.row.oauth.as_ref().ok_or_else(|| {
        Failure::usage(format!(
            "{} supports API keys, but not logins",
            target.row.title
        ))
        .hint(format!("run `authctl key add {}`", target.name))
    })?;
    check_new_name(&app.index, &target.name)?;
    page::check_visible(args, &client::complete(app, &target, oauth, args)?)?;
    // One browser for many processes: the others wait for this login.
    let turn = queue::wait(app, &target.name, args.timeout)?;
    if let Some(message) = turn.failure_of_other() {
        return Err(Failure::new(
            Code::Failed,
            format!("another authctl process tried the same login and failed: {message}"),
        ));
    }
    let result = log_in(app, args, &target, oauth, &turn);
    if let Err(failure) = &result {
        turn.leave_failure(&failure.message);
    }
    result
}

/// The login itself, when it is this process's turn.
fn log_in(
    app: &App,
    args: &LoginArgs,
    target: &Target,
    oauth: &OAuthSpec,
    turn: &Turn,
) -> Result<(), Failure> {
    let before = replaced(app, target, args)?;
    if let Some(found) = before
        .as_deref()
        .filter(|found| queue::is_answered_by(turn, found, args))
    {
        app.ui.say(&format!(
            "another authctl process logged in to {}",
            target.name
        ));
        let scopes = found.record.bound.scopes.clone();
        let store = found.entry.store;
        return answer(
            app,
            || documents::LoggedIn::of(&target.name, scopes, store),
            |_| Ok(()),
        );
    }
    // Verified before the browser opens: a locked keychain also "opens".
    let store = store_for(app, before.as_ref().map(|found| &found.entry))?;
    // A full disk is found now, not when there is a code to redeem.
    app.paths.try_writing()?;
    let listener = Listener::bind(&oauth.redirect, args.port)?;
    let redirect_uri = listener.redirect_uri();
    let mut attempt = Attempt {
        name: target.name.clone(),
        row: target.row.clone(),
        oauth: oauth.clone(),
        variables: target.variables.clone(),
        is_new_provider: target.is_new,
        client: client::choose(app, target, oauth, args, &redirect_uri)?,
        store,
        scopes: scopes(oauth, before.as_deref(), args),
        asked: scope_words(&args.scope.join(" ")),
        origins: args.origin.clone(),
        replace: args.replace,
        redirect_uri,
    };
    client::keep(app, &mut attempt, args)?;
    let endpoint = trusted_url(&oauth.authorization_endpoint)?;
    let flow = Arc::new(begin(
        oauth,
        &endpoint,
        &attempt.client.id,
        &attempt.redirect_uri,
        &attempt.scopes,
    )?);
    page::warn_of_client(app, args, before.as_deref(), &attempt.client, &flow)?;
    let arrived = page::wait(app, args, listener, &flow, &attempt.redirect_uri)?;
    let store = attempt.store;
    let finished = finish::finish(app, args, attempt, &flow, arrived.callback());
    arrived.reply(match &finished {
        Ok(_) => Ok(target.row.title.as_str()),
        Err(failure) => Err(failure.message.as_str()),
    });
    report(app, &target.name, store, finished?)
}

fn report(app: &App, name: &Name, store: StoreKind, done: Done) -> Result<(), Failure> {
    app.ui.warn_all(&done.warnings);
    let account = done
        .account
        .map(|account| format!(" as {account}"))
        .unwrap_or_default();
    app.ui.say(&format!(
        "logged in to {name}{account}; stored in the {store}"
    ));
    if !done.refreshable {
        app.ui
            .say("the provider gave no refresh token: log in again when the access token expires");
    }
    answer(
        app,
        || documents::LoggedIn::of(name, done.scopes, store),
        |_| Ok(()),
    )
}
