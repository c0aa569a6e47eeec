//! The folders: that of `AUTHCTL_HOME`, or the XDG folders.

use crate::credential::{Index, Name};
use crate::disk::{self, Lock, LockError};
use std::path::PathBuf;
use std::time::Duration;

/// The paths of all files.
#[derive(Clone, Debug)]
pub struct Paths {
    config: PathBuf,
    data: PathBuf,
}

impl Paths {
    /// The paths for this environment; `None` if the system has no home folder for this user, or a
    /// relative one.
    pub fn from_environment() -> Option<Self> {
        if let Some(home) = std::env::var_os("AUTHCTL_HOME").filter(|home| !home.is_empty()) {
            // An absolute path, so that the result does not depend on the current folder of a later
            // call.
            let home = std::path::absolute(home).ok()?;
            return Some(Self {
                config: home.clone(),
                data: home,
            });
        }
        // Without HOME, the library would ask glibc, whose modules a static program cannot load.
        let is_static = cfg!(all(target_env = "gnu", target_feature = "crt-static"));
        if is_static && std::env::var_os("HOME").is_none_or(|home| home.is_empty()) {
            return None;
        }
        use etcetera::BaseStrategy;
        let base = etcetera::choose_base_strategy().ok()?;
        // A relative path would mean a different folder in each working directory.
        if base.config_dir().is_relative() || base.data_dir().is_relative() {
            return None;
        }
        Some(Self {
            config: base.config_dir().join("authctl"),
            data: base.data_dir().join("authctl"),
        })
    }

    /// One folder for everything.
    #[cfg(any(test, fuzzing))]
    pub fn in_one(home: &std::path::Path) -> Self {
        Self {
            config: home.to_owned(),
            data: home.to_owned(),
        }
    }

    /// Checks that files can be stored, by creating and deleting one beside the index, and that
    /// files can be locked.
    ///
    /// # Errors
    /// The disk refused, or other users can read the folder.
    pub fn try_writing(&self) -> Result<(), disk::Error> {
        disk::Reserved::beside(&self.data.join("credentials/try"), 4096).map(drop)?;
        match Lock::acquire(&self.data.join("locks/.try"), Duration::ZERO) {
            Err(LockError::Disk(error)) => Err(error),
            // A lock that another process holds works.
            Ok(_) | Err(LockError::Busy { .. }) => Ok(()),
        }
    }

    /// The user's settings.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The user's own catalogue rows.
    pub fn providers(&self) -> PathBuf {
        self.config.join("providers")
    }

    /// The user's OAuth client registrations.
    pub fn clients(&self) -> PathBuf {
        self.config.join("clients")
    }

    /// The index.
    pub fn index(&self) -> Index {
        Index::new(self.data.join("credentials"))
    }

    /// The sealed files.
    pub fn sealed(&self) -> PathBuf {
        self.data.join("sealed")
    }

    /// The outcome of the last scheduled run.
    pub fn last_run(&self) -> PathBuf {
        self.data.join("last-run.toml")
    }

    /// The audit log.
    pub fn audit(&self) -> PathBuf {
        self.data.join("audit.jsonl")
    }

    /// The vault.
    pub fn vault(&self) -> PathBuf {
        self.data.join("vault")
    }

    /// The lock of a provider's client. No account can have this name.
    pub fn client_lock(&self, provider: &str) -> PathBuf {
        Lock::path(&self.data.join("locks"), provider, ".client")
    }

    /// The lock of a login in progress, so that one browser opens for many processes that wait. No
    /// account can have this name.
    pub fn login_lock(&self, name: &Name) -> PathBuf {
        Lock::path(
            &self.data.join("locks"),
            name.provider(),
            &format!(".login-{}", name.account()),
        )
    }

    /// The lock of one credential.
    pub fn lock(&self, name: &Name) -> PathBuf {
        Lock::path(&self.data.join("locks"), name.provider(), name.account())
    }
}
