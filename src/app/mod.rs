//! The parts that a command works with: folders, settings, stores, network, terminal.

mod choose;

use crate::config::{CacheTimes, Config, Paths};
use crate::credential::{Index, StoreKind};
use crate::disk;
use crate::failure::{Code, Failure};
use crate::http::Network;
use crate::keeper::Opened;
use crate::lifecycle::Context;
use crate::output::Output;
use crate::provider::Catalogue;
use crate::rotation::Policy;
use crate::secret::Secret;
use crate::store::{Settings, Stores};
use crate::ui::{Ui, start_log};
use std::cell::{Cell, OnceCell};
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

pub use choose::{create_vault, new_passphrase, store_for};

/// The time limit for all keychain calls of a command.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time limit if a person can enter the keychain password.
const PATIENCE_WITH_PERSON: Duration = Duration::from_secs(90);

/// The variable that names a file that contains the vault passphrase.
const PASSPHRASE_FILE: &str = "AUTHCTL_VAULT_PASSPHRASE_FILE";

/// The longest passphrase file that is read, in bytes.
const MAX_PASSPHRASE: u64 = 4096;

/// The heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// The global options.
#[derive(clap::Args, Clone, Debug)]
pub struct Global {
    /// Print one JSON document; errors are also printed as JSON
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// The store for new credentials
    #[arg(long, global = true, value_name = "STORE", help_heading = GLOBAL)]
    pub store: Option<StoreKind>,
    /// Never prompt for input; fail instead
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_input: bool,
    /// Print only errors and warnings
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    pub quiet: bool,
    /// Explain decisions; `-vv` shows every step
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL)]
    pub verbose: u8,
}

impl Global {
    /// How to talk to the user.
    pub fn ui(&self) -> Ui {
        Ui {
            quiet: self.quiet,
            json: self.json,
            no_input: self.no_input,
        }
    }
}

/// The store for new credentials, and why.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The store.
    pub store: StoreKind,
    /// The reason: flag, environment or configuration file.
    pub because: &'static str,
}

/// The parts that a command works with. This type does no work itself.
pub struct App {
    /// The folders.
    pub paths: Paths,
    /// The index.
    pub index: Index,
    /// The catalogue of providers.
    pub catalogue: Catalogue,
    /// The stores, not opened yet.
    pub stores: Stores,
    /// The network, not set up yet.
    pub network: Network,
    /// The terminal.
    pub ui: Ui,
    /// Standard output.
    pub output: Output,
    /// The rotation policy.
    pub policy: Policy,
    /// The program to run if a scheduled rotation fails.
    pub notify: Vec<String>,
    /// The store that was named.
    pub choice: Option<Choice>,
    /// The store for new credentials, once it is chosen.
    new_store: OnceCell<StoreKind>,
    /// Whether this process is a keeper.
    is_keeper: bool,
    /// Whether a keeper writes the event of this command to the audit log.
    pub is_logged: Cell<bool>,
}

impl App {
    /// Reads flags, environment and configuration file. `may_prompt` is false for commands that
    /// scripts wait for.
    ///
    /// # Errors
    /// The configuration file is damaged, or a variable has an invalid value.
    pub fn load(global: &Global, may_prompt: bool) -> Result<Self, Failure> {
        Self::new(global, may_prompt, None)
    }

    /// The parts that a keeper works with. A keeper never prompts, and never chooses a store for a
    /// new credential.
    ///
    /// # Errors
    /// As for [`App::load`].
    pub fn for_keeper(verbosity: u8, opened: Opened) -> Result<Self, Failure> {
        let global = Global {
            json: false,
            store: None,
            no_input: true,
            quiet: true,
            verbose: verbosity,
        };
        Ok(Self {
            is_keeper: true,
            ..Self::new(&global, false, Some(opened))?
        })
    }

    fn new(global: &Global, may_prompt: bool, opened: Option<Opened>) -> Result<Self, Failure> {
        if global.verbose > 0 {
            start_log(global.verbose);
        }
        let ui = global.ui();
        let paths = Paths::from_environment().ok_or_else(|| {
            Failure::new(Code::Failed, "cannot determine the home folder")
                .hint("set HOME or AUTHCTL_HOME to an absolute path")
        })?;
        let config = Config::load(&paths)?;
        let person = ui.can_ask() && has_display();
        let choice = match &opened {
            None => chosen(global, &config)?,
            Some(_) => None,
        };
        let (identity, patience) = match opened {
            Some(opened) => (opened.identity, opened.patience),
            None if person => (None, PATIENCE_WITH_PERSON),
            None => (None, PATIENCE),
        };
        let stores = Stores::new(Settings {
            vault: paths.vault(),
            identity: variable("AUTHCTL_VAULT_IDENTITY").map(PathBuf::from),
            opened: identity,
            cache: CacheTimes::of(&config),
            patience,
            on_wait: Box::new(move || {
                if person {
                    ui.must_say("waiting for the keychain to be unlocked");
                }
            }),
            passphrase: Box::new(move || passphrase(ui, may_prompt)),
        });
        Ok(Self {
            catalogue: Catalogue::new(&paths),
            choice,
            notify: config.rotation.notify.clone(),
            policy: Policy::new(config.rotation),
            index: paths.index(),
            paths,
            stores,
            network: Network::default(),
            ui,
            output: Output::new(global.json),
            new_store: OnceCell::new(),
            is_keeper: false,
            is_logged: Cell::new(false),
        })
    }

    /// The parts that the lifecycle operations use.
    pub fn context(&self) -> Context<'_> {
        Context {
            paths: &self.paths,
            index: &self.index,
            stores: &self.stores,
            catalogue: &self.catalogue,
            network: &self.network,
            is_keeper: self.is_keeper,
        }
    }
}

fn chosen(global: &Global, config: &Config) -> Result<Option<Choice>, Failure> {
    if let Some(store) = global.store {
        return Ok(Some(Choice {
            store,
            because: "set by --store",
        }));
    }
    if let Some(text) = variable("AUTHCTL_STORE") {
        let text = text.to_string_lossy();
        let store = <StoreKind as clap::ValueEnum>::from_str(&text, false).map_err(|_| {
            Failure::new(Code::Usage, "AUTHCTL_STORE must be `keychain` or `vault`")
        })?;
        return Ok(Some(Choice {
            store,
            because: "set by AUTHCTL_STORE",
        }));
    }
    Ok(config.store.map(|store| Choice {
        store,
        because: "set by config.toml",
    }))
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether a keychain can show a dialog and a browser can show a page. This is assumed on macOS and
/// Windows.
pub fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos"))
        || variable("DISPLAY").is_some()
        || variable("WAYLAND_DISPLAY").is_some()
}

/// The vault passphrase: from the named file, or from the user.
fn passphrase(ui: Ui, may_prompt: bool) -> Option<Secret> {
    if variable(PASSPHRASE_FILE).is_some() {
        return passphrase_file(ui);
    }
    if may_prompt && ui.can_ask() {
        ui.ask_hidden("vault passphrase (hidden):").ok()
    } else {
        None
    }
}

/// The passphrase in the file that the environment variable names.
fn passphrase_file(ui: Ui) -> Option<Secret> {
    let path = PathBuf::from(variable(PASSPHRASE_FILE)?);
    let mut text = zeroize::Zeroizing::new(String::new());
    let read = std::fs::File::open(&path).and_then(|file| {
        if disk::is_loose(&file) {
            ui.warn(&format!("other users can read {}", path.display()));
        }
        file.take(MAX_PASSPHRASE).read_to_string(&mut text)
    });
    match read {
        Ok(_) => Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
        Err(error) => {
            ui.warn(&format!(
                "cannot read the file that {PASSPHRASE_FILE} names: {error}"
            ));
            None
        }
    }
}
