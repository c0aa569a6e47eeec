//! From a name to a rotated key: who asks, by which recipe, under the lock.

use super::api::Caller;
use super::backend::Backend;
use super::engine::Engine;
use super::fill::Values;
use super::program::Program;
use super::remote::Remote;
use super::run::Run;
use super::{Error, Verdict};
use crate::credential::{Bound, Index, Kind, LastError, Made, Name, Parts, Slots};
use crate::lifecycle::{self, Keeper, Wanted, parts, settle, token};
use crate::provider::{Caller as Who, KeySpec, Recipe, RotationKind, Row};
use jiff::{SignedDuration, Timestamp};

/// What the user wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// Make a new key; else only what is unfinished is finished.
    pub create: bool,
    /// Also where the new key may do more than the old one.
    pub force: bool,
    /// How long the old key stays good.
    pub grace: SignedDuration,
    /// Whether the user said so now, which then also counts for keys that wait already.
    pub grace_given: bool,
    /// Who asks the provider.
    pub manager: Option<Name>,
    /// The generation that was looked at when this was found to be due; another one means that it is not any more.
    pub planned: Option<u64>,
    /// The user has agreed to a recipe with facts that were seen in no source.
    pub agreed: bool,
}

/// How far it came.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A new key is handed out.
    pub switched: bool,
    /// A login has a fresh token.
    pub refreshed: bool,
    /// So many keys were ended at the provider.
    pub ended: usize,
    /// So many are a person's to end, and nobody can be asked whether that is done.
    pub to_end_by_hand: usize,
    /// A replaced key is good until then.
    pub waits_until: Option<Timestamp>,
}

/// Everything that a key's rotation depends on, beside the key.
struct Means {
    row: Row,
    key: KeySpec,
    recipe: Recipe,
    manager: Option<Caller>,
}

/// Rotates one credential, or goes on with what an earlier run left. What a person should know goes to `warnings`, however
/// it ends.
///
/// # Errors
/// See [`Error`]: whatever was made is kept.
pub fn rotate(
    keeper: &Keeper<'_>,
    name: &Name,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Report, Error> {
    let index = entry(keeper, name)?;
    if index.kind == Kind::Login {
        let handed = token(
            keeper,
            name,
            &Wanted {
                force: true,
                ..Wanted::default()
            },
        )?;
        warnings.extend(handed.warnings);
        return Ok(Report {
            refreshed: true,
            ..Report::default()
        });
    }
    // Before the lock is taken: the manager may have to be refreshed under its own.
    let manager = manager(keeper, &index, options)?;
    let lock = keeper.lock(name)?;
    warnings.extend(settle(keeper, &lock, name)?);
    // Another run was quicker: what was due is not due any more. (A record that has outrun its entry is none: the entry was
    // what was looked at.)
    if options
        .planned
        .is_some_and(|planned| entry(keeper, name).is_ok_and(|entry| entry.generation != planned))
    {
        return Ok(Report::default());
    }
    let mut run = Run::open(keeper, &lock, name)?;
    let result = go(keeper, &mut run, manager, options);
    run.note(|index| {
        index.rotation_error = result.as_ref().err().and_then(|error| {
            let told = !matches!(
                error,
                Error::ByHand { .. }
                    | Error::TooSoon { .. }
                    | Error::NotAgreed { .. }
                    | Error::Lifecycle(lifecycle::Error::Interrupted)
            );
            told.then(|| LastError {
                at: Timestamp::now(),
                code: error.word().into(),
                reason: error.to_string(),
            })
        });
    });
    warnings.append(&mut run.warnings);
    result
}

/// Takes a key that a person made: it is kept first, then tried, then handed out.
///
/// # Errors
/// As for [`rotate`].
pub fn accept(
    keeper: &Keeper<'_>,
    name: &Name,
    new: Parts,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Report, Error> {
    let manager = manager(keeper, &entry(keeper, name)?, options)?;
    let lock = keeper.lock(name)?;
    warnings.extend(settle(keeper, &lock, name)?);
    let mut run = Run::open(keeper, &lock, name)?;
    let result = hand_over(keeper, &mut run, manager, new, options);
    warnings.append(&mut run.warnings);
    result
}

fn hand_over(
    keeper: &Keeper<'_>,
    run: &mut Run<'_>,
    manager: Option<Caller>,
    new: Parts,
    options: &Options,
) -> Result<Report, Error> {
    let name = &run.name().clone();
    let means = means(keeper, run, manager)?;
    let mut backend = means.remote(keeper, run)?;
    let values = values(run);
    let slots = run.slots()?.clone();
    if crate::credential::same_parts(&slots.active, &new) {
        return Err(refused(name, "that is the key it has already"));
    }
    if backend.verify(&new, &values) == Verdict::Bad {
        return Err(refused(
            name,
            "the provider does not accept the new key; nothing was changed",
        ));
    }
    // What its id is can be asked while it is the one in use.
    let active_id = backend.identify(&slots, &values).ok().flatten();
    let mut retired = slots.clone();
    if let Some(pending) = slots.pending {
        let until = Timestamp::now();
        let (is_by_hand, parts, id) = (pending.id.is_none(), pending.parts, pending.id);
        retired.retiring.push(crate::credential::Retiring {
            parts,
            id,
            since: until,
            until,
            by_hand: is_by_hand,
        });
    }
    let made = Made {
        parts: new,
        id: None,
        at: Timestamp::now(),
        expires: None,
    };
    run.save(
        Slots {
            active_id,
            pending: Some(made),
            ..retired
        },
        None,
    )?;
    let mut report = Report::default();
    Engine {
        run,
        backend: &mut backend,
        recipe: &means.recipe,
        values,
        options,
    }
    .verify_pending(&mut report)?;
    Ok(report)
}

fn entry(keeper: &Keeper<'_>, name: &Name) -> Result<Index, Error> {
    let found = Index::read(&keeper.paths.credentials(), name).map_err(lifecycle::Error::from)?;
    found.ok_or_else(|| lifecycle::Error::NotFound(name.clone()).into())
}

fn refused(name: &Name, reason: &str) -> Error {
    Error::Refused {
        name: name.clone(),
        reason: reason.into(),
        hint: None,
    }
}

/// The credential that asks in the key's place, if one was named.
fn manager(keeper: &Keeper<'_>, index: &Index, options: &Options) -> Result<Option<Caller>, Error> {
    let Some(name) = options
        .manager
        .as_ref()
        .or(index.manager.as_ref())
        .filter(|manager| **manager != index.name)
    else {
        return Ok(None);
    };
    let handed = parts(keeper, name, &Wanted::default()).map_err(|error| match error {
        lifecycle::Error::NotFound(_) => Error::Refused {
            name: index.name.clone(),
            reason: format!("`{name}`, which is to ask for it, is not there"),
            hint: Some(format!(
                "run `authctl key set {} --manager NAME`, or `--manager ''` for none",
                index.name
            )),
        },
        error => error.into(),
    })?;
    Ok(Some(Caller {
        templates: handed.templates,
        parts: handed.parts,
        bound: handed.bound,
    }))
}

fn means(keeper: &Keeper<'_>, run: &Run<'_>, manager: Option<Caller>) -> Result<Means, Error> {
    let (name, bound): (&Name, &Bound) = (run.name(), &run.record().bound);
    let none = || Error::NoRecipe { name: name.clone() };
    // A key that goes by its user's own header is none that the row describes.
    if !bound.headers.is_empty() {
        let reason = "it goes by a header of its own, which no provider's row describes".into();
        let hint = format!(
            "replace it by hand: `authctl key add {name} --replace`; where there is a row, remove it and add it without `--header`"
        );
        return Err(Error::Refused {
            name: name.clone(),
            reason,
            hint: Some(hint),
        });
    }
    let row = keeper
        .catalogue
        .find(name.provider())?
        .ok_or_else(none)?
        .resolve(&bound.variables)?;
    row.check_rotation()?;
    let key = row.key.clone().ok_or_else(none)?;
    let recipe = row.recipe(&run.slots()?.active).cloned().ok_or_else(none)?;
    Ok(Means {
        row,
        key,
        recipe,
        manager,
    })
}

impl Means {
    fn remote<'a>(&'a self, keeper: &'a Keeper<'a>, run: &Run<'_>) -> Result<Remote<'a>, Error> {
        let active = run.slots()?.active.clone();
        Ok(Remote {
            keeper,
            recipe: &self.recipe,
            key: &self.key,
            bound: run.record().bound.clone(),
            active,
            manager: self.manager.clone(),
        })
    }
}

fn values(run: &Run<'_>) -> Values {
    Values {
        settings: run.record().bound.variables.clone(),
        now: Timestamp::now(),
        ..Values::default()
    }
}

fn go(
    keeper: &Keeper<'_>,
    run: &mut Run<'_>,
    manager: Option<Caller>,
    options: &Options,
) -> Result<Report, Error> {
    let means = means(keeper, run, manager)?;
    let name = run.name().clone();
    let recipe = &means.recipe;
    if recipe.caller == Who::Manager
        && means.manager.is_none()
        && recipe.kind != RotationKind::DisableOnly
    {
        let needs = recipe
            .needs
            .as_ref()
            .map(|needs| format!(" ({needs})"))
            .unwrap_or_default();
        let hint = Some(format!(
            "store a credential that may manage keys{needs}, then run `authctl rotate {name} --manager NAME`"
        ));
        return Err(Error::Refused {
            name,
            reason: "a key of this provider cannot make another".into(),
            hint,
        });
    }
    let own = recipe.caller == Who::Own
        && !matches!(recipe.kind, RotationKind::Command | RotationKind::Assisted);
    if own && means.manager.is_some() {
        let hint = Some(format!(
            "leave `--manager` out, or run `authctl key set {name} --manager ''`"
        ));
        let reason = "at this provider a key can be replaced by itself alone: a manager would replace its own".into();
        return Err(Error::Refused { name, reason, hint });
    }
    let unseen = means.row.unverified_in(recipe);
    if options.create && !unseen.is_empty() && !options.agreed && !run.index.agreed {
        return Err(Error::NotAgreed {
            name,
            fields: unseen.join(", "),
        });
    }
    let values = Values {
        is_forced: options.force,
        ..values(run)
    };
    let has_manager = means.manager.is_some();
    let (kept, agreed, recipe_name) =
        (options.manager.clone(), options.agreed, recipe.name.clone());
    // What the index alone knows is written with the first save.
    run.index.manager = kept.or(run.index.manager.take());
    run.index.agreed |= agreed;
    run.index.recipe = recipe_name;
    let remote = means.remote(keeper, run)?;
    match recipe.kind {
        RotationKind::Roll => {
            let mut backend = remote;
            Engine {
                run,
                backend: &mut backend,
                recipe,
                values,
                options,
            }
            .go_rolling(has_manager)
        }
        RotationKind::Command => {
            let mut backend = Program {
                name: &name,
                recipe,
                remote,
            };
            Engine {
                run,
                backend: &mut backend,
                recipe,
                values,
                options,
            }
            .go()
        }
        _ => {
            let mut backend = remote;
            Engine {
                run,
                backend: &mut backend,
                recipe,
                values,
                options,
            }
            .go()
        }
    }
}
