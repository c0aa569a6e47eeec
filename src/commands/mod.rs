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
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Keep API keys and OAuth logins in the OS keychain; hand fresh tokens and headers to the shell
#[derive(Parser, Debug)]
#[command(name = "authctl", version, arg_required_else_help = true, after_help = EXAMPLES, after_long_help = LONG)]
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
pub fn run(arguments: &[OsString]) -> ExitCode {
    let for_curl = header::is_for_curl(arguments);
    if for_curl {
        header::begin();
    }
    let (code, failure, ui) = match Cli::try_parse_from(arguments) {
        Ok(cli) => {
            let ui = Ui { quiet: cli.global.quiet, json: cli.global.json, no_input: cli.global.no_input };
            let may_prompt = cli.command.may_prompt();
            match App::load(&cli.global, may_prompt).and_then(|app| cli.command.run(&app)) {
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
            let mistaken = matches!(error.kind(), ErrorKind::InvalidSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
            let json = arguments.iter().any(|argument| argument == "--json");
            if mistaken && !json && !std::io::stdout().is_terminal() {
                header::begin();
                header::refuse("usage");
            }
            let ui = Ui { quiet: false, json, no_input: true };
            if !ui.json {
                if for_curl {
                    header::refuse("usage");
                }
                let _ = error.print();
                return ExitCode::from(Code::Usage as u8);
            }
            let message = error.to_string();
            let lines: Vec<&str> = message.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let message = lines.join(" ").trim_start_matches("error: ").to_owned();
            (Code::Usage, Failure::new(Code::Usage, message).hint("run `authctl --help`"), ui)
        }
    };
    if for_curl {
        header::refuse(&code.name().replace('_', "-"));
    }
    ui.fail(code.name(), &failure.message, failure.hint.as_deref());
    ExitCode::from(code as u8)
}

/// What is left to do when this program itself broke: curl must stop, and the person must know.
pub fn report_defect(arguments: &[OsString]) {
    if header::is_for_curl(arguments) {
        header::refuse("failed");
    }
    let ui = Ui { quiet: false, json: arguments.iter().any(|argument| argument == "--json"), no_input: true };
    ui.fail(Code::Failed.name(), "internal error", Some("please report what you did; nothing that was stored is lost"));
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
