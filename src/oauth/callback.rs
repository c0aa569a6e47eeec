//! The query with which a provider answers the authorization request (RFC 6749 section 4.1.2).

use super::AuthorizeError;
use super::plain::plain;
use crate::secret::Secret;

/// The query that the browser brought to the loopback listener.
#[derive(Debug)]
pub struct Callback {
    pairs: Vec<(String, Secret)>,
}

impl Callback {
    /// Reads the query of a redirect.
    pub fn from_query(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self {
            pairs: pairs
                .map(|(name, value)| (name.into_owned(), Secret::new(value.into_owned())))
                .collect(),
        }
    }

    /// Reads what a user copied: the whole address, or only its query. It may come out of a page's
    /// source (`&amp;`) or a shell (`\\&`), and the parameters may stand behind a `#`. Whatever it
    /// is, its `state` decides whether it is used.
    pub fn from_pasted(text: &str) -> Self {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        let text = text.replace("&amp;", "&").replace('\\', "");
        let query = text
            .split_once(['?', '#'])
            .map_or(text.as_str(), |(_, query)| query);
        Self::from_query(&query.replace('#', "&"))
    }

    /// The one value of a parameter.
    ///
    /// # Errors
    /// It is repeated (RFC 6749 section 3.1).
    pub(super) fn get(&self, name: &'static str) -> Result<Option<&Secret>, AuthorizeError> {
        let mut found = self
            .pairs
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(AuthorizeError::Repeated(name)),
            (first, None) => Ok(first),
        }
    }

    /// Whether a parameter is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    /// The provider's refusal, if it is one: its code, and its description.
    pub(super) fn refusal(&self) -> Option<String> {
        let shown = |name| {
            let text = plain(self.get(name).ok()??.expose());
            (!text.is_empty()).then_some(text)
        };
        let code = shown("error")?;
        Some(match shown("error_description") {
            Some(description) => format!("{code}: {description}"),
            None => code,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g3_a_pasted_address_is_read_as_it_is_meant() {
        for text in [
            "http://127.0.0.1:1/callback?code=c&state=s",
            "  'http://127.0.0.1:1/callback?code=c&state=s'\r\n",
            "<http://127.0.0.1:1/callback?code=c&amp;state=s>",
            "http://127.0.0.1:1/callback\\?code=c\\&state=s",
            "http://127.0.0.1:1/callback#code=c&state=s",
            "http://127.0.0.1:1/callback?x=1#code=c&state=s",
            "http://127.0.0.1:1/callback?code=c&state=s#_=_",
            "code=c&state=s",
            "?code=c&state=s",
        ] {
            let callback = Callback::from_pasted(text);
            let get = |name| callback.get(name).unwrap().map(Secret::expose);
            assert_eq!(
                (get("code"), get("state")),
                (Some("c"), Some("s")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_refusal_is_shown_without_what_could_deceive() {
        let refusal = |query| Callback::from_query(query).refusal();
        assert_eq!(
            refusal("error=access_denied&error_description=no%0d%0away%1b").as_deref(),
            Some("access_denied: no way")
        );
        assert_eq!(refusal("error=x").as_deref(), Some("x"));
        assert_eq!(refusal("error=%1b"), None);
        assert_eq!(refusal("code=c"), None);
    }
}
