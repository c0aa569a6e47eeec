//! Running the checks in the environment of cron, as a process of its own.

use super::super::documents::{Check, Doctor, Status};
use crate::failure::{Code, Failure};
use crate::process::{lasting_path, run_within};
use crate::schedule::{CARRIED, installed};
use std::process::{Command, Stdio};
use std::time::Duration;
use url::Url;

/// The PATH that cron sets (crontab(5)). Nothing else from this session, such as the session bus,
/// is available there.
const PATH: &str = "/usr/bin:/bin";

/// How long to wait for the process, which may wait for a keychain and a server.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn examine(server: Option<&Url>) -> Result<Doctor, Failure> {
    // The program of the schedule is not always this one.
    let schedules = installed();
    let scheduled = schedules.iter().find_map(|one| one.program.clone());
    let program = match scheduled.filter(|path| path.is_file()) {
        Some(program) => program,
        None => lasting_path()?,
    };
    let mut command = Command::new(program);
    command
        .args(["--json", "--no-input", "doctor", "--in-cron"])
        .env_clear()
        .env("PATH", PATH)
        .env("SHELL", "/bin/sh");
    let given = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    for variable in ["HOME", "LOGNAME", "USER"] {
        command.envs(given(variable).map(|value| (variable, value)));
    }
    // `schedule install` records the variables that are set; a crontab line of the user's own lacks
    // them.
    let is_installed = !schedules.is_empty();
    for variable in CARRIED.into_iter().filter(|_| is_installed) {
        command.envs(given(variable).map(|value| (variable, value)));
    }
    if let Some(server) = server {
        command.arg("--server").arg(server.as_str());
    }
    #[cfg(unix)]
    if let Some(home) = std::env::var_os("HOME") {
        command.current_dir(home);
    }
    let Some(output) = run_within(command.stderr(Stdio::piped()), b"", PATIENCE)? else {
        return Err(Failure::new(
            Code::Failed,
            format!(
                "the checks in the environment of cron did not finish within {} seconds",
                PATIENCE.as_secs()
            ),
        ));
    };
    let mut doctor: Doctor = serde_json::from_slice(&output.stdout).map_err(|_| {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Failure::new(
            Code::Failed,
            format!("authctl failed in the environment of cron: {reason}"),
        )
    })?;
    let set: Vec<&str> = CARRIED
        .into_iter()
        .filter(|variable| given(variable).is_some())
        .collect();
    if !set.is_empty() && !is_installed {
        doctor.checks.push(Check {
            name: "environment".into(),
            status: Status::Problem,
            detail: format!("set here, but not for cron: {}", set.join(", ")),
            hint: Some(
                "set each of them in the crontab as well, as `NAME=value` on a line of its own"
                    .into(),
            ),
        });
    }
    Ok(doctor)
}
