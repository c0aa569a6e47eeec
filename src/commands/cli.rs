//! The command line itself: which commands there are, and what each leaves in the trail.

use super::{
    audit, before, client, curl, doctor, exec, header, key, list, login, logout, provider, refresh,
    relocate, rotate, schedule, shell, status, token, vault,
};
use crate::app::{App, Global};
use crate::audit::{DONE, Event};
use crate::failure::Failure;
use clap::{Args, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Keep API keys and OAuth logins in the OS keychain; hand fresh tokens and headers to the shell
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
  authctl login github                                  log in through the browser
  authctl key add stripe                                store an API key, typed hidden
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl curl stripe https://api.stripe.com/v1/balance
  authctl exec openai -- ./job                          the key in the job's environment
  authctl status                                        what expires, what is due";

const LONG: &str = "\
Examples:
  authctl login github                                  log in through the browser
  authctl key add stripe                                store an API key, typed hidden
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl header stripe --format raw | curl -fsS -H @- https://api.stripe.com/v1/balance
  authctl curl stripe https://api.stripe.com/v1/balance
  authctl exec openai -- ./job                          the key in the job's environment
  authctl status                                        what expires, what is due
  authctl rotate --due                                  replace the keys that are due
  authctl doctor                                        what works on this machine, and what to type

Exit codes:
  0 done   1 failed   2 wrong command line   3 no such credential or provider   4 login required
  5 store locked or unavailable   6 provider or network unreachable, try later
  7 refused (origin, endpoint, subject or policy)   8 done, with findings   130 interrupted
  curl and exec: the program's own; 125 authctl failed before it   126 not executable   127 not found

Environment:
  AUTHCTL_HOME                    one folder for everything, instead of the XDG ones
  AUTHCTL_STORE                   keychain or vault, for new credentials
  AUTHCTL_VAULT_PASSPHRASE_FILE   a file that holds the vault's passphrase
  AUTHCTL_VAULT_IDENTITY          the vault's identity, kept elsewhere
  BROWSER, NO_COLOR, SSL_CERT_FILE and the proxy variables mean what they mean everywhere";

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
    Rename(relocate::RenameArgs),
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

/// One command alone: the whole command line takes longer to set up than a cached token to read.
fn alone<T: Args>(name: &'static str, arguments: &[OsString]) -> Option<(Global, T)> {
    let command = T::augment_args(clap::Command::new(name));
    let whole = Global::augment_args(clap::Command::new("authctl")).subcommand(command);
    let matches = whole.try_get_matches_from(arguments).ok()?;
    let own = matches.subcommand_matches(name)?;
    Some((
        Global::from_arg_matches(&matches).ok()?,
        T::from_arg_matches(own).ok()?,
    ))
}

impl Cli {
    /// Parses the arguments.
    ///
    /// # Errors
    /// They are wrong, or ask for help; always as the whole command line has it.
    pub(super) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let quick = match before::felt(arguments) {
            Some("token") => {
                alone("token", arguments).map(|(global, args)| (global, Command::Token(args)))
            }
            Some("header") => {
                alone("header", arguments).map(|(global, args)| (global, Command::Header(args)))
            }
            Some("curl") => {
                alone("curl", arguments).map(|(global, args)| (global, Command::Curl(args)))
            }
            Some("exec") => {
                alone("exec", arguments).map(|(global, args)| (global, Command::Exec(args)))
            }
            _ => None,
        };
        if let Some((global, command)) = quick {
            return Ok(Self { global, command });
        }
        Self::try_parse_from(arguments)
    }

    /// Whether there is such a command.
    pub(super) fn knows(word: &str) -> bool {
        <Self as clap::CommandFactory>::command()
            .find_subcommand(word)
            .is_some()
    }
}

impl Command {
    /// Whether a person may be asked for something. Scripts wait for the others.
    pub(super) fn may_prompt(&self) -> bool {
        match self {
            Self::Login(_)
            | Self::Logout(_)
            | Self::Key(_)
            | Self::Move(_)
            | Self::Rename(_)
            | Self::Client(_)
            | Self::Vault(_) => true,
            Self::Status(args) => args.tries(),
            Self::Token(_)
            | Self::Header(_)
            | Self::Curl(_)
            | Self::Exec(_)
            | Self::Refresh(_)
            | Self::List(_)
            | Self::Rotate(_)
            | Self::Schedule(_)
            | Self::Provider(_)
            | Self::Doctor(_)
            | Self::Audit(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }

    /// Whether a person is told first that a scheduled run failed: not where a script or the schedule itself waits.
    pub(super) fn tells_news(&self) -> bool {
        match self {
            Self::Token(_)
            | Self::Header(_)
            | Self::Curl(_)
            | Self::Exec(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
            Self::Rotate(args) => !args.scheduled,
            Self::Schedule(command) => command.change().is_some(),
            _ => true,
        }
    }

    /// What the command changes and of what, for the trail; `None` when it only reads. A refresh is noted where it happens.
    fn change(&self) -> Option<(String, Option<String>)> {
        let named =
            |event: &str, name: &dyn ToString| Some((event.to_owned(), Some(name.to_string())));
        match self {
            Self::Login(args) => named("login", &args.called()),
            Self::Logout(args) => named("logout", &args.name),
            Self::Key(command) => {
                let (event, name) = command.change()?;
                Some((format!("key {event}"), name))
            }
            Self::Move(args) => named("move", &args.name),
            Self::Rename(args) => named("rename", &args.old),
            Self::Client(command) => {
                let (event, provider) = command.change()?;
                named(&format!("client {event}"), &provider)
            }
            // A rotation is noted for each credential where it happens.
            Self::Schedule(command) => Some((format!("schedule {}", command.change()?), None)),
            Self::Vault(command) => Some((format!("vault {}", command.word()), None)),
            _ => None,
        }
    }

    /// Runs the command and leaves its outcome in the trail.
    pub(super) fn run_on_record(self, app: &App) -> Result<(), Failure> {
        let change = self.change();
        let result = self.run(app);
        if let Some((event, name)) = change {
            let (outcome, detail) = match &result {
                Ok(()) => (DONE, None),
                Err(failure) => (failure.code.name(), Some(failure.message.as_str())),
            };
            Event::now(&event, name, outcome, detail).append(&app.paths.audit());
        }
        result
    }

    fn run(self, app: &App) -> Result<(), Failure> {
        match self {
            Self::Login(args) => login::run(app, args),
            Self::Logout(args) => logout::run(app, &args),
            Self::Token(args) => token::run(app, &args),
            Self::Header(args) => header::run(app, &args),
            Self::Curl(args) => curl::run(app, &args).map(|never| match never {}),
            Self::Exec(args) => exec::run(app, &args).map(|never| match never {}),
            Self::Refresh(args) => refresh::run(app, &args),
            Self::List(args) => list::run(app, &args),
            Self::Status(args) => status::run(app, &args),
            Self::Key(command) => key::run(app, command),
            Self::Rotate(args) => rotate::run(app, &args),
            Self::Schedule(command) => schedule::run(app, &command),
            Self::Move(args) => relocate::run_move(app, &args),
            Self::Rename(args) => relocate::run_rename(app, &args),
            Self::Client(command) => client::run(app, &command),
            Self::Provider(command) => provider::run(app, command),
            Self::Vault(command) => vault::run(app, &command),
            Self::Doctor(args) => doctor::run(app, &args),
            Self::Audit(args) => audit::run(app, &args),
            Self::Completions(args) => shell::run_completions(app, &args),
            Self::Man(args) => shell::run_man(app, &args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let whole = Cli::try_parse_from(&words).unwrap();
            assert_eq!(
                format!("{:?}", Cli::read(&words).unwrap()),
                format!("{whole:?}"),
                "{line}"
            );
        }
        for line in [
            "authctl token",
            "authctl token --help",
            "authctl exec x",
            "authctl tokne x",
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(
                Cli::read(&words).unwrap_err().to_string(),
                Cli::try_parse_from(&words).unwrap_err().to_string(),
                "{line}"
            );
        }
    }
}
