//! The reason why a rotation did not finish. Every key that was created stays stored.

use super::api::CallError;
use crate::credential::{ErrorCode, Name, StoreKind};
use crate::keeper::{self, Reported};
use crate::lifecycle;
use crate::provider::ProviderError;
use crate::sealed;
use crate::secret::SealError;
use jiff::Timestamp;

/// The reason why a rotation did not finish; callers branch on the variants.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request may have created a key, but its answer was lost.
    #[error("the provider's response to the rotation of `{name}` was lost: {reason}")]
    NoReply {
        /// The credential.
        name: Name,
        /// The reason.
        reason: String,
    },
    /// The new key is stored, but the provider does not accept it yet.
    #[error("the new key of `{name}` is stored, but not accepted by the provider yet: {reason}")]
    NotAccepted {
        /// The credential.
        name: Name,
        /// The last answer.
        reason: String,
    },
    /// The new key is stored, and the provider could not be asked about it.
    #[error(
        "the new key of `{name}` is stored, but it could not be verified with the provider: {reason}"
    )]
    NotVerified {
        /// The credential.
        name: Name,
        /// The reason.
        reason: String,
    },
    /// A key that is no longer in use could not be revoked.
    #[error("cannot revoke an unused key of `{name}`: {reason}")]
    NotRevoked {
        /// The credential.
        name: Name,
        /// The reason.
        reason: String,
    },
    /// The store does not have the new key yet, so the previous one is not revoked.
    #[error(
        "did not revoke the previous key of `{name}`, because its store does not have the new one yet"
    )]
    NotInStore {
        /// The credential.
        name: Name,
    },
    /// The previous key is still in its grace period.
    #[error("`{name}` was rotated recently, and its previous key is valid until {}", until.strftime("%Y-%m-%d %H:%M:%S UTC"))]
    TooSoon {
        /// The credential.
        name: Name,
        /// The end of the grace period.
        until: Timestamp,
    },
    /// The provider or a rule refused.
    #[error("cannot rotate `{name}`: {reason}")]
    Refused {
        /// The credential.
        name: Name,
        /// The reason.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The provider cannot be reached.
    #[error("cannot rotate `{name}`: {reason}")]
    Unreachable {
        /// The credential.
        name: Name,
        /// The reason.
        reason: String,
    },
    /// The old value no longer works, and the new one was never received.
    #[error(
        "the key `{name}` was replaced at the provider, but the response with the new value was lost"
    )]
    Dead {
        /// The credential.
        name: Name,
    },
    /// A person has to create the new key.
    #[error("the new key of `{name}` has to be created manually")]
    Manual {
        /// The credential.
        name: Name,
    },
    /// There is no recipe for the provider.
    #[error("there is no rotation recipe for `{name}`")]
    NoRecipe {
        /// The credential.
        name: Name,
    },
    /// The recipe has unverified facts, and nobody has agreed to it.
    #[error(
        "the rotation recipe for `{name}` is not confirmed by the provider's documentation (unverified: {fields})"
    )]
    NotAgreed {
        /// The credential.
        name: Name,
        /// The unverified fields.
        fields: String,
    },
    /// The credential cannot be read or saved.
    #[error(transparent)]
    Lifecycle(#[from] lifecycle::Error),
    /// The provider's row.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A sealed file.
    #[error(transparent)]
    Sealed(#[from] sealed::Error),
    /// The random generator.
    #[error(transparent)]
    Random(#[from] SealError),
    /// The keeper reported another failure, and has written it to the audit log.
    #[error("{0}")]
    Reported(Reported),
}

impl Error {
    /// The kind of failure, as the index stores it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoReply { .. } => ErrorCode::NoReply,
            Self::NotAccepted { .. } => ErrorCode::NotAccepted,
            Self::NotRevoked { .. } => ErrorCode::NotRevoked,
            Self::NotInStore { .. } => ErrorCode::NotInStore,
            Self::Refused { .. } => ErrorCode::Refused,
            Self::Unreachable { .. } | Self::NotVerified { .. } => ErrorCode::Unreachable,
            Self::Dead { .. } => ErrorCode::Dead,
            Self::NoRecipe { .. } => ErrorCode::NoRecipe,
            _ => ErrorCode::Failed,
        }
    }

    /// Whether it is a failure; otherwise another step comes first, and nothing is stored.
    pub fn is_failure(&self) -> bool {
        !matches!(
            self,
            Self::Manual { .. }
                | Self::TooSoon { .. }
                | Self::NotAgreed { .. }
                | Self::Lifecycle(lifecycle::Error::Interrupted)
        )
    }

    /// The store that could not be read, if that is the reason.
    pub fn store(&self) -> Option<StoreKind> {
        match self {
            Self::Lifecycle(lifecycle::Error::Store(error)) => Some(error.store()),
            Self::Lifecycle(lifecycle::Error::Keeper(keeper::Error::Failed(failure)))
            | Self::Reported(failure) => failure.store,
            _ => None,
        }
    }

    /// The error of a request that did nothing.
    pub(super) fn of(name: &Name, error: CallError, needs: Option<&str>) -> Self {
        let (name, reason) = (name.clone(), error.to_string());
        match error {
            CallError::NotSent(_) | CallError::Busy { .. } => Self::Unreachable { name, reason },
            CallError::Lost(_) => Self::Unreachable { name, reason },
            CallError::Forbidden(_) | CallError::Unauthorized(_) => {
                let hint = needs.map(|needs| format!("rotating this key needs {needs}"));
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
                    "add `--force` to accept a new key that might have more permissions or a longer lifetime than the previous one"
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
