//! How a credential is sent: in which headers, and in which environment variables programs expect
//! it.

use super::{Context, Error, Handed};
use crate::credential::{Kind, Name};
use crate::provider::Template;

/// How a credential is sent.
pub struct Sending {
    /// The headers; empty for a key that signs requests.
    pub headers: Vec<Template>,
    /// The names of the parts, in the order in which a person enters them.
    pub part_order: Vec<String>,
    /// The environment variables that usually hold the parts, in the same order; empty if unknown.
    pub env: Vec<String>,
    /// The variables with which a program would not use this credential as it is.
    pub disturbing: Vec<String>,
}

/// How a credential is sent: as it was given with the key, otherwise as the provider's row says.
///
/// # Errors
/// The row is damaged, or missing although the credential needs it.
pub fn sending(context: &Context<'_>, name: &Name, handed: &Handed) -> Result<Sending, Error> {
    let mut sending = Sending {
        headers: handed.bound.headers.iter().map(Template::new).collect(),
        part_order: handed.parts.keys().cloned().collect(),
        env: Vec::new(),
        disturbing: Vec::new(),
    };
    if !sending.headers.is_empty() {
        return Ok(sending);
    }
    let row = context.row(name, &handed.bound)?;
    match (handed.kind, row) {
        (Kind::Login, None) => sending.headers = vec![Template::bearer()],
        (Kind::Login, Some(row)) => {
            sending.headers = row.login_headers();
            if let Some(oauth) = row.oauth {
                sending.env = oauth.env;
                sending.disturbing = oauth.overrides;
            }
        }
        (Kind::Key, row) => {
            if let Some(key) = row.and_then(|row| row.key) {
                sending.env = key.variables_for(&handed.parts).to_vec();
                sending.disturbing = [key.companions, key.overrides].concat();
                sending.part_order = key.parts.into_iter().map(|part| part.name).collect();
                sending.headers = key.headers;
            }
        }
    }
    // Without a header a request would be sent without the credential. Only a row may say that its
    // keys are never sent.
    if sending.headers.is_empty() && sending.env.is_empty() {
        return Err(Error::row_missing(name, handed.kind));
    }
    Ok(sending)
}

#[cfg(test)]
mod tests;
