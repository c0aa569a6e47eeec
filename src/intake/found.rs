//! What was recognized in a file.

use crate::credential::{Bound, Name, Parts};

/// A key that was recognized.
pub struct RecognizedKey {
    /// The name it would be stored under.
    pub name: Name,
    /// Its parts.
    pub parts: Parts,
    /// What it is bound to.
    pub bound: Bound,
    /// The variables that contain it, and where they are in the file.
    pub places: Vec<(String, String)>,
    /// Whether these are the variables that usually contain such a key.
    pub is_usual: bool,
    /// Why it cannot be stored, if it cannot.
    pub problem: Option<String>,
}

/// Something in a file that may be a secret and is no key of a known provider.
pub struct Leftover {
    /// The variable, if it is one.
    pub variable: Option<String>,
    /// Where it is in the file.
    pub place: String,
    /// What it may be.
    pub problem: String,
}

/// What a file contains.
pub struct Recognized {
    /// The keys of known providers, in their order.
    pub keys: Vec<RecognizedKey>,
    /// What else may be a secret.
    pub left: Vec<Leftover>,
}
