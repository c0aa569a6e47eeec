//! The report for people.

use super::super::answer;
use super::super::documents::{CredentialStatus, Finding, StatusReport, word};
use super::super::words::{self, relative};
use crate::app::App;
use crate::credential::Entry;
use crate::failure::Failure;
use crate::output::Output;
use jiff::Timestamp;

/// Prints the report: in full for one credential that was named, as a table for all.
pub(super) fn print(
    app: &App,
    named: Option<&Entry>,
    report: &StatusReport,
    now: Timestamp,
) -> Result<(), Failure> {
    let text = |output: Output| {
        match (named, report.credentials.first()) {
            (Some(entry), Some(credential)) => details(output, entry, credential, now)?,
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
    let lifetime = entry.rotation.lifetime.as_ref();
    add(
        "new keys",
        lifetime
            .filter(|lifetime| lifetime.every() != Ok(None))
            .map(|lifetime| format!("expire after {lifetime} at most")),
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
