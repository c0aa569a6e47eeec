//! Headers from templates: the one place that makes `Name: value` from the parts of a credential.

use super::template::{Piece, pieces};
use crate::secret::{Alphabet, Secret};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A header template: `Authorization: Bearer {token}`. `{basic:user:pass}` stands for the base64 of
/// two parts, the credentials of HTTP Basic (RFC 7617); `=word` instead of a part is that word, and
/// nothing is the empty text.
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

/// The reason why a header cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template names a part that the credential does not have.
    #[error("the header template needs a part called `{0}`")]
    Missing(String),
    /// The template is wrong.
    #[error("{0}")]
    Template(String),
}

impl Template {
    /// A template from the user or a row; checked by [`Template::check`].
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
            .ok_or_else(|| format!("`{}` is not of the form `Name: value`", self.0))?;
        // RFC 9110 section 5.6.2: a field name is a token.
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return Err(format!("`{name}` is not a header name"));
        }
        Ok((name, value.trim()))
    }

    /// Whether it is `Authorization` with nothing but this part.
    pub(super) fn is_bare(&self, part: &str) -> bool {
        self.split().is_ok_and(|(name, value)| {
            name.eq_ignore_ascii_case("Authorization") && value == format!("{{{part}}}")
        })
    }

    /// Checks that it is `Name: value`, uses only parts in `names`, and sets no header that changes
    /// the destination or the framing of a request.
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
        let parts = header_pieces(value).map_err(|error| error.to_string())?;
        for piece in parts {
            let used: &[&str] = match &piece {
                HeaderPiece::Text(_) => &[],
                HeaderPiece::Part(part) => &[*part],
                HeaderPiece::Basic(user, password) => &[*user, *password],
            };
            if let Some(unknown) = used
                .iter()
                .find(|used| !used.is_empty() && !used.starts_with('=') && !names.contains(used))
            {
                return Err(format!(
                    "unknown placeholder `{{{unknown}}}`; expected one of: {}",
                    names.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Whether it contains the part called `name`.
    pub fn uses(&self, name: &str) -> bool {
        let pieces = self
            .split()
            .ok()
            .and_then(|(_, value)| header_pieces(value).ok())
            .unwrap_or_default();
        pieces.iter().any(|piece| match piece {
            HeaderPiece::Text(_) => false,
            HeaderPiece::Part(part) => *part == name,
            HeaderPiece::Basic(user, password) => *user == name || *password == name,
        })
    }

    fn render(&self, parts: &BTreeMap<String, Secret>) -> Result<Header, RenderError> {
        let (name, value) = self.split().map_err(RenderError::Template)?;
        let mut text = String::new();
        for piece in header_pieces(value)? {
            match piece {
                HeaderPiece::Text(plain) => text.push_str(plain),
                HeaderPiece::Part(part) => text.push_str(find(part, parts)?),
                HeaderPiece::Basic(user, password) => {
                    let pair = format!("{}:{}", find(user, parts)?, find(password, parts)?);
                    text.push_str(&base64::engine::general_purpose::STANDARD.encode(pair));
                }
            }
        }
        // curl removes a header with a blank value, and HTTP drops spaces at both ends (RFC 9110
        // section 5.5).
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

/// A piece of a header template.
enum HeaderPiece<'a> {
    Text(&'a str),
    Part(&'a str),
    /// The base64 of two parts, for HTTP Basic (RFC 7617).
    Basic(&'a str, &'a str),
}

fn header_pieces(value: &str) -> Result<Vec<HeaderPiece<'_>>, RenderError> {
    let read = |piece| {
        let word = match piece {
            Piece::Text(text) => return Ok(HeaderPiece::Text(text)),
            Piece::Word("") => {
                return Err(RenderError::Template("`{}` does not name a part".into()));
            }
            Piece::Word(word) => word,
        };
        let Some(pair) = word.strip_prefix("basic:") else {
            return Ok(HeaderPiece::Part(word));
        };
        let (user, password) = pair.split_once(':').ok_or_else(|| {
            RenderError::Template(
                "`{basic:…}` needs two parts, such as `{basic:user:password}`".into(),
            )
        })?;
        Ok(HeaderPiece::Basic(user, password))
    };
    let pieces = pieces(value, "{").map_err(RenderError::Template)?;
    pieces.into_iter().map(read).collect()
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
