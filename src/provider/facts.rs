//! Tests of every built-in row, and of how many of its facts have a source.

use super::builtin::BUILTIN;
use super::{Catalogue, Row, render};
use crate::config::Paths;
use crate::credential::trusted_url;
use crate::secret::Secret;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};

fn rows() -> Vec<(Row, toml::Table)> {
    BUILTIN
        .iter()
        .map(|(_, text)| {
            (
                toml::from_str::<Row>(text).unwrap().example().unwrap(),
                toml::from_str(text).unwrap(),
            )
        })
        .collect()
}

/// A text that matches a pattern, always the same one.
fn sample(pattern: &str) -> String {
    // In the patterns of rows, `\w` is ASCII; for the generator, it is all of Unicode.
    let ascii = pattern
        .replace(r"[\w", "[A-Za-z0-9_")
        .replace(r"\w", "[A-Za-z0-9_]")
        .replace(r"\d", "[0-9]");
    let mut runner = TestRunner::deterministic();
    proptest::string::string_regex(&ascii)
        .unwrap()
        .new_tree(&mut runner)
        .unwrap()
        .current()
}

/// The path of every fact in a row, with dots.
fn facts(table: &toml::Table, prefix: &str, found: &mut BTreeSet<String>) {
    for (name, value) in table {
        let path = format!("{prefix}{name}");
        match value {
            _ if prefix.is_empty()
                && [
                    "name",
                    "title",
                    "verified",
                    "sources",
                    "unverified",
                    "variables",
                ]
                .contains(&name.as_str()) => {}
            toml::Value::Array(recipes) if name == "rotation" => {
                for recipe in recipes.iter().filter_map(toml::Value::as_table) {
                    let own = recipe
                        .get("name")
                        .and_then(toml::Value::as_str)
                        .map(|name| format!("{name}."))
                        .unwrap_or_default();
                    let told = recipe.iter().filter(|(field, _)| {
                        !["name", "settings", "when"].contains(&field.as_str())
                    });
                    facts(
                        &told
                            .map(|(field, value)| (field.clone(), value.clone()))
                            .collect(),
                        &format!("{path}.{own}"),
                        found,
                    );
                }
            }
            // One request is one fact.
            toml::Value::Table(_)
                if prefix.starts_with("rotation.")
                    && ["call", "read", "verify", "revoke", "value"].contains(&name.as_str()) =>
            {
                found.insert(path);
            }
            toml::Value::Table(inner) if !["authorize_params"].contains(&name.as_str()) => {
                facts(inner, &format!("{path}."), found)
            }
            toml::Value::Array(parts) if name == "parts" => {
                for part in parts.iter().filter_map(toml::Value::as_table) {
                    let part_name = part["name"].as_str().unwrap();
                    found.extend(
                        part.contains_key("pattern")
                            .then(|| format!("{path}.{part_name}.pattern")),
                    );
                }
            }
            _ => drop(found.insert(path)),
        }
    }
}

fn is_below(fact: &str, entry: &str) -> bool {
    fact == entry
        || fact
            .strip_prefix(entry)
            .is_some_and(|rest| rest.starts_with('.'))
}

#[test]
fn every_url_is_https_and_every_endpoint_is_within_the_origins() {
    for (row, table) in rows() {
        let name = &row.name;
        let mut texts = Vec::new();
        strings(&toml::Value::Table(table), &mut texts);
        for text in texts.iter().filter(|text| text.contains("://")) {
            assert!(!text.contains("http://"), "{name}: {text}");
        }
        let origins = row.bound_origins().unwrap();
        row.check_rotation().unwrap();
        let managed: Vec<crate::credential::Origin> = row
            .manager_origins
            .iter()
            .map(|origin| origin.parse().unwrap())
            .collect();
        for (recipe, (field, call)) in row
            .rotation
            .iter()
            .flat_map(|recipe| recipe.calls().map(move |call| (recipe, call)))
        {
            let url = trusted_url(&call.example_url()).unwrap();
            let by_manager = recipe.caller == super::Caller::Manager
                && managed.iter().any(|origin| origin.covers(&url));
            assert!(
                by_manager || origins.iter().any(|origin| origin.covers(&url)),
                "{name}: rotation.{field}: {url}"
            );
        }
        if let Some(key) = &row.key {
            assert!(
                row.rotation
                    .last()
                    .is_some_and(|recipe| key.page.is_some() || !recipe.kind.wants_a_person()),
                "{name}: how is a key rotated?"
            );
        }
        for url in row
            .key
            .iter()
            .flat_map(|key| &key.check)
            .map(|check| &check.url)
        {
            let url = trusted_url(url).unwrap();
            assert!(
                origins.iter().any(|origin| origin.covers(&url)),
                "{name}: {url}"
            );
        }
        if let Some(oauth) = &row.oauth {
            assert!(
                oauth.register.is_some() && oauth.revoke.is_some(),
                "{name}: where is a client registered, and a login revoked?"
            );
        }
    }
}

fn strings(value: &toml::Value, found: &mut Vec<String>) {
    match value {
        toml::Value::String(text) => found.push(text.clone()),
        toml::Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        toml::Value::Table(table) => table.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

#[test]
fn a_key_matches_its_pattern_and_is_put_into_its_header() {
    let home = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(&Paths::in_one(home.path()));
    let mut shown = String::new();
    for (row, _) in rows() {
        let Some(key) = &row.key else { continue };
        for part in &key.parts {
            let Some(pattern) = &part.pattern else {
                continue;
            };
            for alternative in pattern
                .split('|')
                .filter(|_| !pattern.contains('('))
                .chain([pattern.as_str()])
            {
                let sample = sample(alternative);
                assert!(
                    !key.looks_wrong(&part.name, &sample),
                    "{}: {sample} does not match {pattern}",
                    row.name
                );
                if key.prefixes.iter().any(|prefix| sample.starts_with(prefix)) {
                    let found = catalogue.recognize(&sample).unwrap().unwrap();
                    assert_eq!(
                        found.name, row.name,
                        "{sample} is recognized as a key of another provider"
                    );
                }
            }
        }
        let parts: BTreeMap<String, Secret> = key
            .parts
            .iter()
            .map(|part| (part.name.clone(), Secret::new(part.name.to_uppercase())))
            .collect();
        assert!(
            key.headers.is_empty() || key.env.len() == key.parts.len(),
            "{}: one variable for each part",
            row.name
        );
        for header in render(&key.headers, &parts).unwrap() {
            shown.push_str(&format!(
                "{}: {}: {}\n",
                row.name,
                header.name,
                header.value.expose()
            ));
        }
        if key.headers.is_empty() {
            shown.push_str(&format!(
                "{}: (never sent) {}\n",
                row.name,
                key.env.join(" ")
            ));
        }
    }
    for (row, _) in rows().iter().filter(|(row, _)| row.oauth.is_some()) {
        let parts = BTreeMap::from([("token".to_owned(), Secret::new("TOKEN"))]);
        for header in render(&row.login_headers(), &parts).unwrap() {
            shown.push_str(&format!(
                "{} (login): {}: {}\n",
                row.name,
                header.name,
                header.value.expose()
            ));
        }
    }
    compare("tests/snapshots/headers.txt", &shown);
}

#[test]
fn the_outlines_are_those_of_the_rows() {
    let mut lines = String::new();
    for (row, _) in rows() {
        let Some(key) = &row.key else { continue };
        let names = key.variable_groups().into_iter().flatten();
        let mut variables: Vec<&str> = names.chain(&key.companions).map(String::as_str).collect();
        variables.sort_unstable();
        variables.dedup();
        let prefixes = key.prefixes.join(" ");
        lines.push_str(&format!(
            "{}\t{}\t{prefixes}\n",
            row.name,
            variables.join(" ")
        ));
    }
    compare("src/provider/catalogue/outlines.txt", &lines);
}

/// Compares a generated file with the committed one; with `AUTHCTL_REWRITE` set, writes it.
fn compare(path: &str, expected: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("AUTHCTL_REWRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path)
            .unwrap_or_default()
            .replace("\r\n", "\n"),
        expected,
        "AUTHCTL_REWRITE=1 cargo test writes it"
    );
}

#[test]
#[allow(clippy::print_stdout, reason = "the suite shows it among its figures")]
fn facts_without_a_source_are_marked_and_counted() {
    let (mut all, mut unverified, mut of_keys, mut logins, mut keys) = (0, 0, 0, 0, 0);
    for (row, table) in rows() {
        let mut found = BTreeSet::new();
        facts(&table, "", &mut found);
        for entry in &row.unverified {
            assert!(
                found.iter().any(|fact| is_below(fact, entry)),
                "{}: `{entry}` is not a fact of the row",
                row.name
            );
        }
        all += found.len();
        let marked: Vec<&String> = found
            .iter()
            .filter(|fact| row.unverified.iter().any(|entry| is_below(fact, entry)))
            .collect();
        unverified += marked.len();
        let is_of_key = |fact: &&&String| fact.starts_with("key.") || fact.as_str() == "origins";
        of_keys += marked.iter().filter(is_of_key).count();
        logins += usize::from(row.oauth.is_some());
        keys += usize::from(row.key.is_some());
    }
    let text = |file: &str| {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(root.join(file)).unwrap()
    };
    // Read by the suite, which shows it among its figures.
    let by_request = rows()
        .iter()
        .flat_map(|(row, _)| &row.rotation)
        .filter(|recipe| !recipe.kind.wants_a_person())
        .count();
    let by_hand = rows()
        .iter()
        .flat_map(|(row, _)| &row.rotation)
        .filter(|recipe| recipe.kind.wants_a_person())
        .count();
    println!("catalogue: {by_request} recipes by request, {by_hand} manual");
    assert!(text("README.md").contains(&format!("\n- {by_request} recipes rotate keys")));
    assert!(text("CHANGELOG.md").contains(&format!("({by_request} recipes use")));
    println!(
        "catalogue: {} rows ({logins} with logins, {keys} with keys), {} facts with a source, {unverified} marked as unverified, {of_keys} of them about keys",
        rows().len(),
        all - unverified
    );
    assert!(text("README.md").contains(&format!("definitions for {keys} providers of API keys")));
    let counted = format!(
        "{} providers: {keys} with API keys, {logins} with logins",
        rows().len()
    );
    assert!(text("CHANGELOG.md").contains(&counted), "{counted}");
    assert!(
        unverified * 2 < all,
        "{unverified} of {all} facts have no source"
    );
}
