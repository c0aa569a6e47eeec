//! Authorization server metadata: RFC 8414, and OpenID Connect Discovery 1.0. A server may publish
//! one of the two documents or both, and in places that differ from those of its specification.

mod discover;
mod document;
mod place;
#[cfg(test)]
mod tests;

pub use discover::{MetadataError, discover};
#[cfg(any(test, fuzzing))]
pub use document::fuzz;
pub use place::issuer;
