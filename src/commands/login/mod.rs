//! `authctl login`: the browser flow, from the name to the stored record.

mod client;
mod finish;
mod page;
mod queue;
mod target;

use super::profile::{Profile, Run};
use super::{answer, args, documents};
use crate::app::{App, store_for};
use crate::credential::{Entry, Kind, Origin, scope_words, trusted_url};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Attempt, Done, Found, Look, Turn, look, recover};
use crate::oauth::{Listener, begin};
use crate::provider::OAuthSpec;
use std::sync::Arc;
use std::time::Duration;

use target::Target;

/// Log in through the browser
///
/// Opens the provider's page and waits on a loopback address for the answer (authorization code
/// with PKCE). Logging in again under the same name adds scopes and replaces the first login;
/// logging in as another account is refused. The first login to a provider asks for a client id,
/// since authctl has none built in.
///
/// Instead of a name, you can give the URL of an issuer that publishes metadata (OpenID Connect
/// discovery or RFC 8414), and name the login with `--as`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl login github\n  authctl login github/work --scope repo --scope read:org\n  authctl login gitlab --set host=gitlab.example.com\n  authctl login https://issuer.example.com --as example --client-id abc"
)]
pub struct LoginArgs {
    /// PROVIDER, PROVIDER/ACCOUNT, or the URL of an issuer
    #[arg(value_name = "NAME|URL", add = super::complete::login_targets())]
    what: String,
    /// The name of the credential, for a login by URL
    #[arg(long = "as", value_name = "NAME")]
    name: Option<crate::credential::Name>,
    /// Request this scope in addition to those granted before
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// Request only the scopes given here (include `openid` if the provider needs it to identify
    /// the account)
    #[arg(long, requires = "scope")]
    only_scope: bool,
    /// The client id of your registration at the provider
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Read the client secret from standard input
    #[arg(long)]
    client_secret_stdin: bool,
    /// An origin that the access token may be sent to, such as https://api.example.com
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<Origin>,
    /// A value for the provider definition, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
    /// Listen on this port, if your registration specifies one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// How long to wait for the browser
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::duration)]
    timeout: Duration,
    /// Print the URL instead of opening a browser
    #[arg(long)]
    no_browser: bool,
    /// Replace a key with this name, or a login with a different account
    #[arg(long)]
    replace: bool,
}

impl LoginArgs {
    /// The name of the login.
    pub(super) fn called(&self) -> String {
        self.name
            .as_ref()
            .map_or_else(|| self.what.clone(), ToString::to_string)
    }
}

impl LoginArgs {
    /// The arguments that decide which login this is, for a hint that can be pasted.
    fn target_words(&self) -> String {
        let mut words = vec![self.what.clone()];
        words.extend(self.name.as_ref().map(|name| format!("--as {name}")));
        words.extend(
            self.set
                .iter()
                .map(|(name, value)| format!("--set {name}={value}")),
        );
        words.extend(
            self.origin
                .iter()
                .map(|origin| format!("--origin {origin}")),
        );
        words.join(" ")
    }
}

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
    page::check_visible(args)?;
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
    let before = before(app, target, args)?;
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
    let attempt = Attempt {
        name: &target.name,
        row: &target.row,
        oauth,
        variables: &target.variables,
        is_new_provider: target.is_new,
        client: client::choose(app, target, oauth, args, &redirect_uri)?,
        store,
        scopes: scopes(oauth, before.as_deref(), args),
        asked: scope_words(&args.scope.join(" ")),
        origins: &args.origin,
        replace: args.replace,
        redirect_uri,
    };
    let endpoint = trusted_url(&oauth.authorization_endpoint)?;
    let flow = Arc::new(begin(
        oauth,
        &endpoint,
        &attempt.client.id,
        &attempt.redirect_uri,
        &attempt.scopes,
    )?);
    let arrived = page::wait(app, args, listener, &flow, &attempt.redirect_uri)?;
    let finished = finish::finish(app, args, &attempt, &flow, arrived.callback());
    arrived.reply(match &finished {
        Ok(_) => Ok(target.row.title.as_str()),
        Err(failure) => Err(failure.message.as_str()),
    });
    report(app, &attempt, finished?)
}

fn report(app: &App, attempt: &Attempt<'_>, done: Done) -> Result<(), Failure> {
    app.ui.warn_all(&done.warnings);
    let account = done
        .account
        .map(|account| format!(" as {account}"))
        .unwrap_or_default();
    let (name, store) = (attempt.name, attempt.store);
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

/// The login that this one replaces. It is read first, so that a locked store is found before the
/// browser opens, and what an interrupted command left is finished before there is a code to
/// redeem.
fn before(app: &App, target: &Target, args: &LoginArgs) -> Result<Option<Box<Found>>, Failure> {
    let (keeper, name) = (app.keeper(), &target.name);
    let entry = app.index.find(name)?;
    if entry.is_some_and(|entry| !entry.state.is_active()) {
        match recover(&keeper.claim(name)?) {
            Ok(warnings) => app.ui.warn_all(&warnings),
            Err(error) if error.is_mended_by_replacing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(entry) = app.index.find(name)? {
        refuse_key(&entry, args.replace)?;
    }
    match look(&keeper, name) {
        Ok(Look::Found(found)) => Ok(Some(found)),
        Ok(_) => Ok(None),
        // Edited or damaged: a new login mends it. It is claimed and read again later.
        Err(error) if error.is_mended_by_replacing() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A login replaces a key only with `--replace`.
fn refuse_key(entry: &Entry, replace: bool) -> Result<(), Failure> {
    if entry.kind == Kind::Key && entry.state.is_active() && !replace {
        return Err(Failure::exists(entry));
    }
    Ok(())
}

/// The scopes of the request: those that were granted before, those that are asked for now, and
/// those that a refresh token needs.
fn scopes(oauth: &OAuthSpec, before: Option<&Found>, args: &LoginArgs) -> Vec<String> {
    let asked = scope_words(&args.scope.join(" "));
    let mut scopes = match before.map(|found| found.record.bound.scopes.clone()) {
        _ if args.only_scope => asked,
        Some(granted) if !granted.is_empty() => granted.into_iter().chain(asked).collect(),
        _ if asked.is_empty() => oauth.default_scopes.clone(),
        _ => asked,
    };
    scopes.extend(oauth.offline_scopes.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    scopes
}
