//! Origins: scheme, host and port. A credential is sent only to the origins it is bound to.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// An origin: `https://api.example.com`, or with `*.` every host below a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    text: String,
    subdomains: bool,
}

/// Why an origin or a URL was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is not a URL, or it has parts that are not allowed.
    #[error("`{0}` is not a valid URL")]
    Malformed(String),
    /// It is plain http to another machine, or another scheme.
    #[error("`{0}` must begin with `https://` (`http://` is only allowed for loopback addresses)")]
    Insecure(String),
    /// It has a path, a query, a fragment or a user.
    #[error(
        "`{0}` is not an origin: give only scheme, host and port, such as `https://api.example.com`"
    )]
    TooMuch(String),
}

/// Whether the host of a URL is this machine: a loopback IP address, or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

/// Parses a URL that a secret may be sent to: https, or plain http on loopback, without user info.
///
/// # Errors
/// The URL is anything else.
pub fn trusted_url(text: &str) -> Result<Url, OriginError> {
    let shown = || text.escape_default().take(200).collect::<String>();
    // The parser drops line ends and encodes other control characters, while the text is shown.
    if text.contains(char::is_control) {
        return Err(OriginError::Malformed(shown()));
    }
    let url = Url::parse(text).map_err(|_| OriginError::Malformed(shown()))?;
    let safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    if !safe || url.host().is_none() {
        return Err(OriginError::Insecure(shown()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OriginError::Malformed(shown()));
    }
    Ok(url)
}

/// Parses a URL that another program (curl) will parse again. Two parsers agree only on plain URLs:
/// a backslash, user info or white space may mean different hosts to them.
///
/// # Errors
/// It is not ASCII, contains such a character, or has a scheme other than http and https.
pub fn plain_url(text: &str) -> Result<Url, OriginError> {
    let malformed = || OriginError::Malformed(text.escape_default().take(200).collect());
    let web = text.starts_with("https://") || text.starts_with("http://");
    if !web
        || !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    {
        return Err(malformed());
    }
    let authority = text
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    // The only IPv6 address that is ever bound, with or without a port.
    let loopback = |authority: &str| {
        let port = authority.strip_prefix("[::1]");
        port.is_some_and(|port| {
            port.is_empty()
                || port
                    .strip_prefix(':')
                    .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        })
    };
    if authority.is_none_or(|authority| {
        authority.contains(['@', '{', '}', '[', ']', '%']) && !loopback(authority)
    }) {
        return Err(malformed());
    }
    let url = Url::parse(text).map_err(|_| malformed())?;
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(malformed())
    }
}

impl Origin {
    /// The origin of a URL.
    pub fn of(url: &Url) -> Self {
        Self {
            text: url.origin().ascii_serialization(),
            subdomains: false,
        }
    }

    /// Whether a request to `url` stays within this origin.
    pub fn covers(&self, url: &Url) -> bool {
        let asked = url.origin().ascii_serialization();
        if !self.subdomains {
            return asked == self.text;
        }
        let (Some((scheme, domain)), Some((asked_scheme, asked_host))) =
            (self.text.split_once("://"), asked.split_once("://"))
        else {
            return false;
        };
        scheme == asked_scheme
            && asked_host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }

    /// Whether it is plain http, which is only allowed on loopback.
    pub fn is_plain_http(&self) -> bool {
        self.text.starts_with("http://")
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (bare, subdomains) = match text.split_once("://*.") {
            Some((scheme, domain)) => (format!("{scheme}://{domain}"), true),
            None => (text.to_owned(), false),
        };
        let url = trusted_url(&bare)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(OriginError::TooMuch(
                text.escape_default().take(200).collect(),
            ));
        }
        // A star stands for the first labels only, and never for all hosts of a top-level domain.
        let host = url.host_str().unwrap_or_default();
        let labels = host.starts_with('[')
            || host
                .split('.')
                .all(|label| !label.is_empty() && !label.contains('*'));
        if !labels || subdomains && !host.contains('.') || url.port() == Some(0) {
            return Err(OriginError::Malformed(
                text.escape_default().take(200).collect(),
            ));
        }
        Ok(Self {
            text: url.origin().ascii_serialization(),
            subdomains,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subdomains {
            f.write_str(&self.text.replacen("://", "://*.", 1))
        } else {
            f.write_str(&self.text)
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(origin: &str, url: &str) -> bool {
        origin
            .parse::<Origin>()
            .unwrap()
            .covers(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_url_that_would_control_a_terminal_is_refused() {
        for text in [
            "https://a.example/\u{9b}2J",
            "https://a.example/\u{1b}[2J",
            "https://a.exa\nmple/",
            "\thttps://a.example/",
        ] {
            let error = trusted_url(text).unwrap_err().to_string();
            assert!(!error.contains(char::is_control), "{error:?}");
        }
        assert!(trusted_url("https://a.example/caf\u{e9}").is_ok());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_exactly() {
        assert!(covers(
            "https://api.example.com",
            "https://api.example.com/v1?q=1"
        ));
        assert!(covers(
            "https://api.example.com",
            "https://API.example.com:443/"
        ));
        for other in [
            "https://api.example.com:8443/",
            "http://api.example.com/",
            "https://example.com/",
            "https://api.example.com.evil.net/",
            "https://evil.net/https://api.example.com",
            "https://api.example.com@evil.net/",
        ] {
            assert!(!covers("https://api.example.com", other), "{other}");
        }
    }

    #[test]
    fn a_suffix_covers_the_hosts_below_and_nothing_else() {
        assert!(covers("https://*.example.com", "https://a.b.example.com/"));
        for other in [
            "https://example.com/",
            "https://.example.com/",
            "https://evilexample.com/",
            "https://example.com.evil.net/",
            "http://a.example.com/",
        ] {
            assert!(!covers("https://*.example.com", other), "{other}");
        }
        assert_eq!(
            "https://*.example.com"
                .parse::<Origin>()
                .unwrap()
                .to_string(),
            "https://*.example.com"
        );
    }

    #[test]
    fn urls_that_two_parsers_read_differently_are_refused() {
        for fine in [
            "https://api.example.com/v1?q=a@b",
            "http://[::1]:80/",
            "https://a.test",
        ] {
            assert!(plain_url(fine).is_ok(), "{fine}");
        }
        for bad in [
            "http://a:1\\@b:2/",
            "https://a\\b/",
            "https://u@a/",
            "http://[::1]:pw@127.0.0.1:7701/x",
            "http://[::1]x/",
            "https://a b/",
            "https:/a",
            "HTTPS://a",
            "https://127.0.0.{1}/",
            "https://ä/",
            "https://a%2eb/",
            "x",
        ] {
            assert!(plain_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn http_is_allowed_only_for_loopback() {
        for fine in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:1",
            "https://example.com",
        ] {
            assert!(fine.parse::<Origin>().is_ok(), "{fine}");
        }
        for bad in [
            "http://example.com",
            "ftp://example.com",
            "file:///etc",
            "https://a:b@example.com",
            "x",
            "https://e.com/p",
            "https://e.com?x",
            "",
            "https://*",
            "https://*.com",
            "https://a*.x.y",
            "https://*.*.x.y",
            "https://a.b:0",
            "https://a..b",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
