//! What the rotation of a key depends on besides the key: the provider's row, the recipe, the
//! manager.

use super::Error;
use super::api::Sender;
use super::fill::Values;
use super::options::Options;
use super::remote::Remote;
use super::run::Run;
use crate::credential::{Bound, Entry, Name};
use crate::lifecycle::{self, Context, Wanted, parts, sending};
use crate::provider::{KeySpec, Recipe, Row};
use jiff::{SignedDuration, Timestamp};

/// What the rotation of a key depends on besides the key.
pub(super) struct Setup {
    pub row: Row,
    pub key: KeySpec,
    pub recipe: Recipe,
    pub manager: Option<Sender>,
}

impl Setup {
    /// Finds the recipe for a key.
    ///
    /// # Errors
    /// There is none.
    pub fn new(
        context: &Context<'_>,
        run: &Run<'_>,
        manager: Option<Sender>,
    ) -> Result<Self, Error> {
        let (name, bound): (&Name, &Bound) = (run.name(), &run.record().bound);
        let none = || Error::NoRecipe { name: name.clone() };
        // A key with a header of its own is not the kind of key that the row describes.
        if !bound.headers.is_empty() {
            let hint = format!(
                "to replace the key, run `authctl key add {name} --replace`; if authctl has a definition of the key's provider, you can make the key rotatable: remove it and add it again without `--header`"
            );
            return Err(Error::Refused {
                name: name.clone(),
                reason: "it uses a custom header that the provider definition does not cover"
                    .into(),
                hint: Some(hint),
            });
        }
        let row = context
            .catalogue
            .find(name.provider())?
            .ok_or_else(none)?
            .resolve(&bound.variables)?;
        row.check_rotation()?;
        let key = row.key.clone().ok_or_else(none)?;
        let recipe = row.recipe(&run.slots()?.active).cloned().ok_or_else(none)?;
        Ok(Self {
            row,
            key,
            recipe,
            manager,
        })
    }

    /// The provider's interface for this key.
    pub fn remote<'a>(
        &'a self,
        context: &'a Context<'a>,
        run: &Run<'_>,
    ) -> Result<Remote<'a>, Error> {
        Ok(Remote {
            context,
            recipe: &self.recipe,
            key: &self.key,
            bound: run.record().bound.clone(),
            active: run.slots()?.active.clone(),
            manager: self.manager.clone(),
            lifetime: longest(run)?,
        })
    }
}

/// The longest lifetime of a new key, if the user limits it.
///
/// # Errors
/// The text in the index is no lifetime: without it, the new key might live longer than intended.
fn longest(run: &Run<'_>) -> Result<Option<SignedDuration>, Error> {
    let Some(lifetime) = &run.entry.rotation.lifetime else {
        return Ok(None);
    };
    lifetime.every().map_err(|reason| Error::Refused {
        name: run.name().clone(),
        reason: format!("its `lifetime` is invalid: {reason}"),
        hint: Some(format!(
            "run `authctl key set {} --lifetime TIME`",
            run.name()
        )),
    })
}

/// The values that the templates of every request start with.
pub(super) fn values(run: &Run<'_>) -> Values {
    Values {
        settings: run.record().bound.variables.clone(),
        now: Timestamp::now(),
        ..Values::default()
    }
}

/// The credential that manages the key at the provider, if one is set.
///
/// # Errors
/// It does not exist, or cannot be used.
pub(super) fn manager(
    context: &Context<'_>,
    entry: &Entry,
    options: &Options,
) -> Result<Option<Sender>, Error> {
    let Some(name) = options
        .manager
        .as_ref()
        .or(entry.rotation.manager.as_ref())
        .filter(|manager| **manager != entry.name)
    else {
        return Ok(None);
    };
    let handed = parts(context, name, &Wanted::default()).map_err(|error| match error {
        lifecycle::Error::NotFound(_) => Error::Refused {
            name: entry.name.clone(),
            reason: format!("its manager `{name}` does not exist"),
            hint: Some(format!(
                "run `authctl key set {} --manager NAME`, or `--manager ''` for none",
                entry.name
            )),
        },
        error => error.into(),
    })?;
    Ok(Some(Sender {
        templates: sending(context, name, &handed)?.headers,
        parts: handed.parts,
        bound: handed.bound,
    }))
}
