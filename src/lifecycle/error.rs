//! Why there is no token. Callers branch on the variants; each has its own exit code.

use crate::config;
use crate::credential::{Bound, Entry, IndexError, Kind, Name, StoreKind};
use crate::disk;
use crate::http::TransportError;
use crate::keeper;
use crate::provider::ProviderError;
use crate::sealed::{self, FailedAttempt, FailureKind};
use crate::secret::SealError;
use crate::store;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Everything that can go wrong with a credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such credential.
    #[error("no credential named `{0}`")]
    NotFound(Name),
    /// There is a login, and only a new one helps.
    #[error("no valid login for `{name}`: {why}")]
    LoginRequired {
        /// The credential.
        name: Name,
        /// Why the login is not valid any more.
        why: String,
    },
    /// There is an entry for a key, but the store does not contain it.
    #[error("the key `{name}` is missing from the {store}")]
    KeyGone {
        /// The credential.
        name: Name,
        /// The store that contained it.
        store: StoreKind,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The provider cannot be reached or is overloaded; nothing is lost.
    #[error("cannot refresh `{name}`: {reason}")]
    Unreachable {
        /// The credential.
        name: Name,
        /// The reason.
        reason: String,
        /// How long nobody asks the provider again.
        retry_in: Option<SignedDuration>,
    },
    /// Another process holds the lock.
    #[error("another authctl process is still using `{name}` after {} seconds", waited.as_secs())]
    Busy {
        /// The credential.
        name: Name,
        /// How long this process waited.
        waited: Duration,
    },
    /// A secret would have been sent where it does not belong.
    #[error("refusing to use `{name}`: {reason}")]
    Refused {
        /// The credential.
        name: Name,
        /// Its kind.
        kind: Kind,
        /// What does not match.
        reason: String,
    },
    /// The store contains another credential's record under this one's id.
    #[error("refusing to use `{name}`: the store contains the record of `{found}` in its place")]
    Swapped {
        /// The credential.
        name: Name,
        /// Its kind.
        kind: Kind,
        /// The credential whose record it is.
        found: Name,
    },
    /// A refresh cannot ask for a scope that the login was not granted.
    #[error("the scope `{scope}` was not granted to `{name}`")]
    NotGranted {
        /// The credential.
        name: Name,
        /// The scope.
        scope: String,
    },
    /// There is no room for the new token, so nothing was sent.
    #[error("did not refresh `{name}`, because there is no room to save a new token: {reason}")]
    NoRoom {
        /// The credential.
        name: Name,
        /// The operating system's reason.
        reason: String,
    },
    /// The provider answered, but not with a token.
    #[error("cannot refresh `{name}`: {reason}")]
    Provider {
        /// The credential.
        name: Name,
        /// Its reason.
        reason: String,
    },
    /// Stopped by a signal; whatever had arrived is saved.
    #[error("interrupted")]
    Interrupted,
    /// The record cannot be used.
    #[error("cannot use the record of `{name}`: {reason}")]
    Damaged {
        /// The credential.
        name: Name,
        /// Its kind.
        kind: Kind,
        /// What is wrong with it.
        reason: String,
    },
    /// The record contains a value that must not be handed out, so it was not saved.
    #[error("did not save `{name}`: {reason}")]
    Unsaved {
        /// The credential.
        name: Name,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither the sealed file nor the store took a record.
    #[error("cannot save `{name}`: {sealed}; {store}")]
    NotSaved {
        /// The credential.
        name: Name,
        /// The sealed file's reason.
        sealed: String,
        /// The store's reason.
        store: String,
    },
    /// The request does not make sense for this credential.
    #[error("{0}")]
    Unsuitable(String),
    /// An index file.
    #[error(transparent)]
    Index(IndexError),
    /// A sealed file.
    #[error(transparent)]
    Sealed(#[from] sealed::Error),
    /// A configuration file.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A provider's row.
    #[error(transparent)]
    Provide(#[from] ProviderError),
    /// Another file, or the lock.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The random generator.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The keeper failed, could not be started, or gave no outcome.
    #[error(transparent)]
    Keeper(#[from] keeper::Error),
    /// The runtime could not start.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl From<IndexError> for Error {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::NotFound(name) => Self::NotFound(name),
            error => Self::Index(error),
        }
    }
}

impl Error {
    /// Whether replacing the credential is how a person gets out of this: something was edited,
    /// damaged, or is in a keychain that is not there any more.
    pub fn is_mended_by_replacing(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Swapped { .. }
                | Self::Damaged { .. }
                | Self::Store(store::Error::OtherKeychain { .. })
        )
    }

    /// The failure that another process got.
    pub(super) fn repeated(name: &Name, failure: FailedAttempt, now: Timestamp) -> Self {
        match failure.kind {
            FailureKind::LoginRequired => Self::LoginRequired {
                name: name.clone(),
                why: failure.reason,
            },
            FailureKind::Refused => Self::Provider {
                name: name.clone(),
                reason: failure.reason,
            },
            FailureKind::Unreachable => Self::Unreachable {
                name: name.clone(),
                reason: failure.reason,
                retry_in: Some(failure.retry_after.duration_since(now)),
            },
        }
    }

    /// The entry exists, but its item does not.
    pub(super) fn gone(entry: &Entry) -> Self {
        let (name, store) = (entry.name.clone(), entry.store);
        match entry.kind {
            Kind::Key => Self::KeyGone { name, store },
            Kind::Login => Self::LoginRequired {
                name,
                why: format!("it is missing from the {store}"),
            },
        }
    }

    /// The row of the provider, which says how the credential is sent, was deleted.
    pub(super) fn row_missing(name: &Name, kind: Kind) -> Self {
        let reason = format!(
            "providers/{}.toml, which said how the key is sent, is missing",
            name.provider()
        );
        Self::Refused {
            name: name.clone(),
            kind,
            reason,
        }
    }

    /// A login without a refresh token has a single access token.
    pub(super) fn cannot(name: &Name) -> Self {
        Self::Unsuitable(format!(
            "`{name}` has no refresh token, so it cannot be refreshed; its access token is still valid"
        ))
    }

    /// The single access token of such a login has expired.
    pub(super) fn over(name: &Name, bound: &Bound) -> Self {
        let why = if bound.token_endpoint.is_some() {
            "the access token has expired and there is no refresh token"
        } else {
            "its record contains no token endpoint"
        };
        Self::LoginRequired {
            name: name.clone(),
            why: why.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_edited_or_damaged_is_mended_by_replacing_it() {
        let name: Name = "acme".parse().unwrap();
        let (kind, reason) = (Kind::Key, String::new());
        for mended in [
            Error::Refused {
                name: name.clone(),
                kind,
                reason: reason.clone(),
            },
            Error::Damaged {
                name: name.clone(),
                kind,
                reason,
            },
            Error::Swapped {
                name: name.clone(),
                kind,
                found: name.clone(),
            },
        ] {
            assert!(mended.is_mended_by_replacing(), "{mended}");
        }
        for other in [
            Error::NotFound(name.clone()),
            Error::Interrupted,
            Error::Store(store::Error::Locked {
                store: StoreKind::Keychain,
                reason: None,
            }),
        ] {
            assert!(!other.is_mended_by_replacing(), "{other}");
        }
    }
}
