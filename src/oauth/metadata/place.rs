//! Where the metadata of an issuer may be.

use url::Url;

/// The folder of well-known documents (RFC 8615).
const WELL_KNOWN: &str = "/.well-known/";

/// The name of the document of RFC 8414 section 3.
const OAUTH: &str = "oauth-authorization-server";

/// The name of the document of OpenID Connect Discovery 1.0 section 4.
const OPENID: &str = "openid-configuration";

/// Which of the two documents a place may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// That of RFC 8414.
    OAuth,
    /// That of OpenID Connect Discovery.
    OpenId,
}

/// A URL at which metadata may be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which document is expected there.
    pub kind: Kind,
    /// The URL.
    pub url: Url,
    /// Whether it belongs to the whole origin, of which the issuer is only a part.
    pub of_origin: bool,
}

/// The places of an issuer, in the order in which they are asked.
///
/// RFC 8414 section 3.1 inserts the well-known path before the issuer's own, OpenID Connect
/// Discovery section 4.1 appends it, and servers do it the other way round, too.
pub(super) fn places(issuer: &Url) -> Vec<Place> {
    let path = issuer.path().trim_end_matches('/');
    let place = |kind, path: String, of_origin| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Place {
            kind,
            url,
            of_origin,
        }
    };
    let mut places = vec![
        place(Kind::OAuth, format!("{WELL_KNOWN}{OAUTH}{path}"), false),
        place(Kind::OpenId, format!("{path}{WELL_KNOWN}{OPENID}"), false),
    ];
    if !path.is_empty() {
        places.extend([
            place(Kind::OAuth, format!("{path}{WELL_KNOWN}{OAUTH}"), false),
            place(Kind::OpenId, format!("{WELL_KNOWN}{OPENID}{path}"), false),
            place(Kind::OAuth, format!("{WELL_KNOWN}{OAUTH}"), true),
            place(Kind::OpenId, format!("{WELL_KNOWN}{OPENID}"), true),
        ]);
    }
    places
}

/// The issuer that a URL names: the URL itself, or, for the URL of a metadata document, the issuer
/// whose document it is.
pub fn issuer(typed: &str) -> String {
    let Some((origin, rest)) = typed.split_once(WELL_KNOWN) else {
        return typed.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    for name in [OAUTH, OPENID] {
        if let Some(path) = rest.strip_prefix(name)
            && (path.is_empty() || path.starts_with('/'))
        {
            return format!("{origin}{}", path.trim_end_matches('/'));
        }
    }
    typed.to_owned()
}
