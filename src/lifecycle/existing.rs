//! The credential that a command is about to change: first recover, then look.

use super::{Claim, Error, Found, Look, look, recover};
use crate::credential::Entry;

/// What is stored under a claimed name.
pub struct Existing {
    /// The credential, if there is one that can be used.
    pub found: Option<Box<Found>>,
    /// The entry, also of a credential that cannot be used.
    pub entry: Option<Entry>,
    /// What to tell the user.
    pub warnings: Vec<String>,
}

/// What is stored under the claimed name. What an interrupted command left is finished first. With
/// `replaces`, a credential that was edited or damaged counts as none: replacing it is how a person
/// gets out of that.
///
/// # Errors
/// The store cannot be read, or (without `replaces`) the credential cannot be used.
pub fn existing(claim: &Claim<'_>, replaces: bool) -> Result<Existing, Error> {
    let is_tolerated = |error: &Error| replaces && error.is_mended_by_replacing();
    let warnings = match recover(claim) {
        Ok(warnings) => warnings,
        Err(error) if is_tolerated(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    let found = match look(&claim.context, claim.name()) {
        Ok(Look::Found(found)) => Some(found),
        Ok(Look::Nothing | Look::Incomplete | Look::Absent(_)) => None,
        Err(error) if is_tolerated(&error) => None,
        Err(error) => return Err(error),
    };
    let entry = match &found {
        Some(found) => Some(found.entry.clone()),
        None => claim.context.index.find(claim.name())?,
    };
    Ok(Existing {
        found,
        entry,
        warnings,
    })
}
