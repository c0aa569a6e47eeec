//! `authctl status`: what there is, how long it lives, and what is unwise.

mod judge;
mod rotation;

use super::documents::{CredentialStatus, Finding, Status};
use super::key::{Tried, try_key};
use super::words::relative;
use super::{answer, args, complete, entries};
use crate::app::App;
use crate::credential::{Entries, Index, Kind, Name, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Handed, Wanted, parts};
use crate::output::Output;
use crate::rotation::NEVER;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

use judge::{judge, life};

/// Show what expires, what is due and what is unwise
///
/// Reads the index alone, so no store is opened and nothing is asked; `--check` opens the stores and tries each
/// credential (refreshing a login when its token has not long to live). The exit code is 8 when something wants doing.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl status\n  authctl status github --check\n  authctl status --within 30d --json"
)]
pub struct StatusArgs {
    /// Only this credential
    #[arg(add = complete::credentials())]
    name: Option<Name>,
    /// Try each credential: a login gets a token, a key is tried at its provider where there is a harmless request
    #[arg(long)]
    check: bool,
    /// How far to look ahead
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = args::duration)]
    within: Duration,
}

impl StatusArgs {
    /// Whether stores are opened.
    pub(super) fn tries(&self) -> bool {
        self.check
    }
}

pub(super) fn run(app: &App, args: &StatusArgs) -> Result<(), Failure> {
    let now = Timestamp::now();
    let Entries {
        sound: mut found,
        damaged,
    } = entries(app, args.name.as_slice())?;
    let within = SignedDuration::try_from(args.within).unwrap_or(SignedDuration::MAX);
    let mut status = Status {
        credentials: Vec::new(),
        findings: Vec::new(),
    };
    let mut tried = Vec::new();
    if args.check {
        // Tried first: what that mends is no finding any more.
        for index in &found {
            tried.push(check(app, index));
        }
        let folder = app.paths.credentials();
        found = found
            .into_iter()
            .filter_map(|index| Index::read(&folder, &index.name).ok().flatten())
            .collect();
    }
    for index in &found {
        let row = app.catalogue.find(index.name.provider());
        if let Err(error) = &row {
            status.findings.push(to_do(
                &index.name,
                "row_damaged",
                error,
                Some("correct that file, or delete it"),
            ));
        }
        let row = row
            .ok()
            .flatten()
            .and_then(|row| row.resolve(&index.bound.variables).ok());
        status
            .findings
            .extend(judge(index, row.as_ref(), &app.policy, within, now));
        let tried = tried
            .iter()
            .find(|(name, _)| *name == index.name)
            .map(|(_, tried)| tried);
        let check = tried.map(|tried| match tried {
            Ok(word) => (*word).to_owned(),
            Err(failure) => {
                told(failure, index, &mut status.findings);
                failure.code.name().to_owned()
            }
        });
        status.credentials.push(CredentialStatus {
            name: index.name.to_string(),
            kind: index.kind.to_string(),
            store: index.store.to_string(),
            life: life(index, now),
            access_expires_at: index.access_expires_at.map(|time| time.to_string()),
            expires: index.expires.map(|day| day.to_string()),
            check,
            scopes: index.bound.scopes.clone(),
            last_error: index.last_error.clone(),
        });
    }
    for (name, error) in &damaged {
        let hint = "delete that file, then log in again or add the key again";
        status
            .findings
            .push(to_do(name, "index_damaged", error, Some(hint)));
    }
    if args.name.is_none()
        && app.stores.vault().is_unattended()
        && found.iter().any(|index| index.store == StoreKind::Vault)
    {
        let message = "the vault is unattended: whoever can read its folder can read what is in it";
        let hint = "run `authctl vault passwd` to give it a passphrase";
        status.findings.push(Finding {
            advice: true,
            ..to_do("vault", "vault_unattended", message, Some(hint))
        });
    }
    let text = |output: Output| match (
        args.name.is_some(),
        found.first(),
        status.credentials.first(),
    ) {
        (true, Some(index), Some(credential)) => details(output, index, credential, now),
        _ => table(app, output, &status),
    };
    answer(
        app.output,
        || &status,
        |output| text(output).and_then(|()| list(output, &status.findings)),
    )?;
    match status
        .findings
        .iter()
        .filter(|finding| !finding.advice)
        .count()
    {
        0 => Ok(()),
        1 => Err(Failure::new(Code::Findings, "one thing wants doing")),
        count => Err(Failure::new(
            Code::Findings,
            format!("{count} things want doing"),
        )),
    }
}

/// Tries one credential: a login as `token` would, a key by the harmless request of its row, where there is one.
fn check(app: &App, index: &Index) -> (Name, Result<&'static str, Failure>) {
    let spinner = app.ui.spinner(&format!("trying {}", index.name));
    let handed = parts(&app.keeper(), &index.name, &Wanted::default()).map_err(Failure::from);
    drop(spinner);
    let tried = match (handed, index.kind) {
        (Err(failure), _) => Err(failure),
        (Ok(_), Kind::Login) => Ok("good"),
        (Ok(handed), Kind::Key) => check_key(app, index, &handed),
    };
    (index.name.clone(), tried)
}

fn check_key(app: &App, index: &Index, handed: &Handed) -> Result<&'static str, Failure> {
    let row = app
        .catalogue
        .find(index.name.provider())?
        .filter(|_| handed.bound.headers.is_empty() && !handed.templates.is_empty());
    let row = row
        .map(|row| row.resolve(&handed.bound.variables))
        .transpose()?;
    let Some(check) = row.and_then(|row| row.key).and_then(|key| key.check) else {
        return Ok(READABLE);
    };
    match try_key(
        app,
        &handed.bound,
        super::headers(&index.name, handed)?,
        &check,
    )? {
        Tried::Good(_) => Ok("good"),
        Tried::Elsewhere => Ok(READABLE),
        Tried::Refused(status) => Err(Failure::new(
            Code::Refused,
            format!("the provider does not accept the key (status {status})"),
        )
        .hint(format!("run `authctl key add {} --replace`", index.name))),
        Tried::Unclear(reason) => Err(Failure::new(
            Code::Unreachable,
            format!("the key could not be tried: {reason}"),
        )),
    }
}

/// The store gives it, and there is no request that would tell more.
const READABLE: &str = "readable";

/// A failure of the check as a finding, unless the index told it already.
fn told(failure: &Failure, index: &Index, findings: &mut Vec<Finding>) {
    let (subject, code) = (index.name.to_string(), failure.code.name());
    if !findings
        .iter()
        .any(|finding| finding.subject == subject && finding.code.ends_with(code))
    {
        findings.push(to_do(
            subject,
            &format!("check_{code}"),
            &failure.message,
            failure.hint.as_deref(),
        ));
    }
}

/// A finding that the exit code tells of.
fn to_do(
    subject: impl ToString,
    code: &str,
    message: impl ToString,
    hint: Option<&str>,
) -> Finding {
    Finding {
        subject: subject.to_string(),
        code: code.to_owned(),
        advice: false,
        message: message.to_string(),
        hint: hint.map(str::to_owned),
    }
}

fn table(app: &App, output: Output, status: &Status) -> std::io::Result<()> {
    if status.credentials.is_empty() {
        app.ui.say("there are no credentials yet; `authctl login NAME` or `authctl key add NAME` makes one");
        return Ok(());
    }
    let checked = status
        .credentials
        .iter()
        .any(|credential| credential.check.is_some());
    let line = |credential: &CredentialStatus| {
        let mut cells = vec![
            credential.name.clone(),
            credential.kind.clone(),
            credential.store.clone(),
            credential.life.clone(),
        ];
        cells.extend(
            credential
                .check
                .as_ref()
                .map(|check| check.replace('_', " ")),
        );
        cells.push(credential.scopes.join(" "));
        cells
    };
    let mut head = vec!["NAME", "KIND", "STORE", "LIFE"];
    head.extend(checked.then_some("TRIED"));
    head.push("SCOPES");
    output.table(&head, status.credentials.iter().map(line).collect())
}

/// One credential in full.
fn details(
    output: Output,
    index: &Index,
    credential: &CredentialStatus,
    now: Timestamp,
) -> std::io::Result<()> {
    let bound = &index.bound;
    let mut rows = vec![
        ("name", index.name.to_string()),
        ("kind", index.kind.to_string()),
        ("store", index.store.to_string()),
        ("life", credential.life.clone()),
    ];
    let mut add = |title: &'static str, text: Option<String>| {
        rows.extend(
            text.filter(|text| !text.is_empty())
                .map(|text| (title, text)),
        )
    };
    add(
        "tried",
        credential
            .check
            .as_ref()
            .map(|check| check.replace('_', " ")),
    );
    add(
        "whose",
        bound.label.clone().or_else(|| bound.subject.clone()),
    );
    add("scopes", Some(bound.scopes.join(" ")));
    add(
        "goes to",
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
    add("stored", Some(relative(index.created_at, now)));
    add("changed", Some(relative(index.changed_at, now)));
    add(
        "refreshed",
        index.refreshed_at.map(|time| relative(time, now)),
    );
    add(
        "rotate",
        index.rotate_every.as_ref().map(|every| {
            if every == NEVER {
                NEVER.to_owned()
            } else {
                format!("every {every}")
            }
        }),
    );
    add("manager", index.manager.as_ref().map(ToString::to_string));
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
