//! The user's client registrations: reading, keeping and replacing one. A registration is per provider; logins are bound
//! to the client id that they were made with.

use crate::app::App;
use crate::config::{Client, ClientSecret};
use crate::credential::{Id, Index, Name, StoreKind};
use crate::disk::Lock;
use crate::failure::{Code, Failure};
use crate::provider::{OAuthSpec, SecretRule};
use crate::secret::{Alphabet, Secret};
use crate::store::Slot;
use std::io::{IsTerminal, Read};
use std::time::Duration;

/// A client to log in with.
pub(super) struct Registration {
    /// Its id.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<Secret>,
    /// Whether it must be stored once the login has worked.
    pub is_new: bool,
}

/// Another client id would cut off every other login of the provider, which are bound to the one they were made with.
pub(super) fn refuse_while_used(
    app: &App,
    provider: &str,
    except: Option<&Name>,
    earlier: &Client,
    id: &str,
) -> Result<(), Failure> {
    let entries = Index::all(&app.paths.credentials());
    let others = entries
        .iter()
        .flatten()
        .filter(|index| Some(&index.name) != except && index.name.provider() == provider);
    for index in others {
        let Some(client_id) = index
            .bound
            .client_id
            .as_ref()
            .filter(|bound| *bound != id && earlier.of(bound).is_some())
        else {
            continue;
        };
        return Err(Failure::new(
            Code::Refused,
            format!("`{}` uses the client `{client_id}`", index.name),
        )
        .hint(format!(
            "run `authctl logout {}` first, or log in with the same client",
            index.name
        )));
    }
    Ok(())
}

/// The client's secret, from the newest registration of it whose item is there: a dead process may have named one that
/// it never stored.
pub(super) fn stored_secret(
    app: &App,
    provider: &str,
    oauth: &OAuthSpec,
    client: &Client,
) -> Result<Option<Secret>, Failure> {
    let mut missing = None;
    for registration in client.all_of(&client.client_id) {
        let Some((store, id)) = registration
            .secret_store
            .zip(registration.secret_id.as_ref())
        else {
            return Ok(None);
        };
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
            return Err(Failure::new(Code::Refused, "the stored client secret was given for another client or other endpoints").hint(
                format!(
                    "if that is right, give it again: `authctl client add {provider} --client-id {} --client-secret-stdin < FILE`",
                    client.client_id
                ),
            ));
        }
        return Ok(Some(kept.client_secret));
    }
    let Some(store) = missing else {
        return Ok(None);
    };
    Err(Failure::new(
        Code::NotFound,
        format!("the {store} no longer holds the client secret of {provider}"),
    )
    .hint(format!(
        "run `authctl client add {provider} --client-id {} --client-secret-stdin < FILE`",
        client.client_id
    )))
}

/// A client secret from standard input: one line, or typed hidden at a terminal.
pub(super) fn read_secret(app: &App) -> Result<Secret, Failure> {
    let usage = |message: &str| Failure::new(Code::Usage, message.to_owned());
    if std::io::stdin().is_terminal() {
        return Ok(app.ui.ask_hidden("client secret (hidden):")?);
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .take(8192)
        .read_to_string(&mut text)
        .map_err(|_| usage("the client secret on standard input is not text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(usage(
            "standard input is empty: the client secret is read from there",
        ));
    }
    Ok(Secret::new(text))
}

/// Whether the provider's rule and the alphabet allow this secret.
pub(super) fn check_secret(oauth: &OAuthSpec, secret: &Secret) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Code::Usage, message);
    if oauth.client_secret == SecretRule::Forbidden {
        return Err(usage(
            "a client of this provider must not have a secret".into(),
        ));
    }
    secret
        .check(Alphabet::Printable)
        .map_err(|reason| usage(format!("the client secret {reason}")))
}

impl Registration {
    /// Stores a client that has just proved to work, still beside the one that it replaces: until the login is saved,
    /// either of them may be the one that the record is bound to.
    pub(super) fn keep(
        &self,
        app: &App,
        name: &Name,
        oauth: &OAuthSpec,
        store: StoreKind,
    ) -> Result<(), Failure> {
        if !self.is_new {
            return Ok(());
        }
        let provider = name.provider();
        // Clients are per provider, locks per credential: two first logins must not undo each other's client.
        let _lock = provider_lock(app, provider)?;
        let earlier = Client::read(&app.paths, provider)?;
        if let Some(earlier) = &earlier {
            refuse_while_used(app, provider, Some(name), earlier, &self.id)?;
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
        let Some((secret, id)) = self.secret.as_ref().zip(id) else {
            return Ok(());
        };
        let kept = ClientSecret {
            provider: provider.to_owned(),
            client_id: self.id.clone(),
            token_endpoint: oauth.token_endpoint.clone(),
            revocation_endpoint: oauth.revocation_endpoint.clone(),
            client_secret: secret.clone(),
        };
        let (slot, text) = (Slot::client(provider, &id), kept.to_text());
        let stored = app
            .stores
            .write(store, &slot, &text)
            .and_then(|()| app.stores.verify(store, &slot, &text));
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
        let Some(mut client) =
            Client::read(&app.paths, provider)?.filter(|client| client.client_id == self.id)
        else {
            return Ok(());
        };
        let entries = Index::all(&app.paths.credentials());
        let used = |id: &String| {
            let entries = entries.iter().flatten().flat_map(Index::chain);
            entries
                .filter(|index| index.name.provider() == provider)
                .any(|index| index.bound.client_id.as_ref() == Some(id))
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

pub(super) fn provider_lock(app: &App, provider: &str) -> Result<Lock, Failure> {
    Lock::acquire(&app.paths.client_lock(provider), Duration::from_secs(30))
        .map_err(|error| Failure::new(Code::Failed, error.to_string()))
}
