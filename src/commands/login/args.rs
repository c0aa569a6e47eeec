//! The arguments of `authctl login`.

use super::super::args::{assignment, duration};
use super::super::words::shell_word;
use crate::credential::{Name, Origin};
use std::time::Duration;

/// Log in through the browser
///
/// Opens the provider's page and waits on a loopback address for the redirect (authorization code
/// with PKCE). Logging in again under the same name adds scopes and replaces the existing login;
/// logging in as another account is refused. The first login to a provider asks for a client id,
/// since authctl has none built in.
///
/// Instead of a name, you can give the URL of an issuer that publishes metadata (OpenID Connect
/// discovery or RFC 8414), and name the login with `--as`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  authctl login github\n  authctl login github/work --scope repo --scope read:org\n  authctl login gitlab --set host=gitlab.example.com\n  authctl login https://issuer.example.com --as example --client-id abc"
)]
pub struct LoginArgs {
    /// PROVIDER, PROVIDER/ACCOUNT, or the URL of an issuer
    #[arg(value_name = "NAME|URL", add = super::super::complete::login_targets())]
    pub(super) what: String,
    /// The name of the credential, for a login by URL
    #[arg(long = "as", value_name = "NAME")]
    pub(super) name: Option<Name>,
    /// Request this scope in addition to those granted before
    #[arg(long, value_name = "SCOPE")]
    pub(super) scope: Vec<String>,
    /// Request only the scopes given with `--scope` (include `openid` if the provider needs it to
    /// identify the account, and `offline_access` if it needs that to issue a refresh token)
    #[arg(long, requires = "scope")]
    pub(super) only_scope: bool,
    /// The client id of your registration at the provider
    #[arg(long, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// Read the client secret from standard input
    #[arg(long)]
    pub(super) client_secret_stdin: bool,
    /// An origin that the access token may be sent to, such as https://api.example.com
    #[arg(long, value_name = "ORIGIN")]
    pub(super) origin: Vec<Origin>,
    /// A value for the provider definition, such as host=gitlab.example.com
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,
    /// Listen on this port, if your registration specifies one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) port: Option<u16>,
    /// How long to wait for the browser
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(super) timeout: Duration,
    /// Print the URL instead of opening a browser
    #[arg(long)]
    pub(super) no_browser: bool,
    /// Replace an existing key that has this name, or a login that belongs to a different account
    #[arg(long)]
    pub(super) replace: bool,
}

impl LoginArgs {
    /// The name of the login.
    pub(in crate::commands) fn called(&self) -> String {
        self.name
            .as_ref()
            .map_or_else(|| self.what.clone(), ToString::to_string)
    }

    /// The arguments of the same login, for a hint that can be pasted: with a client id that has to
    /// be given, and with a client secret from a file.
    pub(super) fn again(&self, id: Option<&str>, with_secret: bool) -> String {
        let mut words = vec![shell_word(&self.what).into_owned()];
        words.extend(self.name.as_ref().map(|name| format!("--as {name}")));
        let set = self.set.iter();
        words.extend(set.map(|(name, value)| format!("--set {name}={}", shell_word(value))));
        let origins = self.origin.iter();
        words.extend(origins.map(|origin| format!("--origin {}", shell_word(&origin.to_string()))));
        words.extend(
            self.scope
                .iter()
                .map(|scope| format!("--scope {}", shell_word(scope))),
        );
        words.extend(self.only_scope.then(|| "--only-scope".to_owned()));
        words.extend(self.port.map(|port| format!("--port {port}")));
        words.extend(self.replace.then(|| "--replace".to_owned()));
        let id = self.client_id.as_deref().or(id);
        words.extend(id.map(|id| format!("--client-id {}", shell_word(id))));
        if with_secret || self.client_secret_stdin {
            words.push("--client-secret-stdin < FILE".into());
        }
        words.join(" ")
    }
}
