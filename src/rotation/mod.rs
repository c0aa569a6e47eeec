//! Rotating a key so that nothing that was made is ever lost: see section 6 of the design before changing the order of
//! any step. Each step is a save under the lock; whatever dies in between, the next run finishes or undoes it.
//!
//! `policy` and `plan` decide what is due, from the index alone. `engine` has the steps of a rotation, with `intents` for the
//! first of them and `roll` for the kind that has no second key; it asks a `backend`: `remote` (the provider's interface, as
//! `api` and `fill` make its requests from the row) or `program` (the user's own). `run` is a credential in the middle of a
//! rotation.

mod api;
mod backend;
mod engine;
mod error;
mod fill;
mod intents;
mod plan;
mod policy;
mod program;
mod remote;
mod roll;
mod rotate;
mod run;
mod signing;
mod xml;

pub use error::Error;
pub use plan::{Plan, What, ends_by_hand, plan};
pub use policy::{NEVER, Policy, READER_LIFE};
pub use rotate::{Options, Report, accept, rotate};

/// What a provider says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Good,
    /// It works, and may not do what the check asks.
    Forbidden,
    /// It does not.
    Bad,
    /// Nobody could be asked.
    Unclear(String),
    /// There is no request that tells.
    Unknowable,
}
