//! Authenticated encryption of a sealed file: ChaCha20-Poly1305 (RFC 8439), with a random nonce for
//! every write.

use super::{Secret, random_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// The first bytes of every sealed file, to distinguish later formats.
const MAGIC: &[u8; 8] = b"authctl1";

/// The key of a sealed file. It is in the record, in the store, and never changes for an id.
pub struct SealKey(Zeroizing<[u8; 32]>);

/// Why sealing or opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system's random generator failed.
    #[error("the system's random number generator failed")]
    Random,
    /// Truncated, edited, made for another credential, or not a sealed file.
    #[error("the sealed file is damaged or belongs to another credential")]
    Damaged,
    /// The seal key in the record is not 32 bytes of base64.
    #[error("the record contains no valid seal key")]
    BadKey,
}

impl SealKey {
    /// A new random key, as the text that a record contains.
    ///
    /// # Errors
    /// The system's random generator failed.
    pub fn generate() -> Result<Secret, SealError> {
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        Ok(Secret::new(STANDARD.encode(bytes.as_slice())))
    }

    /// The key in the text of a record.
    ///
    /// # Errors
    /// The text is not 32 bytes of base64.
    pub fn from_text(text: &Secret) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.expose())
                .map_err(|_| SealError::BadKey)?,
        );
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| SealError::BadKey)?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Seals `plain` for the credential `id`.
    ///
    /// # Errors
    /// The system's random generator failed.
    pub fn seal(&self, id: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = random_bytes::<NONCE_LEN>()?;
        let mut sealed = plain.to_vec();
        let tag = self
            .cipher()?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(id),
                &mut sealed,
            )
            .map_err(|_| SealError::Random)?;
        Ok([MAGIC.as_slice(), &nonce, &sealed, tag.as_ref()].concat())
    }

    /// Opens what [`SealKey::seal`] made for the same `id`.
    ///
    /// # Errors
    /// [`SealError::Damaged`] for anything else.
    pub fn open(&self, id: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let rest = sealed.strip_prefix(MAGIC).ok_or(SealError::Damaged)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .cipher()?
            .open_in_place(nonce, Aad::from(id), &mut body)
            .map_err(|_| SealError::Damaged)?;
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, self.0.as_slice())
            .map_err(|_| SealError::BadKey)?;
        Ok(LessSafeKey::new(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> SealKey {
        SealKey::from_text(&SealKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn a_sealed_file_opens_only_for_its_own_id_and_key() {
        let (ours, theirs) = (key(), key());
        let sealed = ours.seal("one", b"text").unwrap();
        assert_eq!(ours.open("one", &sealed).unwrap().as_slice(), b"text");
        assert_eq!(ours.open("two", &sealed).unwrap_err(), SealError::Damaged);
        assert_eq!(theirs.open("one", &sealed).unwrap_err(), SealError::Damaged);
    }

    #[test]
    fn the_nonce_is_new_for_every_write() {
        let key = key();
        assert_ne!(
            key.seal("id", b"same").unwrap(),
            key.seal("id", b"same").unwrap()
        );
    }

    proptest! {
        #[test]
        fn damage_is_always_noticed(cut in 0usize..40, flip in 0usize..40, garbage: Vec<u8>) {
            let key = key();
            let sealed = key.seal("id", b"text").unwrap();
            let shorter = &sealed[..cut.min(sealed.len() - 1)];
            prop_assert_eq!(key.open("id", shorter).unwrap_err(), SealError::Damaged);
            let mut edited = sealed.clone();
            edited[flip % sealed.len()] ^= 1;
            prop_assert_eq!(key.open("id", &edited).unwrap_err(), SealError::Damaged);
            prop_assert_eq!(key.open("id", &garbage).unwrap_err(), SealError::Damaged);
        }
    }
}
