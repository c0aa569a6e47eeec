use super::{Profile, Run, answer, args, documents};
use crate::app::App;
use crate::credential::{Name, scope_words};
use crate::failure::Failure;
use crate::lifecycle::{Handed, Wanted, parts};
use crate::secret::Secret;
use std::time::Duration;

/// Print a fresh access token, or an API key
///
/// A login is refreshed first if its access token is about to expire. Standard output contains the
/// token and nothing else.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  TOKEN=$(authctl token github)\n  authctl token gitlab --min-ttl 10m\n  authctl token datadog --part app\n  authctl token github --check && echo valid"
)]
pub struct TokenArgs {
    /// The credential: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = super::complete::credentials())]
    name: Name,
    /// Refresh unless the token is valid for at least this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = args::duration)]
    min_ttl: Duration,
    /// Refresh even if the cached token is valid
    #[arg(long)]
    refresh: bool,
    /// Request a token with a narrower scope than that of the login
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// Request a token for this resource (RFC 8707)
    #[arg(long, value_name = "URL")]
    resource: Option<url::Url>,
    /// The part to print, if the key has several
    #[arg(long, value_name = "PART")]
    part: Option<String>,
    /// Print nothing; exit 0 if a token is available
    #[arg(long)]
    check: bool,
}

impl Run for TokenArgs {
    fn profile(&self) -> Profile {
        Profile::script()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, args: &TokenArgs) -> Result<(), Failure> {
    let wanted = Wanted {
        min_ttl: args.min_ttl,
        force: args.refresh,
        scope: scope_words(&args.scope.join(" ")),
        resource: args.resource.as_ref().map(ToString::to_string),
    };
    let handed = parts(&app.context(), &args.name, &wanted)?;
    app.ui.warn_all(&handed.warnings);
    let value = pick(&args.name, &handed, args.part.as_deref())?;
    if args.check {
        return Ok(());
    }
    let document = || documents::Token {
        name: args.name.to_string(),
        kind: handed.kind,
        token: value.expose(),
        expires_at: handed.expires_at.map(|time| time.to_string()),
    };
    answer(app, document, |output| output.secret(value))
}

fn pick<'a>(name: &Name, handed: &'a Handed, part: Option<&str>) -> Result<&'a Secret, Failure> {
    let names = || {
        handed
            .parts
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = match part {
        Some(part) => handed.parts.get(part),
        None if handed.parts.len() == 1 => handed.parts.values().next(),
        None => None,
    };
    found.ok_or_else(|| {
        let message = match part {
            Some(part) => format!("`{name}` has no part `{part}`"),
            None => format!("`{name}` has several parts"),
        };
        Failure::usage(message).hint(format!("choose one with `--part`: {}", names()))
    })
}
