//! Which client registration to log in with: the user's own, asked for the first time.

use super::{LoginArgs, Target};
use crate::app::App;
use crate::config::{Client, ClientSecret};
use crate::credential::{Id, Index, StoreKind};
use crate::disk::Lock;
use crate::failure::{Code, Failure};
use crate::provider::{OAuthSpec, SecretRule};
use crate::secret::{Alphabet, Secret};
use crate::store::Slot;
use crate::ui::open_browser;
use std::io::{IsTerminal, Read};
use std::time::Duration;

/// A client to log in with.
pub(super) struct Chosen {
    /// Its id.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
    /// Whether it must be stored once the login has worked.
    is_new: bool,
}

pub(super) fn choose(app: &App, target: &Target, oauth: &OAuthSpec, args: &LoginArgs, redirect_uri: &str) -> Result<Chosen, Failure> {
    let provider = target.name.provider();
    let earlier = Client::read(&app.paths, provider)?;
    let known = earlier.clone().filter(|client| args.client_id.as_ref().is_none_or(|id| *id == client.client_id));
    if let Some(client) = known
        && !args.client_secret_stdin
    {
        let secret = stored_secret(app, target, oauth, &client)?;
        return Ok(Chosen { id: client.client_id, secret, is_new: false });
    }
    let id = match (&args.client_id, &earlier) {
        (Some(id), _) => id.clone(),
        (None, Some(client)) => client.client_id.clone(),
        (None, None) => ask_id(app, target, oauth, args, redirect_uri)?,
    };
    if !Client::is_valid_id(&id) {
        return Err(Failure::new(Code::Usage, "a client id is plain ASCII text of at most 512 characters"));
    }
    if let Some(earlier) = &earlier {
        refuse_while_used(app, target, earlier, &id)?;
    }
    let secret = new_secret(app, target, oauth, args)?;
    Ok(Chosen { id, secret, is_new: true })
}

/// Another client id would cut off every other login of the provider, which are bound to the one they were made with.
fn refuse_while_used(app: &App, target: &Target, earlier: &Client, id: &str) -> Result<(), Failure> {
    let entries = Index::all(&app.paths.credentials());
    let others = entries.iter().flatten().filter(|index| index.name != target.name && index.name.provider() == target.name.provider());
    for index in others {
        let Some(client_id) = index.bound.client_id.as_ref().filter(|bound| *bound != id && earlier.of(bound).is_some()) else { continue };
        return Err(Failure::new(Code::Refused, format!("`{}` uses the client `{client_id}`", index.name))
            .hint(format!("run `authctl logout {}` first, or log in with the same client", index.name)));
    }
    Ok(())
}

/// The client's secret, from the newest registration of it whose item is there: a dead process may have named one that
/// it never stored.
fn stored_secret(app: &App, target: &Target, oauth: &OAuthSpec, client: &Client) -> Result<Option<Secret>, Failure> {
    let provider = target.name.provider();
    let mut missing = None;
    for registration in client.all_of(&client.client_id) {
        let Some((store, id)) = registration.secret_store.zip(registration.secret_id.as_ref()) else { return Ok(None) };
        let text = app.stores.read(store, &Slot::client(provider, id))?;
        let Some(kept) = text.and_then(|text| ClientSecret::from_text(text.expose())) else {
            missing = Some(store);
            continue;
        };
        if kept.token_endpoint != oauth.token_endpoint
            || kept.client_id != client.client_id
            || kept.provider != provider
            || kept.revocation_endpoint != oauth.revocation_endpoint
        {
            return Err(Failure::new(Code::Refused, "the stored client secret was given for another client or other endpoints")
                .hint("if that is right, give it again with `--client-secret-stdin`"));
        }
        return Ok(Some(kept.client_secret));
    }
    let Some(store) = missing else { return Ok(None) };
    Err(Failure::new(Code::NotFound, format!("the {store} no longer holds the client secret of {provider}"))
        .hint(format!("run `authctl login {} --client-secret-stdin < FILE`", target.name)))
}

/// Asks for the client id, having said where to get one and what to enter there.
fn ask_id(app: &App, target: &Target, oauth: &OAuthSpec, args: &LoginArgs, redirect_uri: &str) -> Result<String, Failure> {
    let title = &target.row.title;
    let explanation = explanation(target, oauth, redirect_uri);
    if !app.ui.can_ask() {
        return Err(Failure::new(Code::Usage, format!("the first login at {title} needs the id of a client that you registered there"))
            .hint(format!("{explanation}; then run `authctl login {} --client-id ID{}`", args.what, secret_flag(oauth, args))));
    }
    app.ui.must_say(&format!("{title} wants to know which app logs in, so register one of your own: {explanation}"));
    if !args.no_browser
        && let Some(page) = oauth.register.as_ref().and_then(|register| url::Url::parse(&register.page).ok())
        && let Err(error) = open_browser(&page)
    {
        app.ui.say(&error.to_string());
    }
    Ok(app.ui.ask("client id:")?)
}

/// What must be added where the client has a secret.
fn secret_flag(oauth: &OAuthSpec, args: &LoginArgs) -> &'static str {
    if oauth.client_secret == SecretRule::Required || args.client_secret_stdin { " --client-secret-stdin < FILE" } else { "" }
}

fn explanation(target: &Target, oauth: &OAuthSpec, redirect_uri: &str) -> String {
    // Servers that take any port want the URI registered without one, as RFC 8252 section 7.3 has it.
    let registered = if oauth.redirect.ports.is_empty() {
        format!("http://{}{} (any port is used; if one must be registered, log in with `--port`)", oauth.redirect.host, oauth.redirect.path)
    } else {
        redirect_uri.to_owned()
    };
    match &oauth.register {
        Some(register) => {
            let mark = if target.row.is_unverified("oauth.register.page") { " (address unverified)" } else { "" };
            format!("at {}{mark}. {} Redirect URI: {registered}", register.page, register.note)
        }
        None => format!("with the redirect URI {registered}"),
    }
}

fn new_secret(app: &App, target: &Target, oauth: &OAuthSpec, args: &LoginArgs) -> Result<Option<Secret>, Failure> {
    let usage = |message: &str| Failure::new(Code::Usage, message.to_owned());
    let secret = if args.client_secret_stdin && std::io::stdin().is_terminal() {
        Some(app.ui.ask_hidden("client secret (hidden):")?)
    } else if args.client_secret_stdin {
        let mut text = zeroize::Zeroizing::new(String::new());
        std::io::stdin().take(8192).read_to_string(&mut text).map_err(|_| usage("the client secret on standard input is not text"))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(usage("standard input is empty: the client secret is read from there"));
        }
        Some(Secret::new(text))
    } else {
        match oauth.client_secret {
            SecretRule::Forbidden => None,
            SecretRule::Required if !app.ui.can_ask() => {
                return Err(Failure::new(Code::Usage, format!("{} wants a client secret, even from an app like this", target.row.title))
                    .hint(format!("run `authctl login {} --client-id ID --client-secret-stdin < FILE`", target.name)));
            }
            SecretRule::Required => Some(app.ui.ask_hidden("client secret (hidden):")?),
            SecretRule::Optional if args.client_id.is_none() && app.ui.can_ask() => {
                Some(app.ui.ask_hidden("client secret (hidden; empty if there is none):")?).filter(|secret| secret.len() > 0)
            }
            SecretRule::Optional => None,
        }
    };
    if let Some(secret) = &secret {
        if oauth.client_secret == SecretRule::Forbidden {
            return Err(usage("a client of this provider must not have a secret"));
        }
        secret.check(Alphabet::Printable).map_err(|reason| usage(&format!("the client secret {reason}")))?;
    }
    Ok(secret)
}

impl Chosen {
    /// Stores a client that has just proved to work, still beside the one that it replaces: until the login is saved,
    /// either of them may be the one that the record is bound to.
    pub(super) fn keep(&self, app: &App, target: &Target, oauth: &OAuthSpec, store: StoreKind) -> Result<(), Failure> {
        if !self.is_new {
            return Ok(());
        }
        let provider = target.name.provider();
        // Clients are per provider, locks per credential: two first logins must not undo each other's client.
        let _lock = provider_lock(app, provider)?;
        let earlier = Client::read(&app.paths, provider)?;
        if let Some(earlier) = &earlier {
            refuse_while_used(app, target, earlier, &self.id)?;
        }
        let id = self.secret.as_ref().map(|_| Id::random()).transpose()?;
        let client = Client {
            client_id: self.id.clone(),
            secret_store: id.as_ref().map(|_| store),
            secret_id: id.clone(),
            earlier: earlier.clone().map(Box::new),
        };
        // The file first: whatever dies after this, no item is left in the store that no file names.
        client.write(&app.paths, provider)?;
        let Some((secret, id)) = self.secret.as_ref().zip(id) else { return Ok(()) };
        let kept = ClientSecret {
            provider: provider.to_owned(),
            client_id: self.id.clone(),
            token_endpoint: oauth.token_endpoint.clone(),
            revocation_endpoint: oauth.revocation_endpoint.clone(),
            client_secret: secret.clone(),
        };
        let (slot, text) = (Slot::client(provider, &id), kept.to_text());
        let stored = app.stores.write(store, &slot, &text).and_then(|()| app.stores.verify(store, &slot, &text));
        // What may land later keeps its name; what was refused is as if it had never been.
        if stored.as_ref().is_err_and(|error| !error.may_land_later()) {
            match earlier {
                Some(earlier) => earlier.write(&app.paths, provider)?,
                None => Client::delete(&app.paths, provider)?,
            }
        }
        Ok(stored?)
    }

    /// Lets go of the replaced client, once the login with the new one is saved.
    pub(super) fn settle_in(&self, app: &App, provider: &str) -> Result<(), Failure> {
        if !self.is_new {
            return Ok(());
        }
        let _lock = provider_lock(app, provider)?;
        let Some(mut client) = Client::read(&app.paths, provider)?.filter(|client| client.client_id == self.id) else { return Ok(()) };
        let entries = Index::all(&app.paths.credentials());
        let used = |id: &String| {
            let entries = entries.iter().flatten().flat_map(Index::chain);
            entries.filter(|index| index.name.provider() == provider).any(|index| index.bound.client_id.as_ref() == Some(id))
        };
        let mut replaced = client.earlier.take();
        let mut kept = Vec::new();
        while let Some(mut earlier) = replaced {
            replaced = earlier.earlier.take();
            if earlier.client_id != self.id && used(&earlier.client_id) {
                kept.push(earlier);
            } else if let Some((store, id)) = earlier.secret_store.zip(earlier.secret_id.as_ref())
                // The new one is in force; an old secret that cannot be deleted now harms nobody.
                && let Err(error) = app.stores.delete(store, &Slot::client(provider, id))
            {
                tracing::info!(%error, "the earlier client secret could not be deleted");
            }
        }
        client.earlier = kept.into_iter().rev().fold(None, |chain, mut earlier| {
            earlier.earlier = chain;
            Some(earlier)
        });
        // Last: what is still to be deleted after a crash is still named.
        Ok(client.write(&app.paths, provider)?)
    }
}

fn provider_lock(app: &App, provider: &str) -> Result<Lock, Failure> {
    Lock::acquire(&app.paths.client_lock(provider), Duration::from_secs(30)).map_err(|error| Failure::new(Code::Failed, error.to_string()))
}
