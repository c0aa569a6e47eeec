//! Reading a credential under its lock, and bringing the store up to date.

use super::save::store_text;
use super::{Claim, Error, Found, Look, look, recover};
use crate::sealed::Sealed;
use crate::store::Slot;

/// Reads the claimed credential. What an interrupted command left is finished first. A record that
/// only the sealed file has is written to the store, once.
///
/// # Errors
/// There is no such credential, or it cannot be used.
pub fn current(claim: &Claim<'_>) -> Result<Found, Error> {
    let (context, name) = (&claim.context, claim.name());
    let mut found = match look(context, name)? {
        Look::Found(found) => found,
        Look::Nothing => return Err(Error::NotFound(name.clone())),
        Look::Incomplete => {
            recover(claim)?;
            match look(context, name)? {
                Look::Found(found) => found,
                _ => return Err(Error::NotFound(name.clone())),
            }
        }
        Look::Absent(entry) => return Err(Error::gone(&entry)),
    };
    update_store(claim, &mut found)?;
    Ok(*found)
}

/// Writes the sealed file's record to a store that has an older one: a process died between the two
/// writes, or the store refused. The sealed file is synced first, since its writer may have died
/// before that. A store that refuses again stops nothing.
fn update_store(claim: &Claim<'_>, found: &mut Found) -> Result<(), Error> {
    if !found.store_is_behind {
        return Ok(());
    }
    let (context, entry) = (&claim.context, &found.entry);
    Sealed::sync(&context.paths.sealed(), &entry.id).map_err(|error| Error::Damaged {
        name: entry.name.clone(),
        kind: entry.kind,
        reason: error.to_string(),
    })?;
    let slot = Slot::of(entry);
    let text = store_text(&found.record, entry.store);
    match context.stores.write(entry.store, &slot, &text) {
        Ok(()) => found.store_is_behind = false,
        Err(error) => found.warnings.push(format!(
            "`{}` is only in its sealed file until the {} can be written to: {error}",
            entry.name, entry.store
        )),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;
    use crate::credential::{Bound, Name, SecretPart, State};
    use crate::secret::Secret;

    #[test]
    fn a_record_that_only_the_sealed_file_has_is_written_to_the_store() {
        let home = Home::new();
        let name: Name = "acme".parse().unwrap();
        let first = home.login(&name, Bound::default(), "r1");
        let secret = SecretPart::Login {
            refresh_token: Some(Secret::new("r2")),
            access: None,
        };
        let second = first.record.next(Bound::default(), secret);
        let ahead = Sealed {
            record: Some(second),
            ..Sealed::default()
        };
        home.seal(&first.record, &ahead);
        assert!(home.found(&name).unwrap().store_is_behind);
        let context = home.context();
        let claim = context.claim(&name).unwrap();
        let found = current(&claim).unwrap();
        assert!(!found.store_is_behind && found.warnings.is_empty());
        assert!(!home.found(&name).unwrap().store_is_behind);
        // What an interrupted command left is finished first.
        home.leave(&name, |entry| {
            entry.state = State::Adding {
                earlier: None,
                may_land_until: None,
            };
        });
        assert_eq!(current(&claim).unwrap().record.generation, 2);
        home.leave(&name, |entry| {
            entry.state = State::Removing { earlier: None }
        });
        assert!(matches!(current(&claim), Err(Error::NotFound(_))));
    }
}
