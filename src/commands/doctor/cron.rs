//! The same again in the environment that cron gives its jobs, as a process of its own.

use super::super::documents::{Check, Doctor};
use crate::failure::{Code, Failure};
use crate::process::run_within;
use crate::schedule::{CARRIED, installed};
use std::process::{Command, Stdio};
use std::time::Duration;
use url::Url;

/// What cron sets (crontab(5)); everything else of this session is missing there, the bus and the keychain's first.
const PATH: &str = "/usr/bin:/bin";

/// How long the process may take: it waits for a keychain and for a server at most.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn examine(server: Option<&Url>) -> Result<Doctor, Failure> {
    let program = std::env::current_exe()?;
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
    // `schedule install` writes down what is set; a line of one's own lacks it.
    let is_installed = !installed().is_empty();
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
                "in cron's environment authctl was not done after {} seconds",
                PATIENCE.as_secs()
            ),
        ));
    };
    let mut doctor: Doctor = serde_json::from_slice(&output.stdout).map_err(|_| {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Failure::new(
            Code::Failed,
            format!("in cron's environment authctl itself fails: {reason}"),
        )
    })?;
    let set: Vec<&str> = CARRIED
        .into_iter()
        .filter(|variable| given(variable).is_some())
        .collect();
    if !set.is_empty() && !is_installed {
        doctor.checks.push(Check {
            name: "environment".into(),
            status: "problem".into(),
            detail: format!("set here and not there: {}", set.join(", ")),
            hint: Some(
                "set it in the crontab, too (`NAME=value` on a line of its own), then look again"
                    .into(),
            ),
        });
    }
    Ok(doctor)
}
