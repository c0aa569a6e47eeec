//! The parts of one command: where things lie, what the user set, the stores, the network, the person.

mod choose;

use crate::config::{Config, Paths};
use crate::credential::StoreKind;
use crate::disk;
use crate::failure::{Code, Failure};
use crate::http::Network;
use crate::lifecycle::Keeper;
use crate::output::Output;
use crate::provider::Catalogue;
use crate::rotation::Policy;
use crate::secret::Secret;
use crate::store::{Settings, Stores};
use crate::ui::{Ui, start_log};
use std::cell::OnceCell;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

pub use choose::{new_passphrase, store_for};

/// The budget of all keychain calls of a command.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same when a person sits there who can type the keychain's password.
const PATIENCE_WITH_PERSON: Duration = Duration::from_secs(90);

/// The variable that names a file with the vault's passphrase.
const PASSPHRASE_FILE: &str = "AUTHCTL_VAULT_PASSPHRASE_FILE";

/// A passphrase file is read to this length, in bytes.
const MAX_PASSPHRASE: u64 = 4096;

/// The heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// What the flags before the command say.
#[derive(clap::Args, Clone, Debug)]
pub struct Global {
    /// Print one JSON document, also for an error
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Keep new credentials in this store
    #[arg(long, global = true, value_name = "STORE", help_heading = GLOBAL)]
    pub store: Option<StoreKind>,
    /// Ask nothing, fail instead
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_input: bool,
    /// Print errors and warnings only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub quiet: bool,
    /// Tell what is done and why; twice for every step
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub verbose: u8,
}

/// Where new credentials go, and who said so.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The store.
    pub store: StoreKind,
    /// Flag, environment or config file.
    pub because: &'static str,
}

/// The parts. It holds them and does no work.
pub struct App {
    /// Where things lie.
    pub paths: Paths,
    /// The rows.
    pub catalogue: Catalogue,
    /// The stores, unopened.
    pub stores: Stores,
    /// The network, untouched.
    pub network: Network,
    /// The person.
    pub ui: Ui,
    /// The answer.
    pub output: Output,
    /// How keys are rotated.
    pub policy: Policy,
    /// What to run when a scheduled rotation fails.
    pub notify: Vec<String>,
    /// What was said about the store.
    pub choice: Option<Choice>,
    /// Where new credentials go, once that is decided.
    new_store: OnceCell<StoreKind>,
}

impl App {
    /// Reads flags, environment and config file. `may_prompt` is false for commands that scripts wait for.
    ///
    /// # Errors
    /// The config file is damaged, or a variable says something unknown.
    pub fn load(global: &Global, may_prompt: bool) -> Result<Self, Failure> {
        if global.verbose > 0 {
            start_log(global.verbose);
        }
        let ui = Ui {
            quiet: global.quiet,
            json: global.json,
            no_input: global.no_input,
        };
        let paths = Paths::from_environment().ok_or_else(|| {
            Failure::new(Code::Failed, "no home folder is known").hint("set HOME or AUTHCTL_HOME")
        })?;
        let config = Config::load(&paths)?;
        let person = ui.can_ask() && has_display();
        let stores = Stores::new(Settings {
            vault: paths.vault(),
            identity: variable("AUTHCTL_VAULT_IDENTITY").map(PathBuf::from),
            patience: if person {
                PATIENCE_WITH_PERSON
            } else {
                PATIENCE
            },
            on_wait: Box::new(move || {
                if person {
                    ui.must_say("waiting for the keychain to be unlocked");
                }
            }),
            passphrase: Box::new(move || passphrase(ui, may_prompt)),
        });
        Ok(Self {
            catalogue: Catalogue::new(&paths),
            choice: chosen(global, &config)?,
            policy: Policy::new(&config.rotation)
                .map_err(|reason| Failure::new(Code::Failed, reason))?,
            notify: config.rotation.notify.clone(),
            paths,
            stores,
            network: Network::default(),
            ui,
            output: Output::new(global.json),
            new_store: OnceCell::new(),
        })
    }

    /// What the protocol works with.
    pub fn keeper(&self) -> Keeper<'_> {
        Keeper {
            paths: &self.paths,
            stores: &self.stores,
            catalogue: &self.catalogue,
            network: &self.network,
        }
    }
}

fn chosen(global: &Global, config: &Config) -> Result<Option<Choice>, Failure> {
    if let Some(store) = global.store {
        return Ok(Some(Choice {
            store,
            because: "--store says so",
        }));
    }
    if let Some(text) = variable("AUTHCTL_STORE") {
        let text = text.to_string_lossy();
        let store = <StoreKind as clap::ValueEnum>::from_str(&text, false).map_err(|_| {
            Failure::new(Code::Usage, "AUTHCTL_STORE must be `keychain` or `vault`")
        })?;
        return Ok(Some(Choice {
            store,
            because: "AUTHCTL_STORE says so",
        }));
    }
    Ok(config.store.map(|store| Choice {
        store,
        because: "config.toml says so",
    }))
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether a keychain could show a dialog, or a browser its page. On macOS and Windows there is one unless the session says otherwise.
pub fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos"))
        || variable("DISPLAY").is_some()
        || variable("WAYLAND_DISPLAY").is_some()
}

/// The vault's passphrase: from a file that was named, else from the person.
fn passphrase(ui: Ui, may_prompt: bool) -> Option<Secret> {
    if variable(PASSPHRASE_FILE).is_some() {
        return passphrase_file(ui);
    }
    if may_prompt && ui.can_ask() {
        ui.ask_hidden("passphrase of the vault:").ok()
    } else {
        None
    }
}

/// The passphrase in the file that the environment names, if it names one.
fn passphrase_file(ui: Ui) -> Option<Secret> {
    let path = PathBuf::from(variable(PASSPHRASE_FILE)?);
    let mut text = zeroize::Zeroizing::new(String::new());
    let read = std::fs::File::open(&path).and_then(|file| {
        if disk::is_loose(&file) {
            ui.warn(&format!("{} is open to other users", path.display()));
        }
        file.take(MAX_PASSPHRASE).read_to_string(&mut text)
    });
    match read {
        Ok(_) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
        Err(error) => {
            ui.warn(&format!("{PASSPHRASE_FILE} cannot be read: {error}"));
            None
        }
    }
}
