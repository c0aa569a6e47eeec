//! Lock files: one for each credential, held for every change of its record, and never deleted. A
//! deleted lock file could have two holders.

use super::{Error, private_dir};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A lock that is held until it is dropped, or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process held it until the deadline.
    #[error("another authctl process still holds the lock after {} seconds", waited.as_secs())]
    Busy {
        /// How long this process waited.
        waited: Duration,
    },
    /// The lock file cannot be created or locked (a read-only home, a network file system without
    /// locks).
    #[error(transparent)]
    Disk(#[from] Error),
}

impl Lock {
    /// Takes the lock, waiting for at most `patience`.
    ///
    /// # Errors
    /// Another process holds it, or locks do not work here.
    pub fn acquire(path: &Path, patience: Duration) -> Result<Self, LockError> {
        private_dir(path.parent().unwrap_or(Path::new(".")))?;
        let file = open(path).map_err(|error| Error::io("lock", path, error))?;
        let began = Instant::now();
        let mut pause = Duration::from_millis(2);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if began.elapsed() >= patience => {
                    return Err(LockError::Busy { waited: patience });
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(40));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(Error::io("lock", path, error).into());
                }
            }
        }
    }

    /// Takes the lock of a file if it is free, without checking the folder.
    pub(super) fn beside(path: &Path) -> Option<Self> {
        let file = open(&path.with_extension("lock")).ok()?;
        file.try_lock().ok().map(|()| Self { _file: file })
    }

    /// The lock file of a credential.
    pub fn path(dir: &Path, provider: &str, account: &str) -> PathBuf {
        dir.join(provider).join(account)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_waits_until_the_deadline_and_then_gives_up() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("locks/github/default");
        let first = Lock::acquire(&path, Duration::ZERO).unwrap();
        assert!(matches!(
            Lock::acquire(&path, Duration::from_millis(30)),
            Err(LockError::Busy { .. })
        ));
        drop(first);
        // A program that another test starts at this moment inherits the lock until its exec.
        Lock::acquire(&path, Duration::from_secs(5)).unwrap();
        assert!(path.exists(), "the lock file is never deleted");
    }
}
