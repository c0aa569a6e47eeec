use super::super::words::count;
use super::super::{answer, documents};
use crate::app::{App, store_for};
use crate::credential::{Kind, Name};
use crate::disk::{self, Privacy};
use crate::failure::{Code, Failure};
use crate::intake::{Bundle, Bundled, RecognizedKey, recognize, variables};
use crate::lifecycle::{Every, NewKey, existing, put_key};
use crate::store::decrypt_with;
use std::path::PathBuf;

/// Import keys from a file
///
/// With `--identity`, the file must be from `authctl key export`: each key keeps its name, origins
/// and endpoints. Without it, the file is a `.env` file (`NAME=VALUE` lines) or a JSON document:
/// keys are recognized by the names of their variables and by their prefixes. They are not verified
/// with their providers. The whole file is read before anything is stored, and it is never changed:
/// afterwards, authctl lists the lines to delete from it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key import .env --dry-run\n  authctl key import .env\n  authctl key import keys.age --identity ~/.config/age/identity.txt"
)]
pub struct ImportArgs {
    /// The file
    file: PathBuf,
    /// The file with the age identity (`AGE-SECRET-KEY-1…`) that decrypts FILE
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Replace existing credentials that have the same names
    #[arg(long)]
    replace: bool,
    /// Show what would be stored
    #[arg(long, short = 'n', conflicts_with = "identity")]
    dry_run: bool,
}

pub(super) fn run(app: &App, args: &ImportArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    // A file of secrets that others can read is a reason to import it, not to refuse it.
    let bytes = disk::read(&args.file, Privacy::Any)?
        .ok_or_else(|| Failure::new(Code::Failed, format!("no such file: {shown}")))?;
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
        count(names.len(), "key"),
        names.join(", ")
    ));
    let document = || documents::Imported {
        names,
        found: Vec::new(),
    };
    answer(app, document, |_| Ok(()))
}

/// Stores every key, or none if it is known beforehand that one of them cannot be stored.
fn store_all(app: &App, keys: &[Bundled], replace: bool) -> Result<Vec<String>, Failure> {
    let mut is_unattended = false;
    for key in keys {
        let existing = app.index.find(&key.name)?;
        if let Some(entry) = existing.as_ref().filter(|_| !replace) {
            return Err(
                Failure::exists(entry).hint("add `--replace` to replace it; nothing was stored")
            );
        }
        let store = store_for(app, existing.as_ref())?;
        app.stores.open_now(store)?;
        is_unattended |= app.stores.is_unattended(store);
    }
    if is_unattended {
        app.ui
            .warn("the vault is unattended: anyone who can read its folder can read these keys");
    }
    let mut names: Vec<String> = Vec::new();
    for key in keys {
        store(app, key, replace).map_err(|failure| match names.as_slice() {
            [] => failure,
            stored => failure.hint(format!("already stored: {}", stored.join(", "))),
        })?;
        names.push(key.name.to_string());
    }
    Ok(names)
}

/// Imports a `.env` file or a JSON document.
fn plain(app: &App, args: &ImportArgs, bytes: &[u8]) -> Result<(), Failure> {
    let shown = args.file.display();
    let wrong = |reason: String| Failure::new(Code::Failed, format!("{shown}: {reason}"));
    if bytes.starts_with(b"age-encryption.org/") {
        return Err(wrong("the file is encrypted".into()).hint("add `--identity FILE` to open it"));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| wrong("the file is not UTF-8 text".into()))?;
    let found = recognize(&app.catalogue, &variables(text).map_err(wrong)?)?;
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
    show(app, args, names, &found)?;
    if found.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            format!("no API keys recognized in {shown}"),
        ));
    }
    let stored = found
        .iter()
        .filter(|key| key.problem.is_none() && !args.dry_run);
    for (name, place) in stored.flat_map(|key| &key.places) {
        app.ui.say(&format!(
            "now delete {name} from {shown} ({place}), and from every copy and backup of that file"
        ));
    }
    match found.iter().filter(|key| key.problem.is_some()).count() {
        0 => Ok(()),
        left => {
            let verb = if args.dry_run { "would" } else { "could" };
            let keys = count(left, "key");
            let message = format!("{keys} in {shown} {verb} not be stored");
            Err(Failure::new(Code::Findings, message))
        }
    }
}

/// Prints what was found, and how much of it was stored.
fn show(
    app: &App,
    args: &ImportArgs,
    names: Vec<String>,
    found: &[RecognizedKey],
) -> Result<(), Failure> {
    let line = |key: &RecognizedKey| documents::FoundKey {
        name: key.name.to_string(),
        variables: key.places.iter().map(|(name, _)| name.clone()).collect(),
        places: key.places.iter().map(|(_, place)| place.clone()).collect(),
        problem: key.problem.clone(),
    };
    let document = || documents::Imported {
        names,
        found: found.iter().map(line).collect(),
    };
    let row = |key: &RecognizedKey| {
        let variables: Vec<&str> = key.places.iter().map(|(name, _)| name.as_str()).collect();
        let result = match &key.problem {
            Some(problem) => problem.clone(),
            None if args.dry_run => "would be stored".into(),
            None => "stored".into(),
        };
        vec![variables.join(" "), key.name.to_string(), result]
    };
    answer(app, document, |output| {
        if found.is_empty() {
            return Ok(());
        }
        let rows = found.iter().map(row).collect();
        output.table(&["VARIABLE", "CREDENTIAL", "RESULT"], rows)
    })
}

fn store(app: &App, key: &Bundled, replace: bool) -> Result<(), Failure> {
    let name: &Name = &key.name;
    let claim = app.context().claim(name)?;
    // A credential that cannot be used stays: the names in a file may be guesses.
    let existing = existing(&claim, false)?;
    app.ui.warn_all(&existing.warnings);
    let before = existing.found;
    if let Some(found) = &before {
        if !replace {
            return Err(Failure::exists(&found.entry));
        }
        if key.is_bare && found.entry.kind == Kind::Login {
            return Err(Failure::new(Code::Refused, format!("`{name}` is a login"))
                .hint("choose another account: `authctl key add PROVIDER/ACCOUNT`"));
        }
    }
    // A file that has nothing but the key does not change what the key is bound to, or how it is
    // rotated.
    let (bound, every) = match before.as_ref().filter(|_| key.is_bare) {
        Some(found) => (found.record.bound.clone(), Every::Keep),
        None => (key.bound.clone(), Every::Set(key.rotate_every.clone())),
    };
    let store = match &before {
        Some(found) => found.entry.store,
        None => store_for(app, None)?,
    };
    let new = NewKey {
        parts: key.parts.clone(),
        id: None,
        every,
        expires: key.expires,
        manager: None,
        grace: app.policy.grace(),
    };
    let saved = put_key(&claim, before.as_deref(), bound, new, store)?;
    app.ui.warn_all(&saved.warnings);
    Ok(())
}
