//! The file lock by which one process at a time logs in to a name, and the result it leaves for the
//! processes that waited.

use super::Context;
use crate::credential::Name;
use crate::disk::{Lock, LockError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The turn of this process to log in.
pub struct Turn {
    /// When this process began to wait.
    pub began: Timestamp,
    /// Whether it had to wait for another process.
    pub waited: bool,
    path: PathBuf,
    lock: Option<Lock>,
}

/// How a failed login ended, in the lock file itself. It contains no secret.
#[derive(Serialize, Deserialize)]
struct Ended {
    at: Timestamp,
    message: String,
}

impl Turn {
    /// Takes the turn if no other process is logging in to `name`. `began` and `waited` are those
    /// of the caller.
    pub fn take(
        context: &Context<'_>,
        name: &Name,
        began: Timestamp,
        waited: bool,
    ) -> Option<Self> {
        let path = context.paths.login_lock(name);
        let lock = match Lock::acquire(&path, Duration::ZERO) {
            Ok(lock) => Some(lock),
            Err(LockError::Busy { .. }) => return None,
            // Without locks two browsers may open, which does no harm. That nothing can be saved is
            // reported later.
            Err(LockError::Disk(_)) => None,
        };
        Some(Self {
            began,
            waited,
            path,
            lock,
        })
    }

    /// Why the login failed for which this one waited. A person who refused once is not asked
    /// again.
    pub fn failure_of_other(&self) -> Option<String> {
        let text = std::fs::read(&self.path).ok().filter(|_| self.waited)?;
        let ended: Ended = serde_json::from_slice(&text).ok()?;
        (ended.at >= self.began).then_some(ended.message)
    }

    /// Leaves the failure for those who wait. If it cannot be left, each of them asks for itself.
    pub fn leave_failure(&self, message: &str) {
        let ended = Ended {
            at: Timestamp::now(),
            message: message.to_owned(),
        };
        if let Ok(text) = serde_json::to_vec(&ended)
            && self.lock.is_some()
        {
            let _ = std::fs::write(&self.path, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    #[test]
    fn those_who_waited_learn_of_a_failure_that_is_newer_than_their_wait() {
        let home = Home::new();
        let (context, name) = (home.context(), "acme".parse().unwrap());
        let began = Timestamp::now();
        let first = Turn::take(&context, &name, began, false).unwrap();
        assert!(
            Turn::take(&context, &name, began, true).is_none(),
            "one at a time"
        );
        first.leave_failure("access_denied");
        assert_eq!(first.failure_of_other(), None, "it did not wait");
        drop(first);
        let second = Turn::take(&context, &name, began, true).unwrap();
        assert_eq!(second.failure_of_other().as_deref(), Some("access_denied"));
        drop(second);
        let later = Turn::take(&context, &name, Timestamp::now(), true).unwrap();
        assert_eq!(later.failure_of_other(), None);
    }
}
