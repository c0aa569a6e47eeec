//! The command line: one command, one file with its arguments (their comments are the help) and its run.

mod args;
mod header;
mod key;
mod list;
mod login;
mod logout;
mod provider;
mod refresh;
mod token;
mod vault;
mod words;

use crate::app::{App, Global};
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::ui::Ui;
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Keep API keys and OAuth logins in the OS keychain; hand fresh tokens and headers to the shell
#[derive(Parser, Debug)]
#[command(name = "authctl", version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES, after_long_help = LONG)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  authctl login github                                  log in through the browser
  authctl key add stripe                                store an API key, typed hidden
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl header stripe --format raw | curl -fsS -H @- https://api.stripe.com/v1/balance";

const LONG: &str = "\
Examples:
  authctl login github                                  log in through the browser
  authctl key add stripe                                store an API key, typed hidden
  curl -fsS $(authctl header github) https://api.github.com/user
  authctl header stripe --format raw | curl -fsS -H @- https://api.stripe.com/v1/balance

Exit codes:
  0 done   1 failed   2 wrong command line   3 no such credential or provider   4 login required
  5 store locked or unavailable   6 provider or network unreachable, try later
  7 refused (origin, endpoint, subject or policy)   8 done, with findings   130 interrupted

Environment:
  AUTHCTL_HOME                    one folder for everything, instead of the XDG ones
  AUTHCTL_STORE                   keychain or vault, for new credentials
  AUTHCTL_VAULT_PASSPHRASE_FILE   a file that holds the vault's passphrase
  AUTHCTL_VAULT_IDENTITY          the vault's identity, kept elsewhere
  BROWSER, NO_COLOR, SSL_CERT_FILE and the proxy variables mean what they mean everywhere";

#[derive(Subcommand, Debug)]
enum Command {
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Token(token::TokenArgs),
    Header(header::HeaderArgs),
    Refresh(refresh::RefreshArgs),
    List(list::ListArgs),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    #[command(subcommand)]
    Vault(vault::VaultCommand),
}

impl Command {
    /// Scripts wait for these: they never prompt.
    fn may_prompt(&self) -> bool {
        !matches!(self, Self::Token(_) | Self::Header(_) | Self::Refresh(_) | Self::List(_) | Self::Provider(_))
    }

    fn run(self, app: &App) -> Result<(), Failure> {
        match self {
            Self::Login(args) => login::run(app, args),
            Self::Logout(args) => logout::run(app, &args),
            Self::Token(args) => token::run(app, &args),
            Self::Header(args) => header::run(app, &args),
            Self::Refresh(args) => refresh::run(app, &args),
            Self::List(args) => list::run(app, &args),
            Self::Key(command) => key::run(app, command),
            Self::Provider(command) => provider::run(app, command),
            Self::Vault(command) => vault::run(app, &command),
        }
    }
}

/// Parses the arguments, runs the command, reports what failed.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `curl $(authctl header --typo)` must not send a bare request either.
            if error.use_stderr() && arguments.iter().any(|argument| argument == "header") {
                header::refuse("usage");
            }
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let (json, quiet, no_input) = (cli.global.json, cli.global.quiet, cli.global.no_input);
    let curl = matches!(&cli.command, Command::Header(args) if args.is_for_curl());
    let may_prompt = cli.command.may_prompt();
    let result = App::load(&cli.global, may_prompt).and_then(|app| cli.command.run(&app));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if curl {
                header::refuse(&failure.code.name().replace('_', "-"));
            }
            let ui = Ui { quiet, json, no_input };
            ui.fail(failure.code.name(), &failure.message, failure.hint.as_deref());
            ExitCode::from(failure.code as u8)
        }
    }
}

/// What is printed for `curl` when this program itself broke.
pub fn refuse_after_panic(arguments: &[OsString]) {
    if arguments.iter().any(|argument| argument == "header") {
        header::refuse("failed");
    }
}

/// Says that the program itself broke.
pub fn report_defect() {
    let ui = Ui { quiet: false, json: false, no_input: true };
    ui.fail(Code::Failed.name(), "internal error", Some("please report what you did; nothing that was stored is lost"));
}

/// The command line as data, for whatever is generated from it.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Warnings of the layers below, which do not print.
fn warn_all(app: &App, warnings: &[String]) {
    for warning in warnings {
        app.ui.warn(warning);
    }
}

/// An answer in the form that was asked for.
fn answer(
    output: Output,
    json: impl FnOnce() -> serde_json::Value,
    text: impl FnOnce(Output) -> std::io::Result<()>,
) -> Result<(), Failure> {
    if output.is_json() { output.json(&json()) } else { text(output) }.map_err(Into::into)
}
