//! Reading a client secret.

use crate::app::App;
use crate::failure::Failure;
use crate::intake::unwrapped;
use crate::provider::{OAuthSpec, SecretRule};
use crate::secret::{Alphabet, Secret};
use std::io::{IsTerminal, Read};

const LABEL: &str = "client secret";

/// The longest client secret that is read, in bytes.
const MAX: u64 = 8192;

/// Reads a client secret from standard input: one line, or typed at a hidden prompt.
pub(super) fn read(app: &App) -> Result<Secret, Failure> {
    if std::io::stdin().is_terminal() {
        return ask(app, "client secret (hidden):");
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .take(MAX)
        .read_to_string(&mut text)
        .map_err(|_| Failure::usage("the client secret on standard input is not UTF-8 text"))?;
    let secret = unwrapped(app.ui, &Secret::new(text.as_str()), LABEL, false);
    if secret.len() == 0 {
        return Err(Failure::usage(
            "standard input is empty; expected the client secret",
        ));
    }
    Ok(secret)
}

/// Asks for a client secret at a hidden prompt; the answer may be empty.
pub(super) fn ask(app: &App, question: &str) -> Result<Secret, Failure> {
    let typed = app.ui.ask_hidden(question)?;
    Ok(unwrapped(app.ui, &typed, LABEL, false))
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
