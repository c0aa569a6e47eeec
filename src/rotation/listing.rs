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
                "its response contains no list of keys".into(),
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
mod tests {
    use super::*;
    use serde_json::json;

    fn list(more: Value) -> List {
        let mut list = json!({
            "call": { "url": "https://a.test/keys" },
            "items": "/keys", "id": "/id", "label": "/name",
        });
        let fields = list.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        serde_json::from_value(list).unwrap()
    }

    #[test]
    fn a_list_is_complete_only_if_every_key_was_read_and_no_page_follows() {
        let answer = json!({ "keys": [{ "id": "a", "name": "l" }, { "id": 7 }], "next": "" });
        let plain = listing(&list(json!({})), None, &answer).unwrap();
        assert_eq!((plain.keys.len(), plain.is_partial), (2, false));
        assert_eq!(plain.keys[0].label.as_deref(), Some("l"));
        assert!(plain.keys[1].id.same_as("7"));
        let partial =
            |more: Value, answer: &Value| listing(&list(more), None, answer).unwrap().is_partial;
        assert!(partial(json!({ "full": 2 }), &answer));
        assert!(!partial(json!({ "full": 3 }), &answer));
        assert!(!partial(json!({ "more": "/next" }), &answer));
        for next in [json!("c"), json!(true), json!(2), json!({})] {
            let answer = json!({ "keys": [], "next": next });
            assert!(partial(json!({ "more": "/next" }), &answer), "{answer}");
        }
        for next in [json!(null), json!(false), json!(0), json!("false")] {
            let answer = json!({ "keys": [], "next": next });
            assert!(!partial(json!({ "more": "/next" }), &answer), "{answer}");
        }
        assert!(partial(json!({}), &json!({ "keys": [{ "name": "x" }] })));
    }

    #[test]
    fn an_empty_list_is_an_array_except_in_xml() {
        let xml = || json!({ "call": { "url": "https://a.test/keys", "xml": true } });
        let is_empty = |more: Value, answer: Value| {
            listing(&list(more), None, &answer).is_ok_and(|listing| listing.keys.is_empty())
        };
        assert!(is_empty(json!({}), json!({ "keys": [] })));
        for answer in [json!({}), json!({ "keys": "" })] {
            assert!(!is_empty(json!({}), answer.clone()));
            assert!(is_empty(xml(), answer));
        }
        assert!(!is_empty(xml(), json!({ "keys": "x" })));
    }
}
