//! Why a rotation did not come to its end. What was made is kept, whatever is said here.

use super::api::CallError;
use crate::credential::{Name, StoreKind};
use crate::lifecycle;
use crate::provider::ProviderError;
use crate::sealed;
use crate::secret::SealError;
use jiff::Timestamp;

/// The reasons; a caller branches on them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request may have made a key, and its answer was lost.
    #[error("no answer when `{name}` was to be made anew: {reason}")]
    NoReply {
        /// Which.
        name: Name,
        /// Why.
        reason: String,
    },
    /// The new key is kept, and the provider does not take it yet.
    #[error("the new key of `{name}` is kept, and the provider does not accept it yet: {reason}")]
    NotAccepted {
        /// Which.
        name: Name,
        /// What it said last.
        reason: String,
    },
    /// Something that was made, or replaced, could not be ended.
    #[error("a key of `{name}` that is not used any more could not be ended: {reason}")]
    NotEnded {
        /// Which.
        name: Name,
        /// Why.
        reason: String,
    },
    /// The store does not hold the record that names the new key, so the old one is not ended.
    #[error("the old key of `{name}` is not ended while its store has not taken the new one")]
    NotTaken {
        /// Which.
        name: Name,
    },
    /// The key that was replaced is still good for those who asked before.
    #[error("`{name}` was replaced a short while ago, and the key before it is good until {}", until.strftime("%Y-%m-%d %H:%M:%S UTC"))]
    TooSoon {
        /// Which.
        name: Name,
        /// The end of the grace.
        until: Timestamp,
    },
    /// The provider, or a rule, says no.
    #[error("`{name}` is not rotated: {reason}")]
    Refused {
        /// Which.
        name: Name,
        /// Why.
        reason: String,
        /// What helps.
        hint: Option<String>,
    },
    /// The provider cannot be reached.
    #[error("`{name}` is not rotated: {reason}")]
    Unreachable {
        /// Which.
        name: Name,
        /// Why.
        reason: String,
    },
    /// The old key ended, and the new one was never seen.
    #[error(
        "the key `{name}` was replaced at the provider, and the answer with the new one was lost"
    )]
    Dead {
        /// Which.
        name: Name,
    },
    /// A person has to make the new key.
    #[error("the new key of `{name}` has to be made by hand")]
    ByHand {
        /// Which.
        name: Name,
    },
    /// The provider has no way that is known here.
    #[error("it is not known how a key of `{name}` is rotated")]
    NoRecipe {
        /// Which.
        name: Name,
    },
    /// The facts of the recipe were seen in no source.
    #[error("the recipe for `{name}` was never tried (seen in no source: {fields})")]
    NotAgreed {
        /// Which.
        name: Name,
        /// The fields.
        fields: String,
    },
    /// The credential itself.
    #[error(transparent)]
    Lifecycle(#[from] lifecycle::Error),
    /// The row.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A sealed file.
    #[error(transparent)]
    Sealed(#[from] sealed::Error),
    /// The random generator.
    #[error(transparent)]
    Random(#[from] SealError),
}

impl Error {
    /// One word for it, for scripts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoReply { .. } => "no_reply",
            Self::NotAccepted { .. } => "not_accepted",
            Self::NotEnded { .. } => "not_ended",
            Self::NotTaken { .. } => "not_taken",
            Self::TooSoon { .. } => "too_soon",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Dead { .. } => "dead",
            Self::ByHand { .. } => "by_hand",
            Self::NoRecipe { .. } => "no_recipe",
            Self::NotAgreed { .. } => "not_agreed",
            Self::Lifecycle(_) | Self::Provider(_) | Self::Sealed(_) | Self::Random(_) => "failed",
        }
    }

    /// The store that could not say, where that is why.
    pub fn store(&self) -> Option<StoreKind> {
        match self {
            Self::Lifecycle(lifecycle::Error::Store(error)) => Some(error.store()),
            _ => None,
        }
    }

    /// A call that did nothing.
    pub(super) fn of(name: &Name, error: CallError, needs: Option<&str>) -> Self {
        let (name, reason) = (name.clone(), error.to_string());
        match error {
            CallError::NotSent(_) | CallError::Busy { .. } => Self::Unreachable { name, reason },
            CallError::Lost(_) => Self::Unreachable { name, reason },
            CallError::Forbidden(_) | CallError::Unauthorized(_) => {
                let hint = needs.map(|needs| format!("whoever asks needs {needs}"));
                Self::Refused { name, reason, hint }
            }
            CallError::Fill(super::fill::FillError::NotSet(setting)) => {
                let hint = Some(format!(
                    "run `authctl key set {name} --set {setting}=VALUE`"
                ));
                Self::Refused { name, reason, hint }
            }
            CallError::Fill(super::fill::FillError::NotRead(field)) if field == "id" => {
                let hint = Some(format!(
                    "find it on the provider's page, then run `authctl key set {name} --id ID`"
                ));
                Self::Refused { name, reason, hint }
            }
            CallError::Fill(super::fill::FillError::NotRead(_)) => {
                let hint = Some(
                    "add `--force` if the new key may do more, or live longer, than the old one"
                        .into(),
                );
                Self::Refused { name, reason, hint }
            }
            _ => Self::Refused {
                name,
                reason,
                hint: None,
            },
        }
    }
}
