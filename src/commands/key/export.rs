use super::super::words::count;
use super::super::{answer, complete, documents};
use crate::app::App;
use crate::credential::{Kind, Name};
use crate::disk::{self, MAX_FILE};
use crate::failure::{Code, Failure};
use crate::intake::{Bundle, Bundled};
use crate::lifecycle::{Wanted, parts};
use crate::store::encrypt_for;
use std::path::PathBuf;

/// Write keys to a file that only one age identity can open
///
/// The file is encrypted to an age recipient, so that it can be copied to another machine or kept
/// as a backup. Logins are not exported: with most providers, a refresh token can be used only once,
/// so two machines cannot share it. Log in on the other machine instead.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key export --to-age age1… --output keys.age\n  authctl key export stripe --to-age age1… --output stripe.age"
)]
pub struct ExportArgs {
    /// The keys; all keys if none is named
    #[arg(add = complete::keys())]
    names: Vec<Name>,
    /// The age recipient (`age1…`) to encrypt the file to
    #[arg(long, value_name = "RECIPIENT")]
    to_age: String,
    /// The file to write; it must not exist yet
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(app: &App, args: &ExportArgs) -> Result<(), Failure> {
    if args.output.as_os_str() == "-" {
        return Err(Failure::usage("keys cannot be exported to standard output")
            .hint("name a file with `--output`"));
    }
    let names = if args.names.is_empty() {
        all_keys(app)?
    } else {
        args.names.clone()
    };
    if names.is_empty() {
        return Err(Failure::new(
            Code::NotFound,
            "there are no API keys to export",
        ));
    }
    let mut keys = Vec::new();
    for name in &names {
        let entry = app.index.entry(name)?;
        if entry.kind == Kind::Login {
            return Err(Failure::usage(format!(
                "`{name}` is a login, and logins cannot be exported"
            ))
            .hint(format!("run `authctl login {name}` on the other machine")));
        }
        let handed = parts(&app.context(), name, &Wanted::default())?;
        if handed.kind != Kind::Key {
            return Err(Failure::new(
                Code::Refused,
                format!("`{name}` is no longer an API key"),
            ));
        }
        keys.push(Bundled {
            name: name.clone(),
            bound: handed.bound,
            rotate_every: entry.rotation.every,
            expires: entry.rotation.expires,
            parts: handed.parts,
            is_bare: false,
        });
    }
    let text = Bundle::of(keys).to_text();
    let sealed = encrypt_for(&args.to_age, &text)
        .map_err(|reason| Failure::usage(format!("--to-age: {reason}")))?;
    if sealed.len() as u64 > MAX_FILE {
        return Err(Failure::usage(format!(
            "the file would be larger than {MAX_FILE} bytes, the limit of `key import`"
        ))
        .hint("export fewer keys at a time, to several files"));
    }
    disk::create_new(&args.output, &sealed)?;
    let file = args.output.display().to_string();
    app.ui
        .say(&format!("wrote {} to {file}", count(names.len(), "key")));
    let names = names.iter().map(ToString::to_string).collect();
    answer(app, || documents::Exported { names, file }, |_| Ok(()))
}

/// All keys. A damaged entry is an error: it may be a key, and an export without it would be
/// mistaken for a complete one.
fn all_keys(app: &App) -> Result<Vec<Name>, Failure> {
    let entries = app.index.all()?;
    if let Some((_, error)) = entries.damaged.into_iter().next() {
        return Err(error.into());
    }
    Ok(entries
        .readable
        .into_iter()
        .filter(|entry| entry.kind == Kind::Key)
        .map(|entry| entry.name)
        .collect())
}
