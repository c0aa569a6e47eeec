//! Taking keys in: from a person, from a pipe, and from files that other programs wrote; and
//! recognizing which provider they belong to. Nothing here is sent anywhere or stored.

mod bundle;
mod dotenv;
mod form;
mod input;
mod misplaced;
mod paste;
mod recognize;

pub use bundle::{Bundle, Bundled};
pub use dotenv::{Variable, variables};
pub use form::OddForm;
pub use input::{key_parts, optional_key_parts, unwrapped};
pub use misplaced::{Misplaced, check_new_name};
pub use recognize::{RecognizedKey, recognize};
