//! `authctl status`: what expires, what is due, and what is unwise.

mod credential;
mod finding;
mod rotation;

use super::documents::{CredentialStatus, Finding, StatusReport, Usable, Verified, word};
use super::words::{self, relative};
use super::{Profile, Run, answer, args, complete, entries};
use crate::app::App;
use crate::credential::{Entries, Entry, Kind, Name, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Handed, Wanted, parts, sending};
use crate::output::Output;
use crate::rotation::{Verdict, verify};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

use credential::{findings, life};
use finding::finding;

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

fn run(app: &App, args: &StatusArgs) -> Result<(), Failure> {
    let now = Timestamp::now();
    let Entries {
        readable: mut found,
        damaged,
    } = entries(app, args.name.as_slice())?;
    let mut verified = BTreeMap::new();
    if args.check {
        // Verified first: what that mends is no finding any more.
        for entry in &found {
            verified.insert(entry.name.clone(), check(app, entry));
        }
        found = found
            .into_iter()
            .filter_map(|entry| app.index.find(&entry.name).ok().flatten())
            .collect();
    }
    let within = SignedDuration::try_from(args.within).unwrap_or(SignedDuration::MAX);
    let mut report = StatusReport {
        credentials: Vec::new(),
        findings: Vec::new(),
    };
    for entry in &found {
        let checked = verified.get(&entry.name);
        add(app, &mut report, entry, checked, within, now);
    }
    for (name, error) in &damaged {
        let hint = "delete the file, then log in or add the key again";
        report
            .findings
            .push(finding(name, "index_damaged", error, Some(hint)));
    }
    if args.name.is_none() {
        report.findings.extend(unattended(app, &found));
        report.findings.extend(cache(app, &found));
    }
    print(app, args, &found, &report, now)?;
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

/// Adds one credential to the report, with its findings.
fn add(
    app: &App,
    report: &mut StatusReport,
    entry: &Entry,
    verified: Option<&Result<Usable, Failure>>,
    within: SignedDuration,
    now: Timestamp,
) {
    let row = app.catalogue.find(entry.name.provider());
    if let Err(error) = &row {
        let hint = Some("correct or delete the file");
        report
            .findings
            .push(finding(&entry.name, "row_damaged", error, hint));
    }
    let row = row
        .ok()
        .flatten()
        .and_then(|row| row.resolve(&entry.bound.variables).ok());
    report
        .findings
        .extend(findings(entry, row.as_ref(), &app.policy, within, now));
    let check = verified.map(|verified| match verified {
        Ok(usable) => Verified::Usable(*usable),
        Err(failure) => {
            add_failure(failure, entry, &mut report.findings);
            Verified::Failed(failure.code)
        }
    });
    report.credentials.push(CredentialStatus {
        name: entry.name.to_string(),
        kind: entry.kind,
        store: entry.store,
        life: life(entry, now),
        access_expires_at: entry.login.access_expires_at.map(|time| time.to_string()),
        expires: entry.rotation.expires.map(|day| day.to_string()),
        check,
        scopes: entry.bound.scopes.clone(),
        last_error: entry.login.last_error.clone(),
    });
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
fn unattended(app: &App, found: &[Entry]) -> Option<Finding> {
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

/// Logins whose keys are kept after their store was read.
fn cache(app: &App, found: &[Entry]) -> Option<Finding> {
    let cache = app.stores.cache();
    let times: Vec<Duration> = found
        .iter()
        .filter(|entry| entry.kind == Kind::Login)
        .filter_map(|entry| cache.time(&entry.name))
        .collect();
    let longest = times.iter().max()?;
    let hint = "run `authctl lock` to end that now, or remove `cache` from config.toml";
    let message = words::cache(times.len(), *longest);
    Some(Finding {
        advice: true,
        ..finding("cache", "cache_on", message, Some(hint))
    })
}

/// Verifies one credential: a login gets a token, a key is verified with the request without side
/// effects in its row, if there is one.
fn check(app: &App, entry: &Entry) -> Result<Usable, Failure> {
    let handed = {
        let _spinner = app.ui.spinner(&format!("verifying {}", entry.name));
        parts(&app.context(), &entry.name, &Wanted::default())?
    };
    match entry.kind {
        Kind::Login => Ok(Usable::Good),
        Kind::Key => check_key(app, entry, &handed),
    }
}

fn check_key(app: &App, entry: &Entry, handed: &Handed) -> Result<Usable, Failure> {
    let is_sent = !sending(&app.context(), &entry.name, handed)?
        .headers
        .is_empty();
    let row = app
        .catalogue
        .find(entry.name.provider())?
        .filter(|_| handed.bound.headers.is_empty() && is_sent);
    let row = row
        .map(|row| row.resolve(&handed.bound.variables))
        .transpose()?;
    let Some(key) = row
        .and_then(|row| row.key)
        .filter(|key| key.check.is_some())
    else {
        return Ok(Usable::Readable);
    };
    let _spinner = app.ui.spinner(&format!("verifying {}", entry.name));
    let unclear = |reason: &str| {
        Failure::new(
            Code::Unreachable,
            format!("cannot verify the key: {reason}"),
        )
    };
    match verify(&app.context(), &key, &handed.bound, &handed.parts).verdict {
        Verdict::Good => Ok(Usable::Good),
        Verdict::Elsewhere | Verdict::Unknowable => Ok(Usable::Readable),
        Verdict::Bad => Err(
            Failure::new(Code::Refused, "the provider does not accept the key")
                .hint(format!("run `authctl key add {} --replace`", entry.name)),
        ),
        Verdict::Forbidden => Err(unclear("it has no permission for the request")),
        Verdict::Unclear(reason) => Err(unclear(&reason)),
    }
}

/// Prints the report: in full for one credential that was named, as a table for all.
fn print(
    app: &App,
    args: &StatusArgs,
    found: &[Entry],
    report: &StatusReport,
    now: Timestamp,
) -> Result<(), Failure> {
    let text = |output: Output| {
        match (&args.name, found.first(), report.credentials.first()) {
            (Some(_), Some(entry), Some(credential)) => details(output, entry, credential, now)?,
            _ => table(app, output, report)?,
        }
        list(output, &report.findings)
    };
    answer(app, || report, text)
}

fn table(app: &App, output: Output, status: &StatusReport) -> std::io::Result<()> {
    if status.credentials.is_empty() {
        app.ui.say(words::NO_CREDENTIALS);
        return Ok(());
    }
    let checked = status
        .credentials
        .iter()
        .any(|credential| credential.check.is_some());
    let line = |credential: &CredentialStatus| {
        let mut cells = vec![
            credential.name.clone(),
            credential.kind.to_string(),
            credential.store.to_string(),
            credential.life.clone(),
        ];
        cells.extend(credential.check.map(word));
        cells.push(credential.scopes.join(" "));
        cells
    };
    let mut head = vec!["NAME", "TYPE", "STORE", "EXPIRES"];
    head.extend(checked.then_some("VERIFIED"));
    head.push("SCOPES");
    output.table(&head, status.credentials.iter().map(line).collect())
}

/// Prints one credential in full.
fn details(
    output: Output,
    entry: &Entry,
    credential: &CredentialStatus,
    now: Timestamp,
) -> std::io::Result<()> {
    let bound = &entry.bound;
    let mut rows = vec![
        ("name", entry.name.to_string()),
        ("type", entry.kind.to_string()),
        ("store", entry.store.to_string()),
        ("expires", credential.life.clone()),
    ];
    let mut add = |title: &'static str, text: Option<String>| {
        rows.extend(
            text.filter(|text| !text.is_empty())
                .map(|text| (title, text)),
        )
    };
    add("verified", credential.check.map(word));
    add(
        "account",
        bound.label.clone().or_else(|| bound.subject.clone()),
    );
    add("scopes", Some(bound.scopes.join(" ")));
    add(
        "origins",
        Some(
            bound
                .origins
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        ),
    );
    add("client", bound.client_id.clone());
    add("issuer", bound.issuer.clone());
    add("stored", Some(relative(entry.created_at, now)));
    add("changed", Some(relative(entry.changed_at, now)));
    add(
        "refreshed",
        entry.login.refreshed_at.map(|time| relative(time, now)),
    );
    let every = entry.rotation.every.as_ref();
    add(
        "rotation",
        every.map(|every| match every.every() {
            Ok(None) => every.to_string(),
            _ => format!("every {every}"),
        }),
    );
    add(
        "manager",
        entry.rotation.manager.as_ref().map(ToString::to_string),
    );
    output.pairs(&rows)
}

fn list(output: Output, findings: &[Finding]) -> std::io::Result<()> {
    for finding in findings {
        let kind = if finding.advice { "note: " } else { "" };
        output.line("")?;
        output.text(&format!("{kind}{}: {}", finding.subject, finding.message))?;
        if let Some(hint) = &finding.hint {
            output.text(&format!("  hint: {hint}"))?;
        }
    }
    Ok(())
}
