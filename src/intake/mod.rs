//! Taking keys in: from a person, from a pipe, and from files that other programs wrote; and
//! recognizing which provider they belong to. Nothing here is sent anywhere or stored.

mod apart;
mod bundle;
mod describe;
mod dotenv;
mod form;
mod found;
mod input;
mod leftover;
mod misplaced;
mod paste;
mod recognize;

pub use bundle::{Bundle, Bundled};
pub use dotenv::Contents;
pub use form::OddForm;
pub use found::Recognized;
pub use input::{key_parts, optional_key_parts, unwrapped};
pub use misplaced::{Misplaced, check_new_name};
#[cfg(any(test, fuzzing))]
pub use recognize::fuzz;
pub use recognize::recognize;
