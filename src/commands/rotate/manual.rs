//! A key that a person has to create: what to do on the provider's page, and reading the new key.

use crate::app::{App, has_display};
use crate::credential::Name;
use crate::failure::Failure;
use crate::intake::{OddForm, optional_key_parts};
use crate::rotation::{Error, Options, Report, accept};
use crate::ui::open_browser;
use std::io::IsTerminal;
use std::time::Duration;

/// How long to wait for the first byte of a pipe. The program that writes the key may have to open
/// a store first.
const FIRST_BYTE: Duration = Duration::from_secs(30);

/// What the user does, unless the provider's recipe has other steps.
const USUAL_STEPS: [&str; 2] = [
    "Create a new key with the same permissions",
    "Enter it below, and delete the previous key after the rotation",
];

pub(super) fn take(
    app: &App,
    name: &Name,
    options: &Options,
    no_browser: bool,
) -> Result<Report, Failure> {
    let entry = app.index.entry(name)?;
    let row = app
        .catalogue
        .get(name.provider())?
        .resolve(&entry.bound.variables)?;
    let key = row
        .key
        .ok_or_else(|| Failure::from(Error::NoRecipe { name: name.clone() }))?;
    let is_piped = !std::io::stdin().is_terminal();
    // A silent pipe is not an answer.
    if is_piped && (app.ui.no_input || !speaks_within(FIRST_BYTE)) {
        return Err(Error::Manual { name: name.clone() }.into());
    }
    if !is_piped {
        if !app.ui.can_ask() {
            return Err(Error::Manual { name: name.clone() }.into());
        }
        let recipe = row
            .rotation
            .iter()
            .find(|recipe| entry.rotation.recipe.is_none() || recipe.name == entry.rotation.recipe);
        let steps: Vec<&str> = match recipe {
            Some(recipe) if !recipe.steps.is_empty() => {
                recipe.steps.iter().map(String::as_str).collect()
            }
            _ => USUAL_STEPS.to_vec(),
        };
        if let Some(page) = &key.page {
            app.ui.must_say(&format!("create the new key at {page}"));
            if !no_browser && has_display() {
                let _ = url::Url::parse(page).map(|url| open_browser(&url));
            }
        }
        for (number, step) in steps.iter().enumerate() {
            app.ui.must_say(&format!("  {}. {step}", number + 1));
        }
    }
    let Some(parts) = optional_key_parts(app.ui, &key)? else {
        return Err(Error::Manual { name: name.clone() }.into());
    };
    if let Some(odd) = OddForm::of(&app.catalogue, name, &key, &parts) {
        let anyway = format!("run `authctl key add {name} --replace --no-verify`");
        return Err(odd.failure(&anyway));
    }
    let spinner = app.ui.spinner("verifying the new key");
    let mut warnings = Vec::new();
    let report = accept(&app.context(), name, parts, options, &mut warnings);
    drop(spinner);
    app.ui.warn_all(&warnings);
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
