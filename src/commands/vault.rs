use super::words::length;
use super::{answer, args, documents};
use crate::app::{App, new_passphrase};
use crate::failure::{Code, Failure};
use crate::store::Protection;
use std::time::Duration;

/// Set up and open the vault
///
/// The vault keeps credentials where there is no keychain: one age file each, saved without a passphrase, read with it.
///
/// `AUTHCTL_VAULT_PASSPHRASE_FILE` names a file with the passphrase, for `init` as well as for reading.
#[derive(clap::Subcommand, Debug)]
#[command(
    after_help = "Examples:\n  authctl vault init\n  authctl vault unlock --for 8h\n  authctl vault passwd"
)]
pub enum VaultCommand {
    Init(InitArgs),
    Unlock(UnlockArgs),
    /// Forget an unlocked vault's key
    #[command(after_help = "Examples:\n  authctl vault lock")]
    Lock,
    Passwd(PasswdArgs),
}

/// Make a vault, protected by a passphrase
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl vault init\n  authctl vault init --unattended")]
pub struct InitArgs {
    /// Keep the key beside the vault, without a passphrase: for servers, and no safer than a private file
    #[arg(long)]
    unattended: bool,
}

/// Open the vault for a while
///
/// The opened key lies in the kernel's keyring of this user (Linux) until the time is over.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl vault unlock --for 8h")]
pub struct UnlockArgs {
    /// For how long
    #[arg(long = "for", value_name = "TIME", default_value = "8h", value_parser = args::duration)]
    time: Duration,
}

/// Change the passphrase
///
/// Only the key is wrapped anew; the records stay as they are. The new passphrase is typed at a terminal.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl vault passwd\n  authctl vault passwd --unattended")]
pub struct PasswdArgs {
    /// Take the passphrase away
    #[arg(long)]
    unattended: bool,
}

impl VaultCommand {
    /// Its word on the command line.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Unlock(_) => "unlock",
            Self::Lock => "lock",
            Self::Passwd(_) => "passwd",
        }
    }
}

/// The shortest time: the kernel counts whole seconds, and takes none for "for ever".
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest time that a vault stays open: a week.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

pub(super) fn run(app: &App, command: &VaultCommand) -> Result<(), Failure> {
    let vault = app.stores.vault();
    match command {
        VaultCommand::Init(args) => {
            // Before anybody thinks up a passphrase.
            if vault.exists() {
                return Err(Failure::new(Code::Refused, "there is a vault already")
                    .hint("change its passphrase with `authctl vault passwd`"));
            }
            vault.init(&protection(app, args.unattended, false)?)?;
            app.ui.say("the vault is ready");
        }
        VaultCommand::Unlock(args) => {
            if args.time < SHORTEST || args.time > LONGEST {
                return Err(Failure::new(
                    Code::Usage,
                    "a vault can be open for a second to a week",
                ));
            }
            refuse_unattended(app)?;
            vault.unlock(args.time)?;
            app.ui.say(&format!(
                "the vault is open for {}",
                length(args.time.as_secs())
            ));
        }
        VaultCommand::Lock => {
            refuse_unattended(app)?;
            vault.lock()?;
            app.ui.say("the vault is locked");
        }
        VaultCommand::Passwd(args) => {
            // The old one first: nobody should choose a new one in vain.
            vault.open_now()?;
            vault.protect(&protection(app, args.unattended, true)?)?;
            app.ui.say(if args.unattended {
                "the vault has no passphrase any more"
            } else {
                "the vault's passphrase is changed"
            });
        }
    }
    answer(
        app.output,
        || documents::Vault {
            unattended: vault.is_unattended(),
        },
        |_| Ok(()),
    )
}

fn refuse_unattended(app: &App) -> Result<(), Failure> {
    if app.stores.vault().is_unattended() {
        return Err(
            Failure::new(Code::Refused, "an unattended vault is always open")
                .hint("give it a passphrase with `authctl vault passwd`"),
        );
    }
    Ok(())
}

fn protection(app: &App, unattended: bool, replaces: bool) -> Result<Protection, Failure> {
    if !unattended {
        return Ok(Protection::Passphrase(new_passphrase(app, replaces)?));
    }
    app.ui.warn(
        "the vault's key lies beside it: whoever can read the folder can read the credentials",
    );
    Ok(Protection::None)
}
