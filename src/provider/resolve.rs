//! Resolves the variables of a row.

use super::template::fill;
use super::{ProviderError, Recipe, Row};
use crate::credential::check_part;
use std::collections::BTreeMap;

impl Row {
    /// The row with its variables resolved, checked: every URL is https (or loopback), the
    /// endpoints are well-formed, the header templates complete. `values` may also contain settings
    /// of a recipe.
    ///
    /// # Errors
    /// Says which field or value is wrong, and why.
    pub fn resolve(&self, values: &BTreeMap<String, String>) -> Result<Self, ProviderError> {
        check_part(&self.name, "")?;
        let known = self
            .known(values)
            .map_err(|reason| ProviderError::Variable {
                row: self.name.clone(),
                reason,
            })?;
        let mut row = self.clone();
        let fill_in = |text: &mut String| *text = fill(text, |name| known.get(name).copied());
        row.origins.iter_mut().for_each(fill_in);
        if let Some(oauth) = &mut row.oauth {
            oauth.urls_mut().for_each(fill_in);
        }
        if let Some(key) = &mut row.key {
            key.urls_mut().for_each(fill_in);
        }
        row.manager_origins.iter_mut().for_each(fill_in);
        row.rotation
            .iter_mut()
            .flat_map(Recipe::urls_mut)
            .for_each(fill_in);
        row.check().map_err(|reason| ProviderError::Invalid {
            row: self.name.clone(),
            reason,
        })?;
        Ok(row)
    }

    /// The row with example values, to check or show it without an installation.
    ///
    /// # Errors
    /// As for [`Row::resolve`].
    pub fn example(&self) -> Result<Self, ProviderError> {
        let given = self
            .variables
            .iter()
            .filter(|(_, variable)| variable.default.is_none())
            .map(|(name, _)| (name.clone(), format!("{name}.example")));
        self.resolve(&given.collect())
    }

    /// The value of each variable: the given one, or its default.
    fn known<'a>(
        &'a self,
        values: &'a BTreeMap<String, String>,
    ) -> Result<BTreeMap<&'a str, &'a str>, String> {
        let mut known: BTreeMap<&str, &str> = self
            .variables
            .iter()
            .filter_map(|(name, variable)| Some((name.as_str(), variable.default.as_deref()?)))
            .collect();
        let settings: Vec<&String> = self
            .rotation
            .iter()
            .flat_map(|recipe| recipe.settings.keys())
            .collect();
        for (name, value) in values {
            if settings.contains(&name) {
                check_setting(value).map_err(|reason| format!("`{name}` {reason}"))?;
            } else if self.variables.contains_key(name) {
                check_variable(name, value)?;
                known.insert(name, value);
            } else {
                let names: Vec<&str> = self
                    .variables
                    .keys()
                    .chain(settings)
                    .map(String::as_str)
                    .collect();
                let known = if names.is_empty() {
                    "the provider has no variables".into()
                } else {
                    format!("the variables of the provider are {}", names.join(", "))
                };
                return Err(format!("unknown variable `{name}` ({known})"));
            }
        }
        for (name, variable) in &self.variables {
            if !known.contains_key(name.as_str()) {
                return Err(format!(
                    "no value for `{name}` ({}); add `--set {name}=VALUE`",
                    variable.help
                ));
            }
        }
        Ok(known)
    }
}

/// A host, a tenant or a site: nothing that could change the meaning of a URL.
fn check_variable(name: &str, value: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
    let has_labels = value.split('.').all(|label| !label.is_empty());
    if has_labels && value.len() <= 253 && value.chars().all(is_plain) {
        Ok(())
    } else {
        Err(format!(
            "the value of `{name}` must be a host name or one word of letters, digits, `.`, `-`, `_` and `:`"
        ))
    }
}

/// A setting of a recipe is put into a URL or a body unchanged: a word or a short list of words.
fn check_setting(value: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_graphic() && !"\"'`\\<>#?{}".contains(c) || c == ' ';
    if value.is_empty() || value.len() > 512 || !value.chars().all(plain) || value.contains("..") {
        return Err("must be a word or a short list of words".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"
        name = "acme"
        title = "Acme"
        origins = ["https://api.{host}"]
        variables = { host = { help = "the host", default = "acme.test" } }
        [key]
        headers = ["X-Key: {key}"]
    "#;

    fn row(text: &str) -> Row {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn variables_fill_urls_and_cannot_change_their_meaning() {
        let resolved = row(ROW).resolve(&BTreeMap::new()).unwrap();
        assert_eq!(resolved.origins, ["https://api.acme.test"]);
        let set = |value: &str| row(ROW).resolve(&BTreeMap::from([("host".into(), value.into())]));
        assert_eq!(
            set("example.com:8443").unwrap().origins,
            ["https://api.example.com:8443"]
        );
        for bad in [
            "", "a/b", "a@b", "a?b", "a#b", "a b", "a\\b", "{host}", "a%2e", "..", ".a",
        ] {
            assert!(set(bad).is_err(), "{bad}");
        }
        let unknown = row(ROW)
            .resolve(&BTreeMap::from([("port".into(), "1".into())]))
            .unwrap_err();
        assert!(
            unknown
                .to_string()
                .contains("the variables of the provider are host"),
            "{unknown}"
        );
    }
}
