//! The index: one small file without secrets per credential. It is all that `list` and completion may read.

use super::{
    Bound, Id, Kind, LastError, Leftover, Name, Other, Progress, Record, Slots, State, StoreKind,
};
use crate::disk::{self, Privacy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is known of a credential without asking its store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The format of the file.
    pub version: u32,
    /// The name, also given by the path.
    pub name: Name,
    /// The id of its record.
    pub id: Id,
    /// Key or login.
    pub kind: Kind,
    /// The one store that holds it.
    pub store: StoreKind,
    /// Being added, there, or being removed.
    #[serde(default)]
    pub state: State,
    /// The generation this file was written after; a record with a higher one has outrun it.
    pub generation: u64,
    /// When the credential was first stored.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub changed_at: Timestamp,
    /// When the present API key was stored; what its age is counted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_since: Option<Timestamp>,
    /// When a login was last refreshed; what an idle limit is counted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed_at: Option<Timestamp>,
    /// Why the last refresh gave no token, until one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// Whether a login has a refresh token: without one it ends with its access token.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub refreshable: bool,
    /// When the newest access token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_expires_at: Option<Timestamp>,
    /// How often the key wants rotating, as it was given (`30d`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_every: Option<String>,
    /// What the provider must be asked through, where the key cannot manage keys itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Name>,
    /// Which of the row's recipes rotates it, where that was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Whether a person has agreed to a recipe whose facts were seen in no source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub agreed: bool,
    /// What a rotation has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Progress>,
    /// Why the last rotation did not end well, until one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_error: Option<LastError>,
    /// The day the key ends, as it was given (`2027-01-31`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<jiff::civil::Date>,
    /// While `adding`: a store write that timed out may still land until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_land_until: Option<Timestamp>,
    /// When a person last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_in_at: Option<Timestamp>,
    /// While `renaming`: what takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Other>,
    /// Until the old one is gone: whose place this one has taken. Whoever changes or removes this one ends the old one
    /// first, since its return would be a second authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<Other>,
    /// Items of this credential that are still to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// A copy of the record's binding.
    pub bound: Bound,
    /// While `adding`: the entry that is replaced, and comes back if nothing comes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<Index>>,
}

fn yes() -> bool {
    true
}

/// Why an index file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It cannot be read or written.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// It is not what this program writes.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        reason: String,
    },
}

/// What the index holds, sorted by name.
#[derive(Debug, Default)]
pub struct Entries {
    /// Those that can be used.
    pub sound: Vec<Index>,
    /// Those that cannot, and why: nobody knows what they are but by their names.
    pub damaged: Vec<(Name, IndexError)>,
}

impl Index {
    /// The entry of a record that is about to be stored for the first time.
    pub fn adding(record: &Record, kind: Kind, store: StoreKind, now: Timestamp) -> Self {
        Self {
            version: 1,
            name: record.name.clone(),
            id: record.id.clone(),
            kind,
            store,
            state: State::Adding,
            generation: record.generation,
            created_at: now,
            changed_at: now,
            key_since: (kind == Kind::Key).then_some(now),
            refreshed_at: None,
            last_error: None,
            refreshable: record.is_refreshable(),
            access_expires_at: None,
            rotate_every: None,
            manager: None,
            recipe: None,
            agreed: false,
            rotation: record.slots().and_then(Slots::progress),
            rotation_error: None,
            expires: None,
            may_land_until: None,
            logged_in_at: None,
            successor: None,
            predecessor: None,
            leftovers: Vec::new(),
            bound: record.bound.clone(),
            earlier: None,
        }
    }

    /// The same entry after a save of `record`.
    pub fn following(&self, record: &Record, now: Timestamp) -> Self {
        let kind = record.kind().unwrap_or(self.kind);
        // What was said of a key does not hold for a login in its place.
        let same = kind == self.kind;
        Self {
            state: State::Active,
            kind,
            rotate_every: self.rotate_every.clone().filter(|_| same),
            manager: self.manager.clone().filter(|_| same),
            recipe: self.recipe.clone().filter(|_| same),
            agreed: self.agreed && same,
            rotation: record.slots().and_then(Slots::progress),
            rotation_error: self.rotation_error.clone().filter(|_| same),
            expires: self.expires.filter(|_| same),
            generation: record.generation,
            changed_at: now,
            key_since: self.key_since.filter(|_| same),
            refreshed_at: self.refreshed_at.filter(|_| same),
            last_error: None,
            refreshable: record.is_refreshable(),
            may_land_until: None,
            successor: None,
            bound: record.bound.clone(),
            earlier: None,
            ..self.clone()
        }
    }

    /// Whether this entry and the record tell the same story. A record that is ahead has merely outrun its index,
    /// which is written last; otherwise a difference was made by somebody else.
    pub fn agrees_with(&self, record: &Record) -> bool {
        record.generation > self.generation || record.bound == self.bound
    }

    /// This entry and those that it would replace.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |entry| entry.earlier.as_deref())
    }

    /// Where the entry of `name` lies below `dir`.
    pub fn path(dir: &Path, name: &Name) -> PathBuf {
        dir.join(name.provider())
            .join(format!("{}.toml", name.account()))
    }

    /// Reads one entry; `None` when there is no such credential.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn read(dir: &Path, name: &Name) -> Result<Option<Self>, IndexError> {
        let path = Self::path(dir, name);
        let Some(bytes) = disk::read(&path, Privacy::Private)? else {
            return Ok(None);
        };
        let damaged = |reason: String| IndexError::Damaged {
            path: path.clone(),
            reason,
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|_| damaged("it is not UTF-8 text".into()))?;
        let index: Self =
            toml::from_str(text).map_err(|error| damaged(error.message().to_owned()))?;
        if index.version != 1 {
            return Err(damaged(format!(
                "format {} is not known to this authctl",
                index.version
            )));
        }
        if &index.name != name {
            return Err(damaged(format!("it names `{}`", index.name)));
        }
        Ok(Some(index))
    }

    /// Writes the entry.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, dir: &Path) -> Result<(), IndexError> {
        let path = Self::path(dir, &self.name);
        let text = toml::to_string(self).map_err(|error| IndexError::Damaged {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(disk::write(&path, text.as_bytes())?)
    }

    /// Deletes the entry; the last step of a removal.
    ///
    /// # Errors
    /// The disk refused.
    pub fn delete(dir: &Path, name: &Name) -> Result<(), IndexError> {
        Ok(disk::remove(&Self::path(dir, name))?)
    }

    /// Every name below `dir`, sorted; the entries themselves are not read.
    pub fn names(dir: &Path) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for provider in file_names(dir) {
            for account in file_names(&dir.join(&provider)) {
                let stem = account.strip_suffix(".toml");
                names.extend(stem.and_then(|account| Name::new(&provider, account).ok()));
            }
        }
        names.sort();
        names
    }

    /// Every entry below `dir`, sorted by name. A damaged one is reported, and does not hide the others.
    pub fn all(dir: &Path) -> Vec<Result<Self, IndexError>> {
        Self::names(dir)
            .iter()
            .filter_map(|name| Self::read(dir, name).transpose())
            .collect()
    }

    /// The same, the sound entries apart from the damaged ones.
    pub fn sorted_out(dir: &Path) -> Entries {
        let mut entries = Entries::default();
        for name in Self::names(dir) {
            match Self::read(dir, &name) {
                Ok(entry) => entries.sound.extend(entry),
                Err(error) => entries.damaged.push((name, error)),
            }
        }
        entries
    }
}

fn file_names(dir: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::SecretPart;
    use proptest::prelude::*;

    fn example() -> (Record, Index) {
        let bound = Bound {
            origins: vec!["https://api.example.com".parse().unwrap()],
            ..Bound::default()
        };
        let secret = SecretPart::Login {
            refresh_token: None,
            access: None,
        };
        let record = Record::new("example/me".parse().unwrap(), bound, secret).unwrap();
        let index = Index::adding(
            &record,
            Kind::Login,
            StoreKind::Vault,
            Timestamp::UNIX_EPOCH,
        );
        (record, index)
    }

    #[test]
    fn an_entry_survives_the_disk_and_is_listed() {
        let home = tempfile::tempdir().unwrap();
        let (_, index) = example();
        index.write(home.path()).unwrap();
        let read = Index::read(home.path(), &index.name).unwrap().unwrap();
        assert_eq!(
            (read.id, read.state, read.bound),
            (index.id.clone(), State::Adding, index.bound.clone())
        );
        assert_eq!(Index::all(home.path()).len(), 1);
        Index::delete(home.path(), &index.name).unwrap();
        assert!(Index::read(home.path(), &index.name).unwrap().is_none());
    }

    #[test]
    fn an_edited_entry_disagrees_and_an_outrun_one_does_not() {
        let (record, index) = example();
        assert!(index.agrees_with(&record));
        let mut edited = index.clone();
        edited.bound.origins = vec!["https://evil.example".parse().unwrap()];
        assert!(!edited.agrees_with(&record));
        let ahead = record.next(
            Bound::default(),
            SecretPart::Login {
                refresh_token: None,
                access: None,
            },
        );
        assert!(index.agrees_with(&ahead));
        edited.generation = 9;
        assert!(!edited.agrees_with(&record));
    }

    #[test]
    fn an_entry_under_another_name_is_damaged() {
        let home = tempfile::tempdir().unwrap();
        let (_, index) = example();
        index.write(home.path()).unwrap();
        let other: Name = "example/you".parse().unwrap();
        std::fs::rename(
            Index::path(home.path(), &index.name),
            Index::path(home.path(), &other),
        )
        .unwrap();
        assert!(matches!(
            Index::read(home.path(), &other),
            Err(IndexError::Damaged { .. })
        ));
        index.write(home.path()).unwrap();
        let Entries { sound, damaged } = Index::sorted_out(home.path());
        assert_eq!(
            (sound.len(), &sound[0].name, damaged.len(), &damaged[0].0),
            (1, &index.name, 1, &other)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_malformed_entry_is_an_error_and_never_a_panic(garbage: Vec<u8>, cut in 0usize..300) {
            let home = tempfile::tempdir().unwrap();
            let (_, index) = example();
            let path = Index::path(home.path(), &index.name);
            let text = toml::to_string(&index).unwrap();
            for bytes in [&garbage, &text.as_bytes()[..cut.min(text.len() / 2)]] {
                disk::write(&path, bytes).unwrap();
                prop_assert!(Index::read(home.path(), &index.name).is_err());
            }
        }
    }
}
