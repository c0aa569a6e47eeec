//! Many logins of one name at once: one of them opens the browser, the others wait for what becomes of it.

use super::LoginArgs;
use crate::app::App;
use crate::credential::{Kind, Name, scope_words};
use crate::disk::{Lock, LockError};
use crate::failure::{Code, Failure};
use crate::lifecycle::Found;
use crate::signals::shield;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often it is looked whether the other login is over.
const PAUSE: Duration = Duration::from_millis(100);

/// The turn of this process to log in.
pub(super) struct Turn {
    waited: bool,
    began: Timestamp,
    path: PathBuf,
    _lock: Option<Lock>,
}

/// How the last turn ended that did not end well, in the lock file itself. It holds no secret.
#[derive(Serialize, Deserialize)]
struct Ended {
    at: Timestamp,
    message: String,
}

/// Waits until no other process logs in to `name`, for at most `patience`.
pub(super) fn wait(app: &App, name: &Name, patience: Duration) -> Result<Turn, Failure> {
    let path = app.paths.login_lock(name);
    let began = Timestamp::now();
    let take = |waited| match Lock::acquire(&path, Duration::ZERO) {
        Ok(lock) => Some(Turn {
            waited,
            began,
            path: path.clone(),
            _lock: Some(lock),
        }),
        Err(LockError::Busy { .. }) => None,
        // Without locks there may be two browsers, which is no harm; that nothing can be kept is told later and better.
        Err(LockError::Disk(_)) => Some(Turn {
            waited,
            began,
            path: path.clone(),
            _lock: None,
        }),
    };
    if let Some(turn) = take(false) {
        return Ok(turn);
    }
    let _spinner = app.ui.spinner(&format!(
        "another authctl is logging in to {name} already; waiting for it"
    ));
    let start = Instant::now();
    let shield = shield();
    app.network.run(async {
        loop {
            tokio::select! {
                () = shield.interrupted() => return Err(Failure::new(Code::Interrupted, "interrupted, nothing was changed")),
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
    /// Whether a login that was waited for got what this one came for.
    pub(super) fn is_answered_by(&self, found: &Found, args: &LoginArgs) -> bool {
        let bound = &found.record.bound;
        // Whoever asks for something of their own is not answered by what another one got.
        let plain = !args.replace
            && !args.only_scope
            && args.origin.is_empty()
            && args.set.is_empty()
            && !args.client_secret_stdin;
        let same_client = args.client_id.is_none() || args.client_id == bound.client_id;
        let enough = scope_words(&args.scope.join(" "))
            .iter()
            .all(|scope| bound.scopes.contains(scope));
        let since = found.index.logged_in_at.is_some_and(|at| at >= self.began);
        self.waited
            && plain
            && same_client
            && enough
            && since
            && found.record.kind() == Some(Kind::Login)
    }

    /// The failure that a login had for which this one waited: a person who said no once is not asked again.
    pub(super) fn refused(&self) -> Option<Failure> {
        let ended: Ended =
            serde_json::from_slice(&std::fs::read(&self.path).ok().filter(|_| self.waited)?)
                .ok()?;
        (ended.at >= self.began).then(|| {
            Failure::new(
                Code::Failed,
                format!("another authctl asked meanwhile: {}", ended.message),
            )
        })
    }

    /// Leaves word for those who wait. Without it each of them asks for itself.
    pub(super) fn leave(&self, failure: &Failure) {
        let ended = Ended {
            at: Timestamp::now(),
            message: failure.message.clone(),
        };
        if let Ok(text) = serde_json::to_vec(&ended)
            && self._lock.is_some()
        {
            let _ = std::fs::write(&self.path, text);
        }
    }
}
