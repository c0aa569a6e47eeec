//! The text that curl reads with `-K`.

use crate::credential::Origin;
use crate::provider::Header;
use crate::secret::Secret;
use url::Url;

/// The config for a set of headers that are bound to `origins`.
///
/// `proto` keeps a header off plain http, unless the credential is bound to a loopback http origin.
/// When a redirect changes the host, curl drops only `Authorization` (since 7.58), so with any
/// other header no redirect is followed.
pub fn curl_config(headers: &[Header], origins: &[Origin]) -> Secret {
    let mut text = header_lines(headers);
    let plain = origins.iter().any(Origin::is_plain_http);
    // The proxy of `http_proxy` could read a header that is sent to this machine.
    text.push_str(if plain {
        "proto = \"=http,https\"\nnoproxy = \"127.0.0.1,localhost,::1\"\n"
    } else {
        "proto = \"=https\"\n"
    });
    Secret::new(text)
}

/// The config for one request: headers and URL, which curl must not expand (`globoff`) or leave for
/// another scheme. A loopback address is reached without the proxy of `http_proxy`, which could
/// read the header.
pub fn curl_request(headers: &[Header], url: &Url) -> Secret {
    let mut text = header_lines(headers);
    let scheme = url.scheme();
    text.push_str(&format!(
        "globoff\nproto = \"={scheme}\"\nproto-redir = \"={scheme}\"\n"
    ));
    if scheme == "http" {
        text.push_str("noproxy = \"*\"\n");
    }
    // Serialized by the parser that compared its origin: ASCII, without quotes and backslashes.
    text.push_str(&format!("url = \"{url}\"\n"));
    Secret::new(text)
}

/// The headers, and no redirect if curl would keep one of them.
fn header_lines(headers: &[Header]) -> String {
    let mut text = String::new();
    for header in headers {
        // Values are printable ASCII without line ends, checked when they were stored and when they
        // were rendered. In curl's double quotes, only the quote and the backslash are special.
        text.push_str("header = \"");
        for c in header
            .name
            .chars()
            .chain([':', ' '])
            .chain(header.value.expose().chars())
        {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
    }
    if headers
        .iter()
        .any(|header| !header.name.eq_ignore_ascii_case("Authorization"))
    {
        text.push_str("max-redirs = 0\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(headers: &[(&str, &str)], origin: &str) -> String {
        let headers: Vec<Header> = headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).into(),
                value: Secret::new(*value),
            })
            .collect();
        curl_config(&headers, &[origin.parse().unwrap()])
            .expose()
            .to_owned()
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
            config(
                &[("X-API-Key", "k"), ("authorization", "t")],
                "http://127.0.0.1:1"
            ),
            "header = \"X-API-Key: k\"\nheader = \"authorization: t\"\nmax-redirs = 0\nproto = \"=http,https\"\nnoproxy = \"127.0.0.1,localhost,::1\"\n"
        );
    }

    #[test]
    fn a_request_names_its_url_as_it_was_understood() {
        let headers = [Header {
            name: "X-API-Key".into(),
            value: Secret::new("k"),
        }];
        let url = |text: &str| {
            curl_request(&headers, &crate::credential::plain_url(text).unwrap())
                .expose()
                .to_owned()
        };
        assert_eq!(
            url("https://a.test/x?q={1..3}"),
            "header = \"X-API-Key: k\"\nmax-redirs = 0\ngloboff\nproto = \"=https\"\nproto-redir = \"=https\"\nurl = \"https://a.test/x?q={1..3}\"\n"
        );
        assert!(
            url("https://a.test/a\"b?c\"d'").contains("url = \"https://a.test/a%22b?c%22d%27\"")
        );
        assert!(url("http://127.0.0.1:1/").contains("noproxy = \"*\""));
    }
}
