//! `authctl schedule`: rotating what is due, once a day.

use super::words::relative;
use super::{Profile, Run, answer, documents};
use crate::app::App;
use crate::failure::{Code, Failure};
use crate::process::lasting_path;
use crate::schedule::{
    CARRIED, How, Installed, Job, LastRun, install, installed, problem, remove, sleeps,
};
use jiff::Timestamp;

/// Rotate due credentials automatically, once a day
#[derive(clap::Subcommand, Debug)]
#[command(
    after_help = "Examples:\n  authctl schedule install\n  authctl schedule status\n  authctl schedule remove"
)]
pub enum ScheduleCommand {
    Install(InstallArgs),
    Status(StatusArgs),
    Remove(RemoveArgs),
}

/// Run `authctl rotate --due` once a day
///
/// Installs a systemd user timer, a launchd agent, a Task Scheduler task or a marked section of the
/// crontab, depending on the system. The scheduled job runs authctl from the folder in PATH that
/// contains it, so that the job still works after an upgrade; `schedule status`, `status` and
/// `doctor` report when that program is missing. Run `authctl doctor --as-cron` to predict the
/// outcome of such a run: the keychain is often locked when a scheduled job runs, but an unlocked or
/// unattended vault can be read. Under systemd, a program of your own (the program of a recipe, or
/// the `notify` program) runs with the restrictions of the unit: no new privileges, no namespaces,
/// no memory that is both writable and executable.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl schedule install\n  authctl schedule install --with crontab"
)]
pub struct InstallArgs {
    /// The scheduler to use
    #[arg(long, value_name = "SCHEDULER")]
    with: Option<How>,
}

/// Show whether a schedule is installed, and the outcome of the last run
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl schedule status\n  authctl schedule status --json")]
pub struct StatusArgs {}

/// Remove what `schedule install` installed
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl schedule remove")]
pub struct RemoveArgs {}

impl Run for ScheduleCommand {
    fn profile(&self) -> Profile {
        match self {
            Self::Install(_) => Profile::reading().logged("schedule install", None::<String>),
            Self::Remove(_) => Profile::reading().logged("schedule remove", None::<String>),
            Self::Status(_) => Profile::script(),
        }
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, command: &ScheduleCommand) -> Result<(), Failure> {
    match command {
        ScheduleCommand::Install(args) => run_install(app, args),
        ScheduleCommand::Status(_) => run_status(app),
        ScheduleCommand::Remove(_) => run_remove(app),
    }
}

fn run_install(app: &App, args: &InstallArgs) -> Result<(), Failure> {
    let how = args.with.unwrap_or_else(How::here);
    let mut variables: Vec<(String, String)> = CARRIED.into_iter().filter_map(carried).collect();
    // The address of a proxy may contain a password, which must not be written to the files of a
    // scheduler.
    variables.retain(|(name, value)| {
        let is_secret = is_proxy(name) && value.contains('@');
        if is_secret {
            app.ui.warn(&format!(
                "{name} contains a password, so scheduled runs do not use it"
            ));
        }
        !is_secret
    });
    let job = Job {
        program: lasting_path()?,
        variables,
    };
    let done = install(how, &job)?;
    // A second scheduler would run at the same time. It is removed once this one is active.
    for other in installed()
        .iter()
        .filter(|other| other.how != how && done.is_started)
    {
        remove(other)?;
    }
    if how == How::TaskScheduler && !job.variables.is_empty() {
        app.ui.warn("the Task Scheduler does not pass on the environment variables of this session; set those that authctl needs, such as AUTHCTL_HOME, for your account with `setx`");
    }
    app.ui.say(&format!(
        "installed the schedule with {how}: it runs `authctl rotate --due` once a day"
    ));
    for file in &done.files {
        app.ui.say(&format!("  {}", file.display()));
    }
    if !done.is_started {
        app.ui.warn(&format!(
            "cannot activate the schedule with {how}; {}",
            by_hand(how)
        ));
    }
    if how == How::Systemd
        && let Some(reason) = sleeps()
    {
        app.ui.warn(reason);
    }
    app.ui
        .say("run `authctl doctor --as-cron` to predict the outcome of a scheduled run");
    answer(app, || document(&[done], None), |_| Ok(()))
}

/// A variable of this session, with a path made absolute.
fn carried(name: &str) -> Option<(String, String)> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    let is_path = name != "AUTHCTL_STORE" && !is_proxy(name);
    let whole = std::path::absolute(&value)
        .ok()
        .filter(|_| is_path)
        .and_then(|path| path.into_os_string().into_string().ok());
    Some((name.to_owned(), whole.unwrap_or(value)))
}

fn is_proxy(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("_proxy")
}

fn by_hand(how: How) -> &'static str {
    match how {
        How::Systemd => {
            "run `systemctl --user enable --now authctl-rotate.timer` in a login session"
        }
        How::Launchd => "log out and log in again",
        _ => "install it again",
    }
}

fn run_remove(app: &App) -> Result<(), Failure> {
    let found = installed();
    if found.is_empty() {
        return Err(Failure::new(Code::NotFound, "no schedule is installed"));
    }
    for one in &found {
        remove(one)?;
        app.ui
            .say(&format!("removed the schedule from {}", one.how));
    }
    answer(app, || document(&[], None), |_| Ok(()))
}

fn run_status(app: &App) -> Result<(), Failure> {
    let found = installed();
    let last = LastRun::read(&app.paths.last_run());
    let now = Timestamp::now();
    answer(
        app,
        || document(&found, last.as_ref()),
        |output| {
            if found.is_empty() {
                output.line("no schedule is installed; run `authctl schedule install`")?;
            }
            for one in &found {
                let state = if one.is_started {
                    "runs once a day"
                } else {
                    "not active"
                };
                output.line(&format!("{}: {state}", one.how))?;
                if one.how == How::Systemd
                    && let Some(reason) = sleeps()
                {
                    output.text(reason)?;
                }
                if let Some(problem) = one.program.as_deref().and_then(problem) {
                    output.text(&format!("{problem}; run `authctl schedule install`"))?;
                }
            }
            match &last {
                None => output.line("no runs yet"),
                Some(last) => {
                    let reason = last
                        .reason
                        .as_ref()
                        .map(|reason| format!(": {reason}"))
                        .unwrap_or_default();
                    output.text(&format!(
                        "last run: {}, {} (exit code {}){reason}",
                        relative(last.at, now),
                        last.outcome.replace('_', " "),
                        last.code
                    ))
                }
            }
        },
    )
}

fn document(found: &[Installed], last: Option<&LastRun>) -> documents::Schedule {
    documents::Schedule {
        installed: found.iter().map(|one| one.how.to_string()).collect(),
        started: found.iter().any(|one| one.is_started),
        program: found
            .iter()
            .find_map(|one| one.program.as_ref())
            .map(|path| path.display().to_string()),
        problem: found
            .iter()
            .find_map(|one| one.program.as_deref().and_then(problem))
            .map(|problem| problem.to_string()),
        last_run: last.map(|last| last.at.to_string()),
        last_code: last.map(|last| last.code),
        last_reason: last.and_then(|last| last.reason.clone()),
    }
}

/// Reports a scheduled run that failed, once, in a terminal.
pub(super) fn report_failed_run(app: &App) {
    if let Some(run) = LastRun::news(&app.paths.last_run()) {
        let reason = run.reason.unwrap_or_else(|| run.outcome.clone());
        app.ui.warn(&format!(
            "the scheduled rotation {} failed (exit code {}): {reason}",
            relative(run.at, Timestamp::now()),
            run.code
        ));
    }
}
