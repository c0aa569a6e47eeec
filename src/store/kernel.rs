//! The kernel's user keyring (Linux), which keeps the identity of an unlocked vault, and the keys of
//! sealed files if that is asked for, for a limited time.

use crate::secret::Secret;
use std::time::Duration;

/// Possessor: everything; same user: view, read, search, link. A new session keyring (cron, ssh)
/// does not possess the key, and the default permissions would not let it read the key.
#[cfg(target_os = "linux")]
const PERMISSIONS: u32 = 0x3f1b_0000;

#[cfg(target_os = "linux")]
fn ring() -> Result<linux_keyutils::KeyRing, String> {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};
    KeyRing::from_special_id(KeyRingIdentifier::User, false).map_err(|error| format!("{error:?}"))
}

/// Keeps a text for a limited time.
///
/// # Errors
/// The kernel refuses, as it often does in sandboxes and containers.
#[cfg(target_os = "linux")]
pub(super) fn put(description: &str, text: &Secret, time: Duration) -> Result<(), String> {
    let words = |error: linux_keyutils::KeyError| {
        format!("the kernel keyring refused the request: {error:?}")
    };
    let key = ring()?
        .add_key(description, text.expose().as_bytes())
        .map_err(words)?;
    // Zero would remove the time limit (keyctl_set_timeout(3)).
    let seconds = usize::try_from(time.as_secs()).unwrap_or(usize::MAX).max(1);
    let kept = key
        .set_perms(linux_keyutils::KeyPermissions::from_u32(PERMISSIONS))
        .and_then(|()| key.set_timeout(seconds));
    if let Err(error) = kept {
        let _ = key.invalidate();
        return Err(words(error));
    }
    Ok(())
}

/// Reads a text; `None` if it is no longer there.
#[cfg(target_os = "linux")]
pub(super) fn get(description: &str) -> Option<Secret> {
    let bytes = ring().ok()?.search(description).ok()?.read_to_vec().ok()?;
    String::from_utf8(bytes).ok().map(Secret::new)
}

/// Deletes a text; false if it was not there.
#[cfg(target_os = "linux")]
pub(super) fn forget(description: &str) -> bool {
    let key = ring().ok().and_then(|ring| ring.search(description).ok());
    key.is_some_and(|key| key.invalidate().is_ok())
}

/// Whether the kernel keeps a text, found out by trying.
pub(super) fn works() -> Result<(), String> {
    let (probe, value) = ("authctl:probe", Secret::new("probe"));
    put(probe, &value, Duration::from_secs(5))?;
    let found = get(probe);
    forget(probe);
    if found.is_some_and(|found| found.same_as("probe")) {
        Ok(())
    } else {
        Err("the kernel keyring did not return what was stored".into())
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn put(_: &str, _: &Secret, _: Duration) -> Result<(), String> {
    Err("this system has no kernel keyring".into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn get(_: &str) -> Option<Secret> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn forget(_: &str) -> bool {
    false
}
