//! `authctl curl`: a request that can only go to the origins of its credential.

mod allow;
mod table;

use super::{Profile, Run, args, child};
use crate::app::App;
use crate::credential::{Name, plain_url};
use crate::failure::{Code, Failure};
use crate::handover::{curl_request, hand_to_child};
use crate::lifecycle::{Wanted, parts};
use crate::process::run_within;
use crate::ui::speaks_to_a_terminal;
use std::convert::Infallible;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Duration;

#[cfg(any(test, fuzzing))]
pub use allow::fuzz;
use allow::{Facts, check};

/// Run curl with a credential that is sent only to its own origins
///
/// The credential must be bound to the origin of the URL. curl options for the method, the data,
/// the output, time limits and so on are allowed, in any order. Options that could send the request
/// or its header elsewhere are refused, and so is a second URL. `.curlrc` is not read. `--location`
/// is allowed if the credential is sent in the `Authorization` header, which curl removes when it
/// is redirected to another host. curl can read the request body from standard input (`-T -`, `-d
/// @-`). It replaces authctl, so it receives the signals and determines the exit code;
/// 125 means that authctl failed before it started curl.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  authctl curl github https://api.github.com/user\n  authctl curl stripe -fsS https://api.stripe.com/v1/customers -d email=a@example.com\n  tar c . | authctl curl acme -T - https://api.acme.example/upload"
)]
pub struct CurlArgs {
    /// Refresh unless the token is valid for at least this long
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = args::duration)]
    min_ttl: Duration,
    /// The credential (PROVIDER or PROVIDER/ACCOUNT), then the URL and the options for curl in any
    /// order
    #[arg(
        value_names = ["NAME", "URL|OPTION"], num_args = 2.., required = true, trailing_var_arg = true, allow_hyphen_values = true,
        add = super::complete::credentials()
    )]
    words: Vec<OsString>,
}

impl Run for CurlArgs {
    fn profile(&self) -> Profile {
        Profile::script()
    }

    fn run(self: Box<Self>, app: &App) -> Result<(), Failure> {
        match run(app, &self)? {}
    }
}

/// The first version of curl that also removes the credential on a redirect to another port or
/// scheme of the same host (CVE-2022-27774).
const FOLLOWS_SAFELY: (u32, u32) = (7, 83);

pub(super) fn run(app: &App, args: &CurlArgs) -> Result<Infallible, Failure> {
    if !cfg!(unix) {
        return Err(Failure::usage("`authctl curl` needs Linux or macOS")
            .hint("use `authctl header NAME --format raw | curl -H @- URL`"));
    }
    // One list, so that every word after the name belongs to curl: there, `-v` or `--json` is not
    // an option of authctl.
    let (name, words) = args
        .words
        .split_first()
        .ok_or_else(|| Failure::usage("no credential was given"))?;
    let name: Name = name.to_string_lossy().parse()?;
    let wanted = Wanted {
        min_ttl: args.min_ttl,
        ..Wanted::default()
    };
    let handed = parts(&app.context(), &name, &wanted)?;
    app.ui.warn_all(&handed.warnings);
    let headers = super::headers(app, &name, &handed)?;
    let facts = Facts {
        own_headers: headers.iter().map(|header| header.name.as_str()).collect(),
        on_terminal: speaks_to_a_terminal(),
    };
    let allowed = check(words, &facts).map_err(|reason| {
        Failure::new(Code::Refused, reason).hint(format!(
            "to use other curl options, run `curl $(authctl header {name}) …`"
        ))
    })?;
    let mut url =
        plain_url(&allowed.url).map_err(|error| Failure::new(Code::Refused, error.to_string()))?;
    // The fragment is not sent, and a config line does not need it.
    url.set_fragment(None);
    if !handed.bound.covers(&url) {
        return Err(super::elsewhere(&name, &handed.bound, &url));
    }
    if allowed.follows && !follows_safely() {
        return Err(Failure::new(
            Code::Refused,
            "this version of curl would still send the credential if a redirect changes the port",
        )
        .hint("omit `--location`, or install curl 7.83 or later"));
    }
    let config = hand_to_child(&curl_request(&headers, &url))?;
    let mut curl = Command::new("curl");
    // `-q` disables .curlrc, and only works as the first argument.
    curl.args(["-q", "-K"])
        .arg(config.path())
        .args(&allowed.options);
    // With the secrets of the TLS session in a file, anyone who records the traffic can read the
    // header.
    curl.env_remove("SSLKEYLOGFILE")
        .env_remove("QLOGDIR")
        .env_remove(super::shell::COMPLETE);
    child::replace(curl)
}

/// Whether this version of curl is new enough for `--location`.
fn follows_safely() -> bool {
    let done = run_within(
        Command::new("curl")
            .args(["-q", "--version"])
            .stderr(Stdio::null()),
        b"",
        Duration::from_secs(10),
    );
    let text = done
        .ok()
        .flatten()
        .map(|done| String::from_utf8_lossy(&done.stdout).into_owned())
        .unwrap_or_default();
    version(&text).is_some_and(|version| version >= FOLLOWS_SAFELY)
}

/// `curl 7.88.1 (…)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .strip_prefix("curl ")?
        .split(['.', ' ', '-'])
        .map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curl_s_version_is_read() {
        assert_eq!(
            version("curl 7.88.1 (x86_64) libcurl/7.88.1"),
            Some((7, 88))
        );
        assert_eq!(version("curl 8.23.0-DEV (x)"), Some((8, 23)));
        for bad in ["", "curl", "curl x.y", "wget 1.2"] {
            assert_eq!(version(bad), None);
        }
        assert!(
            version("curl 7.82.0 (x)").unwrap() < FOLLOWS_SAFELY
                && version("curl 8.0.1 (x)").unwrap() > FOLLOWS_SAFELY
        );
    }
}
