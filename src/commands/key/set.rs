use super::super::{answer, args, complete, documents, warn_all};
use super::check_manager;
use crate::app::App;
use crate::credential::{Bound, Kind, Name, SecretPart, Slots};
use crate::failure::{Code, Failure};
use crate::lifecycle::{current, save, settle};
use crate::secret::Secret;

/// Change how a key is rotated, without giving it again
///
/// What is not named stays. `never` keeps a key from being rotated; an empty manager takes it away.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key set stripe --rotate-every 14d\n  authctl key set openai --manager openai/admin --set project=proj_123\n  authctl key set resend --id 4ef9a417"
)]
pub struct SetArgs {
    /// The key: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::keys())]
    pub(super) name: Name,
    /// How often it is rotated, such as 30d, or `never`
    #[arg(long, value_name = "TIME", value_parser = args::interval)]
    rotate_every: Option<String>,
    /// The day it ends, such as 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = args::date)]
    expires: Option<jiff::civil::Date>,
    /// The credential that may manage keys
    #[arg(long, value_name = "NAME", add = complete::credentials(), value_parser = args::optional_name)]
    manager: Option<args::OptionalName>,
    /// The provider's id of the key
    #[arg(long, value_name = "ID", value_parser = args::word)]
    id: Option<String>,
    /// A value that rotating it needs, such as project=proj_123
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
}

pub(super) fn set(app: &App, args: &SetArgs) -> Result<(), Failure> {
    let name = &args.name;
    let nothing = args.rotate_every.is_none()
        && args.expires.is_none()
        && args.manager.is_none()
        && args.id.is_none()
        && args.set.is_empty();
    if nothing {
        return Err(Failure::new(Code::Usage, "nothing was named to change")
            .hint("run `authctl key set --help`"));
    }
    let keeper = app.keeper();
    let lock = keeper.lock(name)?;
    warn_all(app, &settle(&keeper, &lock, name)?);
    let found = current(&keeper, &lock, name)?;
    let (Kind::Key, Some(slots)) = (found.index.kind, found.record.slots()) else {
        return Err(Failure::new(
            Code::Usage,
            format!("`{name}` is a login, which is not rotated"),
        ));
    };
    let mut index = found.index.clone();
    index.rotate_every = args.rotate_every.clone().or(index.rotate_every);
    index.expires = args.expires.or(index.expires);
    if let Some(args::OptionalName(manager)) = &args.manager {
        if let Some(manager) = manager {
            check_manager(app, name, manager)?;
        }
        index.manager.clone_from(manager);
    }
    let mut bound: Bound = found.record.bound.clone();
    if let Some(row) = app.catalogue.find(name.provider())? {
        // Only what a recipe needs: another host or site would be another place to send the key to.
        for (setting, value) in &args.set {
            if row.variables.contains_key(setting) {
                return Err(Failure::new(
                    Code::Refused,
                    format!("`{setting}` decides where the key goes"),
                )
                .hint(format!(
                    "give the key again: `authctl key add {name} --replace --set {setting}={value}`"
                )));
            }
            bound.variables.insert(setting.clone(), value.clone());
        }
        row.resolve(&bound.variables)?;
    } else if !args.set.is_empty() {
        return Err(Failure::new(
            Code::Usage,
            format!("no provider is called `{}`", name.provider()),
        ));
    }
    let slots = Slots {
        active_id: args
            .id
            .as_ref()
            .map(Secret::new)
            .or(slots.active_id.clone()),
        ..slots.clone()
    };
    let saved = save(
        &keeper,
        &lock,
        &index,
        found.record.next(bound, SecretPart::Key(slots)),
        found.sealed,
        None,
    )?;
    warn_all(app, &saved.warnings);
    app.ui.say(&format!("changed how {name} is rotated"));
    answer(
        app.output,
        || documents::Added {
            name: name.to_string(),
            kind: "key".into(),
        },
        |_| Ok(()),
    )
}
