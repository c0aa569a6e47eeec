//! The credential that a command is about to change: first recover, then look.

use super::{Claim, Error, Found, Look, look, recover};

/// The credential that is stored under the claimed name, if there is one. What an interrupted
/// command left is finished first. With `replaces`, a credential that was edited or damaged counts
/// as none: replacing it is how a person gets out of that. The second value is what to tell the
/// user.
///
/// # Errors
/// The store cannot be read, or (without `replaces`) the credential cannot be used.
pub fn existing(
    claim: &Claim<'_>,
    replaces: bool,
) -> Result<(Option<Box<Found>>, Vec<String>), Error> {
    let is_tolerated = |error: &Error| replaces && error.is_mended_by_replacing();
    let warnings = match recover(claim) {
        Ok(warnings) => warnings,
        Err(error) if is_tolerated(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    match look(&claim.keeper, claim.name()) {
        Ok(Look::Found(found)) => Ok((Some(found), warnings)),
        Ok(Look::Nothing | Look::Incomplete | Look::Absent(_)) => Ok((None, warnings)),
        Err(error) if is_tolerated(&error) => Ok((None, warnings)),
        Err(error) => Err(error),
    }
}
