//! `authctl key`: API keys.

mod add;
mod input;

use super::answer;
use super::logout::take_away;
use crate::app::App;
use crate::credential::{Kind, Name};
use crate::failure::Failure;

/// Store and remove API keys
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:\n  authctl key add stripe\n  authctl key remove stripe")]
pub enum KeyCommand {
    Add(add::AddArgs),
    Remove(RemoveArgs),
}

/// Delete a key here
///
/// The key stays good at the provider until it is revoked there.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl key remove stripe")]
pub struct RemoveArgs {
    /// The key: PROVIDER or PROVIDER/ACCOUNT
    name: Name,
}

pub(super) fn run(app: &App, command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Add(args) => add::run(app, args),
        KeyCommand::Remove(args) => remove(app, &args),
    }
}

fn remove(app: &App, args: &RemoveArgs) -> Result<(), Failure> {
    let (_, index) = take_away(app, &args.name, Kind::Key, false)?;
    let page = app.catalogue.find(index.name.provider()).ok().flatten().and_then(|row| row.resolve(&index.bound.variables).ok());
    let page = page.and_then(|row| row.key).and_then(|key| key.page).map(|page| format!(": {page}"));
    app.ui.say(&format!("deleted {} here; it stays good until it is revoked at the provider{}", args.name, page.unwrap_or_default()));
    answer(app.output, || serde_json::json!({ "name": args.name, "deleted": true, "revoked": false }), |_| Ok(()))
}
