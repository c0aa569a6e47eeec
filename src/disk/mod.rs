//! Files that survive a crash and that nobody else can read: atomic writes, locks, file modes.

mod lock;
mod owner;
mod write;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

#[cfg(unix)]
pub use lock::DESCRIPTORS;
pub use lock::{Lock, LockError};
pub use owner::{is_refused, lacks_locks, other_owner};
pub use write::{Reserved, append, create_new, older, remove, write};

/// The largest file that is read, in bytes. Everything that this program writes is far smaller.
pub const MAX_FILE: u64 = 1024 * 1024;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The verb: read, write, create, …
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Other users can read it (or, for a configuration file, change it).
    #[cfg_attr(not(unix), allow(dead_code, reason = "other systems use access lists"))]
    #[error("{} {} other users (mode {mode:04o})", path.display(), if *writable { "can be changed by" } else { "can be read by" })]
    Loose {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whether other users may read it, but must not be able to change it.
        writable: bool,
    },
    /// Root must not change files of another user, who could not read the new ones.
    #[cfg_attr(not(unix), allow(dead_code, reason = "other systems use access lists"))]
    #[error("{} belongs to the user with the id {owner}, and root must not write to it", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// The id of its owner.
        owner: u32,
    },
    /// Larger than [`MAX_FILE`].
    #[error("{} is larger than {MAX_FILE} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }
}

/// Who may read or change a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Written by this program: nobody else may read or change it.
    Private,
    /// Written by a person: others may read it, but not change it.
    Shared,
    /// Any file: it is only looked at.
    Any,
}

/// Reads a whole file; `None` if there is none.
///
/// # Errors
/// It cannot be read, is larger than [`MAX_FILE`], or other users have more permissions than
/// `privacy` allows.
pub fn read(path: &Path, privacy: Privacy) -> Result<Option<Vec<u8>>, Error> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(Error::io("read", path, error)),
    };
    let metadata = file
        .metadata()
        .map_err(|error| Error::io("read", path, error))?;
    if !metadata.is_file() {
        return Err(Error::io(
            "read",
            path,
            io::Error::other("not a regular file"),
        ));
    }
    check_mode(path, &metadata, privacy)?;
    // Room for the whole file: a list reads thousands of files, each with as few calls as possible.
    let mut bytes =
        Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or_default() + 1);
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(Some(bytes))
}

/// The names of the files in a folder, in no order; none if there is no such folder. A name that is
/// not Unicode is none of this program's.
///
/// # Errors
/// The folder cannot be read: nobody knows what is in it.
pub fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let failed = |error| Error::io("read", folder, error);
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for file in files {
        names.extend(file.map_err(failed)?.file_name().into_string());
    }
    Ok(names)
}

/// Reads a file of the user's, or a pipe to its end; `None` if there is none.
///
/// # Errors
/// It cannot be read, or is larger than [`MAX_FILE`].
pub fn read_once(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let is_pipe = fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    if !is_pipe {
        return read(path, Privacy::Any);
    }
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    to_end(file, path).map(Some)
}

/// Reads to the end.
///
/// # Errors
/// It cannot be read, or is larger than [`MAX_FILE`]. `path` is only named in errors.
pub fn to_end(from: impl Read, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    from.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read", path, error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(bytes)
}

/// Creates a folder and its missing parents with mode 0700, and checks that the folder is private.
///
/// # Errors
/// It cannot be created, or other users have permissions on it.
pub fn private_dir(path: &Path) -> Result<(), Error> {
    owner::check_owner(path)?;
    match fs::metadata(path) {
        Ok(metadata) => check_mode(path, &metadata, Privacy::Private),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent()
                && !parent.exists()
            {
                private_dir(parent)?;
            }
            match builder().create(path) {
                Ok(()) => {}
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::io("create", path, error)),
            }
            path.parent().map_or(Ok(()), sync_dir)
        }
        Err(error) => Err(Error::io("read", path, error)),
    }
}

fn builder() -> fs::DirBuilder {
    #[allow(unused_mut, reason = "only unix has a mode")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &fs::Metadata, privacy: Privacy) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    let forbidden = match privacy {
        Privacy::Any => 0,
        Privacy::Private => 0o077,
        Privacy::Shared => 0o022,
    };
    if mode & forbidden != 0 {
        return Err(Error::Loose {
            path: path.to_owned(),
            mode,
            writable: privacy == Privacy::Shared,
        });
    }
    Ok(())
}

/// Opens a file for reading, without blocking: a FIFO in its place would otherwise hang every
/// command.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flag = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    File::options().read(true).custom_flags(flag).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether other users may read a regular file.
#[cfg(unix)]
pub fn is_loose(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

/// Whether other users may read it: on Windows, the access list of its folder decides.
#[cfg(not(unix))]
pub fn is_loose(_: &File) -> bool {
    false
}

#[cfg(not(unix))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "the profile folder is private by its access list"
)]
fn check_mode(_: &Path, _: &fs::Metadata, _: Privacy) -> Result<(), Error> {
    Ok(())
}

/// Syncs a folder.
///
/// # Errors
/// The folder cannot be opened or synced.
#[cfg(unix)]
pub fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Error::io("sync", path, error))
}

/// Windows has no call for this; the rename itself is journaled.
#[cfg(not(unix))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "the same signature on every system"
)]
pub fn sync_dir(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// Syncs a file and its folder, for a reader who found a write that may not have been synced.
///
/// # Errors
/// One of them cannot be opened or synced.
pub fn sync(path: &Path) -> Result<(), Error> {
    let open = File::options().read(true).write(cfg!(windows)).open(path);
    open.and_then(|file| file.sync_all())
        .map_err(|error| Error::io("sync", path, error))?;
    path.parent().map_or(Ok(()), sync_dir)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_0600_and_folders_0700() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/file");
        write(&path, b"text").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&home.path().join("a/b")), 0o700);
        assert_eq!(mode(&home.path().join("a")), 0o700);
        assert_eq!(read(&path, Privacy::Private).unwrap().unwrap(), b"text");
    }

    #[test]
    fn loose_modes_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/file");
        write(&path, b"text").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            read(&path, Privacy::Private),
            Err(Error::Loose { mode: 0o640, .. })
        ));
        assert!(read(&path, Privacy::Shared).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o662)).unwrap();
        assert!(matches!(
            read(&path, Privacy::Shared),
            Err(Error::Loose { .. })
        ));
        fs::set_permissions(home.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(write(&path, b"x"), Err(Error::Loose { .. })));
    }

    #[test]
    fn absent_is_not_an_error_and_huge_is() {
        let home = tempfile::tempdir().unwrap();
        assert!(
            read(&home.path().join("none/at/all"), Privacy::Private)
                .unwrap()
                .is_none()
        );
        let path = home.path().join("huge");
        fs::write(&path, vec![0; usize::try_from(MAX_FILE).unwrap() + 1]).unwrap();
        assert!(matches!(
            read(&path, Privacy::Shared),
            Err(Error::TooLarge { .. })
        ));
        assert!(read(home.path(), Privacy::Private).is_err());
        let fifo = home.path().join("fifo");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        assert!(
            read(&fifo, Privacy::Private).is_err(),
            "a FIFO does not hang"
        );
    }
}
