//! The command line: one command, one file with its arguments (their comments are the help) and its run.

mod args;
mod audit;
mod before;
mod child;
mod cli;
mod client;
mod complete;
mod curl;
mod doctor;
mod documents;
mod exec;
mod header;
mod key;
mod list;
mod login;
mod logout;
mod manual;
mod provider;
mod refresh;
mod registration;
mod relocate;
mod rotate;
mod schedule;
mod shell;
mod status;
mod token;
mod vault;
mod words;

use crate::app::App;
use crate::credential::{Bound, Entries, Index, Name};
use crate::failure::{Code, Failure};
use crate::lifecycle::Handed;
use crate::output::Output;
use crate::provider::{Header, render};
use crate::ui::{Ui, speaks_to_a_terminal};
use clap::error::ErrorKind;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use cli::Cli;

/// Parses the arguments, runs the command, reports what failed.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let for_curl = before::is_for_curl(arguments);
    let child = before::starts_a_child(arguments);
    if for_curl {
        header::begin();
    }
    let (code, failure, ui) = match Cli::read(arguments) {
        Ok(cli) => {
            let ui = Ui {
                quiet: cli.global.quiet,
                json: cli.global.json,
                no_input: cli.global.no_input,
            };
            let may_prompt = cli.command.may_prompt();
            match App::load(&cli.global, may_prompt).and_then(|app| {
                if cli.command.tells_news() && speaks_to_a_terminal() {
                    schedule::tell_news(&app);
                }
                cli.command.run_on_record(&app)
            }) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(failure) => (failure.code, failure, ui),
            }
        }
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            // `curl $(authctl haeder github)` must not send a bare request either.
            // Below a command that there is, nothing was meant for curl.
            let is_known = before::word(arguments).is_some_and(|word| Cli::knows(&word));
            let mistaken = !is_known
                && matches!(
                    error.kind(),
                    ErrorKind::InvalidSubcommand
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
            let json = arguments.iter().any(|argument| argument == "--json");
            if mistaken && !json && !std::io::stdout().is_terminal() {
                header::begin();
                header::refuse("usage");
            }
            let ui = Ui {
                quiet: false,
                json,
                no_input: true,
            };
            if !ui.json {
                if for_curl {
                    header::refuse("usage");
                }
                let _ = error.print();
                return ExitCode::from(exit_code(Code::Usage, child));
            }
            let message = error.to_string();
            let lines: Vec<&str> = message
                .lines()
                .take_while(|line| !line.is_empty())
                .map(str::trim)
                .collect();
            let message = lines.join(" ").trim_start_matches("error: ").to_owned();
            (
                Code::Usage,
                Failure::new(Code::Usage, message).hint("run `authctl --help`"),
                ui,
            )
        }
    };
    if for_curl {
        header::refuse(&code.name().replace('_', "-"));
    }
    let message = if child && !ui.json {
        format!("{} ({})", failure.message, code.name())
    } else {
        failure.message
    };
    ui.fail(code.name(), &message, failure.hint.as_deref());
    ExitCode::from(exit_code(code, child))
}

/// The exit code of a failure; a command that takes a program's exit code has only three of its own, so that the two
/// can be told apart.
fn exit_code(code: Code, child: bool) -> u8 {
    match code {
        Code::NotExecutable | Code::ProgramNotFound | Code::Interrupted => code as u8,
        _ if child => Code::NotStarted as u8,
        _ => code as u8,
    }
}

pub use shell::COMPLETE;

/// Answers a shell that asks what fits.
pub fn complete() -> ExitCode {
    let answered =
        clap_complete::env::CompleteEnv::with_factory(<Cli as clap::CommandFactory>::command)
            .var(COMPLETE)
            .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref());
    if answered.is_ok_and(|answered| answered) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is left to do when this program itself broke: curl must stop, and the person must know.
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
        Some("please report what you did; nothing that was stored is lost"),
    );
}

/// The entries of the named credentials, each once, or of all.
fn entries(app: &App, names: &[Name]) -> Result<Entries, Failure> {
    let folder = app.paths.credentials();
    if names.is_empty() {
        return Ok(Index::sorted_out(&folder));
    }
    let missing = |name: &Name| crate::lifecycle::Error::NotFound(name.clone());
    let names: BTreeSet<&Name> = names.iter().collect();
    let read = |name| Ok(Index::read(&folder, name)?.ok_or_else(|| missing(name))?);
    Ok(Entries {
        sound: names
            .into_iter()
            .map(read)
            .collect::<Result<_, Failure>>()?,
        damaged: Vec::new(),
    })
}

/// The request headers of a credential.
fn headers(name: &Name, handed: &Handed) -> Result<Vec<Header>, Failure> {
    if handed.templates.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            format!("`{name}` signs requests and is never sent in a header"),
        )
        .hint(format!(
            "run the program that signs: `authctl exec {name} -- COMMAND`"
        )));
    }
    Ok(render(&handed.templates, &handed.parts)?)
}

/// A credential was about to be sent where it does not belong.
fn elsewhere(name: &Name, bound: &Bound, url: &url::Url) -> Failure {
    let origins: Vec<String> = bound.origins.iter().map(ToString::to_string).collect();
    let message = format!(
        "`{name}` does not belong to {}",
        url.origin().ascii_serialization()
    );
    Failure::new(Code::Refused, message).hint(format!("it is bound to {}", origins.join(", ")))
}

/// Warnings of the layers below, which do not print.
fn warn_all(app: &App, warnings: &[String]) {
    for warning in warnings {
        app.ui.warn(warning);
    }
}

/// An answer in the form that was asked for.
fn answer<T: serde::Serialize>(
    output: Output,
    json: impl FnOnce() -> T,
    text: impl FnOnce(Output) -> std::io::Result<()>,
) -> Result<(), Failure> {
    if output.is_json() {
        output.json(&json())
    } else {
        text(output)
    }
    .map_err(Into::into)
}
