//! Reading a client secret.

use crate::app::App;
use crate::failure::Failure;
use crate::provider::{OAuthSpec, SecretRule};
use crate::secret::{Alphabet, Secret};
use std::io::{IsTerminal, Read};

/// The longest client secret that is read, in bytes.
const MAX: u64 = 8192;

/// Reads a client secret from standard input: one line, or typed at a hidden prompt.
pub(super) fn read(app: &App) -> Result<Secret, Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(app.ui.ask_hidden("client secret (hidden):")?);
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .take(MAX)
        .read_to_string(&mut text)
        .map_err(|_| Failure::usage("the client secret on standard input is not UTF-8 text"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Failure::usage(
            "standard input is empty; expected the client secret",
        ));
    }
    Ok(Secret::new(text))
}

/// Checks that the provider allows a secret, and that it can be sent.
pub(super) fn check(oauth: &OAuthSpec, secret: &Secret) -> Result<(), Failure> {
    if oauth.client_secret == SecretRule::Forbidden {
        return Err(Failure::usage(
            "a client of this provider must not have a secret",
        ));
    }
    secret
        .check(Alphabet::Printable)
        .map_err(|reason| Failure::usage(format!("the client secret {reason}")))
}
