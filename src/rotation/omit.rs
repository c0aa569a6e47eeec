//! Removes the values that a provider itself adds to the permissions of every key.

use serde_json::Value;

/// Removes texts from every list in a document.
pub(super) fn omit(document: &mut Value, texts: &[String]) {
    match document {
        Value::Array(items) => {
            items.retain(|item| {
                item.as_str()
                    .is_none_or(|item| !texts.iter().any(|text| text == item))
            });
            items.iter_mut().for_each(|item| omit(item, texts));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| omit(field, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn t3_what_a_provider_adds_by_itself_is_not_asked_for() {
        let texts = ["given".to_owned(), "2fa".to_owned()];
        for (before, after) in [
            (
                json!({ "scopes": ["given", "a", "2fa"] }),
                json!({ "scopes": ["a"] }),
            ),
            (
                json!({ "x": { "scopes": [["given"], 1] } }),
                json!({ "x": { "scopes": [[], 1] } }),
            ),
            (
                json!({ "scopes": "given", "given": true }),
                json!({ "scopes": "given", "given": true }),
            ),
            (json!(["2fa", null]), json!([null])),
            (json!("given"), json!("given")),
        ] {
            let mut document = before;
            omit(&mut document, &texts);
            assert_eq!(document, after);
        }
    }
}
