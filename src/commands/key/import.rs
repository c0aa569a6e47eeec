use super::super::words::count;
use super::super::{answer, documents};
use crate::app::{App, store_for};
use crate::credential::{Kind, Name, SecretPart};
use crate::disk;
use crate::failure::{Code, Failure};
use crate::intake::{Bundle, Bundled, Contents, Recognized, recognize};
use crate::lifecycle::{Every, Look, NewKey, existing, look, put_key};
use crate::secret::Secret;
use crate::store::decrypt_with;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Import keys from a file
///
/// With `--identity`, the file must be from `authctl key export`: each key keeps its name, origins
/// and endpoints. Without it, the file is a `.env` file (`NAME=VALUE` lines) or a JSON document:
/// keys are recognized by the names of their variables and by their prefixes. They are not verified
/// with their providers. The whole file is read before anything is stored, and it is never changed:
/// afterwards, authctl lists the lines to delete from it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key import .env --dry-run\n  authctl key import .env\n  sops decrypt secrets.env | authctl key import -\n  authctl key import keys.age --identity ~/.config/age/identity.txt"
)]
pub struct ImportArgs {
    /// The file, or `-` for standard input
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
    let bytes = zeroize::Zeroizing::new(bytes(&args.file)?);
    let Some(identity) = &args.identity else {
        return plain(app, args, &bytes);
    };
    let text =
        decrypt_with(identity, &bytes).map_err(|reason| Failure::new(Code::Failed, reason))?;
    let bundle = Bundle::from_text(&text)
        .map_err(|reason| Failure::new(Code::Failed, format!("{shown}: {reason}")))?;
    let there = check_all(app, &bundle.keys, args.replace, false)?;
    let names = store_all(app, &bundle.keys, &there, args.replace)?;
    app.ui.say(&format!(
        "stored {}: {}",
        count(names.len(), "key"),
        names.join(", ")
    ));
    let document = || documents::Imported {
        names,
        found: Vec::new(),
        left: Vec::new(),
    };
    answer(app, document, |_| Ok(()))
}

/// The content of the file, or of a pipe. A file of secrets that others can read is a reason to
/// import it, not to refuse it.
fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new("-") {
        return Ok(disk::to_end(
            std::io::stdin().lock(),
            Path::new("standard input"),
        )?);
    }
    disk::read_once(file)?
        .ok_or_else(|| Failure::new(Code::Failed, format!("no such file: {}", file.display())))
}

/// Checks everything that can be known before anything is stored. Returns the names that contain
/// the same keys already.
fn check_all(
    app: &App,
    keys: &[Bundled],
    replace: bool,
    is_trial: bool,
) -> Result<BTreeSet<Name>, Failure> {
    let mut there = BTreeSet::new();
    let mut is_unattended = false;
    for key in keys {
        let existing = app.index.find(&key.name)?;
        if let Some(entry) = existing.as_ref().filter(|_| !replace) {
            if key.is_bare && is_stored(app, key)? {
                there.insert(key.name.clone());
                continue;
            }
            let hint = if key.is_bare {
                "it has another value; add `--replace` to replace it; nothing was stored"
            } else {
                "add `--replace` to replace it; nothing was stored"
            };
            return Err(Failure::exists(entry).hint(hint));
        }
        let store = store_for(app, existing.as_ref())?;
        app.stores.open_now(store)?;
        is_unattended |= app.stores.is_unattended(store);
    }
    if is_unattended && !is_trial {
        app.ui
            .warn("the vault is unattended: anyone who can read its folder can read these keys");
    }
    Ok(there)
}

/// Whether this key is stored under its name.
fn is_stored(app: &App, key: &Bundled) -> Result<bool, Failure> {
    let Look::Found(found) = look(&app.context(), &key.name)? else {
        return Ok(false);
    };
    Ok(match &found.record.secret {
        Some(SecretPart::Key(slots)) => {
            slots.active.len() == key.parts.len()
                && key.parts.iter().all(|(part, value)| {
                    let stored = slots.active.get(part);
                    stored.is_some_and(|stored| stored.same_as(value.expose()))
                })
        }
        _ => false,
    })
}

/// Stores every key that is not stored yet.
fn store_all(
    app: &App,
    keys: &[Bundled],
    there: &BTreeSet<Name>,
    replace: bool,
) -> Result<Vec<String>, Failure> {
    let mut names: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| !there.contains(&key.name)) {
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
    let text = text(bytes).ok_or_else(|| {
        wrong("the file is not UTF-8 text".into()).hint(format!(
            "convert it: `iconv -t UTF-8 {shown} | authctl key import -`"
        ))
    })?;
    let contents = Contents::of(text.expose()).map_err(wrong)?;
    let found = recognize(&app.catalogue, &contents)?;
    let keys: Vec<Bundled> = found
        .keys
        .iter()
        .filter(|key| key.problem.is_none())
        .map(Bundled::from_file)
        .collect();
    let there = check_all(app, &keys, args.replace, args.dry_run)?;
    let names = if args.dry_run {
        Vec::new()
    } else {
        store_all(app, &keys, &there, args.replace)?
    };
    show(app, args, names, &there, &found)?;
    if found.keys.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            format!("no API keys recognized in {shown}"),
        ));
    }
    if !args.dry_run {
        say_what_to_delete(app, &args.file, &found);
    }
    let problems = found.keys.iter().filter(|key| key.problem.is_some());
    match problems.count() + found.left.len() {
        0 => Ok(()),
        left => {
            let verb = if args.dry_run { "would" } else { "could" };
            let what = count(left, "possible secret");
            let message = format!("{what} in {shown} {verb} not be stored");
            Err(Failure::new(Code::Findings, message))
        }
    }
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark, as some editors on Windows write.
fn text(bytes: &[u8]) -> Option<Secret> {
    let units = |read: fn([u8; 2]) -> u16| -> Vec<u16> {
        let pairs = bytes.chunks_exact(2).skip(1);
        pairs
            .filter_map(|pair| pair.try_into().ok().map(read))
            .collect()
    };
    let utf_16 = match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => return std::str::from_utf8(bytes).ok().map(Secret::new),
    };
    String::from_utf16(&utf_16).ok().map(Secret::new)
}

/// A pipe has nothing to delete.
fn say_what_to_delete(app: &App, file: &Path, found: &Recognized) {
    if !file.is_file() {
        return;
    }
    let stored = found.keys.iter().filter(|key| key.problem.is_none());
    let places: Vec<&(String, String)> = stored.flat_map(|key| &key.places).collect();
    for (name, place) in &places {
        let shown = file.display();
        app.ui
            .say(&format!("now delete {name} from {shown} ({place})"));
    }
    if !places.is_empty() {
        app.ui
            .say("also delete them from every copy and backup of that file");
    }
}

/// Prints what was found, and how much of it was stored.
fn show(
    app: &App,
    args: &ImportArgs,
    names: Vec<String>,
    there: &BTreeSet<Name>,
    found: &Recognized,
) -> Result<(), Failure> {
    let document = || documents::Imported {
        names,
        found: found
            .keys
            .iter()
            .map(|key| documents::FoundKey {
                name: key.name.to_string(),
                variables: key.places.iter().map(|(name, _)| name.clone()).collect(),
                places: key.places.iter().map(|(_, place)| place.clone()).collect(),
                problem: key.problem.clone(),
            })
            .collect(),
        left: found
            .left
            .iter()
            .map(|left| documents::LeftSecret {
                variable: left.variable.clone(),
                place: left.place.clone(),
                problem: left.problem.clone(),
            })
            .collect(),
    };
    let keys = found.keys.iter().map(|key| {
        let variables: Vec<&str> = key.places.iter().map(|(name, _)| name.as_str()).collect();
        let places: Vec<&str> = key.places.iter().map(|(_, place)| place.as_str()).collect();
        let result = match &key.problem {
            Some(problem) => problem.clone(),
            None if there.contains(&key.name) => "already stored".into(),
            None if args.dry_run => "would be stored".into(),
            None => "stored".into(),
        };
        let name = key.name.to_string();
        vec![variables.join(" "), places.join(", "), name, result]
    });
    let left = found.left.iter().map(|left| {
        let variable = left.variable.clone().unwrap_or_else(|| "-".into());
        let result = format!("not stored: {}", left.problem);
        vec![variable, left.place.clone(), "-".into(), result]
    });
    answer(app, document, |output| {
        let rows: Vec<Vec<String>> = keys.chain(left).collect();
        if rows.is_empty() {
            return Ok(());
        }
        output.table(&["VARIABLE", "PLACE", "CREDENTIAL", "RESULT"], rows)
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
