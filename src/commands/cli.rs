//! The command line: which commands there are, how the arguments are parsed, and what they say
//! before that: if they are wrong, the answer still depends on which command was meant.

use super::help::{EXAMPLES, LONG, command_list};
use super::{
    Run, audit, client, curl, doctor, exec, header, key, list, lock, login, logout, provider,
    refresh, relocate, rename, rotate, schedule, shell, status, token, vault,
};
use crate::app::Global;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Store API keys and OAuth logins in the OS keychain, and hand fresh tokens and headers to the
/// shell
#[derive(Parser, Debug)]
#[command(name = "authctl", version, arg_required_else_help = true, after_help = EXAMPLES, after_long_help = LONG)]
pub(super) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Token(token::TokenArgs),
    Header(header::HeaderArgs),
    Curl(curl::CurlArgs),
    Exec(exec::ExecArgs),
    Refresh(refresh::RefreshArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Key(key::KeyCommand),
    Move(relocate::MoveArgs),
    Rename(rename::RenameArgs),
    Rotate(rotate::RotateArgs),
    #[command(subcommand)]
    Schedule(schedule::ScheduleCommand),
    #[command(subcommand)]
    Client(client::ClientCommand),
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    Lock(lock::LockArgs),
    Doctor(doctor::DoctorArgs),
    Audit(audit::AuditArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

impl Cli {
    /// Parses the arguments. A command that scripts call often is parsed alone, since setting up
    /// the whole command line takes longer than reading a cached token.
    ///
    /// # Errors
    /// The arguments are invalid or ask for help. The error is the one that the full parser
    /// reports.
    pub(super) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let quick = match command_word(arguments).as_deref() {
            Some("token") => alone("token", arguments, Command::Token),
            Some("header") => alone("header", arguments, Command::Header),
            Some("curl") => alone("curl", arguments, Command::Curl),
            Some("exec") => alone("exec", arguments, Command::Exec),
            _ => None,
        };
        match quick {
            Some(cli) => Ok(cli),
            None if is_version(arguments) => Err(version(arguments)),
            None => Self::from_arg_matches(&Self::grouped().try_get_matches_from(arguments)?),
        }
    }

    /// The whole command line, with the commands in groups.
    pub(super) fn grouped() -> clap::Command {
        let command = Self::command();
        let template = format!(
            "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\nOptions:\n{{options}}{{after-help}}",
            command_list(&command)
        );
        command.help_template(template)
    }

    /// Whether there is a command of this name.
    pub(super) fn knows(word: &str) -> bool {
        Self::command().find_subcommand(word).is_some()
    }
}

/// Whether only the version is asked for.
fn is_version(arguments: &[OsString]) -> bool {
    matches!(arguments, [_, flag] if flag == "--version" || flag == "-V")
}

/// The version, as the whole command line reports it.
fn version(arguments: &[OsString]) -> clap::Error {
    let command = clap::Command::new("authctl").version(env!("CARGO_PKG_VERSION"));
    match command.try_get_matches_from(arguments) {
        Err(version) => version,
        Ok(_) => clap::Error::new(clap::error::ErrorKind::DisplayVersion),
    }
}

/// Parses the arguments of one command.
fn alone<T: Args>(
    name: &'static str,
    arguments: &[OsString],
    command: fn(T) -> Command,
) -> Option<Cli> {
    let own = T::augment_args(clap::Command::new(name));
    let whole = Global::augment_args(clap::Command::new("authctl")).subcommand(own);
    let matches = whole.try_get_matches_from(arguments).ok()?;
    let args = T::from_arg_matches(matches.subcommand_matches(name)?).ok()?;
    Some(Cli {
        global: Global::from_arg_matches(&matches).ok()?,
        command: command(args),
    })
}

impl Command {
    /// The command that was given.
    pub(super) fn into_run(self) -> Box<dyn Run> {
        match self {
            Self::Login(args) => Box::new(args),
            Self::Logout(args) => Box::new(args),
            Self::Token(args) => Box::new(args),
            Self::Header(args) => Box::new(args),
            Self::Curl(args) => Box::new(args),
            Self::Exec(args) => Box::new(args),
            Self::Refresh(args) => Box::new(args),
            Self::List(args) => Box::new(args),
            Self::Status(args) => Box::new(args),
            Self::Key(command) => Box::new(command),
            Self::Move(args) => Box::new(args),
            Self::Rename(args) => Box::new(args),
            Self::Rotate(args) => Box::new(args),
            Self::Schedule(command) => Box::new(command),
            Self::Client(command) => Box::new(command),
            Self::Provider(command) => Box::new(command),
            Self::Vault(command) => Box::new(command),
            Self::Lock(args) => Box::new(args),
            Self::Doctor(args) => Box::new(args),
            Self::Audit(args) => Box::new(args),
            Self::Completions(args) => Box::new(args),
            Self::Man(args) => Box::new(args),
        }
    }
}

/// The name of the command and the words after it; `None` if there is no command.
fn command(arguments: &[OsString]) -> Option<(String, Vec<String>)> {
    let mut words = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    loop {
        match words.next()?.as_str() {
            "--store" => drop(words.next()),
            flag if flag.starts_with('-') => {}
            command => return Some((command.to_owned(), words.collect())),
        }
    }
}

/// The word in the place of the command.
pub(super) fn command_word(arguments: &[OsString]) -> Option<String> {
    command(arguments).map(|(command, _)| command)
}

/// Whether the output of these arguments is for `curl $(…)`.
pub(super) fn is_for_curl(arguments: &[OsString]) -> bool {
    let Some((_, rest)) = command(arguments).filter(|(command, _)| command == "header") else {
        return false;
    };
    let format =
        rest.iter()
            .enumerate()
            .find_map(|(at, word)| match word.strip_prefix("--format") {
                Some("") => rest.get(at + 1).cloned(),
                Some(value) => value.strip_prefix('=').map(str::to_owned),
                None => None,
            });
    let asks_help = rest
        .iter()
        .any(|word| matches!(word.as_str(), "-h" | "--help" | "-V" | "--version"));
    !asks_help && !matches!(format.as_deref(), Some("raw" | "json"))
}

/// Whether the command exits with the code of a program that it runs.
pub(super) fn runs_program(arguments: &[OsString]) -> bool {
    command(arguments).is_some_and(|(command, _)| matches!(command.as_str(), "curl" | "exec"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(words: &[OsString]) -> Result<Cli, clap::Error> {
        Cli::from_arg_matches(&Cli::grouped().try_get_matches_from(words)?)
    }

    #[test]
    fn the_quick_way_reads_the_same() {
        for line in [
            "authctl token github",
            "authctl -q --store vault token a/b --min-ttl 5m --refresh",
            "authctl header x --format raw --url https://a.test",
            "authctl --json curl x -sS https://a.test",
            "authctl exec a=B c -- ls -l",
            "authctl token --json x",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let whole = whole(&words).unwrap();
            assert_eq!(
                format!("{:?}", Cli::read(&words).unwrap()),
                format!("{whole:?}"),
                "{line}"
            );
        }
        for line in [
            "authctl token",
            "authctl token --help",
            "authctl --version",
            "authctl -V",
            "authctl -V token",
            "authctl exec x",
            "authctl tokne x",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(
                Cli::read(&words).unwrap_err().to_string(),
                whole(&words).unwrap_err().to_string(),
                "{line}"
            );
        }
    }

    fn line(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_header_command_is_known_before_the_arguments_are_parsed() {
        for yes in [
            "authctl header github",
            "authctl -v --store vault header --typo",
            "authctl header x --format curl",
            "authctl header",
            "authctl header x --format=curl",
        ] {
            assert!(is_for_curl(&line(yes)), "{yes}");
        }
        for no in [
            "authctl token header",
            "authctl header x --format raw",
            "authctl header x --format=json",
            "authctl header --help",
            "authctl",
            "authctl list",
        ] {
            assert!(!is_for_curl(&line(no)), "{no}");
        }
    }

    #[test]
    fn a_child_s_exit_code_is_known_to_be_one() {
        assert!(
            runs_program(&line("authctl -q exec --typo")) && runs_program(&line("authctl curl"))
        );
        assert!(!runs_program(&line("authctl header curl")));
    }
}
