//! `authctl key`: API keys.

mod add;
mod bundle;
mod discover;
mod dotenv;
mod export;
mod from_env;
mod import;
mod input;
mod set;
mod verify;

pub(super) use input::given_parts;
pub(super) use verify::{Tried, try_key};

use super::logout::take_away;
use super::{answer, complete, documents};
use crate::app::App;
use crate::credential::{Bound, Index, Kind, Name, Parts, Record, Slots};
use crate::failure::{Code, Failure};
use crate::lifecycle::Found;
use crate::provider::RotationKind;
use crate::secret::Secret;
use jiff::Timestamp;

/// Store, change, export and remove API keys
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:\n  authctl key add stripe\n  authctl key remove stripe")]
pub enum KeyCommand {
    Add(add::AddArgs),
    Set(set::SetArgs),
    Remove(RemoveArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
}

/// Delete a key here
///
/// The key stays good at the provider until it is revoked there.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl key remove stripe")]
pub struct RemoveArgs {
    /// The key: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::keys())]
    name: Name,
}

/// Whether a credential may be named as the one that asks in a key's place.
fn check_manager(app: &App, name: &Name, manager: &Name) -> Result<(), Failure> {
    if manager == name {
        return Err(
            Failure::new(Code::Usage, format!("`{name}` cannot be its own manager")).hint(format!(
                "a key that may manage keys needs none: run `authctl rotate {name}`"
            )),
        );
    }
    let there = Index::read(&app.paths.credentials(), manager)?;
    there
        .map(drop)
        .ok_or_else(|| crate::lifecycle::Error::NotFound(manager.clone()).into())
}

/// Which of its provider's recipes rotates a key, where there are several.
fn recipe_of(app: &App, name: &Name, bound: &Bound, parts: &Parts) -> Option<String> {
    let row = app
        .catalogue
        .find(name.provider())
        .ok()
        .flatten()
        .filter(|_| bound.headers.is_empty())?;
    row.recipe(parts)?.name.clone()
}

/// The slots of a key that is replaced by hand. What they leave to do is told in the index before it is so: a process that
/// dies behind the store must not leave a key that nobody is told to end.
fn replacing(
    app: &App,
    found: &Found,
    bound: &Bound,
    parts: Parts,
    id: Option<Secret>,
) -> Result<Slots, Failure> {
    let slots = slots_of(app, &found.record, bound, parts, id);
    if slots.progress() != found.index.rotation {
        Index {
            rotation: slots.progress(),
            ..found.index.clone()
        }
        .write(&app.paths.credentials())?;
    }
    Ok(slots)
}

/// Nothing that a rotation made is forgotten, unless the new key belongs elsewhere. Then nobody could end it any more without
/// sending it there, and a person is told.
fn slots_of(app: &App, record: &Record, bound: &Bound, parts: Parts, id: Option<Secret>) -> Slots {
    let fresh = || Slots {
        active_id: id.clone(),
        ..Slots::of(parts.clone())
    };
    let Some(before) = record.slots() else {
        return fresh();
    };
    let row = app.catalogue.find(record.name.provider()).ok().flatten();
    let recipe = |parts: &Parts| {
        row.as_ref()
            .and_then(|row| row.recipe(parts))
            .map(|recipe| recipe.name.clone())
    };
    let place = |bound: &Bound| {
        (
            bound.origins.clone(),
            bound.variables.clone(),
            bound.headers.clone(),
        )
    };
    let is_elsewhere =
        place(&record.bound) != place(bound) || recipe(&before.active) != recipe(&parts);
    let made = before.retiring.len()
        + before.making.len()
        + usize::from(before.pending.is_some())
        + usize::from(before.made);
    if is_elsewhere {
        if made > 0 {
            app.ui.warn(&format!(
                "keys of `{}` that a rotation made may still be good where it was bound before: end them there",
                record.name
            ));
        }
        return fresh();
    }
    let has_slots = row
        .as_ref()
        .and_then(|row| Some(row.recipe(&before.active)?.kind == RotationKind::TwoSlot))
        .unwrap_or(false);
    let now = Timestamp::now();
    let until = now
        .saturating_add(app.policy.grace())
        .unwrap_or(Timestamp::MAX);
    before.replaced_by(parts, id, (now, until), has_slots)
}

impl KeyCommand {
    /// What it does, and to which key where that is one.
    pub(super) fn change(&self) -> Option<(&'static str, Option<String>)> {
        Some(match self {
            Self::Set(args) => ("set", Some(args.name.to_string())),
            Self::Add(args) => ("add", args.name.as_ref().map(ToString::to_string)),
            Self::Remove(args) => ("remove", Some(args.name.to_string())),
            Self::Export(_) => ("export", None),
            Self::Import(_) => ("import", None),
        })
    }
}

pub(super) fn run(app: &App, command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Add(args) => add::run(app, args),
        KeyCommand::Set(args) => set::set(app, &args),
        KeyCommand::Remove(args) => remove(app, &args),
        KeyCommand::Export(args) => export::export(app, &args),
        KeyCommand::Import(args) => import::import(app, &args),
    }
}

fn remove(app: &App, args: &RemoveArgs) -> Result<(), Failure> {
    let (_, index) = take_away(app, &args.name, Kind::Key, false)?;
    let page = app
        .catalogue
        .find(index.name.provider())
        .ok()
        .flatten()
        .and_then(|row| row.resolve(&index.bound.variables).ok());
    let page = page
        .and_then(|row| row.key)
        .and_then(|key| key.page)
        .map(|page| format!(": {page}"));
    app.ui.say(&format!(
        "deleted {} here; it stays good until it is revoked at the provider{}",
        args.name,
        page.unwrap_or_default()
    ));
    if index.rotation.is_some() {
        app.ui
            .warn("what a rotation had made and not ended yet stays good there as well");
    }
    answer(
        app.output,
        || documents::Removed {
            name: args.name.to_string(),
            revoked: false,
            deleted: true,
        },
        |_| Ok(()),
    )
}
