//! Why there is no token. A caller branches on the variants; each has its own exit code.

use crate::config;
use crate::credential::{Bound, Index, IndexError, Kind, Name, StoreKind};
use crate::disk;
use crate::http::TransportError;
use crate::provider::ProviderError;
use crate::sealed::{self, FailedAttempt, FailureKind};
use crate::secret::SealError;
use crate::store;
use jiff::Timestamp;
use std::time::Duration;

/// Everything that can go wrong between a name and its token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such credential.
    #[error("no credential is called `{0}`")]
    NotFound(Name),
    /// There is one, and only a new login helps.
    #[error("no valid login for `{name}`: {why}")]
    LoginRequired {
        /// Which.
        name: Name,
        /// Why the old one is over.
        why: String,
    },
    /// There is an entry for a key, and the store holds it no more.
    #[error("the {store} no longer holds the key `{name}`")]
    KeyGone {
        /// Which.
        name: Name,
        /// Where it was.
        store: StoreKind,
    },
    /// The store cannot say.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The provider cannot be reached or is not well; everything is kept.
    #[error("cannot refresh `{name}`: {reason}")]
    Unreachable {
        /// Which.
        name: Name,
        /// Why.
        reason: String,
        /// Nobody asks again before this.
        retry_after: Option<Timestamp>,
    },
    /// Another process holds the lock.
    #[error("`{name}`: another authctl is still busy with it after {} seconds", waited.as_secs())]
    Busy {
        /// Which.
        name: Name,
        /// How long this process waited.
        waited: Duration,
    },
    /// A secret would have gone where it does not belong.
    #[error("`{name}` is refused: {reason}")]
    Refused {
        /// Which.
        name: Name,
        /// What does not fit.
        reason: String,
    },
    /// The store holds another credential's record under this one's id.
    #[error("`{name}` is refused: the store holds the record of `{found}` in its place")]
    Swapped {
        /// Which.
        name: Name,
        /// Whose record is there.
        found: Name,
    },
    /// A refresh cannot widen what the login was granted.
    #[error("the scope `{scope}` was not granted to `{name}`")]
    NotGranted {
        /// Which.
        name: Name,
        /// The scope.
        scope: String,
    },
    /// There is no room for what would come back, so nothing was sent.
    #[error("`{name}` is not refreshed, since the new token could not be kept: {reason}")]
    NoRoom {
        /// Which.
        name: Name,
        /// The disk's reason.
        reason: String,
    },
    /// The provider answered, and not with a token.
    #[error("cannot refresh `{name}`: {reason}")]
    Provider {
        /// Which.
        name: Name,
        /// Its reason.
        reason: String,
    },
    /// Stopped by a signal; what had arrived is saved.
    #[error("interrupted")]
    Interrupted,
    /// The record is not what it should be.
    #[error("the record of `{name}` cannot be used: {reason}")]
    Damaged {
        /// Which.
        name: Name,
        /// What is wrong with it.
        reason: String,
    },
    /// The record would hold what must not be handed out, so it was not saved.
    #[error("`{name}` is not saved: {reason}")]
    Unsaved {
        /// Which.
        name: Name,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither the sealed file nor the store took a record.
    #[error("`{name}` could not be saved: {sealed}; {store}")]
    NotSaved {
        /// Which.
        name: Name,
        /// The sealed file's reason.
        sealed: String,
        /// The store's reason.
        store: String,
    },
    /// The question does not fit the credential.
    #[error("{0}")]
    Unsuitable(String),
    /// An index file.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A sealed file.
    #[error(transparent)]
    Sealed(#[from] sealed::Error),
    /// A file of the user's.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A row.
    #[error(transparent)]
    Provide(#[from] ProviderError),
    /// Another file, or the lock.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The random generator.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The runtime could not start.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Error {
    /// The answer that another process got.
    pub(super) fn repeated(name: &Name, failure: FailedAttempt) -> Self {
        match failure.kind {
            FailureKind::LoginRequired => Self::LoginRequired {
                name: name.clone(),
                why: failure.reason,
            },
            FailureKind::Unreachable => Self::Unreachable {
                name: name.clone(),
                reason: failure.reason,
                retry_after: Some(failure.retry_after),
            },
        }
    }

    /// The entry is there and its item is not.
    pub(super) fn gone(index: &Index) -> Self {
        let (name, store) = (index.name.clone(), index.store);
        match index.kind {
            Kind::Key => Self::KeyGone { name, store },
            Kind::Login => Self::LoginRequired {
                name,
                why: format!("the {store} no longer holds it"),
            },
        }
    }

    /// A login without a refresh token has one access token and no way to another.
    pub(super) fn cannot(name: &Name) -> Self {
        Self::Unsuitable(format!(
            "`{name}` has no refresh token, so there is no other token than the one it has, which is good"
        ))
    }

    /// The one access token of such a login has ended.
    pub(super) fn over(name: &Name, bound: &Bound) -> Self {
        let why = if bound.token_endpoint.is_some() {
            "the access token has ended and there is no refresh token"
        } else {
            "it names no token endpoint"
        };
        Self::LoginRequired {
            name: name.clone(),
            why: why.into(),
        }
    }
}
