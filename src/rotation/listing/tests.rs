//! Tests.

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
