//! Installing and removing the job.

use super::{Job, MARK, NAME, cron, launchd, systemd, task};
use crate::disk;
use crate::process::{Finished, MAX_OUTPUT, run_within};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum How {
    /// A systemd user timer
    Systemd,
    /// A marked section of the crontab
    Crontab,
    /// A launchd agent (macOS)
    Launchd,
    /// A task of the Task Scheduler (Windows)
    TaskScheduler,
}

impl std::fmt::Display for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Systemd => "systemd",
            Self::Crontab => "crontab",
            Self::Launchd => "launchd",
            Self::TaskScheduler => "task-scheduler",
        })
    }
}

/// An installed schedule.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The scheduler.
    pub how: How,
    /// Its files, if it has any.
    pub files: Vec<PathBuf>,
    /// The program that it runs, if that is known.
    pub program: Option<PathBuf>,
    /// Whether it is active; otherwise the user has to activate it.
    pub is_started: bool,
}

/// Why a schedule cannot be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// A program of the system failed.
    #[error("{program}: {reason}")]
    Program {
        /// The program.
        program: &'static str,
        /// Its message.
        reason: String,
    },
    /// The folder for it is not known.
    #[error("cannot determine the home folder")]
    NoHome,
    /// The job cannot be written for this scheduler.
    #[error("{0}")]
    Unsuitable(String),
}

impl How {
    /// The scheduler of this system.
    pub fn here() -> Self {
        if cfg!(windows) {
            Self::TaskScheduler
        } else if cfg!(target_os = "macos") {
            Self::Launchd
        } else if Path::new("/run/systemd/system").exists() {
            Self::Systemd
        } else {
            Self::Crontab
        }
    }

    fn files(self) -> Result<Vec<PathBuf>, Error> {
        let home = || {
            std::env::var_os("HOME")
                .filter(|home| !home.is_empty())
                .map(PathBuf::from)
                .ok_or(Error::NoHome)
        };
        let config = || match std::env::var_os("XDG_CONFIG_HOME")
            .filter(|path| Path::new(path).is_absolute())
        {
            Some(path) => Ok(PathBuf::from(path)),
            None => home().map(|home| home.join(".config")),
        };
        Ok(match self {
            Self::Systemd => ["service", "timer"]
                .map(|kind| {
                    config().map(|config| config.join(format!("systemd/user/{NAME}.{kind}")))
                })
                .into_iter()
                .collect::<Result<_, _>>()?,
            Self::Launchd => {
                vec![home()?.join(format!("Library/LaunchAgents/{}.plist", launchd::LABEL))]
            }
            Self::TaskScheduler => vec![std::env::temp_dir().join(format!("{NAME}.xml"))],
            Self::Crontab => Vec::new(),
        })
    }
}

/// Installs the job, in place of an earlier one.
///
/// # Errors
/// The system refused; a file that was written before that has no effect.
pub fn install(how: How, job: &Job) -> Result<Installed, Error> {
    let files = how.files()?;
    if let Some(control) = job
        .variables
        .iter()
        .map(|(_, value)| value.as_str())
        .chain(job.program.to_str())
        .find(|text| text.chars().any(char::is_control))
    {
        return Err(Error::Unsuitable(format!(
            "a schedule cannot contain control characters, as in `{}`",
            control.escape_debug()
        )));
    }
    if let Some(path) = files.iter().find(|path| path.exists() && !is_ours(path)) {
        return Err(Error::Unsuitable(format!(
            "{} exists, but was not written by `authctl schedule`",
            path.display()
        )));
    }
    let texts = match how {
        How::Systemd => vec![systemd::service(job), systemd::timer()],
        How::Launchd => vec![launchd::plist(job)],
        How::TaskScheduler => vec![task::xml(job)],
        How::Crontab => {
            let minute = job.program.as_os_str().len() as u8;
            let region = cron::region(job, minute).map_err(Error::Unsuitable)?;
            write_crontab(&cron::with_region(&crontab()?, &region).map_err(Error::Unsuitable)?)?;
            return Ok(Installed {
                how,
                files,
                program: Some(job.program.clone()),
                is_started: true,
            });
        }
    };
    for (path, text) in files.iter().zip(&texts) {
        put(path, text).map_err(|error| {
            Error::Unsuitable(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    let is_started = match how {
        How::Systemd => {
            let timer = format!("{NAME}.timer");
            quietly("systemctl", &["--user", "daemon-reload"], "")
                .and_then(|()| quietly("systemctl", &["--user", "enable", "--now", &timer], ""))
                .is_ok()
        }
        How::Launchd => {
            let path = files
                .first()
                .map(|path| path.to_string_lossy().into_owned())
                .unwrap_or_default();
            let _ = quietly("launchctl", &["unload", &path], "");
            quietly("launchctl", &["load", "-w", &path], "").is_ok()
        }
        How::TaskScheduler => {
            let path = files
                .first()
                .map(|path| path.to_string_lossy().into_owned())
                .unwrap_or_default();
            quietly(
                "schtasks",
                &["/Create", "/F", "/TN", NAME, "/XML", &path],
                "",
            )?;
            true
        }
        How::Crontab => true,
    };
    Ok(Installed {
        how,
        files,
        program: Some(job.program.clone()),
        is_started,
    })
}

/// All installed schedules.
pub fn installed() -> Vec<Installed> {
    let mut found = Vec::new();
    for how in [How::Systemd, How::Launchd] {
        let files: Vec<PathBuf> = how
            .files()
            .unwrap_or_default()
            .into_iter()
            .filter(|path| is_ours(path))
            .collect();
        if !files.is_empty() {
            let is_started = match how {
                How::Systemd => quietly(
                    "systemctl",
                    &["--user", "is-enabled", &format!("{NAME}.timer")],
                    "",
                )
                .is_ok(),
                _ => quietly("launchctl", &["list", launchd::LABEL], "").is_ok(),
            };
            let text = files
                .first()
                .and_then(|file| std::fs::read_to_string(file).ok());
            let program = match how {
                How::Systemd => text.as_deref().and_then(systemd::program),
                _ => text.as_deref().and_then(launchd::program),
            };
            found.push(Installed {
                how,
                files,
                program,
                is_started,
            });
        }
    }
    let table = (!cfg!(windows)).then(crontab).and_then(Result::ok);
    if let Some(table) = table.filter(|table| cron::has_region(table)) {
        found.push(Installed {
            how: How::Crontab,
            files: Vec::new(),
            program: cron::program(&table),
            is_started: true,
        });
    }
    let query = ["/Query", "/XML", "/TN", NAME];
    let task = cfg!(windows).then(|| run("schtasks", &query, ""));
    if let Some(Ok(task)) =
        task.filter(|task| task.as_ref().is_ok_and(|task| task.status.success()))
    {
        found.push(Installed {
            how: How::TaskScheduler,
            files: Vec::new(),
            program: task::program(&String::from_utf8_lossy(&task.stdout)),
            is_started: true,
        });
    }
    found
}

/// The programs of all installed schedules, without asking whether these are active.
pub fn programs() -> Vec<PathBuf> {
    let in_file = |how: How, read: fn(&str) -> Option<PathBuf>| {
        let files = how.files().unwrap_or_default();
        let file = files.first().filter(|path| is_ours(path))?;
        read(&std::fs::read_to_string(file).ok()?)
    };
    let table = (!cfg!(windows)).then(crontab).and_then(Result::ok);
    let found = [
        in_file(How::Systemd, systemd::program),
        in_file(How::Launchd, launchd::program),
        table.as_deref().and_then(cron::program),
    ];
    found.into_iter().flatten().collect()
}

/// Removes a schedule: its files, its region, its task, and nothing else.
///
/// # Errors
/// The system refused.
pub fn remove(installed: &Installed) -> Result<(), Error> {
    match installed.how {
        How::Systemd => {
            let _ = quietly(
                "systemctl",
                &["--user", "disable", "--now", &format!("{NAME}.timer")],
                "",
            );
        }
        How::Launchd => {
            if let Some(path) = installed.files.first() {
                let _ = quietly("launchctl", &["unload", "-w", &path.to_string_lossy()], "");
            }
        }
        How::TaskScheduler => quietly("schtasks", &["/Delete", "/F", "/TN", NAME], "")?,
        How::Crontab => return write_crontab(&cron::without_region(&crontab()?)),
    }
    for path in &installed.files {
        disk::remove(path)?;
    }
    if installed.how == How::Systemd {
        let _ = quietly("systemctl", &["--user", "daemon-reload"], "");
    }
    Ok(())
}

/// Whether a file was written by this program: its name alone proves nothing.
fn is_ours(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(MARK))
}

/// Writes a file to a folder of other programs, which others may read: it contains no secret.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The time limit for a program of the system.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to do where a scheduler is missing.
const NOT_INSTALLED: &str = "it is not installed; install it, choose another scheduler with `--with`, or run `authctl rotate --due --scheduled` once a day by some other means";

/// Runs a program of the system.
fn run(program: &'static str, arguments: &[&str], input: &str) -> Result<Finished, Error> {
    let wrong = |reason: String| Error::Program { program, reason };
    let done = run_within(
        Command::new(program).args(arguments).stderr(Stdio::piped()),
        input.as_bytes(),
        PATIENCE,
    );
    let done = done.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => wrong(NOT_INSTALLED.into()),
        _ => wrong(error.to_string()),
    })?;
    done.ok_or_else(|| {
        wrong(format!(
            "it did not finish within {} seconds",
            PATIENCE.as_secs()
        ))
    })
}

fn said(done: &Finished) -> String {
    String::from_utf8_lossy(&done.stderr).trim().to_owned()
}

fn quietly(program: &'static str, arguments: &[&str], input: &str) -> Result<(), Error> {
    let done = run(program, arguments, input)?;
    if done.status.success() {
        Ok(())
    } else {
        Err(Error::Program {
            program,
            reason: said(&done),
        })
    }
}

/// The user's crontab; empty if there is none.
fn crontab() -> Result<String, Error> {
    let wrong = |reason: String| Error::Program {
        program: "crontab",
        reason,
    };
    let done = run("crontab", &["-l"], "")?;
    if !done.status.success() {
        // A crontab that cannot be read is not a missing one.
        return if said(&done).contains("no crontab") {
            Ok(String::new())
        } else {
            Err(wrong(said(&done)))
        };
    }
    if done.stdout.len() as u64 >= MAX_OUTPUT {
        return Err(wrong(
            "the crontab is too large, so it was not changed".into(),
        ));
    }
    String::from_utf8(done.stdout.to_vec())
        .map_err(|_| wrong("the crontab is not UTF-8 text, so it was not changed".into()))
}

fn write_crontab(text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return match quietly("crontab", &["-r"], "") {
            Err(Error::Program { reason, .. }) if reason.contains("no crontab") => Ok(()),
            other => other,
        };
    }
    quietly("crontab", &["-"], text)
}
