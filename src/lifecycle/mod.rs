//! The lifecycle of a credential: getting a token, and every change of a record.
//!
//! Reading is [`look`]. The pure decisions are in [`decide`]. [`get`] is the whole way from a name
//! to a token, and [`refresh`] is its part under the lock; [`sending`] says how the token is sent.
//! A change starts with a [`Claim`], which holds the lock. Every change of a record goes through
//! [`put`], which is [`save`] for an existing record and [`add`] for a new one; `key` and `login`
//! prepare what is put. [`remove`] deletes a credential, [`relocate`] moves or renames it, and
//! [`recover`] finishes or undoes what an interrupted command left.

mod add;
mod binding;
mod cached;
mod claim;
mod cleanup;
mod client;
mod context;
mod current;
mod decide;
mod error;
mod exchange;
mod existing;
mod failed;
mod get;
mod identify;
mod kept;
mod key;
mod login;
mod look;
mod put;
mod recover;
mod refresh;
mod registration;
mod relocate;
mod remove;
mod rename;
mod save;
mod sending;
#[cfg(test)]
pub mod testing;
mod turn;
mod twins;

pub use cached::forget_keys;
pub use claim::Claim;
pub use client::ClientError;
pub use context::Context;
pub use current::current;
pub use decide::Wanted;
pub use error::Error;
pub use existing::existing;
pub use get::{Handed, parts, token};
pub use kept::{LOGIN, Login, REFRESH, Refresh, log_in, log_in_here, refresh_here};
pub use key::{Every, KeyChange, NewKey, put_key, set_key};
pub use login::{Attempt, Done, LoginError};
pub use look::{Found, Look, can_read, look};
pub use recover::recover;
pub use registration::{
    Registration, SecretMove, is_client_used, move_client_secret, remove_client,
};
pub use relocate::relocate;
pub use remove::{Revocation, remove};
pub use rename::rename;
pub use save::{Saved, save};
pub use sending::{Sending, sending};
pub use turn::Turn;
