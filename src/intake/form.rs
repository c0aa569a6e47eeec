//! Whether a key has the form that its provider gives its keys.

use crate::credential::{Name, Parts};
use crate::failure::{Code, Failure};
use crate::provider::{Catalogue, KeySpec, Row};
use crate::secret::Secret;

/// Why a key is probably not one of its provider.
#[derive(Debug, thiserror::Error)]
pub enum OddForm {
    /// It has the form of another provider's keys.
    #[error("this looks like a key for {title}, not for {wanted}")]
    Foreign {
        /// The provider whose key it may be.
        provider: String,
        /// Its title.
        title: String,
        /// The provider that was named.
        wanted: String,
    },
    /// It looks like a key, and is of no use.
    #[error("{0}")]
    Rejected(String),
    /// It has another form than the keys of this provider.
    #[error("the {label} does not look like a key for {wanted}")]
    Unknown {
        /// The part of the key.
        label: String,
        /// The provider that was named.
        wanted: String,
    },
}

impl OddForm {
    /// What is odd about the parts of a key of a provider in the catalogue.
    pub fn of(catalogue: &Catalogue, name: &Name, key: &KeySpec, parts: &Parts) -> Option<Self> {
        let wanted = name.provider().to_owned();
        if let Some(reason) = key.rejection(parts) {
            return Some(Self::Rejected(reason));
        }
        let odd = key.odd_part(parts);
        let value = match odd {
            Some(part) => parts.get(&part.name),
            None => parts
                .values()
                .next()
                .filter(|value| parts.len() == 1 && !key.is_expected(value)),
        };
        let foreign = value.and_then(|value| owner(catalogue, &wanted, value));
        match (foreign, odd) {
            (Some(row), _) => Some(Self::Foreign {
                provider: row.name,
                title: row.title,
                wanted,
            }),
            (None, Some(part)) => Some(Self::Unknown {
                label: part.label.clone(),
                wanted,
            }),
            (None, None) => None,
        }
    }

    /// The failure for a key that is not taken; `anyway` says how to store it all the same.
    pub fn failure(&self, anyway: &str) -> Failure {
        let hint = match self {
            Self::Foreign { provider, .. } => {
                format!("nothing was stored; run `authctl key add {provider}`, or {anyway}")
            }
            Self::Rejected(_) => "nothing was stored; store a permanent key".into(),
            Self::Unknown { .. } => format!("nothing was stored; if it is one, {anyway}"),
        };
        Failure::new(Code::Refused, self.to_string()).hint(hint)
    }
}

/// Another provider whose keys have this form.
fn owner(catalogue: &Catalogue, wanted: &str, value: &Secret) -> Option<Row> {
    // A folder of rows that cannot be read is reported when a row is needed.
    let row = catalogue.recognize(value.expose()).ok()??;
    let key = row.key.as_ref()?;
    let part = key.parts.first().filter(|_| key.parts.len() == 1)?;
    (row.name != wanted && !key.looks_wrong(&part.name, value.expose())).then_some(row)
}
