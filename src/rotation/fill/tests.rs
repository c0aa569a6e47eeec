//! Tests.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn values() -> Values {
    Values {
        label: Some("l-1".into()),
        id: Some(Secret::new("a b/c")),
        settings: BTreeMap::from([("project".into(), "p1".into())]),
        old: Some(json!({ "scopes": ["x", "y"], "limit": 5, "none": null })),
        expires: Some(at("2027-01-02T03:04:05Z")),
        now: at("2027-01-01T03:04:05Z"),
        ..Values::default()
    }
}

fn call(json: Value) -> Call {
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_body_keeps_types_and_omits_optional_fields() {
    let call = call(json!({ "url": "https://a.test/", "json": {
        "name": "${label}", "scopes": "${old:/scopes}", "limit": "${old?:/limit}", "none": "${old?:/none}", "team": "${team?}",
        "on": "until ${expires:date}", "ms": "${expires:millis}", "in": ["${expires:seconds}"], "fixed": 3 } }));
    let (kind, body) = values().body(&call).unwrap().unwrap();
    let body: Value = serde_json::from_str(body.expose()).unwrap();
    assert_eq!(kind, "application/json");
    let wanted = json!({ "name": "l-1", "scopes": ["x", "y"], "limit": 5, "on": "until 2027-01-02", "ms": 1798859045000_i64, "in": [86400], "fixed": 3 });
    assert_eq!(body, wanted);
}

#[test]
fn a_missing_value_is_named() {
    let body = |template: &str| {
        values()
            .body(&call(
                json!({ "url": "https://a.test/", "json": { "x": template } }),
            ))
            .unwrap_err()
    };
    assert_eq!(body("${old:/none}"), FillError::NotRead("none".into()));
    assert_eq!(body("${team}"), FillError::NotSet("team".into()));
    assert!(matches!(body("${expires:soon}"), FillError::Row(_)));
}

#[test]
fn a_value_cannot_leave_its_place_in_a_url_or_form() {
    let url = |template: &str, values: &Values| {
        values
            .url(&call(json!({ "url": template })))
            .map(String::from)
    };
    assert_eq!(
        url("https://a.test/k/${id}?p=${project}", &values()).unwrap(),
        "https://a.test/k/a%20b/c?p=p1"
    );
    let hostile = Values {
        id: Some(Secret::new("../../x")),
        ..values()
    };
    assert!(url("https://a.test/k/${id}", &hostile).is_err());
    let hostile = Values {
        id: Some(Secret::new("x?y=1#z@evil")),
        ..values()
    };
    assert_eq!(
        url("https://a.test/k/${id}", &hostile).unwrap(),
        "https://a.test/k/x%3Fy%3D1%23z%40evil"
    );
    let form = call(
        json!({ "url": "https://a.test/", "form": { "a": "${old:/scopes}", "b": "x&y=${label}", "c": "${old?:/none}" } }),
    );
    assert_eq!(
        values().body(&form).unwrap().unwrap().1.expose(),
        "a=x+y&b=x%26y%3Dl-1"
    );
}

proptest! {
    #[test]
    fn no_value_panics_or_moves_the_host(id: String, template: String) {
        let values = Values { id: Some(Secret::new(id)), ..values() };
        if let Ok(url) = values.url(&call(json!({ "url": "https://a.test/k/${id}" }))) {
            prop_assert_eq!(url.host_str(), Some("a.test"));
        }
        let _ = values.text(&template);
    }
}
