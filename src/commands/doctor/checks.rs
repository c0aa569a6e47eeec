//! The checks of `doctor` that concern the folders and the stores.

use super::super::documents::{Check, Status};
use super::super::words;
use super::result::{check, ok};
use crate::app::App;
use crate::credential::{Entry, IndexError, Kind, StoreKind};
use crate::failure::Failure;
use crate::schedule::{ProgramProblem, problem, programs};
use crate::store::{Error, Vault};
use std::time::Duration;

/// Whether the folders are writable.
pub(super) fn home(app: &App) -> Check {
    match app.paths.try_writing() {
        Ok(()) => ok(
            "folders",
            format!("{} is writable", app.index.folder().display()),
        ),
        Err(error) => {
            let loose = Failure::from(error);
            let hint = loose.hint.unwrap_or_else(|| {
                "free some space, make the folder writable, or set AUTHCTL_HOME to another writable folder; cached tokens still work".into()
            });
            check("folders", Status::Problem, loose.message, Some(hint))
        }
    }
}

/// An index that cannot be read.
pub(super) fn index(error: IndexError) -> Check {
    let failure = Failure::from(error);
    check("index", Status::Problem, failure.message, failure.hint)
}

/// The session bus that the keychain is reached through.
#[cfg(target_os = "linux")]
pub(super) fn bus() -> Option<Check> {
    use std::os::unix::net::UnixStream;
    let start = "start a session bus (`dbus-run-session -- COMMAND`), or use the vault: `authctl vault init`";
    let address = std::env::var("DBUS_SESSION_BUS_ADDRESS")
        .ok()
        .filter(|address| !address.is_empty());
    let (path, from) = match &address {
        Some(address) => {
            // A list of `TRANSPORT:KEY=VALUE,…`; only sockets in the file system can be checked.
            let path = address.split(';').find_map(|entry| {
                entry
                    .strip_prefix("unix:")?
                    .split(',')
                    .find_map(|pair| pair.strip_prefix("path="))
            });
            let Some(path) = path else {
                return Some(check(
                    "session bus",
                    Status::Note,
                    format!("at {address}, which cannot be checked"),
                    None,
                ));
            };
            (path.to_owned(), "DBUS_SESSION_BUS_ADDRESS points to")
        }
        None => {
            let uid = rustix::process::getuid().as_raw();
            let folder =
                std::env::var("XDG_RUNTIME_DIR").unwrap_or_else(|_| format!("/run/user/{uid}"));
            (format!("{folder}/bus"), "expected at")
        }
    };
    Some(match UnixStream::connect(&path) {
        Ok(_) => ok("session bus", format!("answers at {path}")),
        Err(error) if address.is_none() => check(
            "session bus",
            Status::Note,
            format!(
                "none: DBUS_SESSION_BUS_ADDRESS is not set, and {path} cannot be opened: {error}"
            ),
            Some(start.into()),
        ),
        Err(error) => {
            let hint = format!("unset DBUS_SESSION_BUS_ADDRESS, start a new session, {start}");
            check(
                "session bus",
                Status::Note,
                format!("does not answer: {from} {path}: {error}"),
                Some(hint),
            )
        }
    })
}

/// The keychains of other systems need no session bus.
#[cfg(not(target_os = "linux"))]
pub(super) fn bus() -> Option<Check> {
    None
}

/// Whether the keychain takes, returns and deletes an item.
pub(super) fn keychain(app: &App) -> Check {
    match app.stores.try_keychain() {
        Ok(()) => ok("keychain", "a test item was written, read and deleted"),
        Err(error) => {
            let failure = Failure::from(error);
            let hint = failure.hint.unwrap_or_else(|| {
                "to use the vault instead, run `authctl vault init`, then pass `--store vault` when you store a credential".into()
            });
            check("keychain", Status::Note, failure.message, Some(hint))
        }
    }
}

/// Whether the vault works, as far as that can be checked without a passphrase.
pub(super) fn vault(app: &App) -> Check {
    let vault = app.stores.vault();
    if !vault.exists() {
        return check(
            "vault",
            Status::Note,
            "there is no vault",
            Some("if there is no keychain, run `authctl vault init`".into()),
        );
    }
    if let Err(error) = app.stores.probe(StoreKind::Vault) {
        let spoilt = matches!(error, Error::Tampered { .. } | Error::Damaged { .. });
        let failure = Failure::from(error);
        let advice = if spoilt {
            "restore the vault's folder from a backup"
        } else {
            "make its folder writable; its credentials can still be read"
        };
        let hint = failure.hint.unwrap_or_else(|| advice.into());
        return check("vault", Status::Problem, failure.message, Some(hint));
    }
    match vault.opens_without_asking() {
        Ok(true) if vault.is_unattended() => ok(
            "vault",
            "unlocked: unattended, with its key in the same folder",
        ),
        Ok(true) => ok("vault", "open"),
        Ok(false) => check(
            "vault",
            Status::Note,
            "locked: credentials can be stored, but reading them needs the passphrase",
            Some("run `authctl vault unlock`, or set AUTHCTL_VAULT_PASSPHRASE_FILE".into()),
        ),
        Err(error) => {
            let failure = Failure::from(error);
            let hint = failure
                .hint
                .unwrap_or_else(|| "restore the vault's folder from a backup".into());
            check("vault", Status::Problem, failure.message, Some(hint))
        }
    }
}

/// What `cache` in the settings means, and whether it works here; `None` if it is off.
pub(super) fn cache(app: &App, entries: &[Entry]) -> Option<Check> {
    let cache = app.stores.cache();
    let logins = entries.iter().filter(|entry| entry.kind == Kind::Login);
    let times: Vec<Duration> = logins.filter_map(|entry| cache.time(&entry.name)).collect();
    let detail = words::cache(times.len(), *times.iter().max()?);
    Some(match cache.works() {
        Ok(()) => check(
            "cache",
            Status::Note,
            detail,
            Some(words::CACHE_HINT.into()),
        ),
        Err(reason) => {
            let hint = "remove `cache` from config.toml; every token is read from its store anyway";
            let detail = format!("`cache` is on, but has no effect: {reason}");
            check("cache", Status::Note, detail, Some(hint.into()))
        }
    })
}

/// Whether the program of an installed schedule is there, and is this version.
pub(super) fn schedule() -> Option<Check> {
    let programs = programs();
    let first = programs.first()?;
    let problem = programs.iter().find_map(|program| problem(program));
    Some(match problem {
        Some(found) => {
            let status = match found {
                ProgramProblem::Missing(_) => Status::Problem,
                ProgramProblem::OtherVersion(..) => Status::Note,
            };
            let hint = "run `authctl schedule install`";
            check("schedule", status, found.to_string(), Some(hint.into()))
        }
        None => ok("schedule", format!("runs {}", first.display())),
    })
}

/// Whether the kernel keyring can store the key of an unlocked vault.
pub(super) fn kernel_keyring() -> Option<Check> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    Some(match Vault::can_stay_unlocked() {
        Ok(()) => ok("kernel keyring", "can store the key of an unlocked vault"),
        Err(reason) => check(
            "kernel keyring",
            Status::Note,
            reason,
            Some(
                "`authctl vault unlock` does not work here; the vault needs its passphrase for every command (set AUTHCTL_VAULT_PASSPHRASE_FILE)"
                    .into(),
            ),
        ),
    })
}
