//! The hidden command of a keeper: does what its caller asks for, and gives the outcome.

use crate::app::App;
use crate::audit::Event;
use crate::code;
use crate::credential::Name;
use crate::failure::Failure;
use crate::keeper::{Call, Outcome, Reported, Request, answer, receive};
use crate::lifecycle::{
    self, Done, LOGIN, Login, LoginError, REFRESH, Refresh, log_in_here, refresh_here,
};
use crate::oauth::TokenError;
use crate::rotation::{ROTATE, Rotate, Rotated, Trouble, rotate_in_keeper};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs a keeper. `arguments` are those after the hidden command.
pub fn keep(arguments: &[OsString]) -> ExitCode {
    let Ok(call) = receive(arguments) else {
        return ExitCode::FAILURE;
    };
    match call.what.as_str() {
        REFRESH => work(&call, |app, task: Refresh| {
            refresh_here(&app.context(), call.lock, &task).map_err(|error| {
                let store = match &error {
                    lifecycle::Error::Store(error) => Some(error.store()),
                    _ => None,
                };
                Reported {
                    store,
                    ..Failure::from(error).into()
                }
            })
        }),
        LOGIN => work(&call, |app, task: Login| log_in(app, call.lock, &task)),
        ROTATE => work(&call, |app, task: Rotate| Ok(rotate(app, call.lock, &task))),
        _ => ExitCode::FAILURE,
    }
}

/// Finishes a login and records it in the audit log, because the caller may have ended by then.
fn log_in(app: &App, lock: Option<i32>, task: &Login) -> Result<Done, Reported> {
    let done = log_in_here(&app.context(), lock, task).map_err(|error| {
        let is_unknown_client = matches!(
            &error,
            LoginError::Token(TokenError::Denied { code, .. })
                if code == "invalid_client" || code == "unauthorized_client"
        );
        let is_answer = matches!(
            &error,
            LoginError::Token(TokenError::Denied { .. } | TokenError::Unusable { .. })
        );
        let mut failure = Failure::from(error);
        let of_client = Some(task.client_hint.as_str()).filter(|_| is_unknown_client);
        let of_row = task.row_hint.as_deref().filter(|_| is_answer);
        let hints: Vec<&str> = of_client.into_iter().chain(of_row).collect();
        if !hints.is_empty() {
            failure = failure.hint(hints.join("; "));
        }
        Reported {
            is_logged: true,
            ..failure.into()
        }
    });
    log(app, "login", &task.attempt.name, done.as_ref().err());
    done
}

/// Rotates a key and records it in the audit log, because the caller may have ended by then.
fn rotate(app: &App, lock: Option<i32>, task: &Rotate) -> Rotated {
    let mut warnings = Vec::new();
    let report = rotate_in_keeper(&app.context(), lock, task, &mut warnings);
    let report = report.map_err(|error| Trouble::of(error, |error| Failure::from(error).into()));
    match &report {
        Ok(_) => log(app, "rotate", &task.name, None),
        Err(Trouble::Failed(failure)) => log(app, "rotate", &task.name, Some(failure)),
        // The caller goes on with these.
        Err(Trouble::Manual | Trouble::NotAgreed { .. }) => {}
    }
    Rotated { report, warnings }
}

fn log(app: &App, event: &str, name: &Name, failure: Option<&Reported>) {
    let (outcome, detail) = match failure {
        None => (code::Outcome::DONE, None),
        Some(failure) => (
            code::Outcome::Failed(failure.code),
            Some(failure.message.as_str()),
        ),
    };
    Event::now(event, Some(name.to_string()), outcome, detail).append(&app.paths.audit());
}

/// Performs one task, reports its outcome, and exits.
fn work<T: DeserializeOwned, R: Serialize>(
    call: &Call,
    task: impl FnOnce(&App, T) -> Result<R, Reported>,
) -> ExitCode {
    // A caller that died before it had written the whole request asks for nothing.
    let Ok(request) = serde_json::from_slice::<Request<T>>(&call.request) else {
        return ExitCode::FAILURE;
    };
    let app = match App::for_keeper(request.verbosity, request.stores) {
        Ok(app) => app,
        Err(failure) => {
            answer(&Outcome::<R>::Failed(failure.into()));
            return ExitCode::FAILURE;
        }
    };
    answer(&match task(&app, request.task) {
        Ok(done) => Outcome::Done(done),
        Err(failure) => Outcome::Failed(failure),
    });
    // At once: dropping the network would wait for a name server that does not answer, with the
    // lock held.
    std::process::exit(0)
}
