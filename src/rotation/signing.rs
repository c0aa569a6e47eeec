//! AWS Signature Version 4: a request is signed with the secret, which is not sent
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use crate::credential::Parts;
use crate::provider::{Header, RenderError};
use crate::secret::Secret;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use url::Url;

/// The region for services without one.
const REGION: &str = "us-east-1";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The headers that authorize a POST of a form. The service is the first label of the host; the key
/// has the parts `id` and `secret`.
///
/// # Errors
/// The key lacks a part.
pub fn aws4(
    url: &Url,
    content_type: &str,
    body: &str,
    parts: &Parts,
    now: Timestamp,
) -> Result<Vec<Header>, RenderError> {
    let part = |name: &str| {
        parts
            .get(name)
            .ok_or_else(|| RenderError::Missing(name.to_owned()))
    };
    let (id, secret) = (part("id")?, part("secret")?);
    let time = TimeZone::UTC
        .to_datetime(now)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let day: String = time.chars().take(8).collect();
    let host = url.host_str().unwrap_or_default();
    let host = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let service = host.split('.').next().unwrap_or_default();
    let scope = format!("{day}/{REGION}/{service}/aws4_request");

    // The names in lower case and in order, each with its value; the names again; a digest of the
    // body.
    let canonical = format!(
        "POST\n{}\n{}\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{time}\n\ncontent-type;host;x-amz-date\n{}",
        url.path(),
        url.query().unwrap_or_default(),
        hex(digest(&SHA256, body.as_bytes()).as_ref())
    );
    let to_sign = format!(
        "{ALGORITHM}\n{time}\n{scope}\n{}",
        hex(digest(&SHA256, canonical.as_bytes()).as_ref())
    );
    let keyed = |key: &[u8], text: &str| sign(&Key::new(HMAC_SHA256, key), text.as_bytes());
    let first = Secret::new(format!("AWS4{}", secret.expose()));
    let key = [REGION, service, "aws4_request"]
        .iter()
        .fold(keyed(first.expose().as_bytes(), &day), |key, text| {
            keyed(key.as_ref(), text)
        });
    let signature = hex(keyed(key.as_ref(), &to_sign).as_ref());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders=content-type;host;x-amz-date, Signature={signature}",
        id.expose()
    );
    Ok(vec![
        Header {
            name: "X-Amz-Date".into(),
            value: Secret::new(time),
        },
        Header {
            name: "Authorization".into(),
            value: Secret::new(authorization),
        },
    ])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the day of the documentation's example; the signature is what botocore 1.44
    /// makes of the same request.
    #[test]
    fn the_signature_is_that_of_an_independent_implementation() {
        let parts = Parts::from([
            ("id".to_owned(), Secret::new("AKIDEXAMPLE")),
            (
                "secret".to_owned(),
                Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            ),
        ]);
        let url = Url::parse("https://iam.amazonaws.com/").unwrap();
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let kind = "application/x-www-form-urlencoded; charset=utf-8";
        let headers = aws4(
            &url,
            kind,
            "Action=ListUsers&Version=2010-05-08",
            &parts,
            now,
        )
        .unwrap();
        assert_eq!(headers[0].value.expose(), "20150830T123600Z");
        assert_eq!(
            headers[1].value.expose(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature=5d76d0de3e0ffe5a7a23cfce21b99d6f4e5060aad86bd9dc7c617f224e5b492a"
        );
        assert!(aws4(&url, kind, "", &Parts::new(), now).is_err());
    }
}
