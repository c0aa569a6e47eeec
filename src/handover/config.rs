//! The text that curl reads with `-K`.

use crate::credential::Origin;
use crate::provider::Header;
use crate::secret::Secret;

/// The config for a set of headers that are bound to `origins`.
///
/// `proto` keeps a header off plain http, unless the credential is bound to a loopback http origin. curl drops only
/// `Authorization` when a redirect changes the host (since 7.58), so with any other header no redirect is followed.
pub fn curl_config(headers: &[Header], origins: &[Origin]) -> Secret {
    let mut text = String::new();
    for header in headers {
        // Values are printable ASCII without line ends, checked where they entered and where they were rendered; in
        // curl's double quotes only the quote and the backslash mean something else.
        text.push_str("header = \"");
        for c in header.name.chars().chain([':', ' ']).chain(header.value.expose().chars()) {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    let plain = origins.iter().any(Origin::is_plain_http);
    text.push_str(if plain { "proto = \"=http,https\"\n" } else { "proto = \"=https\"\n" });
    if headers.iter().any(|header| !header.name.eq_ignore_ascii_case("Authorization")) {
        text.push_str("max-redirs = 0\n");
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(headers: &[(&str, &str)], origin: &str) -> String {
        let headers: Vec<Header> =
            headers.iter().map(|(name, value)| Header { name: (*name).into(), value: Secret::new(*value) }).collect();
        curl_config(&headers, &[origin.parse().unwrap()]).expose().to_owned()
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(
            config(&[("Authorization", "Bearer a\"b\\c *?[")], "https://a.test"),
            "header = \"Authorization: Bearer a\\\"b\\\\c *?[\"\nproto = \"=https\"\n"
        );
    }

    #[test]
    fn other_headers_than_authorization_follow_no_redirect_and_loopback_may_be_plain() {
        assert_eq!(
            config(&[("X-API-Key", "k"), ("authorization", "t")], "http://127.0.0.1:1"),
            "header = \"X-API-Key: k\"\nheader = \"authorization: t\"\nproto = \"=http,https\"\nmax-redirs = 0\n"
        );
    }
}
