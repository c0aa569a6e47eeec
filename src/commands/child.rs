//! Programs that replace this one: `curl`, and what `exec` runs.

use crate::failure::{Code, Failure};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::process::Command;

/// Replaces this process with the program, which gets its signals, its terminal and its exit code.
/// Returns only if the program could not be started.
#[cfg(unix)]
pub(super) fn replace(mut command: Command) -> Result<Infallible, Failure> {
    use std::os::unix::process::CommandExt;
    crate::keeper::reap();
    let error = command.exec();
    Err(not_started(&command, &error))
}

/// Runs the program and exits with its exit code. The program gets Ctrl-C as well, and decides what
/// to do.
#[cfg(not(unix))]
pub(super) fn replace(mut command: Command) -> Result<Infallible, Failure> {
    let mut child = command
        .spawn()
        .map_err(|error| not_started(&command, &error))?;
    let _shield = crate::signals::shield();
    let status = child.wait()?;
    std::process::exit(status.code().unwrap_or(1))
}

/// As in `env` and the shells: 127 for a program that does not exist, 126 for one that cannot be
/// run.
fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    let code = match error.kind() {
        ErrorKind::NotFound => Code::ProgramNotFound,
        _ => Code::NotExecutable,
    };
    Failure::new(code, format!("cannot run `{program}`: {error}"))
}
