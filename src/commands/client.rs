//! `authctl client`: the user's OAuth client registrations.

use super::{Profile, Run, answer, args, client_secret, complete, documents};
use crate::app::{App, store_for};
use crate::config::Client;
use crate::credential::{Entry, Name, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Registration, remove_client};
use crate::provider::{OAuthSpec, SecretRule};
use std::collections::BTreeMap;

/// Show and store your client registrations
///
/// An OAuth client identifies an app to a provider. authctl has none built in: you register your
/// own client once at the provider, and pass its id (and its secret, if it has one) here or at the
/// first login.
#[derive(clap::Subcommand, Debug)]
#[command(
    after_help = "Examples:\n  authctl client list\n  authctl client add github --client-id Iv1.0123 --client-secret-stdin < secret.txt"
)]
pub enum ClientCommand {
    Add(AddArgs),
    /// List the clients
    #[command(after_help = "Examples:\n  authctl client list\n  authctl client list --json")]
    List,
    Remove(RemoveArgs),
}

/// Store a client registration
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
    /// A value for the provider definition, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
}

/// Remove a client registration
///
/// This fails while a login uses the client, since that login could not be refreshed without it.
/// The client stays registered with the provider.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl client remove github")]
pub struct RemoveArgs {
    /// The provider
    #[arg(add = complete::clients())]
    provider: String,
}

impl Run for ClientCommand {
    fn profile(&self) -> Profile {
        match self {
            Self::Add(args) => Profile::asking().logged("client add", Some(&args.provider)),
            Self::Remove(args) => Profile::asking().logged("client remove", Some(&args.provider)),
            Self::List => Profile::asking(),
        }
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        match *self {
            Self::Add(args) => add(app, &args),
            Self::List => list(app),
            Self::Remove(args) => remove(app, &args),
        }
    }
}

fn add(app: &App, args: &AddArgs) -> Result<(), Failure> {
    let values: BTreeMap<String, String> = args.set.iter().cloned().collect();
    let row = app.catalogue.get(&args.provider)?.resolve(&values)?;
    let oauth: OAuthSpec = row.oauth.ok_or_else(|| {
        Failure::usage(format!("{} supports API keys, but not logins", row.title))
    })?;
    let provider = row.name.as_str();
    if !Client::is_valid_id(&args.client_id) {
        return Err(Failure::usage(
            "a client id must be ASCII text of at most 512 characters",
        ));
    }
    if oauth.client_secret == SecretRule::Required && !args.client_secret_stdin {
        let message = format!("{} requires a client secret", row.title);
        return Err(Failure::usage(message).hint(format!(
            "run `authctl client add {provider} --client-id {} --client-secret-stdin < FILE`",
            args.client_id
        )));
    }
    if let Some(earlier) = Client::read(&app.paths, provider)? {
        check_earlier(app, provider, args, &oauth, &earlier)?;
    }
    let (store, secret) = if args.client_secret_stdin {
        let store = store_for(app, None)?;
        let secret = client_secret::read(app)?;
        client_secret::check(&oauth, &secret)?;
        (store, Some(secret))
    } else {
        (StoreKind::Keychain, None)
    };
    let registration = Registration {
        id: args.client_id.clone(),
        secret,
        is_new: true,
    };
    let name = Name::new(provider, "default")?;
    registration.store(&app.context(), &name, &oauth, store)?;
    registration.delete_replaced(&app.context(), provider)?;
    app.ui.say(&format!(
        "stored the client for {provider}; run `authctl login {provider}`"
    ));
    let stored = Client::read(&app.paths, provider)?;
    let entries = app.index.all()?.readable;
    let document = || stored.map(|client| document(&entries, provider, &client));
    answer(app, document, |_| Ok(()))
}

/// Checks that the client may replace the earlier one.
fn check_earlier(
    app: &App,
    provider: &str,
    args: &AddArgs,
    oauth: &OAuthSpec,
    earlier: &Client,
) -> Result<(), Failure> {
    let id = &args.client_id;
    Registration::check_unused(&app.context(), provider, None, earlier, id)?;
    // A client secret is only sent to the endpoints it was given for, so logins at other endpoints
    // could not use it.
    let is_elsewhere = |entry: &&Entry| {
        entry.name.provider() == provider
            && entry.bound.client_id.as_ref() == Some(id)
            && entry.bound.token_endpoint.as_ref() != Some(&oauth.token_endpoint)
    };
    if let Some(entry) = app.index.all()?.readable.iter().find(is_elsewhere) {
        let message = format!("`{}` uses this client at another host", entry.name);
        return Err(Failure::new(Code::Refused, message).hint(format!(
            "pass the `--set` values of that login, or run `authctl logout {}` first",
            entry.name
        )));
    }
    if earlier.client_id == *id && earlier.secret_id.is_some() && !args.client_secret_stdin {
        let message = format!("the client `{id}` of {provider} is already stored, with its secret");
        return Err(Failure::new(Code::Refused, message)
            .hint("pass a new secret with `--client-secret-stdin`, or remove the client first"));
    }
    Ok(())
}

fn list(app: &App) -> Result<(), Failure> {
    let entries = app.index.all()?.readable;
    let mut clients = Vec::new();
    for provider in Client::providers(&app.paths)? {
        match Client::read(&app.paths, &provider) {
            Ok(client) => {
                clients.extend(client.map(|client| document(&entries, &provider, &client)))
            }
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
        app,
        || &clients,
        |output| {
            if clients.is_empty() {
                app.ui
                    .say("no clients are stored yet; the first login to a provider asks for one");
                return Ok(());
            }
            output.table(
                &["PROVIDER", "CLIENT ID", "SECRET", "USED BY"],
                clients.iter().map(lines).collect(),
            )
        },
    )
}

fn document(entries: &[Entry], provider: &str, client: &Client) -> documents::Client {
    let uses = |entry: &&Entry| {
        entry.name.provider() == provider
            && entry.bound.client_id.as_ref() == Some(&client.client_id)
    };
    documents::Client {
        provider: provider.to_owned(),
        client_id: client.client_id.clone(),
        secret_store: client.secret_store,
        used_by: entries
            .iter()
            .filter(uses)
            .map(|entry| entry.name.to_string())
            .collect(),
    }
}

fn remove(app: &App, args: &RemoveArgs) -> Result<(), Failure> {
    let provider = args.provider.as_str();
    crate::credential::check_part(provider, "")?;
    let Some(client) = remove_client(&app.context(), provider)? else {
        let message = format!("no client is stored for `{provider}`");
        return Err(Failure::new(Code::NotFound, message).hint("run `authctl client list`"));
    };
    app.ui.say(&format!(
        "removed the stored client; it is still registered with {provider}"
    ));
    let entries = app.index.all()?.readable;
    answer(app, || document(&entries, provider, &client), |_| Ok(()))
}
