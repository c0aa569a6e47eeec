//! The index: a folder with one small file per credential. `list`, `status` and completion read
//! nothing else.

use super::entry_file::{EntryFile, VERSION};
use super::{Entry, Name};
use crate::disk::{self, Privacy};
use std::path::{Path, PathBuf};

/// The folder of the entries.
#[derive(Clone, Debug)]
pub struct Index {
    folder: PathBuf,
}

/// Why the index gave no entry.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is no credential of this name.
    #[error("no credential named `{0}`")]
    NotFound(Name),
    /// The file cannot be read or written.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The file was not written by this program.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        reason: String,
    },
}

/// All entries, sorted by name.
#[derive(Debug, Default)]
pub struct Entries {
    /// Those that can be read.
    pub readable: Vec<Entry>,
    /// Those that cannot, and why. Only their names are known.
    pub damaged: Vec<(Name, IndexError)>,
}

impl Index {
    /// The index in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder
            .join(name.provider())
            .join(format!("{}.toml", name.account()))
    }

    /// Reads one entry; `None` when there is no such credential.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn find(&self, name: &Name) -> Result<Option<Entry>, IndexError> {
        let path = self.path(name);
        let Some(bytes) = disk::read(&path, Privacy::Private)? else {
            return Ok(None);
        };
        let damaged = |reason: String| IndexError::Damaged {
            path: path.clone(),
            reason,
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|_| damaged("it is not UTF-8 text".into()))?;
        let file: EntryFile =
            toml::from_str(text).map_err(|error| damaged(error.message().to_owned()))?;
        if file.version != VERSION {
            let reason = format!("format {} is not supported by this version", file.version);
            return Err(damaged(reason));
        }
        if &file.name != name {
            return Err(damaged(format!(
                "it contains the entry of another credential, `{}`",
                file.name
            )));
        }
        Ok(Some(file.into()))
    }

    /// Reads one entry that must exist.
    ///
    /// # Errors
    /// There is none, or as for [`Index::find`].
    pub fn entry(&self, name: &Name) -> Result<Entry, IndexError> {
        self.find(name)?
            .ok_or_else(|| IndexError::NotFound(name.clone()))
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// The disk refused.
    pub fn write(&self, entry: &Entry) -> Result<(), IndexError> {
        let path = self.path(&entry.name);
        let text =
            toml::to_string(&EntryFile::from(entry)).map_err(|error| IndexError::Damaged {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        Ok(disk::write(&path, text.as_bytes())?)
    }

    /// Deletes an entry; the last step of a removal.
    ///
    /// # Errors
    /// The disk refused.
    pub fn delete(&self, name: &Name) -> Result<(), IndexError> {
        Ok(disk::remove(&self.path(name))?)
    }

    /// The names of all entries, sorted; the entries themselves are not read.
    pub fn names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for provider in file_names(&self.folder) {
            for account in file_names(&self.folder.join(&provider)) {
                let stem = account.strip_suffix(".toml");
                names.extend(stem.and_then(|account| Name::new(&provider, account).ok()));
            }
        }
        names.sort();
        names
    }

    /// All entries. A damaged one is reported and does not hide the others.
    pub fn all(&self) -> Entries {
        let mut entries = Entries::default();
        for name in self.names() {
            match self.find(&name) {
                Ok(entry) => entries.readable.extend(entry),
                Err(error) => entries.damaged.push((name, error)),
            }
        }
        entries
    }
}

fn file_names(folder: &Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::{Bound, Kind, Record, SecretPart, State, StoreKind};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn example() -> Entry {
        let bound = Bound {
            origins: vec!["https://api.example.com".parse().unwrap()],
            ..Bound::default()
        };
        let secret = SecretPart::Login {
            refresh_token: None,
            access: None,
        };
        let record = Record::new("example/me".parse().unwrap(), bound, secret).unwrap();
        Entry::adding(
            &record,
            Kind::Login,
            StoreKind::Vault,
            Timestamp::UNIX_EPOCH,
        )
    }

    fn index(home: &tempfile::TempDir) -> Index {
        Index::new(home.path().to_owned())
    }

    #[test]
    fn an_entry_survives_the_disk_and_is_listed() {
        let home = tempfile::tempdir().unwrap();
        let (index, entry) = (index(&home), example());
        index.write(&entry).unwrap();
        let read = index.entry(&entry.name).unwrap();
        assert_eq!((&read.id, &read.bound), (&entry.id, &entry.bound));
        assert!(matches!(read.state, State::Adding { .. }));
        assert_eq!(index.all().readable.len(), 1);
        index.delete(&entry.name).unwrap();
        assert!(index.find(&entry.name).unwrap().is_none());
        assert!(matches!(
            index.entry(&entry.name),
            Err(IndexError::NotFound(_))
        ));
    }

    #[test]
    fn an_entry_under_another_name_is_damaged() {
        let home = tempfile::tempdir().unwrap();
        let (index, entry) = (index(&home), example());
        index.write(&entry).unwrap();
        let other: Name = "example/you".parse().unwrap();
        std::fs::rename(index.path(&entry.name), index.path(&other)).unwrap();
        assert!(matches!(
            index.find(&other),
            Err(IndexError::Damaged { .. })
        ));
        index.write(&entry).unwrap();
        let Entries { readable, damaged } = index.all();
        assert_eq!(
            (
                readable.len(),
                &readable[0].name,
                damaged.len(),
                &damaged[0].0
            ),
            (1, &entry.name, 1, &other)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_malformed_entry_is_an_error_and_never_a_panic(garbage: Vec<u8>, cut in 0usize..300) {
            let home = tempfile::tempdir().unwrap();
            let (index, entry) = (index(&home), example());
            let path = index.path(&entry.name);
            let text = toml::to_string(&EntryFile::from(&entry)).unwrap();
            for bytes in [&garbage, &text.as_bytes()[..cut.min(text.len() / 2)]] {
                disk::write(&path, bytes).unwrap();
                prop_assert!(index.find(&entry.name).is_err());
            }
        }
    }

    /// The files in `tests/index` were written by the first version of the format: each is read, and
    /// written again as it was.
    #[test]
    fn files_of_the_first_version_are_read_and_written_unchanged() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/index");
        let mut states = std::collections::BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path)
                .unwrap()
                .replace("\r\n", "\n");
            let entry: Entry = toml::from_str::<EntryFile>(&text).unwrap().into();
            states.insert(entry.state.name());
            let written = toml::to_string(&EntryFile::from(&entry)).unwrap();
            assert_eq!(written, text, "{}", path.display());
        }
        let every = ["active", "adding", "forgetting", "removing", "renaming"];
        assert_eq!(states, every.into());
    }
}
