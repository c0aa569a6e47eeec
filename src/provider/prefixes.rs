//! Which provider a key belongs to, judged by its prefix.

use super::Row;
use std::collections::BTreeMap;

/// The key prefixes of all providers, by their first byte.
pub struct Prefixes<'r>(BTreeMap<u8, Vec<(&'r str, &'r Row)>>);

impl<'r> Prefixes<'r> {
    /// The key prefixes in these rows.
    pub fn of(rows: &'r [Row]) -> Self {
        let mut found: BTreeMap<u8, Vec<(&str, &Row)>> = BTreeMap::new();
        for row in rows {
            for prefix in row.key.iter().flat_map(|key| &key.prefixes) {
                if let Some(first) = prefix.bytes().next() {
                    found.entry(first).or_default().push((prefix, row));
                }
            }
        }
        Self(found)
    }

    /// The provider with the longest key prefix that `value` starts with.
    pub fn owner(&self, value: &str) -> Option<&'r Row> {
        let candidates = self.0.get(&value.bytes().next()?)?.iter();
        candidates
            .filter(|(prefix, _)| value.starts_with(prefix))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, row)| *row)
    }
}
