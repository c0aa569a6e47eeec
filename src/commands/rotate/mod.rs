//! `authctl rotate`: replaces keys, and keeps logins from being ended for idleness.

mod by_hand;
mod report;

use super::{answer, args, complete, documents, entries, warn_all};
use crate::app::App;
use crate::audit::{DONE, Event};
use crate::credential::{Entries, Index, Name, StoreKind};
use crate::failure::{Code, Failure};
use crate::provider::Row;
use crate::rotation::{Error, Options, Plan, What, plan, rotate};
use crate::signals;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

use report::{Line, summary};

/// Replace keys at their providers, and refresh logins before they are ended for idleness
///
/// A new key is made, kept, tried and handed out; the old one stays good for the grace, so that nobody who was handed it
/// is cut off, and a later run ends it. (Where a provider replaces the value of one and the same key, a `roll`, the old value
/// ends with the request.) Whatever interrupts a rotation, the next run finishes or undoes it. Where a
/// provider has no way to make a key by request, `authctl rotate NAME` in a terminal opens its page, says what to do there
/// and takes the new key hidden; a new key piped into it works, too. `--due` does what is due and nothing else, never asks,
/// and is what a schedule runs. The exit code is 8 when something is left to do.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl rotate sendgrid\n  authctl rotate openai --manager openai/admin\n  authctl rotate --due --dry-run\n  authctl rotate --due\n  authctl rotate stripe < new-key.txt"
)]
pub struct RotateArgs {
    /// The credentials: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::credentials(), required_unless_present_any = ["due", "dry_run"])]
    names: Vec<Name>,
    /// Only what is due, of the named ones or of all: replace old keys, and finish what a rotation has begun
    #[arg(long)]
    due: bool,
    /// Show what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Also where the new key may do more, or live longer, than the old one
    #[arg(long)]
    force: bool,
    /// The credential that may manage keys, where the key cannot do that itself; it is remembered
    #[arg(long, value_name = "NAME", add = complete::credentials(), conflicts_with = "due")]
    manager: Option<Name>,
    /// How long the old key stays good (a minute at least)
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    grace: Option<Duration>,
    /// Agree to a recipe with facts that were seen in no source; asked once for each key
    #[arg(long)]
    yes: bool,
    /// Open no browser
    #[arg(long)]
    no_browser: bool,
    /// Leave the outcome where the next command tells it
    #[arg(long, hide = true, requires = "due")]
    pub(super) scheduled: bool,
}

pub(super) fn run(app: &App, args: &RotateArgs) -> Result<(), Failure> {
    let result = if args.dry_run {
        dry_run(app, args)
    } else {
        all(app, args)
    };
    if args.scheduled {
        report::leave(app, &result);
    }
    result
}

fn options(app: &App, args: &RotateArgs) -> Options {
    let given = args
        .grace
        .map(|grace| SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX));
    Options {
        create: true,
        force: args.force,
        grace: given.unwrap_or_else(|| app.policy.grace()),
        grace_given: given.is_some(),
        manager: args.manager.clone(),
        planned: None,
        agreed: args.yes,
    }
}

/// What is due for each of them; a row is read once, whichever number of credentials it has.
pub(super) fn plans(app: &App, entries: &[Index], now: Timestamp) -> Vec<Plan> {
    let mut rows: BTreeMap<&str, Option<Row>> = BTreeMap::new();
    let mut plans = Vec::new();
    for index in entries {
        let row = rows
            .entry(index.name.provider())
            .or_insert_with_key(|name| app.catalogue.find(name).ok().flatten());
        plans.push(plan(index, row.as_ref(), &app.policy, now));
    }
    plans
}

fn dry_run(app: &App, args: &RotateArgs) -> Result<(), Failure> {
    let Entries { sound, damaged } = entries(app, &args.names)?;
    for (_, error) in &damaged {
        app.ui.warn(&error.to_string());
    }
    let mut plans = plans(app, &sound, Timestamp::now());
    if args.due {
        plans.retain(|plan| plan.is_due);
    }
    let now = Timestamp::now();
    let planned = |plan: &Plan| documents::PlannedRotation {
        name: plan.name.to_string(),
        action: report::action(plan.what).into(),
        how: plan.how.clone(),
        due: plan.due.map(|due| due.to_string()),
        is_due: plan.is_due,
    };
    let json = || documents::Planned {
        plans: plans.iter().map(planned).collect(),
    };
    answer(app.output, json, |output| {
        if plans.is_empty() {
            app.ui.say("nothing is due");
            return Ok(());
        }
        let row = |plan: &Plan| {
            vec![
                plan.name.to_string(),
                report::action(plan.what).to_owned(),
                plan.how.clone(),
                report::due(plan, now),
            ]
        };
        output.table(
            &["NAME", "WOULD", "HOW", "DUE"],
            plans.iter().map(row).collect(),
        )
    })
}

fn all(app: &App, args: &RotateArgs) -> Result<(), Failure> {
    let Entries { sound, damaged } = entries(app, &args.names)?;
    let mut plans = plans(app, &sound, Timestamp::now());
    if args.due {
        plans.retain(|plan| plan.is_due && plan.what != What::Nothing);
    }
    if let ([plan], false) = (plans.as_slice(), args.due) {
        let line = one(app, &plan.name, args)?;
        app.ui.say(&line.sentence());
        return answer(
            app.output,
            || documents::Rotated {
                results: vec![line.document()],
            },
            |_| Ok(()),
        );
    }
    if args.manager.is_some() && plans.len() > 1 {
        return Err(Failure::new(
            Code::Usage,
            "`--manager` is for one credential at a time",
        ));
    }
    let damaged = damaged
        .into_iter()
        .map(|(name, error)| Line::failed(&name, &error.into()))
        .collect();
    many(app, &plans, damaged, args)
}

/// One credential that a person named.
fn one(app: &App, name: &Name, args: &RotateArgs) -> Result<Line, Failure> {
    let mut options = options(app, args);
    let keeper = app.keeper();
    loop {
        let spinner = app.ui.spinner(&format!("rotating {name}"));
        let mut warnings = Vec::new();
        let result = rotate(&keeper, name, &options, &mut warnings);
        drop(spinner);
        warn_all(app, &warnings);
        let result = match result {
            Err(Error::ByHand { .. }) => by_hand::take(app, name, &options, args.no_browser),
            Err(Error::NotAgreed { fields, .. }) if app.ui.can_ask() => {
                let question = format!(
                    "the recipe for {name} was never tried (seen in no source: {fields}); nothing is lost when it fails. Try it? [y/N]"
                );
                if !app.ui.ask(&question)?.eq_ignore_ascii_case("y") {
                    return Err(Failure::new(
                        Code::Refused,
                        format!("`{name}` is not rotated"),
                    ));
                }
                options.agreed = true;
                continue;
            }
            result => result.map_err(Failure::from),
        };
        note(app, name, result.as_ref().err());
        let line = Line::of(name, &result?);
        if signals::came() {
            app.ui.say(&line.sentence());
            return Err(stopped());
        }
        return Ok(line);
    }
}

/// Ctrl-C came, and what had begun was finished first.
fn stopped() -> Failure {
    Failure::new(Code::Interrupted, "interrupted")
}

/// The stores that a rotation asks: its key's, and its manager's.
fn stores(app: &App, name: &Name) -> Vec<StoreKind> {
    let read = |name: &Name| Index::read(&app.paths.credentials(), name).ok().flatten();
    let entry = read(name);
    let manager = entry
        .as_ref()
        .and_then(|entry| entry.manager.as_ref())
        .and_then(read);
    entry
        .iter()
        .chain(&manager)
        .map(|entry| entry.store)
        .collect()
}

/// Many, one after the other; what fails does not stop the rest.
fn many(app: &App, plans: &[Plan], damaged: Vec<Line>, args: &RotateArgs) -> Result<(), Failure> {
    let mut lines = damaged;
    let mut shut: Vec<(StoreKind, Failure)> = Vec::new();
    let progress = app.ui.progress(plans.len() as u64);
    for plan in plans {
        progress.step(&plan.name.to_string());
        let stores = stores(app, &plan.name);
        // A store that is shut is not asked once more for each of its credentials.
        if let Some((_, failure)) = shut.iter().find(|(kind, _)| stores.contains(kind)) {
            lines.push(Line::failed(&plan.name, failure));
            continue;
        }
        let what_is_due = matches!(plan.what, What::Rotate(_));
        let mut options = options(app, args);
        options.create = if args.due {
            what_is_due || finishes_into_due(plan)
        } else {
            true
        };
        options.planned = args.due.then_some(plan.generation);
        let mut warnings = Vec::new();
        let result = rotate(&app.keeper(), &plan.name, &options, &mut warnings);
        warn_all(app, &warnings);
        let by_hand = matches!(result, Err(Error::ByHand { .. }));
        let store = result.as_ref().err().and_then(Error::store);
        match result.map_err(Failure::from) {
            Ok(report) => {
                note(app, &plan.name, None);
                lines.push(Line::of(&plan.name, &report));
            }
            Err(_) if by_hand => lines.push(Line::by_hand(&plan.name)),
            Err(failure) => {
                note(app, &plan.name, Some(&failure));
                lines.push(Line::failed(&plan.name, &failure));
                if let Some(store) = store.filter(|_| failure.code == Code::StoreUnavailable) {
                    shut.push((store, failure));
                }
            }
        }
        if signals::came() {
            break;
        }
    }
    drop(progress);
    let results = || documents::Rotated {
        results: lines.iter().map(Line::document).collect(),
    };
    answer(app.output, results, |output| {
        if lines.is_empty() {
            app.ui.say("nothing is due");
            return Ok(());
        }
        summary(output, &lines)
    })?;
    if signals::came() {
        return Err(stopped());
    }
    // A shut store has a code of its own: what helps is another thing than trying again.
    if let Some((_, failure)) = shut.into_iter().next() {
        return Err(failure);
    }
    let left: Vec<&str> = lines
        .iter()
        .filter(|line| line.is_left)
        .map(|line| line.name.as_str())
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    let (count, are) = (left.len(), if left.len() == 1 { "is" } else { "are" });
    let names = left.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if left.len() > 3 { ", …" } else { "" };
    Err(Failure::new(
        Code::Findings,
        format!("{count} of {} {are} left to do: {names}{more}", lines.len()),
    )
    .hint("run `authctl status` for what is pending, and `authctl rotate NAME` for one of them"))
}

/// Whether, once what is unfinished is finished, the key itself is due.
fn finishes_into_due(plan: &Plan) -> bool {
    plan.what == What::Finish
        && plan.waits_until.is_none()
        && plan.due.is_some_and(|due| due <= Timestamp::now())
}

fn note(app: &App, name: &Name, failure: Option<&Failure>) {
    let (outcome, detail) = failure.map_or((DONE, None), |failure| {
        (failure.code.name(), Some(failure.message.as_str()))
    });
    Event::now("rotate", Some(name.to_string()), outcome, detail).append(&app.paths.audit());
}
