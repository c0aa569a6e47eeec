//! `authctl key`: API keys.

mod add;
mod binding;
mod export;
mod from_env;
mod import;
mod remove;
mod set;
mod several;

use super::{Profile, Run};
use crate::app::App;
use crate::credential::Name;
use crate::failure::Failure;

/// Store, change, export and remove API keys
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:\n  authctl key add stripe\n  authctl key remove stripe")]
pub enum KeyCommand {
    Add(add::AddArgs),
    Set(set::SetArgs),
    Remove(remove::RemoveArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
}

impl Run for KeyCommand {
    fn profile(&self) -> Profile {
        let (event, name) = match self {
            Self::Set(args) => ("key set", Some(&args.name)),
            Self::Add(args) => ("key add", args.name.as_ref()),
            Self::Remove(args) => ("key remove", Some(&args.name)),
            Self::Export(_) => ("key export", None),
            Self::Import(_) => ("key import", None),
        };
        Profile::asking().logged(event, name)
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        match *self {
            Self::Add(args) => add::run(app, &args),
            Self::Set(args) => set::run(app, &args),
            Self::Remove(args) => remove::run(app, &args),
            Self::Export(args) => export::run(app, &args),
            Self::Import(args) => import::run(app, &args),
        }
    }
}

/// Checks that a credential can manage a key.
fn check_manager(app: &App, name: &Name, manager: &Name) -> Result<(), Failure> {
    if manager == name {
        return Err(
            Failure::usage(format!("`{name}` cannot be its own manager")).hint(format!(
                "a key that can manage keys needs no manager: run `authctl rotate {name}`"
            )),
        );
    }
    app.index.entry(manager)?;
    Ok(())
}
