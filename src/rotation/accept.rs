//! Accepting a key that a person made at the provider.

use super::engine::Engine;
use super::options::{Options, Report};
use super::pending::{PAUSES, verify_pending};
use super::run::Run;
use super::setup::{Setup, manager, values};
use super::{Error, Verdict, api::Sender};
use crate::credential::{Made, Name, Parts, Retiring, Slots, same_parts};
use crate::lifecycle::{self, Context, recover};
use jiff::Timestamp;

/// Accepts a key that a person made: it is saved first, then verified, then handed out. `warnings`
/// gets what to tell the user, whatever the outcome.
///
/// # Errors
/// As for [`super::rotate`].
pub fn accept(
    context: &Context<'_>,
    name: &Name,
    new: Parts,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Report, Error> {
    let entry = context.index.entry(name).map_err(lifecycle::Error::from)?;
    let manager = manager(context, &entry, options)?;
    let claim = context.claim(name)?;
    warnings.extend(recover(&claim)?);
    let mut run = Run::open(&claim)?;
    let result = take(context, &mut run, manager, new, options);
    warnings.append(&mut run.warnings);
    result
}

fn take(
    context: &Context<'_>,
    run: &mut Run<'_>,
    manager: Option<Sender>,
    new: Parts,
    options: &Options,
) -> Result<Report, Error> {
    let refused = |run: &Run<'_>, reason: &str| Error::Refused {
        name: run.name().clone(),
        reason: reason.into(),
        hint: None,
    };
    let setup = Setup::new(context, run, manager)?;
    let mut remote = setup.remote(context, run)?;
    let values = values(run);
    let slots = run.slots()?.clone();
    if same_parts(&slots.active, &new) {
        return Err(refused(run, "this key is already in use"));
    }
    let backend: &mut dyn super::backend::Backend = &mut remote;
    if backend.verify(&new, &values) == Verdict::Bad {
        return Err(refused(
            run,
            "the provider does not accept the new key; nothing was changed",
        ));
    }
    // The id of the current key is asked for while it is in use.
    let active_id = backend.identify(&slots, &values).ok().flatten();
    let mut retiring = slots.retiring.clone();
    let now = Timestamp::now();
    retiring.extend(slots.pending.clone().map(|pending| Retiring {
        by_hand: pending.id.is_none(),
        parts: pending.parts,
        id: pending.id,
        since: now,
        until: now,
    }));
    let with_pending = Slots {
        active_id,
        pending: Some(Made {
            parts: new,
            id: None,
            at: now,
            expires: None,
        }),
        retiring,
        ..slots
    };
    run.save(with_pending, None)?;
    let mut report = Report::default();
    let mut engine = Engine {
        run,
        backend,
        recipe: &setup.recipe,
        values,
        options,
        pauses: &PAUSES,
    };
    verify_pending(&mut engine, &mut report)?;
    Ok(report)
}
