//! Rotating a credential: who asks the provider, by which recipe, and the order of the steps.

use super::Error;
use super::api::Sender;
use super::backend::Backend;
use super::create::create;
use super::engine::Engine;
use super::fill::Values;
use super::intents::look_up_intents;
use super::options::{Options, Report};
use super::pending::{PAUSES, verify_pending};
use super::program::Program;
use super::retired::revoke_retired;
use super::roll::roll;
use super::run::Run;
use super::setup::{Setup, manager, values};
use crate::credential::{LastError, Name};
use crate::lifecycle::{self, Claim, Context, recover};
use crate::provider::{Caller, RotationKind};
use crate::signals;
use jiff::Timestamp;

/// Rotates a claimed key, or continues a rotation that was interrupted. `warnings` gets what to tell
/// the user, whatever the outcome.
///
/// # Errors
/// See [`Error`]; whatever was created is kept.
pub(super) fn rotate_claimed(
    claim: &Claim<'_>,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Report, Error> {
    let (context, name) = (&claim.context, claim.name());
    let read = || context.index.entry(name).map_err(lifecycle::Error::from);
    warnings.extend(recover(claim)?);
    let entry = read()?;
    // If another run was faster, the key is no longer due. The entry is compared, since it is
    // what was found to be due.
    if options
        .planned
        .is_some_and(|planned| entry.generation != planned)
    {
        return Ok(Report::default());
    }
    let manager = manager(context, &entry, options)?;
    let mut run = Run::open(claim)?;
    let result = rotate_key(context, &mut run, manager, options);
    let failure = result.as_ref().err().filter(|error| error.is_failure());
    run.entry.rotation.last_error = failure.map(|error| LastError {
        at: Timestamp::now(),
        code: error.code(),
        reason: error.to_string(),
        answered_since: None,
    });
    run.write_entry();
    warnings.append(&mut run.warnings);
    result
}

fn rotate_key(
    context: &Context<'_>,
    run: &mut Run<'_>,
    manager: Option<Sender>,
    options: &Options,
) -> Result<Report, Error> {
    let setup = Setup::new(context, run, manager)?;
    check_manager(&setup, run.name())?;
    let name = run.name().clone();
    let recipe = &setup.recipe;
    let unverified = setup.row.unverified_in(recipe);
    if options.create && !unverified.is_empty() && !options.agreed && !run.entry.rotation.agreed {
        return Err(Error::NotAgreed {
            name,
            fields: unverified.join(", "),
        });
    }
    let values = Values {
        is_forced: options.force,
        ..values(run)
    };
    // What only the entry says is written with the first save.
    let rotation = &mut run.entry.rotation;
    rotation.manager = options.manager.clone().or(rotation.manager.take());
    rotation.agreed |= options.agreed;
    rotation.recipe.clone_from(&recipe.name);
    let mut remote = setup.remote(context, run)?;
    let mut program;
    let backend: &mut dyn Backend = if recipe.kind == RotationKind::Command {
        program = Program {
            name: &name,
            recipe,
            remote,
        };
        &mut program
    } else {
        &mut remote
    };
    let mut engine = Engine {
        run,
        backend,
        recipe,
        values,
        options,
        pauses: &PAUSES,
    };
    if recipe.kind == RotationKind::Roll {
        roll(&mut engine, setup.manager.is_some())
    } else {
        replace(&mut engine)
    }
}

/// The steps of every kind of rotation in which two keys exist side by side for a while. Their
/// order never changes, whatever happened before: keys that a lost answer left are revoked, a
/// pending key is verified, previous keys are revoked, and only then a new key is created.
fn replace(engine: &mut Engine<'_, '_>) -> Result<Report, Error> {
    let mut report = Report::default();
    look_up_intents(engine)?;
    if engine.run.slots()?.pending.is_some() && verify_pending(engine, &mut report)? {
        return Ok(report);
    }
    revoke_retired(engine, &mut report)?;
    if !engine.options.create {
        return Ok(report);
    }
    let name = engine.run.name().clone();
    if let Some(until) = report.waits_until {
        return Err(Error::TooSoon { name, until });
    }
    if engine.recipe.kind.wants_a_person() {
        return Err(Error::Manual { name });
    }
    create(engine)?;
    if signals::interrupted() {
        return Err(lifecycle::Error::Interrupted.into());
    }
    if !verify_pending(engine, &mut report)? {
        return Err(engine.refused(
            "the provider created the key, but no longer recognizes it",
            None,
        ));
    }
    Ok(report)
}

/// Checks that a manager is set exactly where the recipe needs one.
fn check_manager(setup: &Setup, name: &Name) -> Result<(), Error> {
    let recipe = &setup.recipe;
    let refused = |reason: &str, hint: String| Error::Refused {
        name: name.clone(),
        reason: reason.into(),
        hint: Some(hint),
    };
    if recipe.caller == Caller::Manager
        && setup.manager.is_none()
        && recipe.kind != RotationKind::DisableOnly
    {
        let needs = recipe
            .needs
            .as_ref()
            .map(|needs| format!(" ({needs})"))
            .unwrap_or_default();
        return Err(refused(
            "a key of this provider cannot create another key",
            format!(
                "store a credential that can manage keys{needs}, then run `authctl rotate {name} --manager NAME`"
            ),
        ));
    }
    let is_own = recipe.caller == Caller::Own
        && !matches!(recipe.kind, RotationKind::Command | RotationKind::Assisted);
    if is_own && setup.manager.is_some() {
        return Err(refused(
            "this provider lets a key rotate only itself; a manager would rotate its own key instead of this one",
            format!("omit `--manager`, or run `authctl key set {name} --manager ''`"),
        ));
    }
    Ok(())
}
