use super::super::{answer, args, complete, documents, warn_all, words};
use super::from_env;
use super::input::read_parts;
use super::verify::verify;
use super::{check_manager, recipe_of, replacing};
use crate::app::{App, store_for};
use crate::credential::{
    Bound, Index, Kind, Name, Origin, Record, SecretPart, Slots, State, StoreKind,
};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Error, Look, add, look, save, settle};
use crate::provider::{KeySpec, Part, Template, render};
use crate::sealed::Sealed;
use crate::secret::Secret;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Store an API key
///
/// The key is typed hidden, or read from standard input when that is not a terminal; it is never an argument. A key with
/// two parts is two lines. Without a name the provider is recognised by how the key begins. Where the provider has a
/// harmless request for it, the key is tried before it is stored.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key add stripe\n  authctl key add openai < key.txt\n  authctl key add gitlab --set host=gitlab.example.com\n  authctl key add acme --header 'X-API-Key: {key}' --origin https://api.acme.example"
)]
pub struct AddArgs {
    /// PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = complete::key_providers())]
    pub(super) name: Option<Name>,
    /// The header it goes in, with `{key}` for the key; for providers without a row
    #[arg(long, value_name = "HEADER")]
    header: Vec<String>,
    /// Where it may be sent, such as https://api.example.com; for providers without a row
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<Origin>,
    /// A value of the provider's row, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = args::assignment)]
    set: Vec<(String, String)>,
    /// How often it should be rotated, such as 30d
    #[arg(long, value_name = "TIME")]
    rotate_every: Option<String>,
    /// The day it ends, such as 2027-01-31
    #[arg(long, value_name = "DATE", value_parser = args::date)]
    expires: Option<jiff::civil::Date>,
    /// The provider's id of the key, where a rotation needs it and the provider does not tell
    #[arg(long, value_name = "ID", value_parser = args::word)]
    id: Option<String>,
    /// The credential that may manage keys, where the key cannot do that itself
    #[arg(long, value_name = "NAME", add = complete::credentials())]
    manager: Option<Name>,
    /// Take it out of this variable of the environment; once for each part
    #[arg(long, value_name = "VAR")]
    from_env: Vec<String>,
    /// Do not try it at the provider
    #[arg(long)]
    no_verify: bool,
    /// Replace what is stored under this name
    #[arg(long)]
    replace: bool,
}

/// A key that is about to be stored.
struct NewKey {
    name: Name,
    spec: KeySpec,
    bound: Bound,
    parts: BTreeMap<String, Secret>,
    store: StoreKind,
    /// Whether the person said whose key it is; a guess is never tried out on a stranger.
    is_named: bool,
}

pub(super) fn run(app: &App, args: AddArgs) -> Result<(), Failure> {
    if let Some(text) = &args.rotate_every {
        args::interval(text).map_err(|message| Failure::new(Code::Usage, message))?;
    }
    if let (Some(name), Some(manager)) = (&args.name, &args.manager) {
        check_manager(app, name, manager)?;
    }
    if let Some(day) = args
        .expires
        .filter(|day| *day < words::day(Timestamp::now()))
    {
        return Err(Failure::new(Code::Usage, format!("{day} is over")));
    }
    let of_variable = match args.from_env.first().filter(|_| args.name.is_none()) {
        Some(variable) => from_env::name_of(app, variable)?,
        None => None,
    };
    let key = match args.name.as_ref().or(of_variable.as_ref()) {
        Some(name) => named(app, name, &args)?,
        None => recognised(app, &args)?,
    };
    let odd = key.spec.parts.iter().find(|part| {
        key.parts
            .get(&part.name)
            .is_some_and(|value| key.spec.looks_wrong(&part.name, value.expose()))
    });
    let label = match &key.spec.check {
        _ if odd.is_some() => {
            let part = odd.map(|part| part.label.as_str()).unwrap_or_default();
            app.ui.warn(&format!(
                "the {part} does not look like one of {}'s{}",
                key.name.provider(),
                if args.no_verify {
                    ""
                } else {
                    ", so it is not tried there"
                }
            ));
            None
        }
        Some(_) if !key.is_named && !args.no_verify => {
            app.ui.say(&format!("it is not tried there, since you did not say so; `authctl key add {} --replace` would", key.name));
            None
        }
        Some(check) if !args.no_verify => verify(
            app,
            &key.bound,
            render(&key.spec.headers, &key.parts)?,
            check,
        )?,
        _ => None,
    };
    store(app, &key, &args)?;
    let whose = label
        .map(|label| format!(" of {label}"))
        .unwrap_or_default();
    app.ui
        .say(&format!("stored the key{whose} as {}", key.name));
    for variable in &args.from_env {
        let places = from_env::places(variable);
        let places = if places.is_empty() {
            "wherever it is set".to_owned()
        } else {
            format!("in {}", places.join(", "))
        };
        app.ui.say(&format!(
            "now delete {variable}: {places}; and `unset {variable}` in open shells"
        ));
    }
    answer(
        app.output,
        || documents::Added {
            name: key.name.to_string(),
            kind: "key".into(),
        },
        |_| Ok(()),
    )
}

fn named(app: &App, name: &Name, args: &AddArgs) -> Result<NewKey, Failure> {
    let (spec, bound) = binding(app, name, args)?;
    // The store is tried before the key is asked for.
    let store = place(app, name, args.replace)?;
    let parts = given(app, args, &spec.parts)?;
    Ok(NewKey {
        name: name.clone(),
        spec,
        bound,
        parts,
        store,
        is_named: args.name.is_some(),
    })
}

/// What the key looks like and where it may go: as the one that it replaces, where the person does not say otherwise.
fn binding(app: &App, name: &Name, args: &AddArgs) -> Result<(KeySpec, Bound), Failure> {
    let (before, trouble) = before(app, name, args);
    let is_told = !(args.header.is_empty() && args.origin.is_empty());
    if let Some(bound) = before
        .as_ref()
        .filter(|bound| !bound.headers.is_empty() && !is_told)
    {
        // A key that was given its own header is replaced by one that goes the same way.
        return Ok((
            KeySpec::from_headers(bound.headers.iter().map(Template::new).collect()),
            bound.clone(),
        ));
    }
    let mut values = before
        .as_ref()
        .map(|bound| bound.variables.clone())
        .unwrap_or_default();
    values.extend(args.set.iter().cloned());
    let chosen = match before.filter(|bound| bound.chosen_origins && args.origin.is_empty()) {
        Some(bound) => bound.origins,
        None => args.origin.clone(),
    };
    shape(app, name, args, chosen, values).map_err(|failure| match trouble {
        // What it was bound to cannot be taken from a record that cannot be used.
        Some(trouble) => Failure::new(failure.code, format!("{}, and {trouble}", failure.message))
            .hint(failure.hint.unwrap_or_default()),
        None => failure,
    })
}

/// The parts of the key: from the variables that were named, else typed or piped.
fn given(app: &App, args: &AddArgs, parts: &[Part]) -> Result<BTreeMap<String, Secret>, Failure> {
    if args.from_env.is_empty() {
        read_parts(app, parts)
    } else {
        from_env::parts(&args.from_env, parts)
    }
}

/// What the key that is replaced is bound to, or why nobody can tell.
fn before(app: &App, name: &Name, args: &AddArgs) -> (Option<Bound>, Option<String>) {
    if !args.replace {
        return (None, None);
    }
    match look(&app.keeper(), name) {
        Ok(Look::Found(found)) if found.index.kind == Kind::Key => (Some(found.record.bound), None),
        Ok(_) => (None, None),
        Err(error) => (None, Some(error.to_string())),
    }
}

fn recognised(app: &App, args: &AddArgs) -> Result<NewKey, Failure> {
    let one = KeySpec::from_headers(Vec::new());
    let parts = given(app, args, &one.parts)?;
    let key = parts.get("key").map(Secret::expose).unwrap_or_default();
    let row = app.catalogue.recognise(key).ok_or_else(|| {
        Failure::new(
            Code::NotFound,
            "no provider is known by how this key begins",
        )
        .hint("name it: `authctl key add NAME`")
    })?;
    let name: Name = row.name.parse()?;
    app.ui
        .say(&format!("this looks like a key of {}", row.title));
    let (spec, bound) = binding(app, &name, args)?;
    if spec.parts.len() != 1 {
        return Err(Failure::new(
            Code::Usage,
            format!("a key of {} has several parts", row.title),
        )
        .hint(format!("run `authctl key add {name}`")));
    }
    let store = place(app, &name, args.replace)?;
    Ok(NewKey {
        name,
        spec,
        bound,
        parts,
        store,
        is_named: false,
    })
}

/// What the key looks like and where it belongs: from the row, or from the flags for a provider without one. `chosen` are
/// the origins of a person's choice.
fn shape(
    app: &App,
    name: &Name,
    args: &AddArgs,
    chosen: Vec<Origin>,
    variables: BTreeMap<String, String>,
) -> Result<(KeySpec, Bound), Failure> {
    let usage = |message: String| Failure::new(Code::Usage, message);
    let row = app
        .catalogue
        .find(name.provider())?
        .map(|row| row.resolve(&variables))
        .transpose()?;
    let given: Vec<Template> = args.header.iter().map(Template::new).collect();
    given
        .iter()
        .try_for_each(|template| template.check(&["key"]))
        .map_err(|reason| usage(format!("--header: {reason}")))?;
    if !given.is_empty() && !given.iter().any(|template| template.uses("key")) {
        return Err(usage(
            "--header: none of them holds `{key}`, so the key would never be sent".into(),
        ));
    }
    if let Some(row) = row
        .as_ref()
        .filter(|row| row.key.is_some() && !(args.header.is_empty() && args.origin.is_empty()))
    {
        app.ui.warn(&format!(
            "`{name}` goes by your own --header or --origin, not by what is known of {}",
            row.title
        ));
    }
    let chosen_origins = !chosen.is_empty();
    let origins = match (&row, chosen_origins) {
        (_, true) => chosen,
        (Some(row), false) => row.bound_origins().map_err(usage)?,
        (None, false) => Vec::new(),
    };
    let shape = row
        .as_ref()
        .filter(|_| given.is_empty())
        .map(|row| row.shape(Kind::Key));
    let known = row.and_then(|row| row.key);
    let (spec, headers) = match (known, given.is_empty()) {
        (Some(spec), true) => (spec, Vec::new()),
        (_, false) => (KeySpec::from_headers(given), args.header.clone()),
        (None, true) => {
            return Err(Failure::new(Code::NotFound, format!("no API key is known for the provider `{}`", name.provider())).hint(format!(
                "say how it is sent and where: `authctl key add {name} --header 'Authorization: Bearer {{key}}' --origin https://…`"
            )));
        }
    };
    if origins.is_empty() {
        return Err(usage(format!("where may the key of `{name}` be sent?"))
            .hint("give `--origin https://HOST`, once or more"));
    }
    let bound = Bound {
        origins,
        chosen_origins,
        headers,
        shape,
        variables,
        ..Bound::default()
    };
    Ok((spec, bound))
}

/// Where it will be kept: known before anybody types a key.
fn place(app: &App, name: &Name, replace: bool) -> Result<StoreKind, Failure> {
    let existing = Index::read(&app.paths.credentials(), name)?.filter(|index| {
        index
            .chain()
            .any(|entry| matches!(entry.state, State::Active | State::Renaming))
    });
    if let Some(index) = existing.as_ref().filter(|_| !replace) {
        return Err(Failure::new(
            Code::Refused,
            format!("there is a {} called `{name}` already", index.kind),
        )
        .hint(format!(
            "add `--replace` to replace it, or choose another account: `{}/ACCOUNT`",
            name.provider()
        )));
    }
    store_for(app, existing.as_ref())
}

fn store(app: &App, key: &NewKey, args: &AddArgs) -> Result<(), Failure> {
    let keeper = app.keeper();
    let lock = keeper.lock(&key.name)?;
    match settle(&keeper, &lock, &key.name) {
        Ok(warnings) => warn_all(app, &warnings),
        // What cannot be settled can be replaced.
        Err(Error::Refused { .. } | Error::Swapped { .. } | Error::Damaged { .. })
            if args.replace => {}
        Err(error) => return Err(error.into()),
    }
    let id = args.id.as_ref().map(Secret::new);
    let fresh_one = || {
        SecretPart::Key(Slots {
            active_id: id.clone(),
            ..Slots::of(key.parts.clone())
        })
    };
    let saved = match look(&keeper, &key.name) {
        Ok(Look::Found(found)) if args.replace => {
            if found.index.kind == Kind::Login {
                app.ui.warn(&format!(
                    "the login that `{}` was is not revoked: it stays good at the provider",
                    key.name
                ));
            }
            let mut index = found.index.clone();
            index.rotate_every = args.rotate_every.clone().or(index.rotate_every);
            index.expires = args.expires;
            index.key_since = Some(Timestamp::now());
            // What failed was another key's.
            index.rotation_error = None;
            // It may take the place of a login, of which nothing holds for it.
            index.kind = Kind::Key;
            index.manager = args.manager.clone().or(index.manager);
            index.recipe = recipe_of(app, &key.name, &key.bound, &key.parts);
            let slots = replacing(app, &found, &key.bound, key.parts.clone(), id)?;
            save(
                &keeper,
                &lock,
                &index,
                found.record.next(key.bound.clone(), SecretPart::Key(slots)),
                Sealed::default(),
                None,
            )?
        }
        Ok(Look::Found(_)) => {
            return Err(Failure::new(
                Code::Refused,
                format!("`{}` was just added by another process", key.name),
            ));
        }
        Ok(_) => fresh(app, key, args, &lock, fresh_one())?,
        // Something was edited or damaged: `--replace` is how a person says that it may go.
        Err(Error::Refused { .. } | Error::Swapped { .. } | Error::Damaged { .. })
            if args.replace =>
        {
            fresh(app, key, args, &lock, fresh_one())?
        }
        Err(error) => return Err(error.into()),
    };
    warn_all(app, &saved.warnings);
    Ok(())
}

fn fresh(
    app: &App,
    key: &NewKey,
    args: &AddArgs,
    lock: &crate::disk::Lock,
    secret: SecretPart,
) -> Result<crate::lifecycle::Saved, Failure> {
    let keeper = app.keeper();
    let store = key.store;
    let record = Record::new(key.name.clone(), key.bound.clone(), secret)?;
    let mut index = Index::adding(&record, Kind::Key, store, Timestamp::now());
    index.rotate_every.clone_from(&args.rotate_every);
    index.expires = args.expires;
    index.manager.clone_from(&args.manager);
    index.recipe = recipe_of(app, &key.name, &key.bound, &key.parts);
    if app.stores.vault().is_unattended() && store == StoreKind::Vault {
        app.ui
            .warn("the vault is unattended: whoever can read its folder can read this key");
    }
    Ok(add(&keeper, lock, &index, &record, Sealed::default())?)
}
