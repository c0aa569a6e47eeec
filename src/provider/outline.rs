//! Which built-in rows a file may concern, without parsing all of them: their variables and their
//! prefixes, in a list that is written from the rows.

use super::{Catalogue, Prefixes, ProviderError, Row};
use std::collections::{BTreeSet, HashMap};

/// A line for each provider with keys: its name, the variables that may contain a key or belong to
/// one, and the prefixes of its keys, separated by tabs.
const OUTLINES: &str = include_str!("catalogue/outlines.txt");

/// The providers that the variables and values seen so far may belong to.
pub struct Candidates<'c> {
    catalogue: &'c Catalogue,
    variables: HashMap<&'static str, Vec<&'static str>>,
    /// By their first byte.
    prefixes: Vec<Vec<(&'static str, &'static str)>>,
    found: BTreeSet<&'static str>,
}

impl<'c> Candidates<'c> {
    /// Nothing has been seen yet.
    pub fn new(catalogue: &'c Catalogue) -> Self {
        let mut variables: HashMap<_, Vec<_>> = HashMap::new();
        let mut prefixes = vec![Vec::new(); 256];
        for line in OUTLINES.lines() {
            let mut columns = line.split('\t');
            let row = columns.next().unwrap_or_default();
            for variable in columns.next().unwrap_or_default().split_whitespace() {
                variables.entry(variable).or_default().push(row);
            }
            for prefix in columns.next().unwrap_or_default().split_whitespace() {
                let first = prefix.bytes().next().map(usize::from).unwrap_or_default();
                if let Some(same) = prefixes.get_mut(first) {
                    same.push((prefix, row));
                }
            }
        }
        Self {
            catalogue,
            variables,
            prefixes,
            found: BTreeSet::new(),
        }
    }

    /// Adds the providers whose keys are in a variable of this name.
    pub fn see_variable(&mut self, name: &str) {
        self.found
            .extend(self.variables.get(name).into_iter().flatten());
    }

    /// Adds the providers whose keys begin like this.
    pub fn see_value(&mut self, value: &str) {
        let first = value.bytes().next().map(usize::from).unwrap_or_default();
        let same = self.prefixes.get(first).into_iter().flatten();
        let begun = same.filter(|(prefix, _)| value.starts_with(prefix));
        self.found.extend(begun.map(|(_, row)| *row));
    }

    /// The rows of these providers, and all rows of the user. Damaged rows of the user are skipped,
    /// as in [`Catalogue::rows`].
    ///
    /// # Errors
    /// As for [`Catalogue::names`].
    pub fn rows(&self) -> Result<Vec<Row>, ProviderError> {
        let own = self.catalogue.own_names()?;
        let mut names: BTreeSet<&str> = own.iter().map(String::as_str).collect();
        names.extend(&self.found);
        Ok(names
            .into_iter()
            .filter_map(|name| self.catalogue.find(name).ok().flatten())
            .collect())
    }
}

impl Catalogue {
    /// The provider whose keys start with the longest prefix of `key`.
    ///
    /// # Errors
    /// As for [`Catalogue::names`].
    pub fn recognize(&self, key: &str) -> Result<Option<Row>, ProviderError> {
        let mut candidates = Candidates::new(self);
        candidates.see_value(key);
        let rows = candidates.rows()?;
        Ok(Prefixes::of(&rows).owner(key).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Paths;

    #[test]
    fn keys_are_recognized_by_their_longest_prefix() {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::new(&Paths::in_one(home.path()));
        let name = |key: &str| catalogue.recognize(key).unwrap().map(|row| row.name);
        assert_eq!(name("sk-ant-api03-x").as_deref(), Some("anthropic"));
        assert_eq!(name("sk-proj-x").as_deref(), Some("openai"));
        assert_eq!(name("rk_live_x").as_deref(), Some("stripe"));
        assert_eq!(name("github_pat_x").as_deref(), Some("github"));
        assert_eq!(name("glpat-x").as_deref(), Some("gitlab"));
        assert_eq!(name("0123456789abcdef"), None);
    }

    #[test]
    fn only_rows_that_may_be_meant_are_read() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::in_one(home.path());
        let catalogue = Catalogue::new(&paths);
        let names = |variables: &[&str], values: &[&str]| -> Vec<String> {
            let mut candidates = Candidates::new(&catalogue);
            for variable in variables {
                candidates.see_variable(variable);
            }
            for value in values {
                candidates.see_value(value);
            }
            let rows = candidates.rows().unwrap().into_iter();
            rows.map(|row| row.name).collect()
        };
        assert!(names(&["PATH", ""], &["", "/usr/bin"]).is_empty());
        assert_eq!(names(&["STRIPE_API_KEY"], &["x"]), ["stripe"]);
        assert_eq!(names(&["AWS_SESSION_TOKEN"], &[]), ["aws"]);
        assert_eq!(names(&["X"], &["sk-ant-api03-x"]), ["anthropic"]);
        // A row of the user is always read: it may have any prefix.
        let mut row = catalogue.get("vultr").unwrap();
        row.name = "mine".into();
        catalogue.add(&row).unwrap();
        assert_eq!(names(&["STRIPE_API_KEY"], &[]), ["mine", "stripe"]);
    }
}
