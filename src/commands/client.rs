//! `authctl client`: the user's OAuth client registrations.

use super::registration::{
    Registration, check_secret, provider_lock, read_secret, refuse_while_used,
};
use super::{answer, args, complete, documents};
use crate::app::{App, store_for};
use crate::config::Client;
use crate::credential::{Index, Name};
use crate::failure::{Code, Failure};
use crate::provider::{OAuthSpec, SecretRule};
use crate::store::Slot;
use std::collections::BTreeMap;

/// Show and keep your client registrations
///
/// A client is how an app is known at a provider. Nobody's is built in: you register one of your own at the provider, once,
/// and give its id (and its secret, where it has one) here or at the first login.
#[derive(clap::Subcommand, Debug)]
#[command(
    after_help = "Examples:\n  authctl client list\n  authctl client add github --client-id Iv1.0123 --client-secret-stdin < secret.txt"
)]
pub enum ClientCommand {
    Add(AddArgs),
    /// List them
    #[command(after_help = "Examples:\n  authctl client list\n  authctl client list --json")]
    List,
    Remove(RemoveArgs),
}

/// Keep a client registration
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl client add gitlab --client-id abc\n  authctl client add github --client-id Iv1.0123 --client-secret-stdin < secret.txt"
)]
pub struct AddArgs {
    /// The provider
    #[arg(add = complete::login_providers())]
    provider: String,
    /// The client id
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Read the client secret from standard input
    #[arg(long)]
    client_secret_stdin: bool,
    /// A value of the provider's row, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
}

/// Forget a client registration
///
/// Refused while logins use it: without it they could not be refreshed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl client remove github")]
pub struct RemoveArgs {
    /// The provider
    #[arg(add = complete::clients())]
    provider: String,
}

impl ClientCommand {
    /// What it changes, and whose client.
    pub(super) fn change(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Add(args) => Some(("add", args.provider.clone())),
            Self::Remove(args) => Some(("remove", args.provider.clone())),
            Self::List => None,
        }
    }
}

pub(super) fn run(app: &App, command: &ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Add(args) => add(app, args),
        ClientCommand::List => list(app),
        ClientCommand::Remove(args) => remove(app, args),
    }
}

fn add(app: &App, args: &AddArgs) -> Result<(), Failure> {
    let values: BTreeMap<String, String> = args.set.iter().cloned().collect();
    let row = app.catalogue.get(&args.provider)?.resolve(&values)?;
    let oauth: OAuthSpec = row.oauth.ok_or_else(|| {
        Failure::new(
            Code::Usage,
            format!("{} has API keys, no logins", row.title),
        )
    })?;
    let provider = row.name.as_str();
    if !Client::is_valid_id(&args.client_id) {
        return Err(Failure::new(
            Code::Usage,
            "a client id is plain ASCII text of at most 512 characters",
        ));
    }
    if oauth.client_secret == SecretRule::Required && !args.client_secret_stdin {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "{} wants a client secret, even from an app like this",
                row.title
            ),
        )
        .hint(format!(
            "run `authctl client add {provider} --client-id {} --client-secret-stdin < FILE`",
            args.client_id
        )));
    }
    if let Some(earlier) = Client::read(&app.paths, provider)? {
        refuse_while_used(app, provider, None, &earlier, &args.client_id)?;
        refuse_other_endpoints(app, provider, &args.client_id, &oauth)?;
        if earlier.client_id == args.client_id
            && earlier.secret_id.is_some()
            && !args.client_secret_stdin
        {
            return Err(Failure::new(
                Code::Refused,
                format!(
                    "the client `{}` of {provider} is kept already, with its secret",
                    args.client_id
                ),
            )
            .hint("give another secret with `--client-secret-stdin`, or remove it first"));
        }
    }
    let store = if args.client_secret_stdin {
        Some(store_for(app, None)?)
    } else {
        None
    };
    let secret = if args.client_secret_stdin {
        Some(read_secret(app)?)
    } else {
        None
    };
    if let Some(secret) = &secret {
        check_secret(&oauth, secret)?;
    }
    let registration = Registration {
        id: args.client_id.clone(),
        secret,
        is_new: true,
    };
    let name = Name::new(provider, "default")?;
    registration.keep(
        app,
        &name,
        &oauth,
        store.unwrap_or(crate::credential::StoreKind::Keychain),
    )?;
    registration.settle_in(app, provider)?;
    app.ui.say(&format!(
        "kept the client of {provider}; run `authctl login {provider}`"
    ));
    let kept = Client::read(&app.paths, provider)?;
    answer(
        app.output,
        || kept.map(|client| document(app, provider, &client)),
        |_| Ok(()),
    )
}

/// The secret of a client goes to the endpoint that it was given for: given for another one, logins could not use it.
fn refuse_other_endpoints(
    app: &App,
    provider: &str,
    id: &str,
    oauth: &OAuthSpec,
) -> Result<(), Failure> {
    let entries = Index::all(&app.paths.credentials());
    let mut logins = entries.iter().flatten().filter(|index| {
        index.name.provider() == provider && index.bound.client_id.as_deref() == Some(id)
    });
    match logins.find(|index| index.bound.token_endpoint.as_ref() != Some(&oauth.token_endpoint)) {
        Some(index) => Err(Failure::new(
            Code::Refused,
            format!("`{}` uses this client at another host", index.name),
        )
        .hint(format!(
            "give the same values with `--set`, or run `authctl logout {}` first",
            index.name
        ))),
        None => Ok(()),
    }
}

fn list(app: &App) -> Result<(), Failure> {
    let mut clients = Vec::new();
    for provider in Client::providers(&app.paths) {
        match Client::read(&app.paths, &provider) {
            Ok(client) => clients.extend(client.map(|client| document(app, &provider, &client))),
            Err(error) => app.ui.warn(&error.to_string()),
        }
    }
    let lines = |client: &documents::Client| {
        let secret = client
            .secret_store
            .as_ref()
            .map_or("none".into(), |store| format!("in the {store}"));
        vec![
            client.provider.clone(),
            client.client_id.clone(),
            secret,
            client.used_by.join(" "),
        ]
    };
    answer(
        app.output,
        || &clients,
        |output| {
            if clients.is_empty() {
                app.ui
                    .say("there are no clients yet; the first login at a provider asks for one");
                return Ok(());
            }
            output.table(
                &["PROVIDER", "CLIENT ID", "SECRET", "USED BY"],
                clients.iter().map(lines).collect(),
            )
        },
    )
}

fn document(app: &App, provider: &str, client: &Client) -> documents::Client {
    let entries = Index::all(&app.paths.credentials());
    let uses = |index: &&Index| {
        index.name.provider() == provider
            && index.bound.client_id.as_ref() == Some(&client.client_id)
    };
    documents::Client {
        provider: provider.to_owned(),
        client_id: client.client_id.clone(),
        secret_store: client.secret_store.map(|store| store.to_string()),
        used_by: entries
            .iter()
            .flatten()
            .filter(uses)
            .map(|index| index.name.to_string())
            .collect(),
    }
}

fn remove(app: &App, args: &RemoveArgs) -> Result<(), Failure> {
    let provider = args.provider.as_str();
    crate::credential::check_part(provider, "")?;
    let absent = || {
        Failure::new(
            Code::NotFound,
            format!("there is no client of `{provider}`"),
        )
        .hint("run `authctl client list`")
    };
    // Asked before the lock, so that a wrong name leaves no lock file behind.
    Client::read(&app.paths, provider)?.ok_or_else(absent)?;
    let _lock = provider_lock(app, provider)?;
    let client = Client::read(&app.paths, provider)?.ok_or_else(absent)?;
    let entries = Index::all(&app.paths.credentials());
    let mut logins = entries
        .iter()
        .flatten()
        .flat_map(Index::chain)
        .filter(|index| index.name.provider() == provider);
    if let Some(index) = logins.find(|index| index.bound.client_id.is_some()) {
        return Err(Failure::new(
            Code::Refused,
            format!("`{}` was made with a client of {provider}", index.name),
        )
        .hint(format!("run `authctl logout {}` first", index.name)));
    }
    // Secrets first: what is still to be deleted after a crash is still named.
    for registration in std::iter::successors(Some(&client), |client| client.earlier.as_deref()) {
        if let Some((store, id)) = registration
            .secret_store
            .zip(registration.secret_id.as_ref())
        {
            app.stores.delete(store, &Slot::client(provider, id))?;
        }
    }
    let forgotten = document(app, provider, &client);
    Client::delete(&app.paths, provider)?;
    app.ui.say(&format!(
        "forgot the client of {provider}; at the provider it is still registered"
    ));
    answer(app.output, || forgotten, |_| Ok(()))
}
