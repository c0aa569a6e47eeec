//! Providers as data: one row of TOML each, built in or the user's own. No provider's name ever stands in an `if`.

mod builtin;
mod call;
mod catalogue;
#[cfg(test)]
mod facts;
mod key;
mod oauth;
#[cfg(test)]
mod page;
mod render;
mod rotation;
mod row;
mod variable;

pub use call::{Call, Method, Word, words};
pub use catalogue::Catalogue;
pub use key::{Check, KeySpec, Part};
pub use oauth::{
    OAuthSpec, Pkce, Redirect, RevokeSpec, RevokeStyle, SecretRule, TokenBody, WhoAmI,
};
#[cfg(test)]
pub use page::page;
pub use render::{Header, RenderError, Template, render};
pub use rotation::{Caller, List, Recipe, RotationKind, Setting, Signing};
pub use row::{ProviderError, Row};
pub use variable::check_variable;
