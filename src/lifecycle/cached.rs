//! A cached token without its store, for as long as `cache` in `config.toml` says: the key of the
//! sealed file is kept in the meantime. Everything but the store is read and checked as always, and
//! whatever this cannot answer is left to [`super::look`].

use super::look::check;
use super::{Context, Error, Found};
use crate::credential::{Kind, Name};
use crate::sealed::Sealed;
use crate::secret::SealKey;

/// Reads a login with the key that was kept; `None` if its store has to be read.
pub(super) fn look_without_store(context: &Context<'_>, name: &Name) -> Option<Found> {
    let cache = context.stores.cache();
    cache.time(name)?;
    let entry = context.index.find(name).ok()??;
    if entry.kind != Kind::Login || !entry.state.is_active() {
        return None;
    }
    let key = SealKey::from_text(&cache.get(name, &entry.id)?).ok()?;
    let sealed = Sealed::read(&context.paths.sealed(), &entry.id, &key).ok()?;
    let record = sealed.record.clone()?;
    // A store that is ahead of the sealed file has a newer login.
    if record.generation != entry.generation || record.kind() != Some(Kind::Login) {
        return None;
    }
    check(context, &entry, &record).ok()?;
    tracing::debug!(%name, "read the sealed file with the key that was kept");
    Some(Found {
        entry,
        record,
        sealed,
        store_is_behind: false,
        warnings: Vec::new(),
    })
}

/// Keeps the key of a login whose store was just read, if the settings ask for it.
pub(super) fn keep_key(context: &Context<'_>, found: &Found) {
    let (name, id) = (&found.entry.name, &found.entry.id);
    let cache = context.stores.cache();
    cache.put(name, id, found.record.seal_key_text());
}

/// Forgets the keys of all credentials, and returns how many were kept.
///
/// # Errors
/// The folder of the sealed files cannot be read, so a key may still be kept.
pub fn forget_keys(context: &Context<'_>) -> Result<usize, Error> {
    let ids = Sealed::ids(&context.paths.sealed())?;
    let cache = context.stores.cache();
    Ok(ids.iter().filter(|id| cache.forget(id)).count())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::super::testing::Home;
    use super::super::{Wanted, parts};
    use super::*;
    use crate::credential::{AccessToken, Bound};
    use crate::secret::Secret;
    use std::time::Duration;

    /// A login with a cached token.
    fn login(home: &Home) -> (Name, Found) {
        let name: Name = "acme".parse().unwrap();
        let found = home.login(&name, Bound::default(), "r");
        let now = jiff::Timestamp::now();
        let token = AccessToken {
            token: Secret::new("a"),
            received_at: now,
            expires_at: Some(now + Duration::from_secs(3600)),
            scope: Vec::new(),
            resource: None,
        };
        let sealed = Sealed {
            record: Some(found.record.clone()),
            access: vec![token],
            failure: None,
        };
        home.seal(&found.record, &sealed);
        (name, home.found(&"acme".parse().unwrap()).unwrap())
    }

    fn token(home: &Home, name: &Name) -> Result<String, Error> {
        let handed = parts(&home.context(), name, &Wanted::default())?;
        Ok(handed.parts.get("token").unwrap().expose().to_owned())
    }

    #[test]
    fn a_cached_token_needs_no_store_until_the_key_is_forgotten() {
        let home = Home::caching("cache = \"1m\"");
        let (name, _) = login(&home);
        assert!(look_without_store(&home.context(), &name).is_none());
        assert_eq!(token(&home, &name).unwrap(), "a");
        home.break_vault();
        assert_eq!(token(&home, &name).unwrap(), "a");
        // Not more than the store would give.
        let wanted = Wanted {
            force: true,
            ..Wanted::default()
        };
        assert!(parts(&home.context(), &name, &wanted).is_err());
        assert_eq!(token(&home, &name).unwrap(), "a");
        // Whoever claims the login may change its record.
        drop(home.context().claim(&name).unwrap());
        assert!(token(&home, &name).is_err());
        home.mend_vault();
        assert_eq!(token(&home, &name).unwrap(), "a");
        assert_eq!(forget_keys(&home.context()).unwrap(), 1);
        assert_eq!(forget_keys(&home.context()).unwrap(), 0);
        home.break_vault();
        assert!(token(&home, &name).is_err());
    }

    #[test]
    fn what_is_kept_opens_only_what_still_fits_together() {
        let home = Home::caching("cache = \"1m\"");
        let (name, found) = login(&home);
        let kept = || {
            keep_key(&home.context(), &found);
            look_without_store(&home.context(), &name).is_some()
        };
        assert!(kept());
        home.leave(&name, |entry| entry.generation += 1);
        assert!(!kept(), "the store may have a newer login");
        home.leave(&name, |entry| *entry = found.entry.clone());
        home.leave(&name, |entry| entry.bound.scopes = vec!["more".into()]);
        assert!(!kept(), "the entry was edited");
        home.leave(&name, |entry| {
            *entry = found.entry.clone();
            entry.state = crate::credential::State::Removing { earlier: None };
        });
        assert!(!kept(), "it is being removed");
        home.leave(&name, |entry| *entry = found.entry.clone());
        assert!(kept());
        home.damage_seal(&found.record);
        assert!(!kept());
    }

    #[test]
    fn m2_a_folder_that_cannot_be_read_does_not_mean_that_nothing_is_kept() {
        let home = Home::caching("cache = \"1m\"");
        assert_eq!(
            forget_keys(&home.context()).unwrap(),
            0,
            "there is none yet"
        );
        let (name, _) = login(&home);
        token(&home, &name).unwrap();
        let (sealed, away) = (
            home.paths.sealed(),
            home.paths.sealed().with_extension("away"),
        );
        std::fs::rename(&sealed, &away).unwrap();
        std::fs::write(&sealed, "").unwrap();
        assert!(forget_keys(&home.context()).is_err());
        std::fs::remove_file(&sealed).unwrap();
        std::os::unix::fs::symlink("sealed", &sealed).unwrap();
        assert!(forget_keys(&home.context()).is_err());
        std::fs::remove_file(&sealed).unwrap();
        std::fs::rename(&away, &sealed).unwrap();
        assert_eq!(forget_keys(&home.context()).unwrap(), 1);
    }

    #[test]
    fn nothing_is_kept_unless_the_settings_ask_for_it() {
        for config in ["", "cache = \"1m\"\n[credentials.acme]\ncache = \"never\""] {
            let home = Home::caching(config);
            let (name, _) = login(&home);
            token(&home, &name).unwrap();
            home.break_vault();
            assert!(token(&home, &name).is_err(), "{config}");
        }
        // A key has no cached token; its record is always read from the store.
        let home = Home::caching("cache = \"1m\"");
        let name: Name = "acme".parse().unwrap();
        let slots = crate::credential::Slots::of(super::super::testing::parts("k"));
        home.key(&name, slots);
        parts(&home.context(), &name, &Wanted::default()).unwrap();
        home.break_vault();
        assert!(parts(&home.context(), &name, &Wanted::default()).is_err());
    }
}
