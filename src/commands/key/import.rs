use super::super::{answer, documents, warn_all};
use super::bundle::{Bundle, Bundled};
use super::discover::{Discovered, discover};
use super::dotenv;
use super::export::counted;
use super::{recipe_of, replacing};
use crate::app::{App, store_for};
use crate::credential::{Index, Kind, Name, Record, SecretPart, Slots, StoreKind};
use crate::disk::{self, Privacy};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Look, add, look, save, settle};
use crate::sealed::Sealed;
use crate::store::decrypt_with;
use jiff::Timestamp;
use std::path::PathBuf;

/// Store the keys of a file
///
/// With `--identity`, a file that `authctl key export` wrote: each key keeps its name and what it is bound to. Without it, a
/// `.env` file (`NAME=VALUE` lines) or a JSON document: keys are found by the names of their variables and by how they
/// begin. None is tried at its provider. The file is looked at as a whole before anything is stored, and never changed: what
/// to delete in it, and where, is said afterwards.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key import .env --dry-run\n  authctl key import .env\n  authctl key import keys.age --identity ~/.config/age/identity.txt"
)]
pub struct ImportArgs {
    /// The file
    file: PathBuf,
    /// The file with the age identity that opens it (`AGE-SECRET-KEY-1…`)
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Replace what is stored under the same names
    #[arg(long)]
    replace: bool,
    /// Show what would be stored
    #[arg(long, short = 'n', conflicts_with = "identity")]
    dry_run: bool,
}

pub(super) fn import(app: &App, args: &ImportArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    // A file of secrets that others may read is a reason to import it, not to refuse.
    let bytes = disk::read(&args.file, Privacy::Any)?;
    let bytes =
        bytes.ok_or_else(|| Failure::new(Code::Failed, format!("there is no file {shown}")))?;
    let Some(identity) = &args.identity else {
        return plain(app, args, &bytes);
    };
    let text =
        decrypt_with(identity, &bytes).map_err(|reason| Failure::new(Code::Failed, reason))?;
    let bundle = Bundle::from_text(&text)
        .map_err(|reason| Failure::new(Code::Failed, format!("{shown}: {reason}")))?;
    let names = store_all(app, &bundle.keys, args.replace)?;
    app.ui.say(&format!(
        "stored {}: {}",
        counted(names.len()),
        names.join(", ")
    ));
    answer(
        app.output,
        || documents::Imported {
            names,
            found: Vec::new(),
        },
        |_| Ok(()),
    )
}

/// Stores every key, or, when one of them cannot be, none where that is known before.
fn store_all(app: &App, keys: &[Bundled], replace: bool) -> Result<Vec<String>, Failure> {
    let mut any_in_vault = false;
    for key in keys {
        let existing = Index::read(&app.paths.credentials(), &key.name)?;
        if existing.is_some() && !replace {
            return Err(taken(&key.name).hint("add `--replace` to replace it; nothing was stored"));
        }
        if store_for(app, existing.as_ref())? == StoreKind::Vault {
            app.stores.vault().open_now()?;
            any_in_vault = true;
        }
    }
    if any_in_vault && app.stores.vault().is_unattended() {
        app.ui
            .warn("the vault is unattended: whoever can read its folder can read these keys");
    }
    let mut names: Vec<String> = Vec::new();
    for key in keys {
        store(app, key, replace).map_err(|failure| match names.as_slice() {
            [] => failure,
            stored => failure.hint(format!("stored before that: {}", stored.join(", "))),
        })?;
        names.push(key.name.to_string());
    }
    Ok(names)
}

/// Keys out of a `.env` file or a JSON document.
fn plain(app: &App, args: &ImportArgs, bytes: &[u8]) -> Result<(), Failure> {
    let shown = args.file.display();
    let wrong = |reason: String| Failure::new(Code::Failed, format!("{shown}: {reason}"));
    if bytes.starts_with(b"age-encryption.org/") {
        return Err(wrong("it is encrypted".into()).hint("add `--identity FILE` to open it"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".into()))?;
    let found = discover(&app.catalogue, &dotenv::read(text).map_err(wrong)?)?;
    let keys: Vec<Bundled> = found
        .iter()
        .filter(|key| key.problem.is_none())
        .map(Bundled::from_file)
        .collect();
    let names = if args.dry_run {
        Vec::new()
    } else {
        store_all(app, &keys, args.replace)?
    };
    let line = |key: &Discovered| documents::FoundKey {
        name: key.name.to_string(),
        variables: key.places.iter().map(|(name, _)| name.clone()).collect(),
        places: key.places.iter().map(|(_, place)| place.clone()).collect(),
        problem: key.problem.clone(),
    };
    let document = || documents::Imported {
        names: names.clone(),
        found: found.iter().map(line).collect(),
    };
    answer(app.output, document, |output| {
        let row = |key: &Discovered| {
            let variables: Vec<&str> = key.places.iter().map(|(name, _)| name.as_str()).collect();
            let word = if args.dry_run {
                "would be stored"
            } else {
                "stored"
            };
            vec![
                variables.join(" "),
                key.name.to_string(),
                key.problem.clone().unwrap_or_else(|| word.into()),
            ]
        };
        if found.is_empty() {
            return Ok(());
        }
        output.table(
            &["VARIABLE", "CREDENTIAL", "RESULT"],
            found.iter().map(row).collect(),
        )
    })?;
    if found.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            format!("no key that is known is in {shown}"),
        ));
    }
    let left = found.iter().filter(|key| key.problem.is_some()).count();
    for (name, place) in found
        .iter()
        .filter(|key| key.problem.is_none() && !args.dry_run)
        .flat_map(|key| &key.places)
    {
        app.ui.say(&format!(
            "now delete {name} in {shown} ({place}), and in every copy and backup of it"
        ));
    }
    match left {
        0 => Ok(()),
        1 => Err(Failure::new(
            Code::Findings,
            format!("one key in {shown} was not taken"),
        )),
        left => Err(Failure::new(
            Code::Findings,
            format!("{left} keys in {shown} were not taken"),
        )),
    }
}

fn taken(name: &Name) -> Failure {
    Failure::new(
        Code::Refused,
        format!("there is a credential called `{name}` already"),
    )
}

fn store(app: &App, key: &Bundled, replace: bool) -> Result<(), Failure> {
    let keeper = app.keeper();
    let name: &Name = &key.name;
    let lock = keeper.lock(name)?;
    warn_all(app, &settle(&keeper, &lock, name)?);
    let slots = Slots::of(key.parts.clone());
    let with = |index: Index| Index {
        kind: Kind::Key,
        rotate_every: if key.is_bare {
            index.rotate_every.clone()
        } else {
            key.rotate_every.clone()
        },
        expires: key.expires,
        key_since: Some(Timestamp::now()),
        // What failed was another key's.
        rotation_error: None,
        recipe: recipe_of(app, name, &key.bound, &key.parts),
        ..index
    };
    let saved = match look(&keeper, name)? {
        Look::Found(_) if !replace => return Err(taken(name)),
        Look::Found(found) if key.is_bare && found.index.kind == Kind::Login => {
            return Err(Failure::new(Code::Refused, format!("`{name}` is a login"))
                .hint("choose another account: `authctl key add PROVIDER/ACCOUNT`"));
        }
        Look::Found(found) => {
            let bound = if key.is_bare {
                found.record.bound.clone()
            } else {
                key.bound.clone()
            };
            let slots = replacing(app, &found, &bound, key.parts.clone(), None)?;
            let next = found.record.next(bound, SecretPart::Key(slots));
            save(
                &keeper,
                &lock,
                &with(found.index.clone()),
                next,
                Sealed::default(),
                None,
            )?
        }
        _ => {
            let store = store_for(app, None)?;
            let record = Record::new(name.clone(), key.bound.clone(), SecretPart::Key(slots))?;
            let index = with(Index::adding(&record, Kind::Key, store, Timestamp::now()));
            add(&keeper, &lock, &index, &record, Sealed::default())?
        }
    };
    warn_all(app, &saved.warnings);
    Ok(())
}
