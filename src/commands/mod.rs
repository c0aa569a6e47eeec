//! The command line: one command, one file with its arguments (their comments are the help) and its
//! run.

mod args;
mod audit;
mod child;
mod cli;
mod client;
mod client_secret;
mod complete;
mod curl;
mod doctor;
mod documents;
mod exec;
mod first_step;
mod header;
mod help;
mod keep;
mod key;
mod list;
mod lock;
mod login;
mod logout;
mod manual;
mod pager;
mod provider;
mod refresh;
mod relocate;
mod rename;
mod report;
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
use crate::credential::{Bound, Entries, Entry, Name};
use crate::failure::{Code, Failure};
use crate::intake::Misplaced;
use crate::lifecycle::{Handed, sending};
use crate::output::Output;
use crate::provider::{Header, render};
use crate::ui::speaks_to_a_terminal;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;

use cli::Cli;
use first_step::first_step;
use report::{report, report_usage};

#[cfg(any(test, fuzzing))]
pub use curl::fuzz;
pub use keep::keep;
pub use report::report_defect;
pub use shell::COMPLETE;

/// Parses the arguments, runs the command, and reports a failure.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let for_curl = cli::is_for_curl(arguments);
    if for_curl {
        header::begin();
    }
    match Cli::read(arguments) {
        Ok(cli) => {
            let ui = cli.global.ui();
            match run_command(cli, arguments) {
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

/// Runs a command, and writes its outcome to the audit log. A secret that was typed as an argument
/// is repeated neither there nor in the terminal.
fn run_command(cli: Cli, arguments: &[OsString]) -> Result<(), Failure> {
    // A key is of no use to it.
    let is_refresh = matches!(cli.command, cli::Command::Refresh(_));
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
    let result = command.run(&app).map_err(|failure| {
        let failure = match &event {
            None if !is_refresh => first_step(&app, failure),
            // What is to be removed or changed is not stored first.
            _ => failure,
        };
        Misplaced::among(arguments, |text| is_known(&app, text)).conceal(failure)
    });
    if let Some((event, name)) = event.filter(|_| !app.is_logged.get()) {
        let failure = result.as_ref().err();
        let is_told = |name: &String| failure.is_none() || is_known(&app, name);
        let (known, unknown) = match name {
            Some(name) if !is_told(&name) => (None, Some(name)),
            name => (name, None),
        };
        let (outcome, detail) = outcome(failure);
        // A password may be short.
        let detail = detail.map(|text| match &unknown {
            Some(name) => text.replace(name.as_str(), "…"),
            None => text.to_owned(),
        });
        Event::now(&event, known, outcome, detail.as_deref()).append(&app.paths.audit());
    }
    result
}

/// Whether a text is the name of a credential or a provider.
fn is_known(app: &App, text: &str) -> bool {
    let is_credential = |name: Name| app.index.find(&name).is_ok_and(|entry| entry.is_some());
    text.parse().is_ok_and(is_credential) || app.catalogue.find(text).is_ok_and(|row| row.is_some())
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

/// A command with its arguments.
pub(super) trait Run {
    /// How the program behaves while it runs.
    fn profile(&self) -> Profile;

    /// Runs it.
    ///
    /// # Errors
    /// The command failed.
    fn run(self: Box<Self>, app: &App) -> Result<(), Failure>;
}

/// How the program behaves while a command runs.
#[derive(Debug)]
pub(super) struct Profile {
    /// Whether the command may prompt. Commands that scripts call must not.
    pub prompts: bool,
    /// Whether a failed scheduled run is reported first; false for commands that scripts wait for.
    pub reports_runs: bool,
    /// The event for the audit log, and what it concerns; `None` if the command only reads, or
    /// writes its own events.
    pub event: Option<(String, Option<String>)>,
}

impl Profile {
    /// A command that scripts call.
    pub fn script() -> Self {
        Self {
            prompts: false,
            reports_runs: false,
            event: None,
        }
    }

    /// A command that people call and that never prompts.
    pub fn reading() -> Self {
        Self {
            reports_runs: true,
            ..Self::script()
        }
    }

    /// A command that may ask something.
    pub fn asking() -> Self {
        Self {
            prompts: true,
            ..Self::reading()
        }
    }

    /// The same, with an event for the audit log.
    pub fn logged(self, event: &str, name: Option<impl ToString>) -> Self {
        Self {
            event: Some((event.to_owned(), name.map(|name| name.to_string()))),
            ..self
        }
    }
}

/// What `convert` makes of the entries of the named credentials, each once, or of all entries.
fn entries<T: Send>(
    app: &App,
    names: &[Name],
    convert: impl Fn(Entry) -> T + Sync,
) -> Result<Entries<T>, Failure> {
    if names.is_empty() {
        return Ok(app.index.read_all(convert)?);
    }
    let names: BTreeSet<&Name> = names.iter().collect();
    let read = |name| Ok(convert(app.index.entry(name)?));
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
