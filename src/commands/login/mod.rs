//! `authctl login`: the browser flow, from the name to the stored record.

mod client;
mod finish;
mod page;
mod queue;
mod target;

use super::registration::Registration;
use super::{answer, args, documents, warn_all};
use crate::app::{App, store_for};
use crate::credential::{Index, Kind, Origin, State, StoreKind, trusted_url};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Error, Found, Look, look, settle};
use crate::oauth::{Listener, begin};
use crate::provider::OAuthSpec;
use std::sync::Arc;
use std::time::Duration;

use target::Target;

/// Log in through the browser
///
/// Opens the provider's page and waits at a loopback address for the answer (authorization code with PKCE). A second
/// login of the same name adds scopes and replaces the first one atomically; as another person it is refused. The first
/// login at a provider asks for a client id: nobody's is built in.
///
/// Instead of a name, the URL of any issuer that publishes metadata (OpenID Connect discovery or RFC 8414) will do; `--as`
/// then says how to call the login.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl login github\n  authctl login github/work --scope repo --scope read:org\n  authctl login gitlab --set host=gitlab.example.com\n  authctl login https://issuer.example.com --as example --client-id abc --origin https://api.example.com"
)]
pub struct LoginArgs {
    /// PROVIDER, PROVIDER/ACCOUNT, or the URL of an issuer
    #[arg(value_name = "NAME|URL", add = super::complete::login_targets())]
    what: String,
    /// The name of a login at a URL
    #[arg(long = "as", value_name = "NAME")]
    name: Option<crate::credential::Name>,
    /// Ask for these scopes besides those that were granted before
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// Ask for the scopes given here and no others (`openid` is how a person is recognised at many)
    #[arg(long, requires = "scope")]
    only_scope: bool,
    /// The client id of your registration at the provider
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Read the client secret from standard input
    #[arg(long)]
    client_secret_stdin: bool,
    /// Where the access token may be sent, such as https://api.example.com
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<Origin>,
    /// A value of the provider's row, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
    /// Listen on this port, for a registration that names one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// How long to wait for the browser
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::duration)]
    timeout: Duration,
    /// Print the address instead of opening a browser
    #[arg(long)]
    no_browser: bool,
    /// Replace a key of this name, or a login as somebody else
    #[arg(long)]
    replace: bool,
}

impl LoginArgs {
    /// What the login is or will be called.
    pub(super) fn called(&self) -> String {
        self.name
            .as_ref()
            .map_or_else(|| self.what.clone(), ToString::to_string)
    }
}

/// A login that is about to begin.
struct Attempt<'a> {
    args: &'a LoginArgs,
    target: &'a Target,
    oauth: &'a OAuthSpec,
    client: Registration,
    store: StoreKind,
    redirect_uri: String,
    scopes: Vec<String>,
}

pub(super) fn run(app: &App, args: LoginArgs) -> Result<(), Failure> {
    if args.timeout.is_zero() {
        return Err(Failure::new(Code::Usage, "no browser answers in no time"));
    }
    let target = target::find(app, &args)?;
    let oauth = target.row.oauth.as_ref().ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("{} has API keys, no logins", target.row.title),
        )
        .hint(format!("run `authctl key add {}`", target.name))
    })?;
    page::refuse_without_anybody(&args)?;
    // One browser for many that wait: whoever comes while another login of this name is going on waits for that one.
    let turn = queue::wait(app, &target.name, args.timeout)?;
    if let Some(failure) = turn.refused() {
        return Err(failure);
    }
    let result = log_in(app, &args, &target, oauth, &turn);
    if let Err(failure) = &result {
        turn.leave(failure);
    }
    result
}

/// The login itself, when it is this process's turn.
fn log_in(
    app: &App,
    args: &LoginArgs,
    target: &Target,
    oauth: &OAuthSpec,
    turn: &queue::Turn,
) -> Result<(), Failure> {
    let before = before(app, target, args)?;
    if let Some(found) = before
        .as_deref()
        .filter(|found| turn.is_answered_by(found, args))
    {
        app.ui.say(&format!(
            "another authctl logged in to {} meanwhile",
            target.name
        ));
        let (name, scopes) = (target.name.to_string(), found.record.bound.scopes.clone());
        let store = found.index.store.to_string();
        return answer(
            app.output,
            || documents::LoggedIn {
                name,
                kind: "login".into(),
                scopes,
                store,
            },
            |_| Ok(()),
        );
    }
    // Known to work before the browser opens: a locked keychain also "opens".
    let store = store_for(app, before.as_ref().map(|found| &found.index))?;
    // A disk that takes nothing is found out now, not when there is a code to redeem.
    app.paths.try_writing()?;
    let listener = Listener::bind(&oauth.redirect, args.port)?;
    let redirect_uri = listener.redirect_uri();
    let client = client::choose(app, target, oauth, args, &redirect_uri)?;
    let scopes = scopes(oauth, before.as_deref(), args);
    let attempt = Attempt {
        args,
        target,
        oauth,
        client,
        store,
        redirect_uri,
        scopes,
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
    let finished = finish::finish(app, &attempt, &flow, arrived.callback());
    arrived.tell(match &finished {
        Ok(_) => Ok(target.row.title.as_str()),
        Err(failure) => Err(failure.message.as_str()),
    });
    let done = finished?;
    warn_all(app, &done.warnings);
    let whose = done
        .label
        .map(|label| format!(" as {label}"))
        .unwrap_or_default();
    app.ui.say(&format!(
        "logged in to {}{whose}, kept in the {store}",
        target.name
    ));
    if !done.refreshable {
        app.ui
            .say("there is no refresh token: the access token itself is kept");
    }
    answer(
        app.output,
        || documents::LoggedIn {
            name: target.name.to_string(),
            kind: "login".into(),
            scopes: done.scopes,
            store: store.to_string(),
        },
        |_| Ok(()),
    )
}

/// The login that this one would replace. Read now, so that a locked store is found out before the browser opens, and
/// so that what an interrupted command left is settled before there is a code to redeem.
fn before(app: &App, target: &Target, args: &LoginArgs) -> Result<Option<Box<Found>>, Failure> {
    let (keeper, name) = (app.keeper(), &target.name);
    let index = Index::read(&app.paths.credentials(), name)?;
    if index.is_some_and(|index| index.state != State::Active) {
        let lock = keeper.lock(name)?;
        match settle(&keeper, &lock, name) {
            Ok(warnings) => warn_all(app, &warnings),
            Err(error) if is_mendable(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(index) = Index::read(&app.paths.credentials(), name)? {
        refuse_key(&index, args)?;
    }
    match look(&keeper, name) {
        Ok(Look::Found(found)) => Ok(Some(found)),
        Ok(_) => Ok(None),
        // Edited or damaged: logging in anew is how a person mends it. The lock and a second look come later.
        Err(error) if is_mendable(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a new login is how a person gets out of this.
fn is_mendable(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused { .. } | Error::Swapped { .. } | Error::Damaged { .. }
    )
}

/// A login takes the place of a key only when it is told to.
fn refuse_key(index: &Index, args: &LoginArgs) -> Result<(), Failure> {
    if index.kind == Kind::Key && index.state == State::Active && !args.replace {
        return Err(
            Failure::new(Code::Refused, format!("`{}` is an API key", index.name)).hint(format!(
                "choose another account, `{}/ACCOUNT`, or add `--replace`",
                index.name.provider()
            )),
        );
    }
    Ok(())
}

/// What is asked for: what was granted before, what is asked now, and what a refresh token needs.
fn scopes(oauth: &OAuthSpec, before: Option<&Found>, args: &LoginArgs) -> Vec<String> {
    let asked: Vec<String> = crate::credential::scope_words(&args.scope.join(" "));
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
