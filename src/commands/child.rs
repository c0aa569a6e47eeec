//! Programs that this one makes room for: `curl` and what `exec` runs.

use crate::failure::{Code, Failure};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::process::Command;

/// Becomes the program: its signals, its exit code and the terminal are its own from here on. Comes back only when it
/// could not be started.
#[cfg(unix)]
pub(super) fn replace(mut command: Command) -> Result<Infallible, Failure> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(not_started(&command, &error))
}

/// Runs the program to its end and ends with its exit code. Ctrl-C reaches the program by itself, which decides.
#[cfg(not(unix))]
pub(super) fn replace(mut command: Command) -> Result<Infallible, Failure> {
    let mut child = command
        .spawn()
        .map_err(|error| not_started(&command, &error))?;
    let _shield = crate::signals::shield();
    let status = child.wait()?;
    std::process::exit(status.code().unwrap_or(1))
}

/// As `env` and the shells have it: 127 for a program that is not there, 126 for one that cannot be run.
fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    let code = match error.kind() {
        ErrorKind::NotFound => Code::ProgramNotFound,
        _ => Code::NotExecutable,
    };
    Failure::new(code, format!("cannot run `{program}`: {error}"))
}
