use super::{Profile, Run, args, documents};
use crate::app::App;
use crate::credential::{Name, Origin, plain_url};
use crate::failure::{Code, Failure};
use crate::handover::{OPTION, curl_config, hand_over, refusal};
use crate::lifecycle::{Wanted, parts};
use crate::output::Output;
use crate::provider::Header;
use std::time::Duration;

/// Print a request header for curl
///
/// `curl $(authctl header NAME) URL` works in bash, dash, zsh and fish. The output is `-K` and the
/// path of an in-memory file that contains curl configuration and exists for at most 30 seconds.
/// The secret itself never appears in an argument list, in the environment or on the disk. If
/// authctl cannot provide a header, its output makes curl stop with exit code 26, so that no
/// request is sent without the credential. The header applies only to the
/// requests before the first `--next`, because curl resets its options there.
///
/// The raw format has no such protection: if authctl fails, `authctl header NAME --format raw |
/// curl -H @- URL` sends a request without the header (`set -o pipefail` reports the failure only
/// afterwards).
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  curl -fsS $(authctl header github) https://api.github.com/user\n  authctl header github --format raw | curl -fsS -H @- https://api.github.com/user\n  authctl header github --url https://api.github.com/user --format raw"
)]
pub struct HeaderArgs {
    /// The credential: PROVIDER or PROVIDER/ACCOUNT
    #[arg(add = super::complete::credentials())]
    name: Name,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Curl)]
    format: Format,
    /// Refuse unless the credential is bound to the origin of this URL
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Refresh unless the token is valid for at least this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = args::duration)]
    min_ttl: Duration,
}

/// The output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// `-K` and a path, for `curl $(…)`
    Curl,
    /// `Name: value` lines, for `curl -H @-`
    Raw,
    /// One JSON document
    Json,
}

impl Run for HeaderArgs {
    fn profile(&self) -> Profile {
        Profile::script()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        run(app, &self)
    }
}

pub(super) fn run(app: &App, args: &HeaderArgs) -> Result<(), Failure> {
    if args.format == Format::Curl {
        if app.output.is_json() {
            return Err(
                Failure::usage("`--json` cannot be used with `--format curl`")
                    .hint("use `--format json`"),
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
    let handed = parts(&app.context(), &args.name, &wanted)?;
    app.ui.warn_all(&handed.warnings);
    if let Some(text) = &args.url
        && let url =
            plain_url(text).map_err(|error| Failure::new(Code::Refused, error.to_string()))?
        && !handed.bound.covers(&url)
    {
        return Err(super::elsewhere(&args.name, &handed.bound, &url));
    }
    let headers = super::headers(app, &args.name, &handed)?;
    match args.format {
        Format::Raw => {
            if let Some(variable) =
                proxy().filter(|_| handed.bound.origins.iter().any(Origin::is_plain_http))
            {
                app.ui.warn(&format!(
                    "{variable} is set, so a proxy could read `{}` when it is sent over plain http; add `--noproxy '*'` to the curl command",
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
            // The first word was printed by `begin`.
            app.output
                .line(&hand_over(&curl_config(&headers, &handed.bound.origins))?)?;
        }
    }
    Ok(())
}

/// The variable that sends plain http through a proxy, which could read the header.
fn proxy() -> Option<&'static str> {
    ["http_proxy", "all_proxy", "ALL_PROXY"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn line(header: &Header) -> crate::secret::Secret {
    crate::secret::Secret::new(format!("{}: {}", header.name, header.value.expose()))
}

/// Prints the first word at once. Whatever happens after this, a signal included, `curl -K` without
/// a readable file stops with exit code 26, while an empty output would send the request without
/// the credential. Each word is on a line of its own, because nothing else survives the word
/// splitting of all four shells.
pub(super) fn begin() {
    // If this cannot be written, there is no curl to read it.
    let _ = Output::new(false).line(OPTION);
}

/// Prints a second word that makes curl stop.
pub(super) fn refuse(reason: &str) {
    let _ = Output::new(false).line(&refusal(reason));
}
