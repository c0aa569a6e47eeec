//! The files that a keeper inherits: the lock stays open, and every other one is closed. A script
//! may hold a lock on such a file, or wait until the last writer of a pipe closes it.

use super::KEEP;
use crate::disk::DESCRIPTORS;
use crate::process;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;

/// The number of arguments after what is to be done, if this program was executed again.
pub(super) const AGAIN: usize = 2;

/// Closes what was inherited besides the standard streams and the lock. Most callers have nothing
/// else; otherwise this program is executed once more (`may_exec`), which closes it.
pub(super) fn close_others(
    lock: Option<i32>,
    may_exec: bool,
    arguments: &[OsString],
) -> io::Result<()> {
    if !may_exec || !has_others(lock) {
        return Ok(());
    }
    let kept: Vec<i32> = lock.into_iter().collect();
    close_fds::set_fds_cloexec_threadsafe(3, &kept);
    let error = process::this_program()?
        .arg(KEEP)
        .args(arguments)
        .arg("again")
        .exec();
    Err(error)
}

fn has_others(lock: Option<i32>) -> bool {
    let Ok(listing) = std::fs::read_dir(DESCRIPTORS) else {
        return true;
    };
    // The listing has a descriptor of its own, which is gone after this.
    let open: Vec<i32> = listing
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2 && Some(*number) != lock)
        .collect();
    open.iter()
        .any(|number| std::fs::symlink_metadata(format!("{DESCRIPTORS}/{number}")).is_ok())
}
