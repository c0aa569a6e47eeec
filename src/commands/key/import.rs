use super::super::words::count;
use super::super::{answer, documents};
use super::several::{check_all, store_all};
use crate::app::App;
use crate::credential::Name;
use crate::disk;
use crate::failure::{Code, Failure};
use crate::intake::{Bundle, Bundled, Contents, Recognized, recognize};
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

/// The file name that stands for standard input.
const STANDARD_INPUT: &str = "-";

pub(super) fn run(app: &App, args: &ImportArgs) -> Result<(), Failure> {
    let shown = shown(&args.file);
    let bytes = zeroize::Zeroizing::new(bytes(&args.file)?);
    let Some(identity) = &args.identity else {
        return plain(app, args, &bytes);
    };
    let text =
        decrypt_with(identity, &bytes).map_err(|reason| Failure::new(Code::Failed, reason))?;
    let bundle = Bundle::from_text(&text)
        .map_err(|reason| Failure::new(Code::Failed, format!("{shown}: {reason}")))?;
    let there = check_all(app, &bundle.keys, args.replace)?;
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

/// The file as messages name it.
fn shown(file: &Path) -> String {
    if file == Path::new(STANDARD_INPUT) {
        "standard input".into()
    } else {
        file.display().to_string()
    }
}

/// The content of the file, or of a pipe. A file of secrets that others can read is a reason to
/// import it, not to refuse it.
fn bytes(file: &Path) -> Result<Vec<u8>, Failure> {
    if file == Path::new(STANDARD_INPUT) {
        return Ok(disk::to_end(
            std::io::stdin().lock(),
            Path::new(&shown(file)),
        )?);
    }
    disk::read_once(file)?
        .ok_or_else(|| Failure::new(Code::Failed, format!("no such file: {}", file.display())))
}

/// Imports a `.env` file or a JSON document.
fn plain(app: &App, args: &ImportArgs, bytes: &[u8]) -> Result<(), Failure> {
    let shown = shown(&args.file);
    let wrong = |reason: String| Failure::new(Code::Failed, format!("{shown}: {reason}"));
    if bytes.starts_with(b"age-encryption.org/") {
        return Err(wrong("the file is encrypted".into()).hint("add `--identity FILE` to open it"));
    }
    let text = text(bytes).ok_or_else(|| {
        wrong("the file is not UTF-8 text".into()).hint(
            "if it is text in another encoding, convert it: `iconv -f ENCODING FILE | authctl key import -`",
        )
    })?;
    let contents = Contents::of(text.expose()).map_err(wrong)?;
    let found = recognize(&app.catalogue, &contents)?;
    let keys: Vec<Bundled> = found
        .keys
        .iter()
        .filter(|key| key.problem.is_none())
        .map(Bundled::from_file)
        .collect();
    let there = check_all(app, &keys, args.replace)?;
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
        let shown = shown(file);
        app.ui
            .say(&format!("now delete {name} from {shown} ({place})"));
    }
    if !places.is_empty() {
        app.ui
            .say("do the same in every copy and backup of that file");
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
