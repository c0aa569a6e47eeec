//! `authctl rotate`: rotating keys, and refreshing logins before an idle limit.

mod manual;
mod report;

use super::{Profile, Run, answer, args, complete, documents, entries, outcome, words};
use crate::app::App;
use crate::audit::Event;
use crate::credential::{Entries, Name, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle;
use crate::provider::Rows;
use crate::rotation::{Error, Options, Plan, Report, What, plan, rotate};
use crate::signals::on_exit;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

use report::{Line, summary};

/// Rotate keys, and refresh idle logins before they expire
///
/// A new key is created at the provider, stored and verified, and then used instead of the previous
/// one. The previous key stays valid for a grace period, so that programs that still use it are not
/// interrupted; a later run revokes it. (Some providers instead give the existing key a new value.
/// Such a `roll` invalidates the previous value at once.) If a rotation is interrupted, the next
/// run finishes or undoes it. If a provider has no API to create keys, `authctl rotate NAME` in a
/// terminal opens the provider's page, says what to do there and reads the new key from a hidden
/// prompt; you can also pipe the new key into the command. `--due` rotates only credentials that
/// are due, and never prompts; scheduled runs use it. The exit code is 8 if something is left to
/// do.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl rotate sendgrid\n  authctl rotate openai --manager openai/admin\n  authctl rotate --due --dry-run\n  authctl rotate --due\n  authctl rotate stripe < new-key.txt"
)]
pub struct RotateArgs {
    /// The credentials: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::credentials(), required_unless_present_any = ["due", "dry_run"])]
    names: Vec<Name>,
    /// Do only what is due: rotate old keys, and finish interrupted rotations
    #[arg(long)]
    due: bool,
    /// Show what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// Rotate even if the new key may have more permissions or a longer lifetime than the previous
    /// one
    #[arg(long)]
    force: bool,
    /// The credential that manages the key, if the key cannot manage keys itself; the setting is
    /// stored
    #[arg(long, value_name = "NAME", add = complete::credentials(), conflicts_with = "due")]
    manager: Option<Name>,
    /// How long the previous key stays valid (values below 1m count as 1m)
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    grace: Option<Duration>,
    /// Do not ask before using a rotation recipe that has unverified fields
    #[arg(long)]
    yes: bool,
    /// Do not open a browser
    #[arg(long)]
    no_browser: bool,
    /// Save the outcome for the next command to report
    #[arg(long, hide = true, requires = "due")]
    scheduled: bool,
}

impl Run for RotateArgs {
    fn profile(&self) -> Profile {
        Profile {
            reports_runs: !self.scheduled,
            // Each credential is logged where it is rotated.
            ..Profile::reading()
        }
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, args: &RotateArgs) -> Result<(), Failure> {
    if args.scheduled {
        on_exit(Some(report::save_interrupted(app)));
    }
    let result = if args.dry_run {
        dry_run(app, args)
    } else {
        all(app, args)
    };
    if args.scheduled {
        on_exit(None);
        report::save(app, result.as_ref().err());
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

/// What is due for the named credentials, or for all.
fn plans(app: &App, args: &RotateArgs) -> Result<Entries<Plan>, Failure> {
    let now = Timestamp::now();
    let (rows, policy) = (Rows::new(&app.catalogue), &app.policy);
    let mut plans = entries(app, &args.names, |entry| {
        let provider = rows.get(entry.name.provider());
        plan(&entry, provider.row(), policy, now)
    })?;
    if args.due {
        plans.readable.retain(|plan| plan.is_due);
    }
    Ok(plans)
}

fn dry_run(app: &App, args: &RotateArgs) -> Result<(), Failure> {
    let Entries {
        readable: plans,
        damaged,
    } = plans(app, args)?;
    for (_, error) in &damaged {
        app.ui.warn(&error.to_string());
    }
    let now = Timestamp::now();
    let planned = |plan: &Plan| documents::PlannedRotation {
        name: plan.name.to_string(),
        action: report::action(plan.what),
        how: plan.how.clone(),
        due: plan.due.map(|due| due.to_string()),
        is_due: plan.is_due,
    };
    let json = || documents::Planned {
        plans: plans.iter().map(planned).collect(),
    };
    answer(app, json, |output| {
        if plans.is_empty() {
            app.ui.say("nothing is due");
            return Ok(());
        }
        let row = |plan: &Plan| {
            vec![
                plan.name.to_string(),
                documents::word(report::action(plan.what)),
                plan.how.clone(),
                report::due(plan, now),
            ]
        };
        output.table(
            &["NAME", "ACTION", "METHOD", "DUE"],
            plans.iter().map(row).collect(),
        )
    })
}

fn all(app: &App, args: &RotateArgs) -> Result<(), Failure> {
    let Entries {
        readable: mut plans,
        damaged,
    } = plans(app, args)?;
    if args.due {
        plans.retain(|plan| plan.what != What::Nothing);
    }
    if let ([plan], false) = (plans.as_slice(), args.due) {
        let line = one(app, &plan.name, args)?;
        app.ui.say(&line.sentence());
        return answer(
            app,
            || documents::Rotated {
                results: vec![line.document()],
            },
            |_| Ok(()),
        );
    }
    if args.manager.is_some() && plans.len() > 1 {
        return Err(Failure::usage(
            "`--manager` can be used for one credential only",
        ));
    }
    let damaged = damaged
        .into_iter()
        .map(|(name, error)| Line::failed(&name, &error.into()))
        .collect();
    many(app, &plans, damaged, args)
}

/// Rotates the one credential that was named.
fn one(app: &App, name: &Name, args: &RotateArgs) -> Result<Line, Failure> {
    let mut options = options(app, args);
    let context = app.context();
    loop {
        let spinner = app.ui.spinner(&format!("rotating {name}"));
        let mut warnings = Vec::new();
        let result = rotate(&context, name, &options, &mut warnings);
        drop(spinner);
        app.ui.warn_all(&warnings);
        let is_logged = is_logged(&result);
        let result = match result {
            Err(Error::Manual { .. }) => manual::take(app, name, &options, args.no_browser),
            Err(Error::NotAgreed { fields, .. }) if app.ui.can_ask() => {
                let question = format!(
                    "the rotation recipe for {name} is not confirmed by the provider's documentation (unverified: {fields}). Nothing is lost if it fails. If you answer yes, you will not be asked again. Try it? [y/N]"
                );
                if !app.ui.ask(&question)?.eq_ignore_ascii_case("y") {
                    return Err(Failure::new(
                        Code::Refused,
                        format!("did not rotate `{name}`"),
                    ));
                }
                options.agreed = true;
                continue;
            }
            result => result.map_err(Failure::from),
        };
        if !is_logged {
            log_rotation(app, name, result.as_ref().err());
        }
        return Ok(Line::of(name, &result?));
    }
}

/// The stores that a rotation reads: that of the key, and that of its manager.
fn stores(app: &App, name: &Name) -> Vec<StoreKind> {
    let read = |name: &Name| app.index.find(name).ok().flatten();
    let entry = read(name);
    let manager = entry
        .as_ref()
        .and_then(|entry| entry.rotation.manager.as_ref())
        .and_then(read);
    entry
        .iter()
        .chain(&manager)
        .map(|entry| entry.store)
        .collect()
}

/// Rotates one credential after the other; a failure does not stop the rest.
fn many(app: &App, plans: &[Plan], damaged: Vec<Line>, args: &RotateArgs) -> Result<(), Failure> {
    let mut lines = damaged;
    let mut closed: Vec<(StoreKind, Failure)> = Vec::new();
    let progress = app.ui.progress(plans.len() as u64);
    for plan in plans {
        progress.step(&plan.name.to_string());
        if plan.what == What::LogIn {
            lines.push(Line::over(&plan.name));
            continue;
        }
        let stores = stores(app, &plan.name);
        // A store that is locked is not asked again for each of its credentials.
        if let Some((_, failure)) = closed.iter().find(|(kind, _)| stores.contains(kind)) {
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
        let result = rotate(&app.context(), &plan.name, &options, &mut warnings);
        app.ui.warn_all(&warnings);
        let by_hand = matches!(result, Err(Error::Manual { .. }));
        let is_logged = is_logged(&result);
        let store = result.as_ref().err().and_then(Error::store);
        match result.map_err(Failure::from) {
            Ok(report) => {
                if !is_logged {
                    log_rotation(app, &plan.name, None);
                }
                lines.push(Line::of(&plan.name, &report));
            }
            Err(_) if by_hand => lines.push(Line::by_hand(&plan.name)),
            Err(failure) => {
                if !is_logged {
                    log_rotation(app, &plan.name, Some(&failure));
                }
                lines.push(Line::failed(&plan.name, &failure));
                if let Some(store) = store.filter(|_| failure.code == Code::StoreUnavailable) {
                    closed.push((store, failure));
                }
            }
        }
    }
    drop(progress);
    let results = || documents::Rotated {
        results: lines.iter().map(Line::document).collect(),
    };
    answer(app, results, |output| {
        if lines.is_empty() {
            app.ui.say("nothing is due");
            return Ok(());
        }
        summary(output, &lines)
    })?;
    // A locked store has an exit code of its own: retrying does not help.
    if let Some((_, failure)) = closed.into_iter().next() {
        return Err(failure);
    }
    findings(&lines)
}

/// The failure that names the credentials that need attention, if there are any.
fn findings(lines: &[Line]) -> Result<(), Failure> {
    let left: Vec<&str> = lines
        .iter()
        .filter(|line| line.is_left)
        .map(|line| line.name.as_str())
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    let count = left.len();
    let names = left.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    let more = if count > 3 { ", …" } else { "" };
    let need = if count == 1 { "needs" } else { "need" };
    Err(Failure::new(
        Code::Findings,
        format!(
            "{count} of {} {need} attention: {names}{more}",
            words::count(lines.len(), "credential")
        ),
    )
    .hint("run `authctl status` for details, or `authctl rotate NAME` to retry one of them"))
}

/// Whether the key is due once an interrupted rotation is finished.
fn finishes_into_due(plan: &Plan) -> bool {
    plan.what == What::Finish
        && plan.waits_until.is_none()
        && plan.due.is_some_and(|due| due <= Timestamp::now())
}

/// Whether the keeper has written the rotation to the audit log.
fn is_logged(result: &Result<Report, Error>) -> bool {
    match result {
        Ok(report) => !report.refreshed,
        Err(Error::Reported(failure)) => failure.is_logged,
        Err(Error::Lifecycle(lifecycle::Error::Keeper(error))) => error.is_logged(),
        Err(_) => false,
    }
}

fn log_rotation(app: &App, name: &Name, failure: Option<&Failure>) {
    let (outcome, detail) = outcome(failure);
    Event::now("rotate", Some(name.to_string()), outcome, detail).append(&app.paths.audit());
}
