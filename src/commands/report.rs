//! Reporting a failure: the message, the exit code, and what curl gets if the output is used as its
//! arguments.

use super::cli::{Cli, command_word, is_for_curl, runs_program};
use super::header;
use crate::failure::{Code, Failure};
use crate::intake::Misplaced;
use crate::ui::Ui;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Reports a failed command, also to curl if the output is used as its arguments.
pub(super) fn report(arguments: &[OsString], ui: Ui, failure: Failure) -> ExitCode {
    let (code, runs_program) = (failure.code, runs_program(arguments));
    if is_for_curl(arguments) {
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
pub(super) fn report_usage(arguments: &[OsString], error: &clap::Error) -> ExitCode {
    let ui = Ui {
        quiet: false,
        json: arguments.iter().any(|argument| argument == "--json"),
        no_input: true,
    };
    // A mistyped `header`, as in `curl $(authctl haeder github)`, must not send a request without a
    // credential either.
    let is_header =
        |word: &String| !Cli::knows(word) && strsim::damerau_levenshtein(word, "header") <= 2;
    let is_mistyped = error.kind() == ErrorKind::InvalidSubcommand
        && command_word(arguments).as_ref().is_some_and(is_header);
    if is_mistyped && !ui.json && !std::io::stdout().is_terminal() {
        header::begin();
        header::refuse("usage");
    }
    let words = || arguments.iter().map(|argument| argument.to_string_lossy());
    let is_exec = command_word(arguments).is_some_and(|word| word == "exec");
    if is_exec && error.kind() == ErrorKind::ValueValidation && !words().any(|word| word == "--") {
        let failure = Failure::usage("the program has no `--` before it")
            .hint("run `authctl exec NAME -- PROGRAM`");
        return report(arguments, ui, failure);
    }
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(other) = usual_command(arguments)
    {
        let failure = Failure::usage("there is no such command").hint(other);
        return report(arguments, ui, failure);
    }
    let message = error.to_string();
    let lines: Vec<&str> = message
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect();
    let message = lines.join(" ").trim_start_matches("error: ").to_owned();
    let failure = Failure::usage(message.as_str()).hint("run `authctl --help`");
    let failure = Misplaced::among(arguments, |_| false).conceal(failure);
    if ui.json || failure.message != message {
        return report(arguments, ui, failure);
    }
    if is_for_curl(arguments) {
        header::refuse("usage");
    }
    let _ = error.print();
    ExitCode::from(exit_code(Code::Usage, runs_program(arguments)))
}

/// What to run in place of a command of another program.
fn usual_command(arguments: &[OsString]) -> Option<&'static str> {
    let mut words = arguments
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .filter(|word| !word.starts_with('-'));
    let (first, second) = (words.next()?, words.next());
    Some(match (first, second) {
        ("key", Some("list" | "ls")) | ("ls" | "keys" | "credentials" | "logins", _) => {
            "run `authctl list`"
        }
        ("key", Some("show" | "info")) | ("show" | "info", _) => "run `authctl status NAME`",
        ("key", Some("get" | "print")) | ("get" | "print" | "print-token", _) => {
            "run `authctl token NAME`"
        }
        ("key", Some("delete" | "rm" | "del")) | ("delete" | "rm" | "remove", _) => {
            "run `authctl key remove NAME`, or `authctl logout NAME` for a login"
        }
        ("key", Some("new" | "create")) | ("add" | "set" | "store", _) => {
            "run `authctl key add NAME`"
        }
        ("auth" | "signin", _) => "run `authctl login NAME`",
        _ => return None,
    })
}

/// The exit code of a failure. A command that exits with the code of a program has only three codes
/// of its own, so that its failures can be told apart from those of the program.
fn exit_code(code: Code, runs_program: bool) -> u8 {
    match code {
        Code::NotExecutable | Code::ProgramNotFound | Code::Interrupted => code as u8,
        _ if runs_program => Code::NotStarted as u8,
        _ => code as u8,
    }
}

/// Reports a defect of this program: curl must stop, and the user must know.
pub fn report_defect(arguments: &[OsString]) {
    if is_for_curl(arguments) {
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
        Some("please report this; no stored credential was lost"),
    );
}
