//! Many logins of one name at once: one of them opens the browser, the others wait for what becomes of it.

use crate::acquire::Found;
use crate::app::App;
use crate::credential::{Kind, Name, scope_words};
use crate::disk::{Lock, LockError};
use crate::failure::{Code, Failure};
use crate::http::interruption;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// How often it is looked whether the other login is over.
const PAUSE: Duration = Duration::from_millis(100);

/// The turn of this process to log in.
pub(super) struct Turn {
    /// Whether another login was waited for.
    pub waited: bool,
    began: Timestamp,
    _lock: Option<Lock>,
}

/// Waits until no other process logs in to `name`, for at most `patience`.
pub(super) fn wait(app: &App, name: &Name, patience: Duration) -> Result<Turn, Failure> {
    let path = app.paths.login_lock(name);
    let began = Timestamp::now();
    let take = |waited| match Lock::acquire(&path, Duration::ZERO) {
        Ok(lock) => Some(Turn { waited, began, _lock: Some(lock) }),
        Err(LockError::Busy { .. }) => None,
        // Without locks there may be two browsers, which is no harm; that nothing can be kept is told later and better.
        Err(LockError::Disk(_)) => Some(Turn { waited, began, _lock: None }),
    };
    if let Some(turn) = take(false) {
        return Ok(turn);
    }
    let _spinner = app.ui.spinner(&format!("another authctl is logging in to {name} already; waiting for it"));
    let start = Instant::now();
    app.network.run(async {
        let mut interrupted = std::pin::pin!(interruption());
        loop {
            tokio::select! {
                () = &mut interrupted => return Err(Failure::new(Code::Interrupted, "interrupted, nothing was changed")),
                () = tokio::time::sleep(PAUSE) => {}
            }
            if let Some(turn) = take(true) {
                return Ok(turn);
            }
            if start.elapsed() >= patience {
                return Err(Failure::new(Code::Failed, format!("another authctl is still logging in to `{name}`"))
                    .hint("finish that login in its browser, or stop it"));
            }
        }
    })?
}

impl Turn {
    /// Whether what the other process got is what this one came for.
    pub(super) fn is_answered_by(&self, found: &Found, scopes: &[String]) -> bool {
        let granted = &found.record.bound.scopes;
        let enough = scope_words(&scopes.join(" ")).iter().all(|scope| granted.contains(scope));
        found.record.kind() == Some(Kind::Login) && found.index.changed_at >= self.began && enough
    }
}
