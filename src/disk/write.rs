//! The atomic write: a temporary file beside the target, fsync, rename, fsync of the folder.

use super::owner::{behind_link, check_owner};
use super::{Error, Lock, private_dir, sync_dir};
use std::fs;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

/// The prefix of temporary files, by which those of killed processes are found and deleted.
const PREFIX: &str = ".new-";

/// The age at which a temporary file is abandoned; no write takes minutes.
const ABANDONED: Duration = Duration::from_secs(600);

/// Writes a private file so that a reader sees either the old or the new content.
///
/// # Errors
/// A step failed; then the old content is still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Reserved::beside(path, 0)?.commit(bytes)
}

/// Reserved room on the disk.
///
/// The request that uses a refresh token spends it, so the room for its successor must exist
/// *before* the request is sent. A full disk then stops the refresh instead of losing the login.
pub struct Reserved {
    file: NamedTempFile,
    target: PathBuf,
    /// Whether a link led to the target, into a folder with files of others.
    is_linked: bool,
}

impl Reserved {
    /// Reserves `bytes` bytes beside `target`.
    ///
    /// # Errors
    /// The folder is missing, not private, read-only or full.
    pub fn beside(target: &Path, bytes: usize) -> Result<Self, Error> {
        private_dir(target.parent().unwrap_or(Path::new(".")))?;
        let (link, target) = (target, &behind_link(target)?);
        let dir = target.parent().unwrap_or(Path::new("."));
        check_owner(dir)?;
        let failed = |error| Error::io("write", target, error);
        let mut builder = tempfile::Builder::new();
        let prefix = prefix_of(target);
        builder.prefix(&prefix);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
        let mut file = builder.tempfile_in(dir).map_err(failed)?;
        if bytes > 0 {
            // Random bytes would be safer on compressing file systems; zeros that are really
            // written (not a hole) are enough for file systems that allocate on write.
            file.write_all(&vec![0; bytes])
                .and_then(|()| file.as_file().sync_all())
                .map_err(failed)?;
        }
        Ok(Self {
            file,
            target: target.to_owned(),
            is_linked: link != target,
        })
    }

    /// Writes the content and moves it to the target, durably.
    ///
    /// # Errors
    /// A step failed; then the old content is still there.
    pub fn commit(mut self, bytes: &[u8]) -> Result<(), Error> {
        let target = self.target;
        let failed = |error| Error::io("write", &target, error);
        let file = self.file.as_file_mut();
        file.rewind()
            .and_then(|()| file.write_all(bytes))
            .map_err(failed)?;
        file.set_len(bytes.len() as u64).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        persist(self.file, &target).map_err(failed)?;
        let dir = target.parent().unwrap_or(Path::new("."));
        sync_dir(dir)?;
        // By the clock of the file system: that of this process may differ, or have jumped.
        if let Ok(now) = fs::metadata(&target).and_then(|metadata| metadata.modified()) {
            let prefix = prefix_of(&target);
            let prefix = if self.is_linked {
                prefix.as_str()
            } else {
                PREFIX
            };
            sweep(dir, prefix, now);
        }
        Ok(())
    }
}

#[cfg(not(windows))]
fn persist(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.persist(target).map(drop).map_err(|error| error.error)
}

/// On Windows, a virus scanner may hold the target open for a moment.
#[cfg(windows)]
fn persist(mut file: NamedTempFile, target: &Path) -> io::Result<()> {
    for _ in 0..15 {
        match file.persist(target) {
            Ok(_) => return Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::PermissionDenied => {
                file = error.file;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error.error),
        }
    }
    file.persist(target).map(drop).map_err(|error| error.error)
}

/// Writes a new private file; an existing file is never replaced.
///
/// # Errors
/// There is a file already, or the disk refused; then the new file is deleted.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    check_owner(path.parent().unwrap_or(Path::new(".")))?;
    let failed = |error| Error::io("write", path, error);
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| {
            let _ = fs::remove_file(path);
            failed(error)
        })
}

/// Appends a line to a private log in one write, so that lines of two processes do not mix. A log
/// of `limit` bytes is renamed to [`older`] first, replacing the previous one.
///
/// # Errors
/// The disk refused.
pub fn append(path: &Path, line: &[u8], limit: u64) -> Result<(), Error> {
    let dir = path.parent().unwrap_or(Path::new("."));
    check_owner(dir)?;
    // The user may have chosen a folder that others can read; the log itself is private.
    if !dir.exists() {
        private_dir(dir)?;
    }
    let is_full = || fs::metadata(path).is_ok_and(|metadata| metadata.len() >= limit);
    // Checked again under the lock; otherwise two processes would rename two logs and lose one.
    if is_full()
        && let Some(_lock) = Lock::beside(path)
        && is_full()
    {
        fs::rename(path, older(path)).map_err(|error| Error::io("rename", path, error))?;
    }
    let mut options = fs::File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A FIFO in the place of the log must not hang the writer.
        options
            .mode(0o600)
            .custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default());
    }
    options
        .open(path)
        .and_then(|mut file| file.write_all(line))
        .map_err(|error| Error::io("write", path, error))
}

/// The name of a full log.
pub fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// The prefix of the temporary files for a target.
fn prefix_of(target: &Path) -> String {
    format!(
        "{PREFIX}{}-",
        target.file_name().unwrap_or_default().to_string_lossy()
    )
}

/// Deletes a file durably, with the temporary files that killed processes left for it. A missing
/// file is no error.
///
/// # Errors
/// The file exists and cannot be deleted.
pub fn remove(path: &Path) -> Result<(), Error> {
    check_owner(path.parent().unwrap_or(Path::new(".")))?;
    let begun = prefix_of(path);
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(&begun))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path, error)),
    }
}

/// Deletes what killed processes left. A failure is ignored: the next write tries again.
fn sweep(dir: &Path, prefix: &str, now: SystemTime) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(prefix));
        let old = |modified: SystemTime| {
            now.duration_since(modified)
                .is_ok_and(|age| age > ABANDONED)
        };
        if ours
            && entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(old)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_write_through_a_link_leaves_the_files_beside_the_target_alone() {
        let home = tempfile::tempdir().unwrap();
        let (ours, theirs) = (home.path().join("ours"), home.path().join("theirs"));
        private_dir(&ours).unwrap();
        private_dir(&theirs).unwrap();
        let hours_ago = SystemTime::now() - Duration::from_secs(36_000);
        let left = |name: &str| {
            let file = fs::File::create(theirs.join(name)).unwrap();
            file.set_modified(hours_ago).unwrap();
        };
        left(".new-notes");
        left(".new-a.toml-abcdef");
        write(&theirs.join("a.toml"), b"1").unwrap();
        left(".new-notes");
        left(".new-a.toml-abcdef");
        std::os::unix::fs::symlink(theirs.join("a.toml"), ours.join("a.toml")).unwrap();
        write(&ours.join("a.toml"), b"2").unwrap();
        assert_eq!(fs::read(theirs.join("a.toml")).unwrap(), b"2");
        assert!(theirs.join(".new-notes").exists());
        assert!(!theirs.join(".new-a.toml-abcdef").exists());
    }

    #[test]
    fn a_reservation_leaves_exactly_the_content() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("sealed/id");
        Reserved::beside(&target, 4096)
            .unwrap()
            .commit(b"short")
            .unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"short");
        Reserved::beside(&target, 2)
            .unwrap()
            .commit(b"longer than reserved")
            .unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"longer than reserved");
        drop(Reserved::beside(&target, 64).unwrap());
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn temporary_files_are_removed_with_their_file() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("vault");
        write(&folder.join("one"), b"secret").unwrap();
        write(&folder.join("two"), b"secret").unwrap();
        for left in [".new-one-x1", ".new-two-x2"] {
            fs::write(folder.join(left), b"secret").unwrap();
        }
        remove(&folder.join("one")).unwrap();
        let left: std::collections::BTreeSet<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [".new-two-x2".into(), "two".into()].into());
    }

    #[test]
    fn removing_a_missing_file_is_no_error() {
        let home = tempfile::tempdir().unwrap();
        remove(&home.path().join("nothing")).unwrap();
    }

    #[test]
    fn leftovers_of_killed_processes_are_swept_when_old() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("sealed");
        private_dir(&folder).unwrap();
        let (old, young) = (folder.join(".new-old"), folder.join(".new-young"));
        for path in [&old, &young] {
            fs::write(path, b"").unwrap();
        }
        let past = SystemTime::now() - ABANDONED * 2;
        fs::File::options()
            .write(true)
            .open(&old)
            .unwrap()
            .set_modified(past)
            .unwrap();
        write(&folder.join("file"), b"text").unwrap();
        assert!(!old.exists() && young.exists());
    }
}
