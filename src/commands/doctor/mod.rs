//! `authctl doctor`: what works here, why not, and what to type.

mod checks;
mod cron;

use super::answer;
use super::documents::{Check, Doctor, StoreOutlook};
use crate::app::App;
use crate::credential::{Index, StoreKind};
use crate::failure::{Code, Failure};
use crate::output::Output;
use url::Url;

/// Find out what works on this machine, and what to type where it does not
///
/// Everything is tried, not looked up: the keychain with a set, a get and a delete, the vault, the kernel's keyring, the
/// hand-over to curl, the network libraries, the clock against a server's. For each store that holds credentials one of
/// them is read. The exit code is 8 when something is wrong that stands in the way.
///
/// `--as-cron` does it again in the environment that cron gives its jobs, which foretells what a scheduled run meets.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl doctor\n  authctl doctor --as-cron\n  authctl doctor --json | jq '.checks[] | select(.status != \"ok\")'"
)]
pub struct DoctorArgs {
    /// Try it in cron's empty environment
    #[arg(long)]
    as_cron: bool,
    /// The server whose clock is compared; else one that a credential belongs to
    #[arg(long, value_name = "URL", value_parser = server)]
    server: Option<Url>,
    #[arg(long, hide = true)]
    in_cron: bool,
}

fn server(text: &str) -> Result<Url, String> {
    crate::credential::trusted_url(text).map_err(|error| error.to_string())
}

pub(super) fn run(app: &App, args: &DoctorArgs) -> Result<(), Failure> {
    let doctor = if args.as_cron {
        cron::examine(args.server.as_ref())?
    } else {
        examine(app, args)
    };
    answer(app.output, || &doctor, |output| show(output, &doctor))?;
    let broken: Vec<&str> = doctor
        .checks
        .iter()
        .filter(|check| check.status == "problem")
        .map(|check| check.name.as_str())
        .collect();
    let closed: Vec<&str> = doctor
        .stores
        .iter()
        .filter(|store| store.exit_code != 0)
        .map(|store| store.store.as_str())
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
            format!("in the way: {}", trouble.join(", ")),
        )),
    }
}

fn examine(app: &App, args: &DoctorArgs) -> Doctor {
    let spinner = app.ui.spinner("trying everything");
    let entries: Vec<Index> = Index::all(&app.paths.credentials())
        .into_iter()
        .flatten()
        .collect();
    let mut found = vec![checks::home(app)];
    found.extend(checks::bus());
    let keychain = checks::keychain(app);
    let vault = checks::vault(app);
    let usable =
        keychain.status == "ok" || vault.status != "problem" && app.stores.vault().exists();
    found.extend([keychain, vault]);
    if !usable {
        found.push(Check {
            name: "stores".into(),
            status: "problem".into(),
            detail: "there is no place where a credential could be kept".into(),
            hint: Some("unlock or start the keychain, or run `authctl vault init` (`--unattended` on a server)".into()),
        });
    }
    found.extend(checks::kernel_keyring());
    if !args.in_cron {
        found.push(checks::browser());
    }
    found.extend(checks::network(app, args.server.as_ref(), &entries));
    found.extend(checks::hand_over());
    found.extend(checks::reaper());
    let stores = [StoreKind::Keychain, StoreKind::Vault]
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

/// What a command would meet that wants a credential of this store. Reading one is what it would do first.
fn outlook(app: &App, store: StoreKind, entries: &[Index]) -> Option<StoreOutlook> {
    let there: Vec<&Index> = entries
        .iter()
        .filter(|index| index.store == store)
        .collect();
    let first = there.first()?;
    let tried = app
        .stores
        .read(store, &crate::store::Slot::record(&first.name, &first.id));
    let (exit_code, detail) = match tried {
        Ok(Some(_)) => (0, "can be read".to_owned()),
        Ok(None) => (
            Code::NotFound as u8,
            format!("it no longer holds `{}`", first.name),
        ),
        Err(error) => {
            let failure = Failure::from(error);
            (failure.code as u8, failure.message)
        }
    };
    Some(StoreOutlook {
        store: store.to_string(),
        credentials: there.len(),
        exit_code,
        detail,
    })
}

fn show(output: Output, doctor: &Doctor) -> std::io::Result<()> {
    if doctor.as_cron {
        output.line("in the environment that cron gives its jobs:")?;
    }
    let width = doctor
        .checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in &doctor.checks {
        output.text(&format!(
            "{:7}  {:width$}  {}",
            check.status, check.name, check.detail
        ))?;
        if let Some(hint) = &check.hint {
            output.text(&format!("{:7}  {:width$}  hint: {hint}", "", ""))?;
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
            format!("ends with exit code {}: {}", store.exit_code, store.detail)
        };
        output.text(&format!(
            "{run} that wants {which} in the {} {end}",
            store.store
        ))?;
    }
    Ok(())
}
