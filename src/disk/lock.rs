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
    #[cfg_attr(not(unix), allow(dead_code, reason = "it is only kept open"))]
    file: File,
}

/// The folder with the open files of this process.
#[cfg(target_os = "linux")]
pub const DESCRIPTORS: &str = "/proc/self/fd";

/// The folder with the open files of this process.
#[cfg(all(unix, not(target_os = "linux")))]
pub const DESCRIPTORS: &str = "/dev/fd";

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
                Ok(()) => return Ok(Self { file }),
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

    /// Lets the next program that this process starts inherit the lock, which is then held until
    /// the last of the two has ended or dropped it. Returns the number of its descriptor.
    ///
    /// # Errors
    /// The system refused.
    #[cfg(unix)]
    pub fn hand_down(&self) -> io::Result<String> {
        use std::os::fd::AsRawFd;
        rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())?;
        Ok(self.file.as_raw_fd().to_string())
    }

    /// A lock cannot be inherited on this system: the program takes it itself.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(unix))]
    pub fn hand_down(&self) -> io::Result<String> {
        Ok("-".to_owned())
    }

    /// The lock that the caller of this process handed down, as descriptor `number`. It is open
    /// until this process ends. Where nothing was handed down, the lock is taken.
    ///
    /// # Errors
    /// The descriptor is not that of the lock file, or the lock cannot be taken.
    pub fn inherited(
        path: &Path,
        number: Option<i32>,
        patience: Duration,
    ) -> Result<Self, LockError> {
        #[cfg(unix)]
        if let Some(number) = number {
            use std::os::unix::fs::MetadataExt;
            let file = open(path).map_err(|error| Error::io("lock", path, error))?;
            let is_same = || {
                let (ours, theirs) = (
                    file.metadata()?,
                    std::fs::metadata(format!("{DESCRIPTORS}/{number}"))?,
                );
                Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()))
            };
            return match is_same() {
                Ok(true) => Ok(Self { file }),
                Ok(false) => Err(LockError::Busy {
                    waited: Duration::ZERO,
                }),
                Err(error) => Err(Error::io("lock", path, error).into()),
            };
        }
        let _ = number;
        Self::acquire(path, patience)
    }

    /// Takes the lock of a file if it is free, without checking the folder.
    pub(super) fn beside(path: &Path) -> Option<Self> {
        let file = open(&path.with_extension("lock")).ok()?;
        file.try_lock().ok().map(|()| Self { file })
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
