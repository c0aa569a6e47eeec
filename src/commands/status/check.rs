//! Verifying a credential with its provider.

use super::super::documents::Usable;
use crate::app::App;
use crate::credential::{Entry, Kind};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Handed, Wanted, parts, sending};
use crate::rotation::{Verdict, verify};

/// Verifies one credential: a login gets a token, a key is verified with the request without side
/// effects in its row, if there is one.
pub(super) fn check(app: &App, entry: &Entry) -> Result<Usable, Failure> {
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
        Verdict::Unclear(reason) | Verdict::Unreachable(reason) => Err(unclear(&reason)),
    }
}
