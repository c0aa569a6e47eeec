//! What doctor tries, one function each: what was seen, and what to do about it.

use super::super::documents::Check;
use crate::app::{App, has_display};
use crate::credential::{Index, StoreKind};
use crate::failure::Failure;
use crate::http::{Reply, Request, TransportError};
use crate::process::run_within;
use crate::store::{Error, Vault};
use crate::ui::{self, launcher};
use jiff::Timestamp;
use std::process::{Command, Stdio};
use std::time::Duration;
use url::Url;

/// A clock this far off makes tokens look expired, or not yet valid, in seconds.
const CLOCK_TOLERANCE: i64 = 120;

/// How long a server may take to tell the time.
const SERVER_PATIENCE: Duration = Duration::from_secs(10);

/// How long a program may take that only tells something of itself.
const PROGRAM_PATIENCE: Duration = Duration::from_secs(5);

fn check(name: &str, status: &str, detail: impl Into<String>, hint: Option<String>) -> Check {
    Check {
        name: name.into(),
        status: status.into(),
        detail: detail.into(),
        hint,
    }
}

fn ok(name: &str, detail: impl Into<String>) -> Check {
    check(name, "ok", detail, None)
}

/// Whether anything can be kept at all: the folders.
pub(super) fn home(app: &App) -> Check {
    match app.paths.try_writing() {
        Ok(()) => ok(
            "folders",
            format!("{} can be written", app.paths.credentials().display()),
        ),
        Err(error) => {
            let loose = Failure::from(error);
            let hint = loose.hint.unwrap_or_else(|| {
                "make room or make it writable, or set AUTHCTL_HOME to a folder that is; tokens that are cached still work".into()
            });
            check("folders", "problem", loose.message, Some(hint))
        }
    }
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
            // A list of `TRANSPORT:KEY=VALUE,…`; sockets of the file system are the ones that can be looked at.
            let path = address.split(';').find_map(|entry| {
                entry
                    .strip_prefix("unix:")?
                    .split(',')
                    .find_map(|pair| pair.strip_prefix("path="))
            });
            let Some(path) = path else {
                return Some(check(
                    "session bus",
                    "note",
                    format!("at {address}, which is not looked at here"),
                    None,
                ));
            };
            (path.to_owned(), "DBUS_SESSION_BUS_ADDRESS names")
        }
        None => {
            let uid = rustix::process::getuid().as_raw();
            let folder =
                std::env::var("XDG_RUNTIME_DIR").unwrap_or_else(|_| format!("/run/user/{uid}"));
            (format!("{folder}/bus"), "there should be")
        }
    };
    Some(match UnixStream::connect(&path) {
        Ok(_) => ok("session bus", format!("answers at {path}")),
        Err(error) if address.is_none() => check(
            "session bus",
            "note",
            format!("none: DBUS_SESSION_BUS_ADDRESS is not set, and {path}: {error}"),
            Some(start.into()),
        ),
        Err(error) => {
            let hint = format!("unset DBUS_SESSION_BUS_ADDRESS or log in anew; {start}");
            check(
                "session bus",
                "note",
                format!("dead: {from} {path}: {error}"),
                Some(hint),
            )
        }
    })
}

/// Elsewhere the keychain needs none.
#[cfg(not(target_os = "linux"))]
pub(super) fn bus() -> Option<Check> {
    None
}

/// The keychain, by a set, a get and a delete.
pub(super) fn keychain(app: &App) -> Check {
    match app.stores.probe(StoreKind::Keychain) {
        Ok(()) => ok("keychain", "a set, a get and a delete worked"),
        Err(error) => {
            let failure = Failure::from(error);
            let hint = failure.hint.unwrap_or_else(|| {
                "use the vault instead: `authctl vault init`, `--store vault`".into()
            });
            check("keychain", "note", failure.message, Some(hint))
        }
    }
}

/// The vault, as far as it can be tried without a passphrase.
pub(super) fn vault(app: &App) -> Check {
    let vault = app.stores.vault();
    if !vault.exists() {
        return check(
            "vault",
            "note",
            "there is none",
            Some("where there is no keychain, run `authctl vault init`".into()),
        );
    }
    if let Err(error) = app.stores.probe(StoreKind::Vault) {
        let spoilt = matches!(error, Error::Tampered { .. } | Error::Damaged { .. });
        let failure = Failure::from(error);
        let advice = if spoilt {
            "restore the vault's folder from a backup"
        } else {
            "make its folder writable; what is in it can still be read"
        };
        let hint = failure.hint.unwrap_or_else(|| advice.into());
        return check("vault", "problem", failure.message, Some(hint));
    }
    match vault.opens_without_asking() {
        Ok(true) if vault.is_unattended() => {
            ok("vault", "open: it is unattended, its key lies beside it")
        }
        Ok(true) => ok("vault", "open"),
        Ok(false) => check(
            "vault",
            "note",
            "locked: it can be saved to, and reading needs the passphrase",
            Some("run `authctl vault unlock`, or set AUTHCTL_VAULT_PASSPHRASE_FILE".into()),
        ),
        Err(error) => {
            let failure = Failure::from(error);
            let hint = failure
                .hint
                .unwrap_or_else(|| "restore the vault's folder from a backup".into());
            check("vault", "problem", failure.message, Some(hint))
        }
    }
}

/// Where an unlocked vault keeps its key.
pub(super) fn kernel_keyring() -> Option<Check> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    Some(match Vault::can_stay_unlocked() {
        Ok(()) => ok("kernel keyring", "keeps an unlocked vault's key"),
        Err(reason) => check(
            "kernel keyring",
            "note",
            reason,
            Some(
                "`authctl vault unlock` cannot work here; a vault needs its passphrase each time, from AUTHCTL_VAULT_PASSPHRASE_FILE"
                    .into(),
            ),
        ),
    })
}

/// Whether a login could show its page.
pub(super) fn browser() -> Check {
    if let Some(session) = ui::ssh_session() {
        let hint = format!(
            "run `authctl login NAME`; it says what to type on your own machine, like `{}`",
            session.forward(PORT)
        );
        return check(
            "browser",
            "note",
            "this session came over SSH: no browser is opened here",
            Some(hint),
        );
    }
    match launcher() {
        Some(program) if ui::is_wsl() || has_display() || std::env::var_os("BROWSER").is_some() => {
            ok("browser", format!("opened with {program}"))
        }
        Some(program) => check(
            "browser",
            "note",
            format!("{program} is there, and no display"),
            Some(NO_BROWSER.into()),
        ),
        None => check(
            "browser",
            "note",
            "no program that opens one was found",
            Some(NO_BROWSER.into()),
        ),
    }
}

/// The port in an example.
const PORT: u16 = 8976;

const NO_BROWSER: &str =
    "set BROWSER, or run `authctl login NAME --no-browser` and open the address elsewhere";

/// The network libraries, the CA bundle, and the clock against a server's `Date` (RFC 9110 section 6.6.1).
pub(super) fn network(app: &App, server: Option<&Url>, entries: &[Index]) -> Vec<Check> {
    if let Err(error) = app.network.prepare() {
        return vec![check(
            "network",
            "problem",
            error.to_string(),
            Some("install the package ca-certificates, or point SSL_CERT_FILE at a bundle".into()),
        )];
    }
    let mut found = vec![ok(
        "network",
        "the HTTP client and its CA certificates are ready",
    )];
    let Some(url) = server.cloned().or_else(|| some_server(entries)) else {
        found.push(check(
            "clock",
            "note",
            "not compared: no credential names a server yet",
            Some("name one: `authctl doctor --server URL`".into()),
        ));
        return found;
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    let request = Request {
        url,
        method: None,
        body: None,
        headers: Vec::new(),
        timeout: SERVER_PATIENCE,
    };
    // No credential goes along: whatever the answer is, it has a date.
    let answer = app
        .network
        .run(app.network.send(request))
        .and_then(|reply| reply);
    found.push(clock(&host, answer, Timestamp::now()));
    found
}

fn clock(host: &str, answer: Result<Reply, TransportError>, now: Timestamp) -> Check {
    match answer {
        Err(error) => check(
            "clock",
            "note",
            format!("not compared: {host} cannot be reached: {error}"),
            Some("look at the network, the proxy variables and SSL_CERT_FILE".into()),
        ),
        Ok(Reply { date: None, .. }) => check(
            "clock",
            "note",
            format!("not compared: {host} does not tell the time"),
            None,
        ),
        Ok(Reply {
            date: Some(date), ..
        }) => {
            let off = now.duration_since(date).as_secs();
            let size = super::super::words::length(off.unsigned_abs());
            match off.abs() {
                0..=CLOCK_TOLERANCE => ok("clock", format!("agrees with {host} ({size} apart)")),
                _ => {
                    let direction = if off > 0 { "ahead of" } else { "behind" };
                    let hint = "set it (`timedatectl set-ntp true`): tokens are taken for expired, or used after their end";
                    check(
                        "clock",
                        "problem",
                        format!("{size} {direction} that of {host}"),
                        Some(hint.into()),
                    )
                }
            }
        }
    }
}

/// A server that one of the credentials belongs to.
fn some_server(entries: &[Index]) -> Option<Url> {
    let endpoints = entries
        .iter()
        .filter_map(|index| index.bound.token_endpoint.as_ref());
    let origins = entries
        .iter()
        .flat_map(|index| &index.bound.origins)
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let mut candidates = endpoints.chain(&origins).filter(|text| !text.contains('*'));
    let mut url = crate::credential::trusted_url(candidates.next()?).ok()?;
    url.set_path("/");
    url.set_query(None);
    Some(url)
}

/// Whether headers can be handed to curl, and whether there is one.
pub(super) fn hand_over() -> Vec<Check> {
    let curl = run_within(
        Command::new("curl")
            .args(["-q", "--version"])
            .stderr(Stdio::null()),
        b"",
        PROGRAM_PATIENCE,
    );
    let version = curl.ok().flatten().and_then(|output| {
        std::str::from_utf8(&output.stdout)
            .ok()?
            .split(' ')
            .nth(1)
            .map(str::to_owned)
    });
    let curl = match version {
        Some(version) => ok("curl", version),
        None => check(
            "curl",
            "note",
            "not found",
            Some("install curl for `authctl curl` and `curl $(authctl header NAME)`".into()),
        ),
    };
    vec![curl, memory_file()]
}

#[cfg(target_os = "linux")]
const RAW: &str = "use `authctl curl`, or `authctl header NAME --format raw | curl -H @- URL`";

#[cfg(target_os = "linux")]
fn memory_file() -> Check {
    match crate::handover::hand_over(&crate::secret::Secret::new("# a try")) {
        // Read once more, as curl would: its holder then leaves.
        Ok(path) if std::fs::read(&path).is_ok() => {
            ok("hand-over", "a memory file could be read through /proc")
        }
        Ok(path) => check(
            "hand-over",
            "problem",
            format!("{path} cannot be read"),
            Some(RAW.into()),
        ),
        Err(error) => check("hand-over", "problem", error.to_string(), Some(RAW.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn memory_file() -> Check {
    check(
        "hand-over",
        "note",
        "`curl $(authctl header NAME)` needs Linux",
        Some("use `authctl header NAME --format raw | curl -H @- URL`".into()),
    )
}

/// Whether process 1 collects ended processes: the holder of a header is left to it.
#[cfg(target_os = "linux")]
pub(super) fn reaper() -> Option<Check> {
    let output = run_within(
        Command::new("sh").args(["-c", "sleep 0 > /dev/null & echo $!"]),
        b"",
        PROGRAM_PATIENCE,
    )
    .ok()??;
    let pid: u32 = std::str::from_utf8(&output.stdout)
        .ok()?
        .trim()
        .parse()
        .ok()?;
    std::thread::sleep(Duration::from_millis(300));
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // `PID (NAME) STATE …`, and the name may hold anything.
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    Some(match state {
        Some('Z') => check(
            "process 1",
            "note",
            "does not collect ended processes: each `curl $(authctl header NAME)` leaves a small one behind",
            Some("start the container with an init, such as `docker run --init`, or use `authctl curl`".into()),
        ),
        _ => ok("process 1", "collects ended processes"),
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reaper() -> Option<Check> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_a_problem() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let seen = |seconds: i64| {
            let reply = Reply {
                status: 404,
                retry_after: None,
                date: Some(at(0)),
                body: Vec::new(),
            };
            clock("a.test", Ok(reply), at(seconds))
        };
        assert_eq!(seen(0).status, "ok");
        assert_eq!(seen(-120).status, "ok");
        assert!(
            seen(7200)
                .detail
                .contains("2 hours ahead of that of a.test")
                && seen(7200).status == "problem"
        );
        assert!(seen(-7200).detail.contains("2 hours behind"));
    }
}
