use super::{Profile, Run, answer, documents, words};
use crate::app::App;
use crate::failure::Failure;
use crate::lifecycle::forget_keys;

/// Forget all keys that are kept in memory
///
/// These are the keys that `cache` in `config.toml` keeps, and the key of a vault that was unlocked
/// with `vault unlock`. The next command that needs a credential opens its store again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl lock")]
pub struct LockArgs {}

impl Run for LockArgs {
    fn profile(&self) -> Profile {
        Profile::reading().logged("lock", None::<String>)
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app)
    }
}

fn run(app: &App) -> Result<(), Failure> {
    let forgotten = forget_keys(&app.context())?;
    let vault = app.stores.vault();
    let locked = vault.exists() && !vault.is_unattended() && vault.lock()?;
    app.ui.say(&match (forgotten, locked) {
        (0, false) => "no key was kept in memory".to_owned(),
        (0, true) => "locked the vault".to_owned(),
        (count, false) => format!("forgot {}", words::count(count, "key")),
        (count, true) => format!("forgot {} and locked the vault", words::count(count, "key")),
    });
    let document = || documents::Locked {
        forgotten: forgotten as u64,
        vault: locked,
    };
    answer(app, document, |_| Ok(()))
}
