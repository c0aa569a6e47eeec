//! Logins of one account with one client under two names: some authorization servers keep only one
//! grant for them, so that the second login ends the first.

use super::Context;
use crate::credential::{Bound, Entry, Kind, Name};

/// What to tell the user about the other logins of the same account, if there are any.
pub(super) fn warning(context: &Context<'_>, name: &Name, bound: &Bound) -> Option<String> {
    bound.subject.as_ref()?;
    let is_twin = |entry: &Entry| {
        entry.kind == Kind::Login && entry.name != *name && {
            let other = &entry.bound;
            other.subject == bound.subject
                && other.client_id == bound.client_id
                && other.token_endpoint == bound.token_endpoint
        }
    };
    let others = context
        .index
        .read_all(|entry| is_twin(&entry).then_some(entry.name))
        .ok()?;
    let mut others: Vec<Name> = others.readable.into_iter().flatten().collect();
    others.sort();
    let others: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
    (!others.is_empty()).then(|| {
        format!(
            "the same account and client are also used by {}; some servers keep only the newest of these logins",
            others.join(", ")
        )
    })
}
