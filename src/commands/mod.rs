//! The command line: one command, one file with its arguments (their comments are the help) and its
//! run.

mod args;
mod audit;
mod before;
mod child;
mod cli;
mod client;
mod client_secret;
mod complete;
mod curl;
mod doctor;
mod documents;
mod exec;
mod groups;
mod header;
mod keep;
mod key;
mod list;
mod login;
mod logout;
mod manual;
mod pager;
mod profile;
mod provider;
mod refresh;
mod relocate;
mod rename;
mod rotate;
mod schedule;
mod shell;
mod status;
mod token;
mod vault;
mod words;

use crate::app::App;
use crate::audit::Event;
use crate::code::Outcome;
use crate::credential::{Bound, Entries, Name};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Handed, sending};
use crate::output::Output;
use crate::provider::{Header, render};
use crate::ui::{Ui, speaks_to_a_terminal};
use clap::error::ErrorKind;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use cli::Cli;
use profile::Profile;

/// Parses the arguments, runs the command, and reports a failure.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let for_curl = before::is_for_curl(arguments);
    if for_curl {
        header::begin();
    }
    match Cli::read(arguments) {
        Ok(cli) => {
            let ui = cli.global.ui();
            match run_command(cli) {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => report(arguments, ui, failure),
            }
        }
        // Help and version.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            ExitCode::SUCCESS
        }
        Err(error) => report_usage(arguments, &error),
    }
}

/// The whole command line, for the manual.
fn command_line() -> clap::Command {
    Cli::grouped()
}

/// Runs a command, and writes its outcome to the audit log.
fn run_command(cli: Cli) -> Result<(), Failure> {
    let command = cli.command.into_run();
    let Profile {
        prompts,
        reports_runs,
        event,
    } = command.profile();
    let app = App::load(&cli.global, prompts)?;
    if reports_runs && speaks_to_a_terminal() {
        schedule::report_failed_run(&app);
    }
    let result = command.run(&app);
    if let Some((event, name)) = event.filter(|_| !app.is_logged.get()) {
        let (outcome, detail) = outcome(result.as_ref().err());
        Event::now(&event, name, outcome, detail).append(&app.paths.audit());
    }
    result
}

/// The outcome of a command, as recorded in the audit log.
fn outcome(failure: Option<&Failure>) -> (Outcome, Option<&str>) {
    failure.map_or((Outcome::DONE, None), |failure| {
        (
            Outcome::Failed(failure.code),
            Some(failure.message.as_str()),
        )
    })
}

/// Reports a failed command, also to curl if the output is used as its arguments.
fn report(arguments: &[OsString], ui: Ui, failure: Failure) -> ExitCode {
    let (code, runs_program) = (failure.code, before::runs_program(arguments));
    if before::is_for_curl(arguments) {
        header::refuse(&code.name().replace('_', "-"));
    }
    let message = if runs_program && !ui.json {
        format!("{} ({})", failure.message, code.name())
    } else {
        failure.message
    };
    ui.fail(code.name(), &message, failure.hint.as_deref());
    ExitCode::from(exit_code(code, runs_program))
}

/// Reports a usage error.
fn report_usage(arguments: &[OsString], error: &clap::Error) -> ExitCode {
    let ui = Ui {
        quiet: false,
        json: arguments.iter().any(|argument| argument == "--json"),
        no_input: true,
    };
    // A mistyped command, as in `curl $(authctl haeder github)`, must not send a request without a
    // credential either.
    let is_known = before::word(arguments).is_some_and(|word| Cli::knows(&word));
    let is_mistyped = !is_known
        && matches!(
            error.kind(),
            ErrorKind::InvalidSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
    if is_mistyped && !ui.json && !std::io::stdout().is_terminal() {
        header::begin();
        header::refuse("usage");
    }
    if ui.json {
        let message = error.to_string();
        let lines: Vec<&str> = message
            .lines()
            .take_while(|line| !line.is_empty())
            .map(str::trim)
            .collect();
        let message = lines.join(" ").trim_start_matches("error: ").to_owned();
        return report(
            arguments,
            ui,
            Failure::usage(message).hint("run `authctl --help`"),
        );
    }
    if before::is_for_curl(arguments) {
        header::refuse("usage");
    }
    let _ = error.print();
    ExitCode::from(exit_code(Code::Usage, before::runs_program(arguments)))
}

/// The exit code of a failure. A command that exits with the code of a program has only three codes
/// of its own, so that the two can be told apart.
fn exit_code(code: Code, runs_program: bool) -> u8 {
    match code {
        Code::NotExecutable | Code::ProgramNotFound | Code::Interrupted => code as u8,
        _ if runs_program => Code::NotStarted as u8,
        _ => code as u8,
    }
}

pub use keep::keep;
pub use shell::COMPLETE;

/// Answers a shell that completes a command line.
pub fn complete() -> ExitCode {
    let answered = clap_complete::env::CompleteEnv::with_factory(Cli::grouped)
        .var(COMPLETE)
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref());
    if answered.is_ok_and(|answered| answered) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Reports a defect of this program: curl must stop, and the user must know.
pub fn report_defect(arguments: &[OsString]) {
    if before::is_for_curl(arguments) {
        header::refuse("failed");
    }
    let ui = Ui {
        quiet: false,
        json: arguments.iter().any(|argument| argument == "--json"),
        no_input: true,
    };
    ui.fail(
        Code::Failed.name(),
        "internal error",
        Some("please report this; no stored credential is lost"),
    );
}

/// The entries of the named credentials, each once, or all entries.
fn entries(app: &App, names: &[Name]) -> Result<Entries, Failure> {
    if names.is_empty() {
        return Ok(app.index.all());
    }
    let names: BTreeSet<&Name> = names.iter().collect();
    let read = |name| Ok(app.index.entry(name)?);
    Ok(Entries {
        readable: names
            .into_iter()
            .map(read)
            .collect::<Result<_, Failure>>()?,
        damaged: Vec::new(),
    })
}

/// The request headers of a credential.
fn headers(app: &App, name: &Name, handed: &Handed) -> Result<Vec<Header>, Failure> {
    let sending = sending(&app.context(), name, handed)?;
    if sending.headers.is_empty() {
        return Err(Failure::usage(format!(
            "`{name}` signs requests and is never sent in a header"
        ))
        .hint(format!(
            "run a program that signs them: `authctl exec {name} -- COMMAND`"
        )));
    }
    Ok(render(&sending.headers, &handed.parts)?)
}

/// A credential must not be sent to an origin that it is not bound to.
fn elsewhere(name: &Name, bound: &Bound, url: &url::Url) -> Failure {
    let origins: Vec<String> = bound.origins.iter().map(ToString::to_string).collect();
    let message = format!(
        "`{name}` is not bound to {}",
        url.origin().ascii_serialization()
    );
    Failure::new(Code::Refused, message).hint(format!("it is bound to {}", origins.join(", ")))
}

/// Prints the answer, in the form that was asked for.
fn answer<T: serde::Serialize>(
    app: &App,
    json: impl FnOnce() -> T,
    text: impl FnOnce(Output) -> std::io::Result<()>,
) -> Result<(), Failure> {
    if app.output.is_json() {
        app.output.json(&json())?;
    } else {
        text(app.output)?;
    }
    Ok(())
}
