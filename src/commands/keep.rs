//! The hidden command of a keeper: does what its caller asks for, and gives the outcome.

use crate::app::App;
use crate::failure::Failure;
use crate::keeper::{Call, Outcome, Request, answer, receive};
use crate::lifecycle::{REFRESH, Refresh, refresh_in_keeper};
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
            Ok(refresh_in_keeper(&app.context(), call.lock, &task)?)
        }),
        _ => ExitCode::FAILURE,
    }
}

/// Does one task.
fn work<T: DeserializeOwned, R: Serialize>(
    call: &Call,
    task: impl FnOnce(&App, T) -> Result<R, Failure>,
) -> ExitCode {
    // A caller that died before it had written the whole request asks for nothing.
    let Ok(request) = serde_json::from_slice::<Request<T>>(&call.request) else {
        return ExitCode::FAILURE;
    };
    let done = App::for_keeper(request.verbosity, request.identity)
        .and_then(|app| task(&app, request.task));
    answer(&match done {
        Ok(done) => Outcome::Done(done),
        Err(failure) => Outcome::Failed(failure.into()),
    });
    ExitCode::SUCCESS
}
