use super::words::length;
use super::{Profile, Run, answer, args, documents};
use crate::app::{App, create_vault, new_passphrase};
use crate::failure::{Code, Failure};
use crate::lifecycle::forget_keys;
use crate::store::Protection;
use std::time::Duration;

/// Set up, unlock and lock the vault
///
/// The vault stores credentials on machines without a keychain, each credential in its own age
/// file. Writing needs no passphrase; reading does.
///
/// `AUTHCTL_VAULT_PASSPHRASE_FILE` names a file with the passphrase, for `init` as well as for
/// reading.
#[derive(clap::Subcommand, Debug)]
#[command(
    after_help = "Examples:\n  authctl vault init\n  authctl vault unlock --for 8h\n  authctl vault passwd"
)]
pub enum VaultCommand {
    Init(InitArgs),
    Unlock(UnlockArgs),
    /// Lock an unlocked vault
    #[command(after_help = "Examples:\n  authctl vault lock")]
    Lock,
    Passwd(PasswdArgs),
}

/// Create a vault that is protected by a passphrase
///
/// On Linux, a new vault whose passphrase was typed stays unlocked for 8 hours; `authctl vault lock`
/// locks it immediately.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl vault init\n  authctl vault init --unattended")]
pub struct InitArgs {
    /// Store the vault key in the vault folder instead of using a passphrase: meant for servers,
    /// and no safer than a private file
    #[arg(long)]
    unattended: bool,
}

/// Unlock the vault for a limited time
///
/// During this time, the vault key is in the kernel keyring of this user (Linux only).
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl vault unlock --for 8h")]
pub struct UnlockArgs {
    /// How long to keep the vault unlocked
    #[arg(long = "for", value_name = "TIME", default_value = "8h", value_parser = args::duration)]
    time: Duration,
}

/// Change the passphrase
///
/// Only the vault key is encrypted again; the credentials stay as they are. The new
/// passphrase is entered in a terminal.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl vault passwd\n  authctl vault passwd --unattended")]
pub struct PasswdArgs {
    /// Remove the passphrase
    #[arg(long)]
    unattended: bool,
}

/// The shortest time: the kernel counts whole seconds, and zero means no limit.
const SHORTEST: Duration = Duration::from_secs(1);

/// The longest time: a week.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

impl Run for VaultCommand {
    fn profile(&self) -> Profile {
        let event = match self {
            Self::Init(_) => "vault init",
            Self::Unlock(_) => "vault unlock",
            Self::Lock => "vault lock",
            Self::Passwd(_) => "vault passwd",
        };
        Profile::asking().logged(event, None::<String>)
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, command: &VaultCommand) -> Result<(), Failure> {
    let vault = app.stores.vault();
    match command {
        VaultCommand::Init(args) => {
            // Checked before anybody thinks of a passphrase.
            if vault.exists() {
                return Err(Failure::new(Code::Refused, "the vault already exists")
                    .hint("change its passphrase with `authctl vault passwd`"));
            }
            create_vault(app, &protection(app, args.unattended, false)?)?;
        }
        VaultCommand::Unlock(args) => {
            if args.time < SHORTEST || args.time > LONGEST {
                return Err(Failure::usage("`--for` must be between 1s and 7d"));
            }
            refuse_unattended(app)?;
            vault.unlock(args.time)?;
            app.ui.say(&format!(
                "unlocked the vault for {}",
                length(args.time.as_secs())
            ));
        }
        VaultCommand::Lock => {
            refuse_unattended(app)?;
            vault.lock()?;
            // A kept key would still open what was cached of its credentials.
            forget_keys(&app.context())?;
            app.ui.say("locked the vault");
        }
        VaultCommand::Passwd(args) => {
            // The old passphrase is asked for first, so that nobody chooses a new one in vain.
            vault.open_now()?;
            vault.protect(&protection(app, args.unattended, true)?)?;
            app.ui.say(if args.unattended {
                "removed the vault passphrase"
            } else {
                "changed the vault passphrase"
            });
        }
    }
    answer(
        app,
        || documents::Vault {
            unattended: vault.is_unattended(),
        },
        |_| Ok(()),
    )
}

fn refuse_unattended(app: &App) -> Result<(), Failure> {
    if app.stores.vault().is_unattended() {
        return Err(Failure::new(
            Code::Refused,
            "the vault is unattended, so it is always unlocked",
        )
        .hint("set a passphrase with `authctl vault passwd`"));
    }
    Ok(())
}

fn protection(app: &App, unattended: bool, replaces: bool) -> Result<Protection, Failure> {
    if !unattended {
        return Ok(Protection::Passphrase(new_passphrase(app, replaces)?));
    }
    app.ui.warn(
        "the vault key is stored in the vault folder: anyone who can read the folder can read the credentials",
    );
    Ok(Protection::None)
}
