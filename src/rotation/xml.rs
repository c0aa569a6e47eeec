//! XML answers, read as if they were JSON: an element becomes an object of its children or its
//! text; repeated elements, and elements called `member`, which are lists, become arrays.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// The maximum depth.
const DEEPEST: usize = 32;

/// Reads a document; attributes are ignored.
///
/// # Errors
/// It is not XML.
pub fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<(String, Map<String, Value>, String)> =
        vec![(String::new(), Map::new(), String::new())];
    loop {
        match reader
            .read_event()
            .map_err(|error| format!("the response is not valid XML: {error}"))?
        {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return Err("the response is nested too deeply".into());
                }
                open.push((
                    start.local_name().as_ref().to_owned(),
                    Map::new(),
                    String::new(),
                ));
            }
            Event::Empty(empty) => put(
                &mut open,
                empty.local_name().as_ref().to_owned(),
                Value::String(String::new()),
            ),
            Event::Text(text) => {
                if let Some((_, _, content)) = open.last_mut() {
                    content.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let word: &str = &reference;
                let resolved = match reference
                    .resolve_char_ref()
                    .map_err(|error| error.to_string())?
                {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(word)
                        .unwrap_or_default()
                        .to_owned(),
                };
                if let Some((_, _, content)) = open.last_mut() {
                    content.push_str(&resolved);
                }
            }
            Event::End(_) => {
                let Some((name, children, content)) = open.pop() else {
                    break;
                };
                let value = if children.is_empty() {
                    Value::String(content.trim().to_owned())
                } else {
                    Value::Object(children)
                };
                put(&mut open, name, value);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.as_mut_slice() {
        [(_, children, _)] => Ok(Value::Object(std::mem::take(children))),
        _ => Err("the response is truncated".into()),
    }
}

fn put(open: &mut [(String, Map<String, Value>, String)], name: String, value: Value) {
    let Some((_, children, _)) = open.last_mut() else {
        return;
    };
    match children.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(there) => *there = Value::Array(vec![there.take(), value]),
        None if name == "member" => drop(children.insert(name, Value::Array(vec![value]))),
        None => drop(children.insert(name, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_answer_becomes_a_document() {
        let text = "<?xml version=\"1.0\"?><R xmlns=\"x\"><K><Id>A&amp;1</Id><Empty/></K><L><member>1</member></L><L2><member>1</member><member>2</member></L2></R>";
        let wanted = json!({ "R": { "K": { "Id": "A&1", "Empty": "" }, "L": { "member": ["1"] }, "L2": { "member": ["1", "2"] } } });
        assert_eq!(read(text).unwrap(), wanted);
        assert!(read("<a><b></a>").is_err());
        assert!(read("<a><b>").is_err());
        assert!(read(&"<a>".repeat(100)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&text);
        }
    }
}
