//! The program that an installed schedule runs: it may have been moved or replaced since.

use crate::process::run_within;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long to wait for its version.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is wrong with the program of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramProblem {
    /// It is not there.
    Missing(PathBuf),
    /// It is another version than this program.
    OtherVersion(PathBuf, String),
}

impl std::fmt::Display for ProgramProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(path) => write!(
                f,
                "the schedule runs {}, which does not exist",
                path.display()
            ),
            Self::OtherVersion(path, version) => write!(
                f,
                "the schedule runs {}, which is {version}, not {}",
                path.display(),
                own_version()
            ),
        }
    }
}

fn own_version() -> &'static str {
    concat!("authctl ", env!("CARGO_PKG_VERSION"))
}

/// What is wrong with a program, without starting it.
pub fn missing(path: &Path) -> Option<ProgramProblem> {
    (!path.is_file()).then(|| ProgramProblem::Missing(path.to_owned()))
}

/// What is wrong with a program, also by its version.
pub fn problem(path: &Path) -> Option<ProgramProblem> {
    missing(path).or_else(|| {
        let mut command = Command::new(path);
        command.arg("--version").stderr(Stdio::null());
        let done = run_within(&mut command, b"", PATIENCE).ok().flatten();
        let version = done.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned());
        // A program that does not say it is another one.
        let version = version
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "an unknown program".into());
        (version != own_version()).then(|| {
            let line = version.lines().next().unwrap_or_default();
            let version = line.chars().take(40).collect();
            ProgramProblem::OtherVersion(path.to_owned(), version)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_gone_or_another_one_is_a_problem() {
        let home = tempfile::tempdir().unwrap();
        let gone = home.path().join("gone");
        assert_eq!(problem(&gone), Some(ProgramProblem::Missing(gone.clone())));
        assert!(missing(Path::new("/")).is_some());
        #[cfg(unix)]
        for (script, version) in [
            ("echo authctl 0.0.9", Some("authctl 0.0.9")),
            ("exit 1", Some("an unknown program")),
            (&format!("echo {}", own_version()), None),
        ] {
            use std::os::unix::fs::PermissionsExt;
            let path = home.path().join("program");
            // Not written by this process, which other tests fork: a file that is open for writing
            // cannot be run.
            let made = Command::new("sh")
                .arg("-c")
                .arg(format!(
                    "printf '#!/bin/sh\\n{script}\\n' > '{}'",
                    path.display()
                ))
                .status()
                .unwrap();
            assert!(made.success());
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            let expected =
                version.map(|version| ProgramProblem::OtherVersion(path.clone(), version.into()));
            assert_eq!(problem(&path), expected, "{script}");
        }
    }
}
