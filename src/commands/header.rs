use super::{args, warn_all};
use crate::acquire::{Wanted, parts};
use crate::app::App;
use crate::credential::{Name, plain_url};
use crate::failure::{Code, Failure};
use crate::handover::{OPTION, curl_config, hand_over, refusal};
use crate::output::Output;
use crate::provider::{Header, render};
use std::ffi::OsString;
use std::time::Duration;

/// Print the request header for curl
///
/// `curl $(authctl header NAME) URL` works in bash, dash, zsh and fish. What is printed is `-K` and the path of a memory
/// file that holds curl config for half a minute; the secret itself is in no argument list, no environment and no file
/// system. When there is no header, what is printed makes curl stop with exit code 26 instead of sending a bare request.
/// The raw form cannot do that: `authctl header NAME --format raw | curl -H @- URL` sends a request without a header when
/// authctl fails, unless the script stops by itself (`set -o pipefail` tells it only afterwards).
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  curl -fsS $(authctl header github) https://api.github.com/user\n  authctl header github --format raw | curl -fsS -H @- https://api.github.com/user\n  authctl header github --url https://api.github.com/user --format raw"
)]
pub struct HeaderArgs {
    /// The credential: PROVIDER or PROVIDER/ACCOUNT
    name: Name,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Curl)]
    format: Format,
    /// Refuse unless the credential belongs to this URL's origin
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Refresh unless the token lives at least this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = args::duration)]
    min_ttl: Duration,
}

/// The forms of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// `-K` and a path, for `curl $(…)`
    Curl,
    /// `Name: value` lines, for `curl -H @-`
    Raw,
    /// One JSON document
    Json,
}

pub(super) fn run(app: &App, args: &HeaderArgs) -> Result<(), Failure> {
    if args.format == Format::Curl {
        if app.output.is_json() {
            return Err(Failure::new(Code::Usage, "`--json` does not go with the words for curl").hint("say `--format json`"));
        }
        if !cfg!(target_os = "linux") {
            return Err(crate::handover::Error::Unsupported.into());
        }
    }
    let wanted = Wanted { min_ttl: args.min_ttl, ..Wanted::default() };
    let handed = parts(&app.keeper(), &args.name, &wanted)?;
    warn_all(app, &handed.warnings);
    if let Some(text) = &args.url
        && let url = plain_url(text).map_err(|error| Failure::new(Code::Refused, error.to_string()))?
        && !handed.bound.covers(&url)
    {
        let origins: Vec<String> = handed.bound.origins.iter().map(ToString::to_string).collect();
        let message = format!("`{}` does not belong to {}", args.name, url.origin().ascii_serialization());
        return Err(Failure::new(Code::Refused, message).hint(format!("it is bound to {}", origins.join(", "))));
    }
    let headers = render(&handed.templates, &handed.parts)?;
    match args.format {
        Format::Raw => headers.iter().try_for_each(|header| app.output.secret(&line(header)))?,
        Format::Json => {
            let list: Vec<_> = headers.iter().map(|h| serde_json::json!({ "name": h.name, "value": h.value.expose() })).collect();
            app.output.json(&serde_json::json!({ "headers": list, "expires_at": handed.expires_at }))?;
        }
        Format::Curl => {
            // The first word stands there already, see `begin`.
            app.output.line(&hand_over(&curl_config(&headers, &handed.bound.origins))?)?;
        }
    }
    Ok(())
}

fn line(header: &Header) -> crate::secret::Secret {
    crate::secret::Secret::new(format!("{}: {}", header.name, header.value.expose()))
}

/// Whether these arguments ask for the words of `curl $(…)`. Looked at before they are parsed: they may be wrong.
pub(super) fn is_for_curl(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    loop {
        match words.next().as_deref() {
            Some("--store") => drop(words.next()),
            Some("header") => break,
            Some(flag) if flag.starts_with('-') => {}
            _ => return false,
        }
    }
    let rest: Vec<_> = words.collect();
    let format = rest.iter().enumerate().find_map(|(at, word)| match word.strip_prefix("--format") {
        Some("") => rest.get(at + 1).map(ToString::to_string),
        Some(value) => value.strip_prefix('=').map(str::to_owned),
        None => None,
    });
    let asks_help = rest.iter().any(|word| matches!(word.as_ref(), "-h" | "--help" | "-V" | "--version"));
    !asks_help && !matches!(format.as_deref(), Some("raw" | "json"))
}

/// Prints the first word at once. Whatever happens from here on, a signal included, `curl -K` without a readable file
/// stops with exit code 26, where an empty answer would send the request bare. One word per line: only that survives
/// the word splitting of all four shells.
pub(super) fn begin() {
    // When this cannot be written, curl is not there to read it.
    let _ = Output::new(false).line(OPTION);
}

/// Prints the second word of an answer that makes curl stop.
pub(super) fn refuse(reason: &str) {
    let _ = Output::new(false).line(&refusal(reason));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_curl_is_known_before_the_arguments_are_parsed() {
        let asks = |line: &str| is_for_curl(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for yes in [
            "authctl header github",
            "authctl -v --store vault header --typo",
            "authctl header x --format curl",
            "authctl header",
            "authctl header x --format=curl",
        ] {
            assert!(asks(yes), "{yes}");
        }
        for no in [
            "authctl token header",
            "authctl header x --format raw",
            "authctl header x --format=json",
            "authctl header --help",
            "authctl",
            "authctl list",
        ] {
            assert!(!asks(no), "{no}");
        }
    }
}
