//! An entry of the index: everything that is known about a credential without opening its store.

use super::{
    Bound, Id, Kind, LastError, Leftover, Name, Other, Progress, Record, Slots, State, StoreKind,
};
use crate::time::Interval;
use jiff::Timestamp;

/// What is known about a credential without opening its store. It holds no secrets.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name, also given by the path of the file.
    pub name: Name,
    /// The id of its record.
    pub id: Id,
    /// Key or login.
    pub kind: Kind,
    /// The one store that holds the record.
    pub store: StoreKind,
    /// The program that provided the keychain when it took the record (Linux, where there are
    /// several), for people to read and to be compared.
    pub provided_by: Option<String>,
    /// Where the credential is in its life.
    pub state: State,
    /// The generation of the record that this entry describes. A record with a higher generation is
    /// ahead of its entry.
    pub generation: u64,
    /// When the credential was first stored.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub changed_at: Timestamp,
    /// What is known about it as a login.
    pub login: LoginState,
    /// How it is rotated, and how far the last rotation got.
    pub rotation: RotationState,
    /// The entry that this one replaces in a rename, until that one is gone. Whoever changes or
    /// removes this entry deletes the predecessor first: if it came back, two credentials would
    /// hold one refresh token.
    pub predecessor: Option<Other>,
    /// Items of this credential that are still to be deleted.
    pub leftovers: Vec<Leftover>,
    /// A copy of the record's binding.
    pub bound: Bound,
}

/// What the index knows about a login.
#[derive(Clone, Debug)]
pub struct LoginState {
    /// When a person last logged in.
    pub logged_in_at: Option<Timestamp>,
    /// When it was last refreshed; an idle limit is counted from then.
    pub refreshed_at: Option<Timestamp>,
    /// Whether there is a refresh token. Without one the login expires with its access token.
    pub refreshable: bool,
    /// When the newest access token expires.
    pub access_expires_at: Option<Timestamp>,
    /// When the refresh token expires, if the server reports it.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// Why the last refresh failed; cleared by the next one that succeeds.
    pub last_error: Option<LastError>,
}

/// What the index knows about the rotation of a key.
#[derive(Clone, Debug, Default)]
pub struct RotationState {
    /// When the current key was stored; its age is counted from then.
    pub key_since: Option<Timestamp>,
    /// The day on which the key expires, as it was given.
    pub expires: Option<jiff::civil::Date>,
    /// How often the key is rotated, where that was set for this key.
    pub every: Option<Interval>,
    /// The longest lifetime of a new key, where that was set for this key.
    pub lifetime: Option<Interval>,
    /// The credential that manages this key at the provider, where the key cannot manage keys
    /// itself.
    pub manager: Option<Name>,
    /// The name of the recipe that rotates it, where the provider has several.
    pub recipe: Option<String>,
    /// Whether a person agreed to a recipe with unverified facts.
    pub agreed: bool,
    /// What a rotation has left unfinished.
    pub progress: Option<Progress>,
    /// Why the last rotation failed; cleared by the next one that succeeds.
    pub last_error: Option<LastError>,
}

impl Entry {
    /// The entry of a record that is about to be stored for the first time.
    pub fn adding(record: &Record, kind: Kind, store: StoreKind, now: Timestamp) -> Self {
        Self {
            name: record.name.clone(),
            id: record.id.clone(),
            kind,
            store,
            provided_by: None,
            state: State::Adding {
                earlier: None,
                may_land_until: None,
            },
            generation: record.generation,
            created_at: now,
            changed_at: now,
            login: LoginState {
                logged_in_at: None,
                refreshed_at: None,
                refreshable: record.is_refreshable(),
                access_expires_at: None,
                refresh_token_expires_at: None,
                last_error: None,
            },
            rotation: RotationState {
                key_since: (kind == Kind::Key).then_some(now),
                progress: record.slots().and_then(Slots::progress),
                ..RotationState::default()
            },
            predecessor: None,
            leftovers: Vec::new(),
            bound: record.bound.clone(),
        }
    }

    /// The entry after a save of `record`.
    pub fn following(&self, record: &Record, now: Timestamp) -> Self {
        let kind = record.kind().unwrap_or(self.kind);
        // Facts about a key do not hold for a login that replaces it, and the other way round.
        let (login, rotation) = if kind == self.kind {
            (self.login.clone(), self.rotation.clone())
        } else {
            let login = LoginState {
                refreshed_at: None,
                refresh_token_expires_at: None,
                ..self.login.clone()
            };
            (login, RotationState::default())
        };
        Self {
            kind,
            state: State::Active,
            generation: record.generation,
            changed_at: now,
            login: LoginState {
                refreshable: record.is_refreshable(),
                last_error: None,
                ..login
            },
            rotation: RotationState {
                progress: record.slots().and_then(Slots::progress),
                ..rotation
            },
            bound: record.bound.clone(),
            ..self.clone()
        }
    }

    /// This entry, followed by the entries that it is replacing.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |entry| entry.state.earlier())
    }
}

#[cfg(test)]
impl Entry {
    /// An active entry of the provider `acme` for tests.
    pub fn example(kind: Kind, now: Timestamp) -> Self {
        let secret = match kind {
            Kind::Key => super::SecretPart::Key(Slots::of(super::Parts::new())),
            Kind::Login => super::SecretPart::Login {
                refresh_token: Some(crate::secret::Secret::new("r")),
                access: None,
            },
        };
        let record = Record::new("acme".parse().unwrap(), Bound::default(), secret).unwrap();
        Self::adding(&record, kind, StoreKind::Vault, now).following(&record, now)
    }

    /// The same entry after a change.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{ErrorCode, LastError, Making, Parts, SecretPart, Slots};
    use crate::secret::Secret;

    #[test]
    fn facts_about_a_key_do_not_hold_for_a_login_in_its_place() {
        let key = SecretPart::Key(Slots::of(Default::default()));
        let record = Record::new("a".parse().unwrap(), Bound::default(), key).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut entry = Entry::adding(&record, Kind::Key, StoreKind::Vault, now);
        entry.rotation.manager = Some("a/admin".parse().unwrap());
        entry.rotation.agreed = true;
        entry.login.refreshed_at = Some(now);
        let kept = entry.following(&record, now);
        assert!(kept.state.is_active() && kept.rotation.agreed && kept.rotation.manager.is_some());
        let login = record.next(
            Bound::default(),
            SecretPart::Login {
                refresh_token: Some(Secret::new("r")),
                access: None,
            },
        );
        let changed = entry.following(&login, now);
        assert_eq!((changed.kind, changed.generation), (Kind::Login, 2));
        assert!(changed.login.refreshable && changed.login.refreshed_at.is_none());
        assert!(!changed.rotation.agreed && changed.rotation.manager.is_none());
        assert!(changed.rotation.key_since.is_none());
    }

    fn record(secret: SecretPart) -> Record {
        let bound = Bound {
            origins: vec!["https://api.example.com".parse().unwrap()],
            ..Bound::default()
        };
        Record::new("acme".parse().unwrap(), bound, secret).unwrap()
    }

    fn key() -> SecretPart {
        let mut slots = Slots::of(Parts::from([("key".to_owned(), Secret::new("k"))]));
        slots.making = vec![Making {
            label: "l".into(),
            known: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
            roll: false,
        }];
        SecretPart::Key(slots)
    }

    #[test]
    fn a_new_entry_has_the_facts_of_its_record() {
        let now = Timestamp::from_second(100).unwrap();
        let record = record(key());
        let entry = Entry::adding(&record, Kind::Key, StoreKind::Vault, now);
        assert!(entry.state.is_adding() && entry.bound == record.bound);
        assert_eq!(entry.rotation.key_since, Some(now));
        assert_eq!(
            entry.rotation.progress.map(|progress| progress.making),
            Some(1)
        );
        let login = Entry::adding(&record, Kind::Login, StoreKind::Vault, now);
        assert_eq!(login.rotation.key_since, None);
    }

    #[test]
    fn a_save_updates_the_entry_and_keeps_the_rest() {
        let (before, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(100).unwrap());
        let record = record(key());
        let old = Entry::example(Kind::Key, before).with(|entry| {
            entry.login.last_error = Some(LastError {
                at: before,
                code: ErrorCode::Unreachable,
                reason: "503".into(),
                answered_since: None,
            });
        });
        let entry = old.following(&record, now);
        assert!(entry.state.is_active() && entry.login.last_error.is_none());
        assert_eq!((entry.changed_at, entry.created_at), (now, old.created_at));
        assert_eq!(entry.bound, record.bound);
        assert_eq!(
            entry.rotation.progress.map(|progress| progress.making),
            Some(1)
        );
        assert_eq!(old.chain().count(), 1);
        let over = old.clone().with(|entry| {
            entry.state = State::Adding {
                earlier: Some(Box::new(old.clone())),
                may_land_until: None,
            };
        });
        assert_eq!(over.chain().count(), 2);
    }
}
