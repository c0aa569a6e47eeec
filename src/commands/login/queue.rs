//! Waiting for another process that logs in to the same name, and reporting its result.

use super::args::LoginArgs;
use crate::app::App;
use crate::credential::{Kind, Name, is_granted, scope_words};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Found, Turn};
use crate::signals::shield;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// How long to wait before checking again whether the other login has finished.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until no other process is logging in to `name`, for at most `patience`.
pub(super) fn wait(app: &App, name: &Name, patience: Duration) -> Result<Turn, Failure> {
    let context = app.context();
    let began = Timestamp::now();
    if let Some(turn) = Turn::take(&context, name, began, false) {
        return Ok(turn);
    }
    let _spinner = app.ui.spinner(&format!(
        "waiting for another authctl process that is logging in to {name}"
    ));
    let start = Instant::now();
    let shield = shield();
    app.network.run(async {
        loop {
            tokio::select! {
                () = shield.interrupted() => return Err(Failure::interrupted()),
                () = tokio::time::sleep(PAUSE) => {}
            }
            if let Some(turn) = Turn::take(&context, name, began, true) {
                return Ok(turn);
            }
            if start.elapsed() >= patience {
                let message = format!("another authctl process is still logging in to `{name}`");
                return Err(Failure::new(Code::Failed, message)
                    .hint("finish that login in its browser, or stop the process"));
            }
        }
    })?
}

/// Whether the other login, which has finished, satisfies this request.
pub(super) fn is_answered_by(turn: &Turn, found: &Found, args: &LoginArgs) -> bool {
    let bound = &found.record.bound;
    // A login with settings of its own is not answered by another one.
    let is_plain = !args.replace
        && !args.only_scope
        && args.origin.is_empty()
        && args.set.is_empty()
        && !args.client_secret_stdin;
    let same_client = args.client_id.is_none() || args.client_id == bound.client_id;
    let has_scopes = scope_words(&args.scope.join(" "))
        .iter()
        .all(|scope| is_granted(scope, &bound.scopes));
    let is_new = found
        .entry
        .login
        .logged_in_at
        .is_some_and(|at| at >= turn.began);
    turn.waited
        && is_plain
        && same_client
        && has_scopes
        && is_new
        && found.record.kind() == Some(Kind::Login)
}
