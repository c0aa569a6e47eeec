//! The query with which a provider answers the authorization request (RFC 6749 section 4.1.2).

use super::AuthorizeError;
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
    /// source (`&amp;`) or a shell (`\\&`), and the parameters may follow a `#`. Whatever it is,
    /// its `state` decides whether it is used.
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

    /// The code of a refusal, if it is one (RFC 6749 section 4.1.2.1); text that is not a code is
    /// not shown.
    pub(super) fn refusal_code(&self) -> Option<&str> {
        let code = self.get("error").ok()??.expose();
        let is_code = !code.is_empty()
            && code.len() <= 40
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        Some(if is_code { code } else { "without a code" })
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
    fn of_a_refusal_only_a_code_is_shown() {
        let code = |query: &str| {
            let callback = Callback::from_query(query);
            callback.refusal_code().map(str::to_owned)
        };
        assert_eq!(
            code("error=access_denied&error_description=call%20us").as_deref(),
            Some("access_denied")
        );
        for text in ["error=call+us+now", "error=%1b", "error=", "error=Zo%c3%ab"] {
            assert_eq!(code(text).as_deref(), Some("without a code"), "{text}");
        }
        assert_eq!(code("code=c"), None);
    }
}
