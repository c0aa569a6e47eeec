//! Reading a list of keys from a provider's answer.

use super::api::CallError;
use super::backend::{Listed, Listing};
use super::fill::{id, text_at};
use super::times::time_at;
use crate::provider::List;
use crate::secret::Secret;
use serde_json::Value;

/// The keys in an answer. `hint` points to the part of a key that the provider shows.
///
/// # Errors
/// The answer contains no list.
pub(super) fn listing(
    list: &List,
    hint: Option<&str>,
    answer: &Value,
) -> Result<Listing, CallError> {
    let items = answer.pointer(&list.items).unwrap_or(&Value::Null);
    let items: &[Value] = match items {
        Value::Array(items) => items,
        // In XML, an empty list is an empty element, or none at all.
        Value::Null if list.call.xml => &[],
        Value::String(text) if text.is_empty() && list.call.xml => &[],
        _ => {
            return Err(CallError::Lost(
                "the response contains no list of keys".into(),
            ));
        }
    };
    let read = |item: &Value| {
        let at = |pointer: Option<&str>| pointer.and_then(|pointer| text_at(item, pointer));
        let created = list.created.as_ref();
        Some(Listed {
            id: text_at(item, &list.id).and_then(|text| id(text).ok())?,
            label: at(list.label.as_deref()),
            created: created.and_then(|pointer| time_at(item, pointer)),
            value: at(list.value.as_deref())
                .or_else(|| at(hint))
                .map(Secret::new),
        })
    };
    let keys: Vec<Listed> = items.iter().filter_map(read).collect();
    let more = list.more.as_ref();
    let has_more = more
        .and_then(|pointer| answer.pointer(pointer))
        .is_some_and(is_more);
    // A key that cannot be read, or is on a further page, may be the one that is looked for.
    let is_partial =
        has_more || keys.len() < items.len() || list.full.is_some_and(|full| items.len() >= full);
    Ok(Listing { keys, is_partial })
}

/// Whether a value says that there are further pages.
fn is_more(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty() && text != "false",
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
