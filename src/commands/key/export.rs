use super::super::{answer, complete, documents};
use super::bundle::{Bundle, Bundled};
use crate::app::App;
use crate::credential::{Index, Kind, Name};
use crate::disk::{self, MAX_FILE};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Wanted, parts};
use crate::store::encrypt_for;
use std::path::PathBuf;

/// Write keys into a file that only one age identity opens
///
/// For another machine or a safe place: the file is encrypted to an age recipient, so nothing readable ever lies on a disk.
/// Keys only. A login is not exported: its refresh token is good for one use at most providers, so it cannot live in two
/// places; log in on the other machine instead.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl key export --to-age age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p --output keys.age\n  authctl key export stripe --to-age age1… --output stripe.age"
)]
pub struct ExportArgs {
    /// The keys; all of them when none is named
    #[arg(add = complete::keys())]
    names: Vec<Name>,
    /// The age recipient (`age1…`) who can open the file
    #[arg(long, value_name = "RECIPIENT")]
    to_age: String,
    /// The file to write; it must not be there yet
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn export(app: &App, args: &ExportArgs) -> Result<(), Failure> {
    if args.output.as_os_str() == "-" {
        return Err(
            Failure::new(Code::Usage, "the file is not for standard output")
                .hint("name a file with `--output`"),
        );
    }
    let names = if args.names.is_empty() {
        all_keys(app)?
    } else {
        args.names.clone()
    };
    if names.is_empty() {
        return Err(Failure::new(Code::NotFound, "there are no keys"));
    }
    let mut keys = Vec::new();
    for name in &names {
        let index = Index::read(&app.paths.credentials(), name)?
            .ok_or_else(|| Failure::from(crate::lifecycle::Error::NotFound(name.clone())))?;
        if index.kind == Kind::Login {
            return Err(Failure::new(
                Code::Usage,
                format!("`{name}` is a login, which cannot live in two places: its refresh token is good for one use"),
            )
            .hint(format!("run `authctl login {name}` on the other machine")));
        }
        let handed = parts(&app.keeper(), name, &Wanted::default())?;
        if handed.kind != Kind::Key {
            return Err(Failure::new(
                Code::Refused,
                format!("`{name}` is no key any more"),
            ));
        }
        keys.push(Bundled {
            name: name.clone(),
            bound: handed.bound,
            rotate_every: index.rotate_every,
            expires: index.expires,
            parts: handed.parts,
            is_bare: false,
        });
    }
    let text = Bundle::of(keys).to_text();
    let sealed = encrypt_for(&args.to_age, &text)
        .map_err(|reason| Failure::new(Code::Usage, format!("--to-age: {reason}")))?;
    if sealed.len() as u64 > MAX_FILE {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "the file would be larger than {MAX_FILE} bytes, which `key import` does not read"
            ),
        )
        .hint("name some of the keys, and make several files"));
    }
    disk::create_new(&args.output, &sealed)?;
    let file = args.output.display().to_string();
    app.ui
        .say(&format!("wrote {} to {file}", counted(names.len())));
    let names = names.iter().map(ToString::to_string).collect();
    answer(
        app.output,
        || documents::Exported { names, file },
        |_| Ok(()),
    )
}

/// Every key; a damaged entry may be one, and a copy that lacks it would be taken for whole.
fn all_keys(app: &App) -> Result<Vec<Name>, Failure> {
    let entries: Result<Vec<Index>, _> = Index::all(&app.paths.credentials()).into_iter().collect();
    Ok(entries?
        .into_iter()
        .filter(|index| index.kind == Kind::Key)
        .map(|index| index.name)
        .collect())
}

pub(super) fn counted(count: usize) -> String {
    if count == 1 {
        "1 key".into()
    } else {
        format!("{count} keys")
    }
}
