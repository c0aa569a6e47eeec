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

/// The largest number of threads that read entries.
const MAX_THREADS: usize = 4;

/// The smallest number of entries for which a thread is worth its start.
const WORTH_A_THREAD: usize = 64;

/// All entries, or what was made of them, sorted by name.
#[derive(Debug)]
pub struct Entries<T = Entry> {
    /// Those that can be read.
    pub readable: Vec<T>,
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
        parse(&bytes, name)
            .map(Some)
            .map_err(|reason| IndexError::Damaged { path, reason })
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

    /// The names of all entries, sorted; the entries themselves are not read. Then the folders of
    /// providers that cannot be read, each under the provider's name.
    ///
    /// # Errors
    /// The folder of the index cannot be read. That it does not exist is no error.
    pub fn names(&self) -> Result<Entries<Name>, IndexError> {
        let (mut names, mut damaged) = (Vec::new(), Vec::new());
        for provider in disk::names_in(&self.folder)? {
            let folder = self.folder.join(&provider);
            let accounts = match disk::names_in(&folder) {
                Ok(accounts) => accounts,
                // Not one of this program's.
                Err(_) if folder.is_file() => continue,
                Err(error) => {
                    let name = provider.parse().ok();
                    damaged.extend(name.map(|name| (name, error.into())));
                    continue;
                }
            };
            for account in accounts {
                let stem = account.strip_suffix(".toml");
                names.extend(stem.and_then(|account| Name::new(&provider, account).ok()));
            }
        }
        names.sort();
        Ok(Entries {
            readable: names,
            damaged,
        })
    }

    /// All entries. A damaged one is reported and does not hide the others.
    ///
    /// # Errors
    /// The folder of the index cannot be read: nobody knows whether there are any.
    pub fn all(&self) -> Result<Entries, IndexError> {
        self.read_all(|entry| entry)
    }

    /// What `convert` makes of each entry, which is not kept: there may be thousands. A damaged one
    /// is reported and does not hide the others.
    ///
    /// # Errors
    /// As for [`Index::all`].
    pub fn read_all<T: Send>(
        &self,
        convert: impl Fn(Entry) -> T + Sync,
    ) -> Result<Entries<T>, IndexError> {
        let Entries {
            readable: names,
            damaged: unreadable,
        } = self.names()?;
        let read = &|names: &[Name]| {
            let mut entries = Entries {
                readable: Vec::with_capacity(names.len()),
                damaged: Vec::new(),
            };
            for name in names {
                match self.find(name) {
                    Ok(entry) => entries.readable.extend(entry.map(&convert)),
                    Err(error) => entries.damaged.push((name.clone(), error)),
                }
            }
            entries
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = names.len().div_ceil(threads.min(MAX_THREADS));
        let mut chunks = names.chunks(share.max(WORTH_A_THREAD));
        let own = chunks.next().unwrap_or_default();
        std::thread::scope(|scope| {
            let start = |chunk| {
                let started = std::thread::Builder::new().spawn_scoped(scope, move || read(chunk));
                (chunk, started)
            };
            let others: Vec<_> = chunks.map(start).collect();
            let mut entries = read(own);
            entries.damaged.extend(unreadable);
            for (chunk, started) in others {
                // A system that refuses another thread has this one.
                let more = match started.map(std::thread::ScopedJoinHandle::join) {
                    Ok(Ok(more)) => more,
                    Ok(Err(panic)) => std::panic::resume_unwind(panic),
                    Err(_) => read(chunk),
                };
                entries.readable.extend(more.readable);
                entries.damaged.extend(more.damaged);
            }
            Ok(entries)
        })
    }
}

/// Reads the file of an entry.
fn parse(bytes: &[u8], name: &Name) -> Result<Entry, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text")?;
    let file: EntryFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    if file.version != VERSION {
        return Err(format!(
            "format {} is not supported by this version",
            file.version
        ));
    }
    if &file.name != name {
        return Err(format!(
            "it contains the entry of another credential, `{}`",
            file.name
        ));
    }
    Ok(file.into())
}

/// Reads any entry, for the fuzzer.
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer stops at a panic")]
pub fn fuzz(data: &[u8]) {
    let name: Name = "acme".parse().expect("a name");
    if let Ok(entry) = parse(data, &name) {
        let text = toml::to_string(&EntryFile::from(&entry)).expect("what was read can be written");
        assert!(parse(text.as_bytes(), &name).is_ok(), "and read again");
        let _ = entry.chain().count();
    }
}

#[cfg(test)]
mod tests;
