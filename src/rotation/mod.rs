//! Rotating a key without ever losing one: read "Rotating" in `.github/DESIGN.md` before changing
//! the order of any step. Each step is a save under the lock; whatever is interrupted in between,
//! the next run finishes or undoes it.
//!
//! [`policy`] and [`plan`] decide what is due, from the index alone. [`rotate`] has the order of
//! the steps, with a file for each: [`intents`], [`pending`], [`retired`], [`create`], and [`roll`]
//! for the kind that has no second key; [`accept`] takes a key that a person made. They ask a
//! [`backend`]: [`remote`] (the provider's interface; [`api`] and [`fill`] make its requests from
//! the row) or [`program`] (the user's own). [`run`] is a key during a rotation. [`verify`] asks
//! the provider whether a key works, also for `key add` and `status --check`.

mod accept;
mod api;
mod backend;
mod create;
mod engine;
mod error;
mod fill;
mod hint;
mod intents;
mod kept;
mod listing;
mod omit;
mod options;
mod pending;
mod plan;
mod policy;
mod program;
mod remote;
mod retired;
mod roll;
mod rotate;
mod run;
mod setup;
mod signing;
#[cfg(test)]
mod testing;
mod times;
mod verify;
mod xml;

pub use accept::accept;
pub use error::Error;
pub use kept::{ROTATE, Rotate, Rotated, Trouble, rotate, rotate_in_keeper};
pub use options::{Options, Report};
pub use plan::{Plan, What, is_revoked_manually, plan, since};
pub use policy::{Policy, READER_LIFE};
pub use verify::{Verdict, verify};
