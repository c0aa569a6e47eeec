//! Providers as data: one TOML file (a row) each, built in or written by the user. The code never
//! branches on the name of a provider.

mod builtin;
mod call;
mod catalogue;
#[cfg(test)]
mod facts;
mod key;
mod oauth;
mod outline;
#[cfg(test)]
mod page;
mod prefixes;
mod register;
mod render;
mod resolve;
mod rotation;
mod row;
mod rows;
mod template;
mod variable;

pub use call::{Call, CallPiece, Method, Word, call_pieces};
pub use catalogue::Catalogue;
pub use key::{Check, KeySpec, Part};
pub use oauth::{
    OAuthSpec, Pkce, Redirect, RevokeSpec, RevokeStyle, SecretRule, TokenBody, WhoAmI,
};
pub use outline::Candidates;
#[cfg(test)]
pub use page::page;
pub use prefixes::Prefixes;
pub use render::{Header, RenderError, Template, render};
pub use rotation::{Caller, List, Recipe, RotationKind, Setting, Signing};
#[cfg(any(test, fuzzing))]
pub use row::fuzz;
pub use row::{ProviderError, Row};
pub use rows::{ReadRow, Rows};
pub use variable::check_variable;
