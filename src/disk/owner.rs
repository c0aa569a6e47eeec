//! Whose files are changed, and what is behind a link.

use super::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Whether an error means that a file system has no locks, as some network file systems do.
pub fn lacks_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// The file that a write replaces: what a link leads to, so that the link stays and is not stale.
///
/// # Errors
/// The link leads nowhere, or into a folder that other users can change.
pub(super) fn behind_link(path: &Path) -> Result<PathBuf, Error> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Ok(path.to_owned());
    }
    let target = fs::canonicalize(path).map_err(|error| Error::io("follow", path, error))?;
    if let Some(folder) = target.parent() {
        let metadata = fs::metadata(folder).map_err(|error| Error::io("read", folder, error))?;
        super::check_mode(folder, &metadata, super::Privacy::Shared)?;
    }
    Ok(target)
}

/// Checks that root changes no folder of another user, who could not read the new files. `path` or
/// some of its parents may not exist yet.
///
/// # Errors
/// The folder, or the first parent that exists, belongs to another user.
#[cfg(unix)]
pub(super) fn check_owner(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        // Another owner's private folder cannot be entered anyway.
        return Ok(());
    }
    let found = path
        .ancestors()
        .find_map(|path| Some((path, fs::metadata(path).ok()?)));
    match found {
        Some((path, metadata)) if metadata.uid() != 0 => Err(Error::Foreign {
            path: path.to_owned(),
            owner: metadata.uid(),
        }),
        _ => Ok(()),
    }
}

/// Access lists decide on other systems.
#[cfg(not(unix))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "the same signature on every system"
)]
pub(super) fn check_owner(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// The user whose file or folder it is, if that is not the one who runs this program: the reason
/// for most refusals.
#[cfg(unix)]
pub fn other_owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    // What is in a folder that cannot be entered cannot be looked at.
    let owner = path
        .ancestors()
        .find_map(|path| fs::metadata(path).ok())?
        .uid();
    (owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

/// Not known on other systems.
#[cfg(not(unix))]
pub fn other_owner(_: &Path) -> Option<u32> {
    None
}

/// Whether the system refused for want of a permission.
pub fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
