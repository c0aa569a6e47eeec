use super::{answer, args, documents, warn_all};
use crate::app::App;
use crate::credential::{Name, scope_words};
use crate::failure::{Code, Failure};
use crate::lifecycle::{Handed, Wanted, parts};
use crate::secret::Secret;
use std::time::Duration;

/// Print a fresh access token, or the key
///
/// A login's token is refreshed first when it has not long to live. Standard output holds the token and nothing else.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  TOKEN=$(authctl token github)\n  authctl token gitlab --min-ttl 10m\n  authctl token datadog --part app\n  authctl token github --check && echo good"
)]
pub struct TokenArgs {
    /// The credential: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = super::complete::credentials())]
    name: Name,
    /// Refresh unless the token lives at least this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = args::duration)]
    min_ttl: Duration,
    /// Refresh in any case
    #[arg(long)]
    refresh: bool,
    /// Ask for a narrower scope than the login has
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// Ask for a token for this resource (RFC 8707)
    #[arg(long, value_name = "URL")]
    resource: Option<url::Url>,
    /// Which part of a key that has several
    #[arg(long, value_name = "PART")]
    part: Option<String>,
    /// Print nothing, only tell by the exit code whether a token can be had
    #[arg(long)]
    check: bool,
}

pub(super) fn run(app: &App, args: &TokenArgs) -> Result<(), Failure> {
    let wanted = Wanted {
        min_ttl: args.min_ttl,
        force: args.refresh,
        scope: scope_words(&args.scope.join(" ")),
        resource: args.resource.as_ref().map(ToString::to_string),
    };
    let handed = parts(&app.keeper(), &args.name, &wanted)?;
    warn_all(app, &handed.warnings);
    let value = pick(&args.name, &handed, args.part.as_deref())?;
    if args.check {
        return Ok(());
    }
    let document = || documents::Token {
        name: args.name.to_string(),
        kind: handed.kind.to_string(),
        token: value.expose(),
        expires_at: handed.expires_at.map(|time| time.to_string()),
    };
    answer(app.output, document, |output| output.secret(value))
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
        Failure::new(Code::Usage, message).hint(format!("say which with `--part`: {}", names()))
    })
}
