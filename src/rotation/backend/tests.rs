//! Tests.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn listed(id: &str, label: Option<&str>, created: Option<i64>) -> Listed {
    Listed {
        id: Secret::new(id),
        label: label.map(str::to_owned),
        created: created.map(at),
        value: None,
    }
}

#[test]
fn only_an_intended_key_in_no_slot_is_an_orphan() {
    let slots = Slots {
        active_id: Some(Secret::new("1")),
        pending: Some(Made {
            parts: Parts::new(),
            id: Some(Secret::new("2")),
            at: at(0),
            expires: None,
        }),
        making: vec![Making {
            label: "l".into(),
            known: vec![Secret::new("1"), Secret::new("8")],
            at: at(1000),
            roll: false,
        }],
        ..Slots::of(Parts::new())
    };
    let found = |slots: &Slots, has_labels, keys: Vec<Listed>| -> Vec<String> {
        let listing = Listing {
            keys,
            is_partial: false,
        };
        let orphans = orphans(&listing, slots, has_labels, SignedDuration::from_mins(10));
        orphans
            .into_iter()
            .map(|key| key.id.expose().to_owned())
            .collect()
    };
    let keys = vec![
        listed("1", Some("l"), None),
        listed("2", Some("l"), None),
        listed("3", Some("l"), None),
        listed("4", Some("x"), None),
    ];
    assert_eq!(found(&slots, true, keys), ["3"]);
    let keys = || {
        vec![
            listed("1", None, Some(1001)),
            listed("5", None, Some(990)),
            listed("7", None, Some(9000)),
            listed("8", None, Some(1001)),
        ]
    };
    assert_eq!(
        found(&slots, false, keys()),
        ["5"],
        "a clock that is behind"
    );
    assert!(
        found(&slots, true, keys()).is_empty(),
        "an item without its label is nobody's"
    );
    let two = [keys(), vec![listed("9", None, Some(1002))]].concat();
    assert!(found(&slots, false, two).is_empty(), "two are no answer");
    assert!(
        found(
            &Slots {
                making: Vec::new(),
                ..slots
            },
            false,
            keys()
        )
        .is_empty()
    );
}
