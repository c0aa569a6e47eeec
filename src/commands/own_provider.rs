//! Renaming a definition of the user together with a login: both names exist until the login has
//! the new one, so that nothing is lost if the command is interrupted.

use crate::app::App;
use crate::config::Client;
use crate::credential::{Entry, Name, StoreKind};
use crate::failure::Failure;
use crate::lifecycle::{Registration, remove_client};
use crate::provider::Row;

/// Whether the provider is a definition of the user, and nothing has the new name.
pub(super) fn can_be_copied(app: &App, old: &str, new: &str) -> Result<bool, Failure> {
    let is_free = !app.catalogue.has(new) && Client::read(&app.paths, new)?.is_none();
    Ok(app.catalogue.is_own(old) && is_free)
}

/// Copies the definition and the client of a credential's provider to that of its new name.
pub(super) fn copy(app: &App, entry: &Entry, new: &Name) -> Result<(), Failure> {
    let old = entry.name.provider();
    let row = app.catalogue.get(old)?;
    let title = match row.title.as_str() {
        title if title == old => new.provider(),
        title => title,
    };
    app.catalogue.add(&Row {
        name: new.provider().to_owned(),
        title: title.to_owned(),
        ..row.clone()
    })?;
    let oauth = row.resolve(&entry.bound.variables)?.oauth;
    if let (Some(client), Some(oauth)) = (Client::read(&app.paths, old)?, oauth) {
        let store = client.secret_store.unwrap_or(StoreKind::Keychain);
        let context = app.context();
        let registration = Registration {
            is_new: true,
            ..Registration::stored(&context, old, &oauth, client)?
        };
        registration.store(&context, new, &oauth, store)?;
    }
    Ok(())
}

/// Removes the definition of a provider and its client if no credential uses them. If that fails,
/// both stay listed.
pub(super) fn remove_unused(app: &App, provider: &str) {
    let is_used = app.index.all().map_or(true, |entries| {
        let mut all = entries.readable.iter().flat_map(Entry::chain);
        !entries.damaged.is_empty() || all.any(|entry| entry.name.provider() == provider)
    });
    if is_used {
        return;
    }
    let removed = remove_client(&app.context(), provider)
        .map_err(Failure::from)
        .and_then(|_| Ok(app.catalogue.remove(provider)?));
    if let Err(failure) = removed {
        app.ui.warn(&format!(
            "the definition of {provider} is still there: {}",
            failure.message
        ));
    }
}
