//! `authctl status`: what expires, what is due, and what is unwise.

mod check;
mod credential;
mod finding;
mod print;
mod rotation;

use super::documents::{CredentialStatus, Finding, StatusReport, Usable, Verified};
use super::words::{self};
use super::{Profile, Run, args, complete, entries};
use crate::app::App;
use crate::credential::{Entries, Entry, Kind, Name, StoreKind};
use crate::failure::{Code, Failure};
use crate::provider::{ReadRow, Rows};
use crate::rotation::Policy;
use crate::schedule::{missing, programs};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

use check::check;
use credential::{PLAIN_HTTP, findings, life};
use finding::finding;
use print::print;

/// Show what expires, what is due and what needs attention
///
/// Reads only the index: opens no store and never prompts. `--check` opens the stores and verifies
/// each credential (a login is refreshed if its token is about to expire). The exit code is 8 if
/// there are findings that need attention.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl status\n  authctl status github --check\n  authctl status --within 30d --json"
)]
pub struct StatusArgs {
    /// The credential (default: all credentials)
    #[arg(add = complete::credentials())]
    name: Option<Name>,
    /// Verify each credential: get a token for a login, and verify a key if its provider has a
    /// request that can do so without side effects
    #[arg(long)]
    check: bool,
    /// How far to look ahead
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = args::duration)]
    within: Duration,
}

impl Run for StatusArgs {
    fn profile(&self) -> Profile {
        Profile {
            // Verifying opens the stores.
            prompts: self.check,
            ..Profile::reading()
        }
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

/// One credential of the report, with its findings.
type Line = (CredentialStatus, Vec<Finding>);

fn run(app: &App, args: &StatusArgs) -> Result<(), Failure> {
    let now = Timestamp::now();
    let within = SignedDuration::try_from(args.within).unwrap_or(SignedDuration::MAX);
    let (rows, policy) = (Rows::new(&app.catalogue), &app.policy);
    let line = |entry: &Entry, verified: Option<&Result<Usable, Failure>>| {
        let provider = rows.get(entry.name.provider());
        line(entry, &provider, verified, policy, within, now)
    };
    let mut named = None;
    let lines = if args.name.is_none() && !args.check {
        app.index.read_all(|entry| line(&entry, None))?
    } else {
        let found = entries(app, args.name.as_slice(), |entry| entry)?;
        let mut readable = Vec::new();
        for mut entry in found.readable {
            let verified = args.check.then(|| check(app, &entry));
            if args.check {
                // What that mends is no finding any more.
                let Some(again) = app.index.find(&entry.name).ok().flatten() else {
                    continue;
                };
                entry = again;
            }
            readable.push(line(&entry, verified.as_ref()));
            named = args.name.is_some().then_some(entry);
        }
        Entries {
            readable,
            damaged: found.damaged,
        }
    };
    let report = report(app, args, lines);
    print(app, named.as_ref(), &report, now)?;
    let important = report.findings.iter().filter(|finding| !finding.advice);
    match important.count() {
        0 => Ok(()),
        1 => Err(Failure::new(Code::Findings, "1 finding needs attention")),
        count => Err(Failure::new(
            Code::Findings,
            format!("{count} findings need attention"),
        )),
    }
}

/// The whole report.
fn report(app: &App, args: &StatusArgs, lines: Entries<Line>) -> StatusReport {
    let mut report = StatusReport {
        credentials: Vec::with_capacity(lines.readable.len()),
        findings: Vec::new(),
    };
    for (credential, findings) in lines.readable {
        report.credentials.push(credential);
        report.findings.extend(findings);
    }
    for (name, error) in lines.damaged {
        let failure = Failure::from(error);
        let (message, hint) = (failure.message, failure.hint.as_deref());
        report
            .findings
            .push(finding(name, "index_damaged", message, hint));
    }
    if args.name.is_none() {
        // It never changes: whoever wants to know it asks about the credential.
        report.findings.retain(|finding| finding.code != PLAIN_HTTP);
        let found = &report.credentials;
        let homewide = [unattended(app, found), cache(app, found), schedule()];
        report.findings.extend(homewide.into_iter().flatten());
    }
    report
}

/// One credential, with its findings.
fn line(
    entry: &Entry,
    provider: &ReadRow,
    verified: Option<&Result<Usable, Failure>>,
    policy: &Policy,
    within: SignedDuration,
    now: Timestamp,
) -> Line {
    let mut found = Vec::new();
    if let Some(error) = provider.error() {
        let hint = Some("correct or delete the file");
        found.push(finding(&entry.name, "row_damaged", error, hint));
    }
    let row = provider.resolve(&entry.bound.variables);
    found.extend(findings(entry, row.as_deref(), policy, within, now));
    let check = verified.map(|verified| match verified {
        Ok(usable) => Verified::Usable(*usable),
        Err(failure) => {
            add_failure(failure, entry, &mut found);
            Verified::Failed(failure.code)
        }
    });
    let credential = CredentialStatus {
        name: entry.name.to_string(),
        kind: entry.kind,
        store: entry.store,
        life: life(entry, now),
        access_expires_at: entry.login.access_expires_at.map(|time| time.to_string()),
        refresh_token_expires_at: entry
            .login
            .refresh_token_expires_at
            .map(|time| time.to_string()),
        expires: entry.rotation.expires.map(|day| day.to_string()),
        check,
        scopes: entry.bound.scopes.clone(),
        last_error: entry.login.last_error.clone(),
    };
    (credential, found)
}

/// Adds a failed verification as a finding, unless the index reports the same.
fn add_failure(failure: &Failure, entry: &Entry, findings: &mut Vec<Finding>) {
    let (subject, code) = (entry.name.to_string(), failure.code.name());
    let is_known = findings
        .iter()
        .any(|finding| finding.subject == subject && finding.code.ends_with(code));
    if !is_known {
        let code = format!("check_{code}");
        let hint = failure.hint.as_deref();
        findings.push(finding(subject, &code, &failure.message, hint));
    }
}

/// An unattended vault with credentials in it.
fn unattended(app: &App, found: &[CredentialStatus]) -> Option<Finding> {
    let is_used = found.iter().any(|entry| entry.store == StoreKind::Vault);
    if !is_used || !app.stores.is_unattended(StoreKind::Vault) {
        return None;
    }
    let message =
        "the vault is unattended: anyone who can read its folder can read the credentials";
    let hint = "run `authctl vault passwd` to set a passphrase";
    Some(Finding {
        advice: true,
        ..finding("vault", "vault_unattended", message, Some(hint))
    })
}

/// A schedule whose program is gone, so that nothing is rotated.
fn schedule() -> Option<Finding> {
    let problem = programs().iter().find_map(|program| missing(program))?;
    let hint = Some("run `authctl schedule install`");
    Some(finding(
        "schedule",
        "schedule_broken",
        problem.to_string(),
        hint,
    ))
}

/// Logins whose keys are kept after their store was read.
fn cache(app: &App, found: &[CredentialStatus]) -> Option<Finding> {
    let cache = app.stores.cache();
    let times: Vec<Duration> = found
        .iter()
        .filter(|entry| entry.kind == Kind::Login)
        .filter_map(|entry| cache.time(&entry.name.parse().ok()?))
        .collect();
    let longest = times.iter().max()?;
    let message = words::cache(times.len(), *longest);
    Some(Finding {
        advice: true,
        ..finding("cache", "cache_on", message, Some(words::CACHE_HINT))
    })
}
