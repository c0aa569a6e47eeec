use super::super::{answer, documents, warn_all};
use super::bundle::{Bundle, Bundled};
use super::export::counted;
use super::replacing;
use crate::acquire::{Look, add, look, save, settle};
use crate::app::{App, store_for};
use crate::credential::{Index, Kind, Name, Record, SecretPart, Slots, StoreKind};
use crate::disk::{self, Privacy};
use crate::failure::{Code, Failure};
use crate::sealed::Sealed;
use crate::store::decrypt_with;
use jiff::Timestamp;
use std::path::PathBuf;

/// Store the keys of a file that `authctl key export` wrote
///
/// Each key keeps its name and what it is bound to. The file is looked at as a whole before anything is stored.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key import keys.age --identity ~/.config/age/identity.txt\n  authctl key import keys.age --identity id.txt --replace"
)]
pub struct ImportArgs {
    /// The file
    file: PathBuf,
    /// The file with the age identity that opens it (`AGE-SECRET-KEY-1…`)
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Replace what is stored under the same names
    #[arg(long)]
    replace: bool,
}

pub(super) fn import(app: &App, args: &ImportArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let sealed = disk::read(&args.file, Privacy::Shared)?;
    let sealed = sealed.ok_or_else(|| Failure::new(Code::Failed, format!("there is no file {shown}")))?;
    let text = decrypt_with(&args.identity, &sealed).map_err(|reason| Failure::new(Code::Failed, reason))?;
    let bundle = Bundle::from_text(&text).map_err(|reason| Failure::new(Code::Failed, format!("{shown}: {reason}")))?;
    // Looked at as a whole before anything is stored.
    for key in &bundle.keys {
        let existing = Index::read(&app.paths.credentials(), &key.name)?;
        if existing.is_some() && !args.replace {
            return Err(taken(&key.name).hint("add `--replace` to replace it; nothing was stored"));
        }
        if store_for(app, existing.as_ref())? == StoreKind::Vault {
            app.stores.vault().open_now()?;
        }
    }
    let mut names: Vec<String> = Vec::new();
    for key in &bundle.keys {
        store(app, key, args.replace).map_err(|failure| match names.as_slice() {
            [] => failure,
            stored => failure.hint(format!("stored before that: {}", stored.join(", "))),
        })?;
        names.push(key.name.to_string());
    }
    app.ui.say(&format!("stored {}: {}", counted(names.len()), names.join(", ")));
    answer(app.output, || documents::Imported { names }, |_| Ok(()))
}

fn taken(name: &Name) -> Failure {
    Failure::new(Code::Refused, format!("there is a credential called `{name}` already"))
}

fn store(app: &App, key: &Bundled, replace: bool) -> Result<(), Failure> {
    let keeper = app.keeper();
    let name: &Name = &key.name;
    let lock = keeper.lock(name)?;
    warn_all(app, &settle(&keeper, &lock, name)?);
    let slots = Slots::of(key.parts.clone());
    let with = |index: Index| Index {
        kind: Kind::Key,
        rotate_every: key.rotate_every.clone(),
        expires: key.expires,
        key_since: Some(Timestamp::now()),
        ..index
    };
    let saved = match look(&keeper, name)? {
        Look::Found(_) if !replace => return Err(taken(name)),
        Look::Found(found) => {
            let slots = replacing(app, name, found.record.slots(), key.parts.clone(), None);
            let next = found.record.next(key.bound.clone(), SecretPart::Key(slots));
            save(&keeper, &lock, &with(found.index.clone()), next, Sealed::default(), None)?
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
