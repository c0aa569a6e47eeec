//! All rows: the built-in ones and those of the user, which override built-in rows of the same
//! name.

use super::builtin::BUILTIN;
use super::{ProviderError, Row};
use crate::config::{Paths, read_toml};
use crate::credential::check_part;
use crate::disk;
use std::path::PathBuf;

/// Finds rows. Each row is parsed when it is needed.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folder: PathBuf,
}

impl Catalogue {
    /// The catalogue for a home directory.
    pub fn new(paths: &Paths) -> Self {
        Self {
            folder: paths.providers(),
        }
    }

    /// The path of the user's row of that name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    /// One row, with its variables unresolved; `None` if there is none of that name.
    ///
    /// # Errors
    /// The user's file is damaged or contains another provider's name.
    pub fn find(&self, name: &str) -> Result<Option<Row>, ProviderError> {
        // A name is part of a path.
        if check_part(name, "").is_err() {
            return Ok(None);
        }
        if let Some(row) = read_toml::<Row>(&self.path(name))? {
            if row.name != name {
                let reason = format!(
                    "the file {} defines the provider `{}`; the file name must match `name`",
                    self.path(name).display(),
                    row.name
                );
                return Err(ProviderError::Invalid {
                    row: name.to_owned(),
                    reason,
                });
            }
            return Ok(Some(row));
        }
        BUILTIN
            .iter()
            .find(|(builtin, _)| *builtin == name)
            .map(|(name, text)| builtin(name, text))
            .transpose()
    }

    /// One row that must exist.
    ///
    /// # Errors
    /// There is none of that name, or the user's file is damaged.
    pub fn get(&self, name: &str) -> Result<Row, ProviderError> {
        self.find(name)?.ok_or_else(|| ProviderError::Unknown {
            name: name.to_owned(),
            similar: self.similar(name),
        })
    }

    /// The name that was probably meant: the same without a domain, or with two other letters at
    /// most.
    fn similar(&self, name: &str) -> Option<String> {
        let names = self.names().ok()?;
        let first = name.split('.').next()?;
        if names.iter().any(|known| known == first) {
            return Some(first.to_owned());
        }
        let distance = |known: &String| strsim::damerau_levenshtein(known, name);
        let nearest = names.into_iter().min_by_key(distance)?;
        (distance(&nearest) <= 2 && name.len() > 3).then_some(nearest)
    }

    /// Whether the user has a row of that name.
    pub fn is_own(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Whether there is a row of that name. It is not parsed.
    pub fn has(&self, name: &str) -> bool {
        BUILTIN.iter().any(|(builtin, _)| *builtin == name) || self.is_own(name)
    }

    /// Every name, sorted.
    ///
    /// # Errors
    /// The folder with the user's rows cannot be read.
    pub fn names(&self) -> Result<Vec<String>, ProviderError> {
        let own = self.own_names()?;
        let mut names: Vec<String> = BUILTIN
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .chain(own)
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The names of the user's rows.
    ///
    /// # Errors
    /// The folder with them cannot be read.
    pub fn own_names(&self) -> Result<Vec<String>, ProviderError> {
        Ok(crate::config::provider_files(&self.folder)?)
    }

    /// Stores a row of the user.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&self, row: &Row) -> Result<(), ProviderError> {
        let text = toml::to_string(row).map_err(|error| ProviderError::Invalid {
            row: row.name.clone(),
            reason: error.to_string(),
        })?;
        disk::write(&self.path(&row.name), text.as_bytes()).map_err(crate::config::Error::from)?;
        Ok(())
    }

    /// Deletes a row of the user.
    ///
    /// # Errors
    /// The disk refused.
    pub fn remove(&self, name: &str) -> Result<(), ProviderError> {
        disk::remove(&self.path(name)).map_err(crate::config::Error::from)?;
        Ok(())
    }

    /// All rows. Damaged rows of the user are skipped: they are reported when they are used.
    ///
    /// # Errors
    /// As for [`Catalogue::names`].
    pub fn rows(&self) -> Result<Vec<Row>, ProviderError> {
        let names = self.names()?.into_iter();
        Ok(names
            .filter_map(|name| self.find(&name).ok().flatten())
            .collect())
    }
}

fn builtin(name: &str, text: &str) -> Result<Row, ProviderError> {
    toml::from_str(text).map_err(|error| ProviderError::Invalid {
        row: name.to_owned(),
        reason: error.message().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> (tempfile::TempDir, Catalogue) {
        let home = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::new(&Paths::in_one(home.path()));
        (home, catalogue)
    }

    #[test]
    fn every_built_in_row_is_sound_and_named_like_its_file() {
        let (_home, catalogue) = catalogue();
        for (name, text) in BUILTIN {
            let row = builtin(name, text).unwrap();
            assert_eq!(row.name, *name);
            let row = row.example().unwrap();
            assert!(!row.sources.is_empty(), "{name}: a fact needs a source");
            assert!(row.verified.is_some(), "{name}");
            assert!(
                !text.contains("client_id"),
                "{name}: nobody's client id is shipped"
            );
            assert_eq!(catalogue.get(name).unwrap().title, row.title);
        }
    }

    #[test]
    fn a_row_of_the_user_wins_and_a_damaged_one_names_its_file() {
        let (_home, catalogue) = catalogue();
        let mut row = catalogue.get("stripe").unwrap();
        row.title = "Mine".into();
        catalogue.add(&row).unwrap();
        assert_eq!(catalogue.get("stripe").unwrap().title, "Mine");
        disk::write(&catalogue.path("broken"), b"name = 1\n").unwrap();
        let error = catalogue.get("broken").unwrap_err().to_string();
        assert!(error.contains("broken.toml:1"), "{error}");
        assert!(matches!(
            catalogue.get("nobody"),
            Err(ProviderError::Unknown { similar: None, .. })
        ));
    }

    #[test]
    fn q4_the_name_that_was_meant_is_found() {
        let (_home, catalogue) = catalogue();
        for (typed, meant) in [
            ("githb", Some("github")),
            ("gihtub", Some("github")),
            ("github.com", Some("github")),
            ("strpie", Some("stripe")),
            ("open-ai", Some("openai")),
            ("x", None),
            ("my-own-service", None),
        ] {
            assert_eq!(catalogue.similar(typed).as_deref(), meant, "{typed}");
        }
    }
}
