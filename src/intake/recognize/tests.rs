//! Which keys are found in a file.

use super::*;
use crate::config::Paths;

fn found(catalogue: &Catalogue, text: &str) -> Vec<RecognizedKey> {
    recognize(catalogue, &Contents::of(text).unwrap())
        .unwrap()
        .keys
}

#[test]
fn keys_are_found_by_name_then_by_form() {
    let home = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(&Paths::in_one(home.path()));
    let text = format!(
        "STRIPE_API_KEY=sk_test_{a}\nPAY=sk_live_{a}\nDATABASE_URL=postgres://u:p@h/d\nDD_API_KEY={hex}\nDD_APP_KEY={hex}01234567\nGRAFANA_TOKEN=glsa_x\nOPENAI_API_KEY=nonsense\n",
        a = "0123456789abcdefABCD",
        hex = "0123456789abcdef0123456789abcdef"
    );
    let keys = found(&catalogue, &text);
    let shown: Vec<(String, usize, bool)> = keys
        .iter()
        .map(|key| (key.name.to_string(), key.parts.len(), key.problem.is_none()))
        .collect();
    let half = found(&catalogue, "DD_API_KEY=x\nOTHER=y\n");
    assert_eq!(
        half[0].problem.as_deref(),
        Some("not stored: its other part, DD_APP_KEY, is not in the file")
    );
    let expected = [
        ("stripe", 1, true),
        ("stripe", 1, false),
        ("datadog", 2, true),
        ("grafana", 1, false),
        ("openai", 1, false),
    ];
    assert_eq!(
        shown
            .iter()
            .map(|(name, parts, fine)| (name.as_str(), *parts, *fine))
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn the_parts_of_one_key_stand_beside_each_other() {
    let home = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(&Paths::in_one(home.path()));
    let (id, secret) = ("AKIAIOSFODNN7EXAMPL2", "s".repeat(40));
    let text = format!(
        "{{\"a\":{{\"AWS_ACCESS_KEY_ID\":\"{id}\"}},\"b\":{{\"AWS_ACCESS_KEY_ID\":\"{id}\",\"AWS_SECRET_ACCESS_KEY\":\"{secret}\"}},
          \"dev\":{{\"STRIPE_API_KEY\":\"sk_test_0123456789\"}},\"prod\":{{\"STRIPE_API_KEY\":\"sk_live_0123456789\"}}}}"
    );
    let keys = found(&catalogue, &text);
    let shown: Vec<(String, &str)> = keys
        .iter()
        .map(|key| (key.name.to_string(), key.places[0].1.as_str()))
        .collect();
    let expected = [
        ("aws", "/b/AWS_ACCESS_KEY_ID"),
        ("stripe/dev-stripe-api-key", "/dev/STRIPE_API_KEY"),
        ("stripe/prod-stripe-api-key", "/prod/STRIPE_API_KEY"),
    ];
    assert_eq!(
        shown
            .iter()
            .map(|(name, place)| (name.as_str(), *place))
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn t1_t2_keys_in_every_form_that_is_issued_are_recognized() {
    let home = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(&Paths::in_one(home.path()));
    let word = |length: usize| {
        "aB3"
            .repeat(length)
            .chars()
            .take(length)
            .collect::<String>()
    };
    for (variable, value, provider) in [
        ("GEMINI_API_KEY", format!("AQ.{}", word(50)), "google"),
        ("GEMINI_API_KEY", format!("AIza{}", word(35)), "google"),
        ("GITHUB_TOKEN", format!("gho_{}", word(36)), "github"),
        ("GITHUB_TOKEN", format!("ghu_{}", word(36)), "github"),
        ("GITHUB_TOKEN", format!("ghs_{}", word(36)), "github"),
        (
            "GITHUB_TOKEN",
            format!("ghs_12345_eyJ{0}.{0}.{0}", word(60)),
            "github",
        ),
        ("GH_TOKEN", format!("github_pat_{}", word(82)), "github"),
    ] {
        let keys = found(&catalogue, &format!("{variable}={value}\n"));
        let shown: Vec<(String, Option<&str>)> = keys
            .iter()
            .map(|key| (key.name.to_string(), key.problem.as_deref()))
            .collect();
        assert_eq!(shown, [(provider.to_owned(), None)], "{value}");
        let owner = catalogue.recognize(&value).unwrap().map(|row| row.name);
        assert_eq!(owner.as_deref(), Some(provider), "{value}");
    }
}

/// The rows that are read because of what is in the file find what all rows find.
#[test]
fn no_row_is_missed() {
    let home = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(&Paths::in_one(home.path()));
    let rows = catalogue.rows().unwrap();
    let mut text =
        String::from("# a comment: PATH=/usr/bin\nLOG=debug\nDB_PASSWORD=horse-battery\n");
    for (number, row) in rows.iter().enumerate() {
        let Some(key) = &row.key else { continue };
        for group in key.variable_groups() {
            text.extend(group.iter().map(|name| format!("{name}=value-{number}\n")));
        }
        for prefix in &key.prefixes {
            let value = format!("{prefix}0123456789abcdefABCD{number}");
            text.push_str(&format!("{}_{number}={value}\n", row.name.to_uppercase()));
            text.push_str(&format!("# unset: {value}\nX{number}='Bearer {value}'\n"));
        }
    }
    let shown = |found: Recognized| -> Vec<String> {
        let keys = found.keys.into_iter();
        let keys = keys.map(|key| format!("{} {:?} {:?}", key.name, key.places, key.problem));
        let left = found.left.into_iter();
        keys.chain(left.map(|left| format!("{:?} {} {}", left.variable, left.place, left.problem)))
            .collect()
    };
    for line in text.lines().chain([text.as_str()]) {
        let contents = Contents::of(line).unwrap();
        let all = shown(among(&rows, &contents).unwrap());
        assert_eq!(
            shown(recognize(&catalogue, &contents).unwrap()),
            all,
            "{line}"
        );
    }
}
