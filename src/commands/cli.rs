//! The command line: which commands there are, in which groups, and how they are parsed.

use super::groups::GROUPS;
use super::profile::Run;
use super::{
    audit, before, client, curl, doctor, exec, header, key, list, login, logout, provider, refresh,
    relocate, rename, rotate, schedule, shell, status, token, vault,
};
use crate::app::Global;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::fmt::Write as _;

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

const EXAMPLES: &str = "\
Examples:
  authctl login github                      log in through the browser
  authctl key add stripe                    store an API key
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl curl stripe https://api.stripe.com/v1/balance
  authctl exec openai -- ./job              run a job with its key
  authctl status                            show what expires or is due

Run `authctl COMMAND --help` for more about a command.";

const LONG: &str = "\
Examples:
  authctl login github                      log in through the browser
  authctl key add stripe                    store an API key
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl header stripe --format raw | curl -fsS -H @- https://api.stripe.com/v1/balance
  authctl curl stripe https://api.stripe.com/v1/balance
  authctl exec openai -- ./job              run a job with its key
  authctl status                            show what expires or is due
  authctl rotate --due                      rotate the keys that are due
  authctl doctor                            check what works on this machine

Exit codes:
  0    success
  1    failed
  2    usage error
  3    no such credential or provider
  4    login required
  5    store locked or unavailable
  6    provider or network unreachable; retry later
  7    refused (origin, endpoint, account or policy)
  8    done, but something needs attention
  130  interrupted
  `curl` and `exec` exit with the code of the program that they run. If authctl
  fails before it starts the program, the code is 125; 126 means that the program
  cannot be run, 127 that it does not exist.

Environment:
  AUTHCTL_HOME                    one folder for everything, instead of the XDG folders
  AUTHCTL_STORE                   the store for new credentials: keychain or vault
  AUTHCTL_VAULT_PASSPHRASE_FILE   a file with the passphrase of the vault
  AUTHCTL_VAULT_IDENTITY          a file with the identity of the vault, if it is not in its folder
  BROWSER, NO_COLOR, SSL_CERT_FILE and the proxy variables have their usual meaning.";

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
        let quick = match before::word(arguments).as_deref() {
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

/// The commands in their groups, each with the first line of its help.
fn command_list(command: &clap::Command) -> String {
    let mut text = String::new();
    for (title, names) in GROUPS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{title}:");
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(text, "  {name:<11}  {about}");
        }
    }
    text
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
            Self::Doctor(args) => Box::new(args),
            Self::Audit(args) => Box::new(args),
            Self::Completions(args) => Box::new(args),
            Self::Man(args) => Box::new(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let unique: BTreeSet<&str> = grouped.iter().copied().collect();
        let command = Cli::command();
        let all: BTreeSet<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(unique, all);
        assert_eq!(unique.len(), grouped.len());
    }

    /// The README has one table for each group, with the same commands.
    #[test]
    fn the_readme_lists_the_commands_in_the_same_groups() {
        let readme = include_str!("../../README.md");
        for (title, names) in GROUPS {
            let (_, table) = readme.split_once(&format!("| {title} | |\n")).unwrap();
            let table = table.split("\n\n").next().unwrap();
            let listed: BTreeSet<&str> = table
                .lines()
                .filter_map(|line| line.split('|').nth(1))
                .flat_map(|cell| cell.split('`'))
                .filter_map(|text| text.split_whitespace().next())
                .filter(|word| GROUPS.iter().any(|(_, names)| names.contains(word)))
                .collect();
            assert_eq!(listed, names.iter().copied().collect(), "{title}");
        }
    }

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
}
