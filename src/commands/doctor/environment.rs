//! The checks of `doctor` that concern the browser, the network, curl and the system.

use super::super::documents::{Check, Status};
use super::result::{check, ok};
use crate::app::{App, has_display};
use crate::credential::Entry;
use crate::http::{Reply, Request, TransportError};
use crate::process::run_within;
use crate::ui::{self, launcher};
use jiff::Timestamp;
use std::process::{Command, Stdio};
use std::time::Duration;
use url::Url;

/// A difference between the clocks, in seconds, that makes tokens look expired or not yet valid.
const CLOCK_TOLERANCE: i64 = 120;

/// How long to wait for the time of a server.
const SERVER_PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait for the version of a program.
const PROGRAM_PATIENCE: Duration = Duration::from_secs(5);

/// Whether a login can open its page.
pub(super) fn browser() -> Check {
    if let Some(session) = ui::ssh_session() {
        let hint = format!(
            "run `authctl login NAME`; it prints the command to run on your own machine, such as `{}`",
            session.forward(PORT)
        );
        return check(
            "browser",
            Status::Note,
            "this is an SSH session, so no browser is opened",
            Some(hint),
        );
    }
    match launcher() {
        Some(program) if ui::is_wsl() || has_display() || std::env::var_os("BROWSER").is_some() => {
            ok("browser", format!("opened with {program}"))
        }
        Some(program) => check(
            "browser",
            Status::Note,
            format!("{program} exists, but there is no display"),
            Some(NO_BROWSER.into()),
        ),
        None => check(
            "browser",
            Status::Note,
            "no program that opens a browser was found",
            Some(NO_BROWSER.into()),
        ),
    }
}

/// The port in the example.
const PORT: u16 = 8976;

const NO_BROWSER: &str =
    "set BROWSER, or run `authctl login NAME --no-browser` and open the URL elsewhere";

/// The HTTP client, its CA certificates, and the clock against the `Date` of a server (RFC 9110
/// section 6.6.1).
pub(super) fn network(app: &App, server: Option<&Url>, entries: &[Entry]) -> Vec<Check> {
    if let Err(error) = app.network.prepare() {
        return vec![check(
            "network",
            Status::Problem,
            error.to_string(),
            Some("install the ca-certificates package, or point SSL_CERT_FILE at a bundle".into()),
        )];
    }
    let mut found = vec![ok(
        "network",
        "the HTTP client and its CA certificates are ready",
    )];
    let Some(url) = server.cloned().or_else(|| some_server(entries)) else {
        found.push(check(
            "clock",
            Status::Note,
            "not compared: no credential is bound to a server yet",
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
    // Sent without a credential: any answer has a date.
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
            Status::Note,
            format!("not compared: {host} cannot be reached: {error}"),
            Some("check the network, the proxy variables and SSL_CERT_FILE".into()),
        ),
        Ok(Reply { date: None, .. }) => check(
            "clock",
            Status::Note,
            format!("not compared: {host} sent no `Date` header"),
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
                    let hint = "set the clock (`timedatectl set-ntp true`); otherwise valid tokens may be treated as expired, or expired tokens as valid";
                    check(
                        "clock",
                        Status::Problem,
                        format!("{size} {direction} the clock of {host}"),
                        Some(hint.into()),
                    )
                }
            }
        }
    }
}

/// A server that one of the credentials is bound to.
fn some_server(entries: &[Entry]) -> Option<Url> {
    let endpoints = entries
        .iter()
        .filter_map(|entry| entry.bound.token_endpoint.as_ref());
    let origins = entries
        .iter()
        .flat_map(|entry| &entry.bound.origins)
        .map(ToString::to_string)
        .collect::<Vec<_>>();
    let mut candidates = endpoints.chain(&origins).filter(|text| !text.contains('*'));
    let mut url = crate::credential::trusted_url(candidates.next()?).ok()?;
    url.set_path("/");
    url.set_query(None);
    Some(url)
}

/// Whether curl exists, and headers can be passed to it.
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
            Status::Note,
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
    match crate::handover::hand_over(&crate::secret::Secret::new("# a test")) {
        // Read again, as curl does; then its holder exits.
        Ok(path) if std::fs::read(&path).is_ok() => ok(
            "curl header",
            "passed in an in-memory file that can be read through /proc",
        ),
        Ok(path) => check(
            "curl header",
            Status::Problem,
            format!("{path} cannot be read"),
            Some(RAW.into()),
        ),
        Err(error) => check(
            "curl header",
            Status::Problem,
            error.to_string(),
            Some(RAW.into()),
        ),
    }
}

#[cfg(not(target_os = "linux"))]
fn memory_file() -> Check {
    check(
        "curl header",
        Status::Note,
        "`curl $(authctl header NAME)` needs Linux",
        Some("use `authctl header NAME --format raw | curl -H @- URL`".into()),
    )
}

/// Whether process 1 reaps orphans: the holder of a header becomes its child.
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
    Some(if is_reaped(pid) {
        ok("process 1", "reaps orphaned processes")
    } else {
        check(
            "process 1",
            Status::Note,
            "does not reap orphaned processes: each `curl $(authctl header NAME)` leaves a zombie process",
            Some("start the container with an init process, such as `docker run --init`, or use `authctl curl`".into()),
        )
    })
}

/// Whether a process that ends at once disappears. On a busy system it takes a while to end.
#[cfg(target_os = "linux")]
fn is_reaped(pid: u32) -> bool {
    /// How often a zombie is seen before it counts as one that stays.
    const ENOUGH: usize = 3;
    let mut zombie = 0;
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // `PID (NAME) STATE …`, where the name may contain anything.
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        match state {
            None => return true,
            Some('Z') => zombie += 1,
            Some(_) => {}
        }
        if zombie == ENOUGH {
            return false;
        }
    }
    true
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
                location: None,
                content_type: None,
                body: Vec::new(),
            };
            clock("a.test", Ok(reply), at(seconds))
        };
        assert_eq!(seen(0).status, Status::Ok);
        assert_eq!(seen(-120).status, Status::Ok);
        assert!(
            seen(7200)
                .detail
                .contains("2 hours ahead of the clock of a.test")
                && seen(7200).status == Status::Problem
        );
        assert!(seen(-7200).detail.contains("2 hours behind"));
    }
}
