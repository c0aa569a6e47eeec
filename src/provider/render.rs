//! Headers from templates: the one place that turns parts into `Name: value`, for `header`, checks and rotation alike.

use crate::secret::{Alphabet, Secret};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A header template: `Authorization: Bearer {token}`. `{basic:user:pass}` stands for the base64 of two parts, the
/// credentials of HTTP Basic (RFC 7617); `=word` instead of a part is that word, and nothing is the empty text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Template(String);

/// A rendered header.
#[derive(Clone, Debug)]
pub struct Header {
    /// The field name.
    pub name: String,
    /// The field value.
    pub value: Secret,
}

/// Why a header cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template names a part that the credential does not have.
    #[error("the header template needs a part called `{0}`")]
    Missing(String),
    /// The template itself is wrong.
    #[error("{0}")]
    Template(String),
}

impl Template {
    /// A template as the user or a row gave it; checked by [`Template::check`].
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// RFC 6750 section 2.1.
    pub fn bearer() -> Self {
        Self::new("Authorization: Bearer {token}")
    }

    fn split(&self) -> Result<(&str, &str), String> {
        let (name, value) = self
            .0
            .split_once(':')
            .ok_or_else(|| format!("`{}` is not `Name: value`", self.0))?;
        // RFC 9110 section 5.6.2: a field name is a token.
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return Err(format!("`{name}` is not a header name"));
        }
        Ok((name, value.trim()))
    }

    /// Whether it is `Name: value`, uses only parts of `names`, and sets no header that steers the request elsewhere.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, names: &[&str]) -> Result<(), String> {
        let (name, value) = self.split()?;
        for forbidden in ["Host", "Content-Length", "Transfer-Encoding", "Connection"] {
            if name.eq_ignore_ascii_case(forbidden) {
                return Err(format!("`{forbidden}` cannot be set by a template"));
            }
        }
        if !value
            .bytes()
            .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            return Err(format!("the value of `{name}` is not plain ASCII text"));
        }
        let parts = pieces(value).map_err(|error| error.to_string())?;
        for piece in parts {
            let used: &[&str] = match &piece {
                Piece::Text(_) => &[],
                Piece::Part(part) => &[*part],
                Piece::Basic(user, password) => &[*user, *password],
            };
            if let Some(unknown) = used
                .iter()
                .find(|used| !used.is_empty() && !used.starts_with('=') && !names.contains(used))
            {
                return Err(format!(
                    "`{{{unknown}}}` is not one of its parts ({})",
                    names.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Whether the part called `name` is in it.
    pub fn uses(&self, name: &str) -> bool {
        let pieces = self
            .split()
            .ok()
            .and_then(|(_, value)| pieces(value).ok())
            .unwrap_or_default();
        pieces.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Part(part) => *part == name,
            Piece::Basic(user, password) => *user == name || *password == name,
        })
    }

    fn render(&self, parts: &BTreeMap<String, Secret>) -> Result<Header, RenderError> {
        let (name, value) = self.split().map_err(RenderError::Template)?;
        let mut text = String::new();
        for piece in pieces(value)? {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Part(part) => text.push_str(find(part, parts)?),
                Piece::Basic(user, password) => {
                    let pair = format!("{}:{}", find(user, parts)?, find(password, parts)?);
                    text.push_str(&base64::engine::general_purpose::STANDARD.encode(pair));
                }
            }
        }
        // curl takes a blank value for "no such header", and HTTP drops spaces at both ends (RFC 9110 section 5.5).
        if text.trim_matches(' ') != text || text.is_empty() {
            return Err(RenderError::Template(format!(
                "the value of `{name}` is blank, or begins or ends with a space"
            )));
        }
        let value = Secret::new(text);
        value
            .check(Alphabet::Printable)
            .map_err(|error| RenderError::Template(format!("the value of `{name}` {error}")))?;
        Ok(Header {
            name: name.to_owned(),
            value,
        })
    }
}

fn find<'a>(part: &'a str, parts: &'a BTreeMap<String, Secret>) -> Result<&'a str, RenderError> {
    match part.strip_prefix('=') {
        Some(word) => Ok(word),
        None if part.is_empty() => Ok(""),
        None => parts
            .get(part)
            .map(Secret::expose)
            .ok_or_else(|| RenderError::Missing(part.to_owned())),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Part(&'a str),
    Basic(&'a str, &'a str),
}

fn pieces(value: &str) -> Result<Vec<Piece<'_>>, RenderError> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('{') {
        let open = || RenderError::Template("a `{` in the template is not closed".into());
        let (inside, behind) = after.split_once('}').ok_or_else(open)?;
        found.push(Piece::Text(before));
        found.push(match inside.strip_prefix("basic:") {
            Some(pair) => {
                let (user, password) = pair.split_once(':').ok_or_else(|| {
                    RenderError::Template(
                        "`{basic:…}` needs two parts, like `{basic:user:password}`".into(),
                    )
                })?;
                Piece::Basic(user, password)
            }
            None if inside.is_empty() => {
                return Err(RenderError::Template("`{}` names no part".into()));
            }
            None => Piece::Part(inside),
        });
        rest = behind;
    }
    found.push(Piece::Text(rest));
    Ok(found)
}

/// Renders every template with the parts of a credential.
///
/// # Errors
/// A part is missing or a template is wrong.
pub fn render(
    templates: &[Template],
    parts: &BTreeMap<String, Secret>,
) -> Result<Vec<Header>, RenderError> {
    templates
        .iter()
        .map(|template| template.render(parts))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts() -> BTreeMap<String, Secret> {
        [("key", "k 1"), ("user", "me"), ("pass", "p:w")]
            .map(|(name, value)| (name.to_owned(), Secret::new(value)))
            .into()
    }

    fn rendered(template: &str) -> Result<String, RenderError> {
        let headers = render(&[Template::new(template)], &parts())?;
        Ok(headers
            .iter()
            .map(|header| format!("{}: {}", header.name, header.value.expose()))
            .collect())
    }

    #[test]
    fn templates_become_headers() {
        assert_eq!(rendered("X-API-Key: {key}").unwrap(), "X-API-Key: k 1");
        assert_eq!(
            rendered("Authorization:Token token={key};x").unwrap(),
            "Authorization: Token token=k 1;x"
        );
        assert_eq!(
            rendered("Authorization: Basic {basic:user:pass}").unwrap(),
            "Authorization: Basic bWU6cDp3"
        );
        assert_eq!(
            rendered("Authorization: Basic {basic:user:}").unwrap(),
            "Authorization: Basic bWU6"
        );
        assert_eq!(
            rendered("version: 2023-06-01").unwrap(),
            "version: 2023-06-01"
        );
    }

    #[test]
    fn wrong_templates_say_why() {
        assert_eq!(
            rendered("X: {none}").unwrap_err(),
            RenderError::Missing("none".into())
        );
        for bad in [
            "no colon",
            "X: {",
            "X: {}",
            "X: {basic:user}",
            ": {key}",
            "X Y: {key}",
        ] {
            assert!(rendered(bad).is_err(), "{bad}");
        }
        assert!(
            Template::new("X: {basic:user:nobody}")
                .check(&["user"])
                .is_err()
        );
        assert!(Template::new("host: {key}").check(&["key"]).is_err());
        assert!(
            Template::new("X: {key}\r\nEvil: 1")
                .check(&["key"])
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn a_rendered_header_is_always_one_line(template: String, value: String) {
            let parts = BTreeMap::from([("key".to_owned(), Secret::new(value))]);
            if let Ok(headers) = render(&[Template::new(template)], &parts) {
                for header in headers {
                    let line = format!("{}: {}", header.name, header.value.expose());
                    prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                }
            }
        }
    }
}
