use super::super::words::day;
use super::super::{answer, args, complete, documents};
use super::check_manager;
use crate::app::App;
use crate::credential::{Bound, Kind, Name};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Found, KeyChange, recover, set_key};
use crate::secret::Secret;
use crate::time::Interval;
use jiff::Timestamp;
use std::time::Duration;

/// Change the rotation settings of a key without entering it again
///
/// Settings that are not given stay as they are. `--rotate-every never` disables rotation for a
/// key; an empty `--manager` removes the manager.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key set stripe --rotate-every 14d\n  authctl key set openai --manager openai/admin --set project=proj_123\n  authctl key set resend --id 4ef9a417"
)]
pub struct SetArgs {
    /// The key: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::keys())]
    pub(super) name: Name,
    /// How often to rotate the key, such as 30d, or `never`
    #[arg(long, value_name = "INTERVAL")]
    rotate_every: Option<Interval>,
    /// The maximum lifetime of a new key, such as 90d, or `never` for no limit
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    lifetime: Option<Interval>,
    /// The day on which the key expires, such as 2027-01-31, or `never`
    #[arg(long, value_name = "DATE", value_parser = args::expiry)]
    expires: Option<args::Expiry>,
    /// The credential that manages the key
    #[arg(long, value_name = "NAME", add = complete::credentials(), value_parser = args::optional_name)]
    manager: Option<args::OptionalName>,
    /// The id of the key at the provider
    #[arg(long, value_name = "ID", value_parser = args::word)]
    id: Option<String>,
    /// A value required to rotate the key, such as project=proj_123
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
}

/// A lifetime: a day at least, or `never`.
fn lifetime(text: &str) -> Result<Interval, String> {
    let is_short = args::duration(text).is_ok_and(|time| time < Duration::from_secs(86_400));
    if is_short {
        return Err("the lifetime of a key must be at least 1d".into());
    }
    text.parse()
}

pub(super) fn run(app: &App, args: &SetArgs) -> Result<(), Failure> {
    let name = &args.name;
    let is_empty = args.rotate_every.is_none()
        && args.lifetime.is_none()
        && args.expires.is_none()
        && args.manager.is_none()
        && args.id.is_none()
        && args.set.is_empty();
    if is_empty {
        return Err(Failure::usage("no changes given").hint("run `authctl key set --help`"));
    }
    // Checked before the lock, so that a mistyped name leaves no lock file behind.
    if app.index.entry(name)?.kind != Kind::Key {
        return Err(Failure::usage(format!(
            "`{name}` is a login; only API keys are rotated"
        )));
    }
    if let Some(args::OptionalName(Some(manager))) = &args.manager {
        check_manager(app, name, manager)?;
    }
    let expires = args.expires.map(|args::Expiry(day)| day);
    if let Some(day) = expires.flatten().filter(|end| *end < day(Timestamp::now())) {
        app.ui.warn(&format!("{day} is in the past"));
    }
    let claim = app.context().claim(name)?;
    app.ui.warn_all(&recover(&claim)?);
    let before = crate::lifecycle::current(&claim)?;
    if args.lifetime.is_some() && !sets_a_lifetime(app, name, &before)? {
        app.ui
            .warn("`--lifetime` has no effect on this key: its rotation does not set an expiry");
    }
    let change = KeyChange {
        every: args.rotate_every.clone(),
        lifetime: args.lifetime.clone(),
        expires,
        manager: args.manager.clone().map(|args::OptionalName(name)| name),
        id: args.id.as_ref().map(Secret::new),
        bound: settings(app, args, before.record.bound.clone())?,
    };
    app.ui.warn_all(&set_key(&claim, &before, change)?.warnings);
    app.ui
        .say(&format!("updated the rotation settings of {name}"));
    answer(app, || documents::Added::key(name), |_| Ok(()))
}

/// Whether the recipe of a key decides when a new key expires.
fn sets_a_lifetime(app: &App, name: &Name, before: &Found) -> Result<bool, Failure> {
    let row = app.catalogue.find(name.provider())?;
    let recipe = match (&row, before.record.slots()) {
        (Some(row), Some(slots)) => row.recipe(&slots.active),
        _ => None,
    };
    Ok(recipe.is_some_and(|recipe| recipe.lifetime.is_some()))
}

/// The binding with the new settings. Only settings of a recipe can be changed: another host or
/// site would be another place to send the key to.
fn settings(app: &App, args: &SetArgs, mut bound: Bound) -> Result<Bound, Failure> {
    let name = &args.name;
    if args.set.is_empty() {
        return Ok(bound);
    }
    let row = app.catalogue.find(name.provider())?.ok_or_else(|| {
        let message = format!("no provider named `{}`", name.provider());
        Failure::usage(message).hint("run `authctl provider list`")
    })?;
    for (setting, value) in &args.set {
        if row.variables.contains_key(setting) {
            let message = format!("`{setting}` determines where the key is sent");
            return Err(Failure::new(Code::Refused, message).hint(format!(
                "enter the key again: `authctl key add {name} --replace --set {setting}={value}`"
            )));
        }
        bound.variables.insert(setting.clone(), value.clone());
    }
    row.resolve(&bound.variables)?;
    Ok(bound)
}
