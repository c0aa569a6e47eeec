//! A key that a person has to make: what to do on the provider's page, and the new key, typed hidden or piped in.

use super::super::{key::given_parts, warn_all};
use crate::app::{App, has_display};
use crate::credential::{Index, Name};
use crate::failure::{Code, Failure};
use crate::rotation::{Error, Options, Report, accept};
use crate::ui::open_browser;
use std::io::IsTerminal;
use std::time::Duration;

/// How long a pipe on standard input may be silent. Whoever writes the key into it may have to open a store first.
const FIRST_BYTE: Duration = Duration::from_secs(30);

pub(super) fn take(
    app: &App,
    name: &Name,
    options: &Options,
    no_browser: bool,
) -> Result<Report, Failure> {
    let index = Index::read(&app.paths.credentials(), name)?
        .ok_or_else(|| crate::lifecycle::Error::NotFound(name.clone()))?;
    let row = app
        .catalogue
        .get(name.provider())?
        .resolve(&index.bound.variables)?;
    let key = row
        .key
        .ok_or_else(|| Failure::from(Error::NoRecipe { name: name.clone() }))?;
    let is_piped = !std::io::stdin().is_terminal();
    // A pipe that stays silent is nobody's answer.
    if is_piped && (app.ui.no_input || !speaks_within(FIRST_BYTE)) {
        return Err(Error::ByHand { name: name.clone() }.into());
    }
    if !is_piped {
        if !app.ui.can_ask() {
            return Err(Error::ByHand { name: name.clone() }.into());
        }
        let recipe = row
            .rotation
            .iter()
            .find(|recipe| index.recipe.is_none() || recipe.name == index.recipe);
        let steps = recipe
            .map(|recipe| recipe.steps.clone())
            .unwrap_or_default();
        if let Some(page) = &key.page {
            app.ui.must_say(&format!("the new key is made at {page}"));
            if !no_browser && has_display() {
                let _ = url::Url::parse(page).map(|url| open_browser(&url));
            }
        }
        for (number, step) in steps.iter().enumerate() {
            app.ui.must_say(&format!("  {}. {step}", number + 1));
        }
    }
    let Some(parts) = given_parts(app, &key.parts)? else {
        return Err(Error::ByHand { name: name.clone() }.into());
    };
    let odd = key.parts.iter().find(|part| {
        parts
            .get(&part.name)
            .is_some_and(|value| key.looks_wrong(&part.name, value.expose()))
    });
    if let Some(part) = odd {
        return Err(Failure::new(
            Code::Refused,
            format!(
                "the {} does not look like one of {}'s, so it is not tried there",
                part.label,
                name.provider()
            ),
        )
        .hint(format!(
            "if it is one all the same, run `authctl key add {name} --replace`"
        )));
    }
    let spinner = app.ui.spinner("trying the new key");
    let mut warnings = Vec::new();
    let report = accept(&app.keeper(), name, parts, options, &mut warnings);
    drop(spinner);
    warn_all(app, &warnings);
    Ok(report?)
}

/// Whether standard input has something to read, or ends, in time.
#[cfg(unix)]
fn speaks_within(time: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = std::io::stdin();
    let timeout = Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&timeout)) != Ok(0)
}

#[cfg(not(unix))]
fn speaks_within(_: Duration) -> bool {
    true
}
