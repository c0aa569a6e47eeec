//! Decompressing the body of an answer. authctl asks for none to be compressed, but some servers
//! and proxies compress all the same (RFC 9110 section 8.4.1), and not all of them say so.

use super::MAX_BODY;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// How every gzip file begins (RFC 1952 section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The body as it was before it was compressed; unchanged if it is not compressed, or in a way that
/// is not known. `None` if it is larger than an answer may be.
pub fn decode(body: Vec<u8>, encoding: &str) -> Option<Vec<u8>> {
    let encoding = encoding.trim().to_ascii_lowercase();
    let plain = if body.starts_with(GZIP) || encoding.contains("gzip") {
        read(MultiGzDecoder::new(body.as_slice()))
    } else if encoding.contains("deflate") {
        read(ZlibDecoder::new(body.as_slice()))
    } else {
        return Some(body);
    };
    match plain {
        Ok(plain) => (plain.len() <= MAX_BODY).then_some(plain),
        // It is reported as what it is: something that cannot be read.
        Err(_) => Some(body),
    }
}

/// At most one byte more than an answer may have.
fn read(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = u64::try_from(MAX_BODY)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    from.take(limit).read_to_end(&mut plain)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        let mut encoder = GzEncoder::new(plain, Compression::best());
        encoder.read_to_end(&mut body).unwrap();
        body
    }

    #[test]
    fn what_a_server_compressed_is_read_whether_it_says_so_or_not() {
        let plain = br#"{"access_token":"a"}"#;
        for encoding in ["gzip", "x-gzip", " GZIP ", "", "identity", "br"] {
            assert_eq!(decode(gzip(plain), encoding).unwrap(), plain, "{encoding}");
        }
        let mut deflated = Vec::new();
        let mut encoder = ZlibEncoder::new(plain.as_slice(), Compression::fast());
        encoder.read_to_end(&mut deflated).unwrap();
        assert_eq!(decode(deflated, "deflate").unwrap(), plain);
        // What only claims to be compressed is left as it is.
        for encoding in ["gzip", "deflate", "br"] {
            assert_eq!(decode(plain.to_vec(), encoding).unwrap(), plain);
        }
        let half = gzip(plain)[..12].to_vec();
        assert_eq!(decode(half.clone(), "gzip").unwrap(), half);
    }

    #[test]
    fn an_answer_cannot_grow_without_bound() {
        let body = gzip(&vec![b' '; 4 * MAX_BODY]);
        assert!(body.len() < 64 * 1024);
        assert!(decode(body, "gzip").is_none());
        assert!(decode(gzip(&vec![b' '; MAX_BODY]), "gzip").is_some());
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>, encoding in "gzip|deflate|br|") {
            let mut marked = GZIP.to_vec();
            marked.extend(&body);
            let _ = (decode(body, &encoding), decode(marked, &encoding));
        }
    }
}
