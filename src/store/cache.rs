//! The keys of sealed files that are kept for a limited time, so that cached tokens can be read
//! without the keychain. They are in the kernel's user keyring (Linux), only if `config.toml` asks
//! for it. A record, with its refresh token or API key, is never kept there.

use super::kernel;
use crate::config::CacheTimes;
use crate::credential::{Id, Name};
use crate::secret::Secret;
use std::time::Duration;

/// How the description of a kept key begins.
const PREFIX: &str = "authctl:seal:";

/// The kept keys.
pub struct Cache {
    times: CacheTimes,
}

impl Cache {
    pub(super) fn new(times: CacheTimes) -> Self {
        Self { times }
    }

    /// For how long the key of this login is kept; `None` if it is not.
    pub fn time(&self, name: &Name) -> Option<Duration> {
        self.times.time(name)
    }

    /// Whether this system can keep keys.
    ///
    /// # Errors
    /// It has no kernel keyring, or refuses to keep anything in it.
    pub fn works(&self) -> Result<(), String> {
        kernel::works()
    }

    /// The key of a sealed file, if it is kept, and not for longer than the settings allow now.
    pub fn get(&self, name: &Name, id: &Id) -> Option<Secret> {
        let time = self.time(name)?;
        let kept = kernel::get(&description(id))?;
        let (seconds, key) = kept.expose().split_once(' ')?;
        (seconds.parse::<u64>().ok()? <= time.as_secs()).then(|| Secret::new(key))
    }

    /// Keeps the key of a sealed file, if the settings ask for it. The cache only saves time, so a
    /// kernel that refuses is no error.
    pub fn put(&self, name: &Name, id: &Id, key: &Secret) {
        let Some(time) = self.time(name) else {
            return;
        };
        let seconds = time.as_secs();
        let text = Secret::new(format!("{seconds} {}", key.expose()));
        match kernel::put(&description(id), &text, time) {
            Ok(()) => tracing::info!(%name, seconds, "kept the key of the sealed file"),
            Err(error) => tracing::info!(%name, %error, "cannot keep the key of the sealed file"),
        }
    }

    /// Forgets the key of a sealed file; false if none was kept.
    pub fn forget(&self, id: &Id) -> bool {
        kernel::forget(&description(id))
    }
}

fn description(id: &Id) -> String {
    format!("{PREFIX}{id}")
}
