use super::{args, documents, warn_all};
use crate::app::App;
use crate::credential::{Name, Origin, plain_url};
use crate::failure::{Code, Failure};
use crate::handover::{OPTION, curl_config, hand_over, refusal};
use crate::lifecycle::{Wanted, parts};
use crate::output::Output;
use crate::provider::Header;
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
    #[arg(add = super::complete::credentials())]
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
            return Err(
                Failure::new(Code::Usage, "`--json` does not go with the words for curl")
                    .hint("say `--format json`"),
            );
        }
        if !cfg!(target_os = "linux") {
            return Err(crate::handover::Error::Unsupported.into());
        }
    }
    let wanted = Wanted {
        min_ttl: args.min_ttl,
        ..Wanted::default()
    };
    let handed = parts(&app.keeper(), &args.name, &wanted)?;
    warn_all(app, &handed.warnings);
    if let Some(text) = &args.url
        && let url =
            plain_url(text).map_err(|error| Failure::new(Code::Refused, error.to_string()))?
        && !handed.bound.covers(&url)
    {
        return Err(super::elsewhere(&args.name, &handed.bound, &url));
    }
    let headers = super::headers(&args.name, &handed)?;
    match args.format {
        Format::Raw => {
            if let Some(variable) =
                proxy().filter(|_| handed.bound.origins.iter().any(Origin::is_plain_http))
            {
                app.ui.warn(&format!(
                    "{variable} is set, and `{}` may go over plain http: give curl `--noproxy '*'`",
                    args.name
                ));
            }
            headers
                .iter()
                .try_for_each(|header| app.output.secret(&line(header)))?;
        }
        Format::Json => {
            let list = headers.iter().map(|header| documents::Header {
                name: &header.name,
                value: header.value.expose(),
            });
            let expires_at = handed.expires_at.map(|time| time.to_string());
            app.output.json(&documents::Headers {
                headers: list.collect(),
                expires_at,
            })?;
        }
        Format::Curl => {
            // The first word stands there already, see `begin`.
            app.output
                .line(&hand_over(&curl_config(&headers, &handed.bound.origins))?)?;
        }
    }
    Ok(())
}

/// The variable that sends plain http through a proxy, who sees what passes.
fn proxy() -> Option<&'static str> {
    ["http_proxy", "all_proxy", "ALL_PROXY"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn line(header: &Header) -> crate::secret::Secret {
    crate::secret::Secret::new(format!("{}: {}", header.name, header.value.expose()))
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
