use super::{Profile, Run, answer, complete, documents};
use crate::app::App;
use crate::config::{Client, parse_toml};
use crate::credential::{Entry, Kind, Origin, check_part, trusted_url};
use crate::disk::{self, Privacy};
use crate::failure::{Code, Failure};
use crate::oauth::{discover, issuer};
use crate::provider::Row;
use std::path::{Path, PathBuf};

/// Show the known providers, and add or remove providers of your own
#[derive(clap::Subcommand, Debug)]
#[command(
    after_help = "Examples:\n  authctl provider list\n  authctl provider show github\n  authctl provider add acme.toml"
)]
pub enum ProviderCommand {
    /// List the providers
    #[command(after_help = "Examples:\n  authctl provider list\n  authctl provider list --json")]
    List,
    Show(ShowArgs),
    Add(AddArgs),
    Check(CheckArgs),
    Remove(RemoveArgs),
}

/// Remove a provider definition of your own
///
/// Logging in by URL also stores a definition. A definition cannot be removed while a credential or
/// a client uses it; once it is removed, a built-in provider of the same name takes effect again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl provider remove acme")]
pub struct RemoveArgs {
    /// The provider
    #[arg(add = complete::providers())]
    name: String,
}

/// Show the definition of a provider, and which of its fields are unverified
///
/// For the URL of an issuer, the definition is made from the metadata that the issuer publishes. If
/// a login by URL fails, save the definition to a file, correct it, add it with
/// `authctl provider add`, and then run `authctl login NAME`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl provider show github\n  authctl provider show github --json\n  authctl provider show https://issuer.example.com --as example > example.toml"
)]
pub struct ShowArgs {
    /// The provider, or the URL of an issuer
    #[arg(value_name = "NAME|URL", add = complete::providers())]
    name: String,
    /// The provider name to put in the definition of an issuer
    #[arg(long = "as", value_name = "NAME")]
    title: Option<String>,
    /// An origin that the access token of an issuer may be sent to; the issuer's own by default
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<Origin>,
}

/// Check a provider definition without adding it
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl provider check acme.toml")]
pub struct CheckArgs {
    /// The file
    file: PathBuf,
}

/// Add a provider definition from a TOML file
///
/// The file is checked first. Your definition replaces a built-in provider of the same name, for
/// your user account only.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  authctl provider add acme.toml")]
pub struct AddArgs {
    /// The file
    file: PathBuf,
    /// Replace your definition of the same name
    #[arg(long)]
    replace: bool,
}

impl Run for ProviderCommand {
    fn profile(&self) -> Profile {
        Profile::reading()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, command: &ProviderCommand) -> Result<(), Failure> {
    match command {
        ProviderCommand::List => list(app),
        ProviderCommand::Show(args) => show(app, args),
        ProviderCommand::Add(args) => add(app, args),
        ProviderCommand::Check(args) => check(app, args),
        ProviderCommand::Remove(args) => remove(app, args),
    }
}

fn list(app: &App) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for name in app.catalogue.names()? {
        match app.catalogue.get(&name) {
            Ok(row) => rows.push(row),
            Err(error) => app.ui.warn(&error.to_string()),
        }
    }
    let kinds = |row: &Row| match (&row.oauth, &row.key) {
        (Some(_), Some(_)) => "login, key",
        (Some(_), None) => "login",
        _ => "key",
    };
    let source = |row: &Row| {
        if app.catalogue.is_own(&row.name) {
            "yours"
        } else {
            "built in"
        }
    };
    answer(
        app,
        || {
            let document = |row: &Row| documents::Provider {
                name: row.name.clone(),
                title: row.title.clone(),
                kinds: kinds(row).split(", ").map(str::to_owned).collect(),
                source: source(row).into(),
            };
            rows.iter().map(document).collect::<Vec<_>>()
        },
        |output| {
            let line = |row: &Row| {
                vec![
                    row.name.clone(),
                    row.title.clone(),
                    kinds(row).into(),
                    source(row).into(),
                    row.origins.join(" "),
                ]
            };
            output.table(
                &["NAME", "TITLE", "TYPES", "SOURCE", "ORIGINS"],
                rows.iter().map(line).collect(),
            )
        },
    )
}

fn show(app: &App, args: &ShowArgs) -> Result<(), Failure> {
    let row = if args.name.contains("://") {
        from_metadata(app, args)?
    } else if args.title.is_some() || !args.origin.is_empty() {
        return Err(Failure::usage(
            "`--as` and `--origin` can only be used with a URL",
        ));
    } else {
        app.catalogue.get(&args.name)?
    };
    let text =
        toml::to_string(&row).map_err(|error| Failure::new(Code::Failed, error.to_string()))?;
    answer(
        app,
        || &row,
        |output| {
            let verified = row.verified.map_or("never".into(), |day| day.to_string());
            output.line(&format!("# last checked against its sources: {verified}"))?;
            match row.unverified.as_slice() {
                [] => {}
                fields => output.line(&format!("# unverified: {}", fields.join(", ")))?,
            }
            output.line(text.trim_end())
        },
    )
}

/// The row of an issuer.
fn from_metadata(app: &App, args: &ShowArgs) -> Result<Row, Failure> {
    let name = args.title.as_deref().unwrap_or("example");
    check_part(name, "")?;
    let source = issuer(&args.name);
    let mut origins = args.origin.clone();
    if origins.is_empty() {
        origins.push(Origin::of(&trusted_url(&source)?));
    }
    let spinner = app.ui.spinner("reading the metadata");
    let spec = app.network.run(discover(&app.network, &source))??;
    drop(spinner);
    Ok(Row::of_issuer(name, &source, &origins, spec))
}

/// Reads a row from a file and checks it.
fn read(file: &Path) -> Result<Row, Failure> {
    // Read once, when the user says so: later changes of the file have no effect.
    let bytes = disk::read(file, Privacy::Shared)?;
    let bytes = bytes
        .ok_or_else(|| Failure::new(Code::Failed, format!("no such file: {}", file.display())))?;
    // The file is the user's, so the hint to delete it is not for this one.
    let row: Row = parse_toml(file, &bytes).map_err(|error| Failure {
        hint: Some("correct the file; the fields are described in `authctl man providers`".into()),
        ..Failure::from(error)
    })?;
    row.example()?;
    Ok(row)
}

fn check(app: &App, args: &CheckArgs) -> Result<(), Failure> {
    let row = read(&args.file)?;
    app.ui.say(&format!(
        "{} is a valid definition of {}",
        args.file.display(),
        row.name
    ));
    answer(
        app,
        || documents::ProviderAdded {
            name: row.name.clone(),
        },
        |_| Ok(()),
    )
}

fn add(app: &App, args: &AddArgs) -> Result<(), Failure> {
    let row = read(&args.file)?;
    if app.catalogue.is_own(&row.name) && !args.replace {
        return Err(Failure::new(
            Code::Refused,
            format!("your definition of `{}` already exists", row.name),
        )
        .hint("add `--replace` to replace it"));
    }
    app.catalogue.add(&row)?;
    app.ui.say(&format!(
        "added {} as {}",
        row.name,
        app.catalogue.path(&row.name).display()
    ));
    answer(
        app,
        || documents::ProviderAdded {
            name: row.name.clone(),
        },
        |_| Ok(()),
    )
}

fn remove(app: &App, args: &RemoveArgs) -> Result<(), Failure> {
    let name = &args.name;
    let refused = |message: String| Failure::new(Code::Refused, message);
    // Only a name that is listed: anything else could be the path of another file.
    if !app.catalogue.names()?.contains(name) || !app.catalogue.is_own(name) {
        app.catalogue.get(name)?;
        return Err(refused(format!("`{name}` is a built-in provider")));
    }
    let entries = app.index.all()?;
    let mut used = entries.readable.iter().flat_map(Entry::chain);
    if let Some(entry) = used.find(|entry| entry.name.provider() == name) {
        let (message, name) = (
            format!("`{}` uses this definition", entry.name),
            &entry.name,
        );
        let hint = match entry.kind {
            Kind::Login => format!("run `authctl logout {name}` first"),
            Kind::Key => format!("run `authctl key remove {name}` first"),
        };
        return Err(refused(message).hint(hint));
    }
    if let Some((_, error)) = entries.damaged.into_iter().next() {
        // It may be the entry of a credential that uses the definition.
        return Err(error.into());
    }
    if Client::read(&app.paths, name)?.is_some() {
        return Err(refused(format!("the client of `{name}` is still stored"))
            .hint(format!("run `authctl client remove {name}` first")));
    }
    app.catalogue.remove(name)?;
    app.ui.say(&format!("removed your definition of {name}"));
    answer(
        app,
        || documents::ProviderRemoved { name: name.clone() },
        |_| Ok(()),
    )
}
