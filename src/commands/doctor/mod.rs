//! `authctl doctor`: what works on this machine, what does not, and what to do about it.

mod checks;
mod cron;
mod environment;
mod result;

use super::answer;
use super::documents::{Check, Doctor, Status, StoreOutlook, word};
use super::words::count;
use super::{Profile, Run};
use crate::app::App;
use crate::credential::{Entry, StoreKind};
use crate::failure::{Code, Failure};
use crate::lifecycle::can_read;
use crate::output::Output;
use url::Url;

/// Check what works on this machine
///
/// Writes, reads and deletes a test item in the keychain. Checks the vault, the kernel keyring, the
/// HTTP client and whether a header can be passed to curl, and compares the clock with that of a
/// server. Reads one credential from each store. The exit code is 8 if there is a problem.
///
/// `--as-cron` runs the checks in the environment that cron gives its jobs, to predict the outcome
/// of a scheduled run.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl doctor\n  authctl doctor --as-cron\n  authctl doctor --json | jq '.checks[] | select(.status != \"ok\")'"
)]
pub struct DoctorArgs {
    /// Run the checks in the environment of cron
    #[arg(long)]
    as_cron: bool,
    /// The server to compare the clock with; by default one that a credential is bound to
    #[arg(long, value_name = "URL", value_parser = server)]
    server: Option<Url>,
    #[arg(long, hide = true)]
    in_cron: bool,
}

fn server(text: &str) -> Result<Url, String> {
    crate::credential::trusted_url(text).map_err(|error| error.to_string())
}

impl Run for DoctorArgs {
    fn profile(&self) -> Profile {
        Profile::reading()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, args: &DoctorArgs) -> Result<(), Failure> {
    let doctor = if args.as_cron {
        cron::examine(args.server.as_ref())?
    } else {
        examine(app, args)
    };
    answer(app, || &doctor, |output| show(output, &doctor))?;
    let broken: Vec<&str> = doctor
        .checks
        .iter()
        .filter(|check| check.status == Status::Problem)
        .map(|check| check.name.as_str())
        .collect();
    let closed: Vec<&str> = doctor
        .stores
        .iter()
        .filter(|store| store.exit_code != 0)
        .map(|store| store.store.name())
        .collect();
    let mut trouble: Vec<&str> = Vec::new();
    for name in broken.into_iter().chain(closed) {
        if !trouble.contains(&name) {
            trouble.push(name);
        }
    }
    match trouble.as_slice() {
        [] => Ok(()),
        trouble => Err(Failure::new(
            Code::Findings,
            format!(
                "{}: {}",
                count(trouble.len(), "problem"),
                trouble.join(", ")
            ),
        )),
    }
}

fn examine(app: &App, args: &DoctorArgs) -> Doctor {
    let spinner = app.ui.spinner("running the checks");
    let mut found = vec![checks::home(app)];
    let entries = match app.index.all() {
        Ok(entries) => entries.readable,
        Err(error) => {
            found.push(checks::index(error));
            Vec::new()
        }
    };
    found.extend(checks::bus());
    let keychain = checks::keychain(app);
    let vault = checks::vault(app);
    let usable = keychain.status == Status::Ok
        || vault.status != Status::Problem && app.stores.vault().exists();
    found.extend([keychain, vault]);
    if !usable {
        found.push(Check {
            name: "stores".into(),
            status: Status::Problem,
            detail: "no store can accept a credential".into(),
            hint: Some("unlock or start the keychain, or run `authctl vault init` (`--unattended` on a server)".into()),
        });
    }
    found.extend(checks::kernel_keyring());
    found.extend(checks::cache(app, &entries));
    if !args.in_cron {
        found.push(environment::browser());
        found.extend(checks::schedule());
    }
    found.extend(environment::network(app, args.server.as_ref(), &entries));
    found.extend(environment::hand_over());
    found.extend(environment::reaper());
    let stores = StoreKind::ALL
        .into_iter()
        .filter_map(|store| outlook(app, store, &entries))
        .collect();
    drop(spinner);
    Doctor {
        checks: found,
        stores,
        as_cron: args.in_cron,
    }
}

/// The expected outcome of a command that needs a credential from this store, determined by reading
/// one of them.
fn outlook(app: &App, store: StoreKind, entries: &[Entry]) -> Option<StoreOutlook> {
    let there: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.store == store)
        .collect();
    let first = there.first()?;
    let (exit_code, detail) = match can_read(&app.context(), first) {
        Ok(true) => (0, "can be read".to_owned()),
        Ok(false) => (
            Code::NotFound as u8,
            format!("`{}` is missing from the {store}", first.name),
        ),
        Err(error) => {
            let failure = Failure::from(error);
            (failure.code as u8, failure.message)
        }
    };
    Some(StoreOutlook {
        store,
        credentials: there.len(),
        exit_code,
        detail,
    })
}

fn show(output: Output, doctor: &Doctor) -> std::io::Result<()> {
    if doctor.as_cron {
        output.line("in the environment of cron:")?;
    }
    let width = doctor
        .checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in &doctor.checks {
        let (status, name, detail) = (word(check.status), &check.name, &check.detail);
        let indent = 7 + 2 + width + 2;
        output.hanging(&format!("{status:7}  {name:width$}  {detail}"), indent)?;
        if let Some(hint) = &check.hint {
            output.hanging(&format!("{:indent$}hint: {hint}", ""), indent)?;
        }
    }
    for store in &doctor.stores {
        let run = if doctor.as_cron {
            "a scheduled run"
        } else {
            "a command"
        };
        let which = if store.credentials == 1 {
            "the credential".into()
        } else {
            format!("one of the {} credentials", store.credentials)
        };
        let end = if store.exit_code == 0 {
            "works".into()
        } else {
            format!("fails with exit code {}: {}", store.exit_code, store.detail)
        };
        output.text(&format!(
            "{run} that needs {which} in the {} {end}",
            store.store
        ))?;
    }
    Ok(())
}
