//! Rows that are read once each, for a command that looks at many credentials.

use super::{Catalogue, Row};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The rows that were read so far. Several threads can share it.
pub struct Rows<'a> {
    catalogue: &'a Catalogue,
    read: Mutex<BTreeMap<String, Arc<ReadRow>>>,
}

/// What the catalogue has under a name.
pub struct ReadRow {
    row: Result<Option<Row>, String>,
    /// The row without variables.
    plain: Option<Row>,
}

impl<'a> Rows<'a> {
    /// No row is read yet.
    pub fn new(catalogue: &'a Catalogue) -> Self {
        Self {
            catalogue,
            read: Mutex::default(),
        }
    }

    /// The row of a provider.
    pub fn get(&self, provider: &str) -> Arc<ReadRow> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = read.get(provider) {
            return Arc::clone(found);
        }
        let row = self.catalogue.find(provider);
        let plain = row.as_ref().ok().and_then(Option::as_ref);
        let found = Arc::new(ReadRow {
            plain: plain.and_then(|row| row.resolve(&BTreeMap::new()).ok()),
            row: row.map_err(|error| error.to_string()),
        });
        read.insert(provider.to_owned(), Arc::clone(&found));
        found
    }
}

impl ReadRow {
    /// The row with its variables unresolved; `None` if there is none that can be read.
    pub fn row(&self) -> Option<&Row> {
        self.row.as_ref().ok()?.as_ref()
    }

    /// Why the row cannot be read.
    pub fn error(&self) -> Option<&str> {
        self.row.as_ref().err().map(String::as_str)
    }

    /// The row with these variables; `None` if there is none, or they do not fit.
    pub fn resolve(&self, variables: &BTreeMap<String, String>) -> Option<Cow<'_, Row>> {
        if variables.is_empty() {
            return self.plain.as_ref().map(Cow::Borrowed);
        }
        self.row()?.resolve(variables).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Paths;

    #[test]
    fn a_row_is_read_once_and_a_damaged_one_says_why() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::in_one(home.path());
        std::fs::create_dir_all(paths.providers()).unwrap();
        std::fs::write(paths.providers().join("broken.toml"), "name = 1").unwrap();
        let own = paths.providers().join("own.toml");
        let text = "name = \"own\"\ntitle = \"Own\"\norigins = [\"https://{host}\"]\n[variables.host]\nhelp = \"host\"\n[key]\nheaders = [\"X: {key}\"]\n";
        std::fs::write(&own, text).unwrap();
        let catalogue = Catalogue::new(&paths);
        let rows = Rows::new(&catalogue);
        assert!(rows.get("broken").error().is_some() && rows.get("broken").row().is_none());
        assert!(rows.get("none").error().is_none() && rows.get("none").row().is_none());
        assert!(
            rows.get("own").row().is_some(),
            "{:?}",
            rows.get("own").error()
        );
        std::fs::remove_file(own).unwrap();
        let host = BTreeMap::from([("host".to_owned(), "a.test".to_owned())]);
        let found = rows.get("own");
        assert_eq!(found.resolve(&host).unwrap().origins, ["https://a.test"]);
        assert!(found.resolve(&BTreeMap::new()).is_none());
    }
}
