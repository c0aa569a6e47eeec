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

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, parts};
    use super::*;
    use crate::credential::{Bound, Name, Slots};

    #[test]
    fn an_edited_credential_counts_as_none_only_where_it_is_replaced() {
        let home = Home::new();
        let name: Name = "acme".parse().unwrap();
        let context = home.context();
        let claim = context.claim(&name).unwrap();
        let none = existing(&claim, false).unwrap();
        assert!(none.found.is_none() && none.entry.is_none());
        let found = home.key_of(&claim, Slots::of(parts("k")));
        let there = existing(&claim, false).unwrap();
        assert_eq!(there.found.unwrap().entry.id, found.entry.id);
        assert!(there.entry.is_some() && there.warnings.is_empty());
        home.leave(&name, |entry| entry.bound = Bound::default());
        assert!(matches!(
            existing(&claim, false),
            Err(Error::Refused { .. })
        ));
        let edited = existing(&claim, true).unwrap();
        assert!(edited.found.is_none() && edited.entry.is_some());
        // Neither is what an interrupted command left of it.
        home.leave(&name, |entry| {
            entry.state = crate::credential::State::Adding {
                earlier: None,
                may_land_until: None,
            };
        });
        home.damage_item(&found.entry);
        assert!(existing(&claim, false).is_err());
        assert!(existing(&claim, true).unwrap().found.is_none());
        // A store that cannot be read is not repaired by replacing anything.
        home.break_vault();
        assert!(existing(&claim, true).is_err());
    }
}
