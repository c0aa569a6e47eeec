use super::{args, warn_all};
use crate::acquire::{Wanted, parts};
use crate::app::App;
use crate::credential::Name;
use crate::failure::{Code, Failure};
use crate::handover::{curl_config, hand_over, refusal};
use crate::output::Output;
use crate::provider::{Header, render};
use std::time::Duration;

/// Print the request header for curl
///
/// `curl $(authctl header NAME) URL` works in bash, dash, zsh and fish. What is printed is `-K` and the path of a memory
/// file that holds curl config for half a minute; the secret itself is in no argument list, no environment and no file
/// system. When there is no header, what is printed makes curl stop with exit code 26 instead of sending a bare request.
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
    url: Option<url::Url>,
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

impl HeaderArgs {
    /// Whether a failure must still print something that stops curl.
    pub(super) fn is_for_curl(&self) -> bool {
        self.format == Format::Curl
    }
}

pub(super) fn run(app: &App, args: &HeaderArgs) -> Result<(), Failure> {
    if args.is_for_curl() && !cfg!(target_os = "linux") {
        return Err(crate::handover::Error::Unsupported.into());
    }
    let wanted = Wanted { min_ttl: args.min_ttl, ..Wanted::default() };
    let handed = parts(&app.keeper(), &args.name, &wanted)?;
    warn_all(app, &handed.warnings);
    if let Some(url) = &args.url
        && !handed.bound.covers(url)
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
            let path = hand_over(&curl_config(&headers, &handed.bound.origins))?;
            print_words(app.output, &["-K", &path])?;
        }
    }
    Ok(())
}

fn line(header: &Header) -> crate::secret::Secret {
    crate::secret::Secret::new(format!("{}: {}", header.name, header.value.expose()))
}

/// One word per line: only that survives the word splitting of all four shells.
fn print_words(output: Output, words: &[&str]) -> std::io::Result<()> {
    output.line(&words.join("\n"))
}

/// Prints what makes curl stop.
pub(super) fn refuse(reason: &str) {
    let [option, path] = refusal(reason);
    // When even this cannot be written, curl is not there to read it.
    let _ = print_words(Output::new(false), &[&option, &path]);
}
