//! The OAuth exchanges, each in two halves if a user acts between them. Nothing here prints or
//! opens a browser.

mod authorize;
mod callback;
mod id_token;
mod listener;
mod metadata;
mod page;
mod plain;
mod refused_page;
mod revoke;
mod token;
mod whoami;

pub use authorize::{AuthorizeError, Flow, begin};
pub use callback::Callback;
pub use id_token::{IdTokenError, subject_of};
pub use listener::{Arrival, Listener, ListenerError};
pub use metadata::{MetadataError, discover, issuer};
pub use refused_page::refused_page;
pub use revoke::{RevokeError, revoke};
pub use token::{Client, Dialect, Grant, TokenError, TokenReply, is_over, request};
pub use whoami::{Person, whoami};

/// What strangers send, for the fuzzer.
#[cfg(any(test, fuzzing))]
pub mod fuzz {
    pub use super::listener::fuzz as request;
    pub use super::metadata::fuzz as metadata;
    pub use super::token::fuzz as answer;
}
