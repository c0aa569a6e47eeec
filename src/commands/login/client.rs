//! Chooses the client to log in with: the stored one, or one that the user gives.

use super::super::client_secret;
use super::args::LoginArgs;
use super::register;
use super::target::Target;
use crate::app::App;
use crate::config::Client;
use crate::failure::Failure;
use crate::lifecycle::{Attempt, Registration, is_client_used};
use crate::provider::{OAuthSpec, SecretRule};
use crate::secret::Secret;
use crate::ui::open_browser;

/// The client to log in with.
pub(super) fn choose(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
    redirect_uri: &str,
) -> Result<Registration, Failure> {
    let provider = target.name.provider();
    let earlier = Client::read(&app.paths, provider)?;
    let known = earlier.clone().filter(|client| {
        args.client_id
            .as_ref()
            .is_none_or(|id| *id == client.client_id)
    });
    if let Some(client) = known
        && !args.client_secret_stdin
    {
        if args.client_id.is_none() && !is_client_used(&app.context(), provider, &client.client_id)?
        {
            app.ui.say(&format!(
                "using the client id {}, which was entered before; to enter another one, run `authctl client remove {provider}` first",
                client.client_id
            ));
        }
        return Ok(Registration::stored(
            &app.context(),
            provider,
            oauth,
            client,
        )?);
    }
    let id = match (&args.client_id, &earlier) {
        (Some(id), _) => id.clone(),
        (None, Some(client)) => client.client_id.clone(),
        (None, None) => ask_id(app, target, oauth, args, redirect_uri)?,
    };
    if !Client::is_valid_id(&id) {
        return Err(Failure::usage(
            "a client id must be ASCII text of at most 512 characters",
        ));
    }
    if let Some(earlier) = &earlier {
        let name = Some(&target.name);
        Registration::check_unused(&app.context(), provider, name, earlier, &id)?;
    }
    let secret = new_secret(app, target, oauth, args)?;
    Ok(Registration {
        id,
        secret,
        is_new: true,
    })
}

/// Keeps a client that somebody has just typed, before the browser opens: providers show a client
/// secret only once. One that replaces another, or was not typed, is stored with the login.
pub(super) fn keep(app: &App, attempt: &mut Attempt, args: &LoginArgs) -> Result<(), Failure> {
    let is_typed = args.client_id.is_none() && app.ui.can_ask();
    let provider = attempt.name.provider();
    if !is_typed || !attempt.client.is_new || Client::read(&app.paths, provider)?.is_some() {
        return Ok(());
    }
    let (context, name) = (app.context(), &attempt.name);
    attempt
        .client
        .store(&context, name, &attempt.oauth, attempt.store)?;
    attempt.client.is_new = false;
    Ok(())
}

/// Asks for the client id, after saying where to get one and what to enter there.
fn ask_id(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
    redirect_uri: &str,
) -> Result<String, Failure> {
    if !app.ui.can_ask() {
        return Err(Failure::usage(format!(
            "the first login to {} needs the client id of an app that you register there",
            target.row.title
        ))
        .hint(format!(
            "register one {} Then run `authctl login {}`",
            register::place(target, oauth, redirect_uri),
            args.again(Some("ID"), oauth.client_secret == SecretRule::Required)
        )));
    }
    for line in register::steps(target, oauth, &args.scope, redirect_uri) {
        app.ui.must_say(&line);
    }
    if !args.no_browser
        && let Some(page) = oauth
            .register
            .as_ref()
            .and_then(|register| url::Url::parse(&register.page).ok())
        && let Err(error) = open_browser(&page)
    {
        app.ui.say(&error.to_string());
    }
    Ok(app.ui.ask("client id:")?)
}

/// The arguments of this login, with what the first one needs where nobody can be asked.
pub(super) fn complete(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
) -> Result<String, Failure> {
    let is_first = Client::read(&app.paths, target.name.provider())?.is_none();
    let needs_secret = is_first && oauth.client_secret == SecretRule::Required;
    Ok(args.again(is_first.then_some("ID"), needs_secret))
}

fn new_secret(
    app: &App,
    target: &Target,
    oauth: &OAuthSpec,
    args: &LoginArgs,
) -> Result<Option<Secret>, Failure> {
    let secret = if args.client_secret_stdin {
        Some(client_secret::read(app)?)
    } else {
        match oauth.client_secret {
            SecretRule::Forbidden => None,
            SecretRule::Required if !app.ui.can_ask() => {
                return Err(Failure::usage(format!(
                    "{} requires a client secret",
                    target.row.title
                ))
                .hint(format!(
                    "run `authctl login {}`",
                    args.again(Some("ID"), true)
                )));
            }
            SecretRule::Required => Some(client_secret::ask(app, "client secret (hidden):")?),
            SecretRule::Optional if args.client_id.is_none() && app.ui.can_ask() => Some(
                client_secret::ask(app, "client secret (hidden; empty if there is none):")?,
            )
            .filter(|secret| secret.len() > 0),
            SecretRule::Optional => None,
        }
    };
    if let Some(secret) = &secret {
        client_secret::check(oauth, secret)?;
    }
    Ok(secret)
}
