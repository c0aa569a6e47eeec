//! Text that leaves this machine: encrypting an age file for one recipient, and decrypting it.

use crate::disk::{self, Privacy};
use crate::secret::Secret;
use age::x25519;
use std::path::Path;
use std::str::FromStr;

/// Encrypts a text so that only the owner of the recipient's identity can read it.
///
/// # Errors
/// The recipient is not an age recipient (`age1…`).
pub fn encrypt_for(recipient: &str, text: &Secret) -> Result<Vec<u8>, String> {
    let recipient = x25519::Recipient::from_str(recipient.trim())
        .map_err(|_| "not an age recipient (it must begin with `age1`)".to_owned())?;
    age::encrypt(&recipient, text.expose().as_bytes())
        .map_err(|_| "the text cannot be encrypted".to_owned())
}

/// Decrypts what [`encrypt_for`] made, with the identity in a file that `age-keygen` wrote.
///
/// # Errors
/// The identity cannot be read, can be read by other users, or is not the one that the text was
/// encrypted to.
pub fn decrypt_with(identity: &Path, sealed: &[u8]) -> Result<Secret, String> {
    let shown = identity.display();
    let bytes = disk::read(identity, Privacy::Private).map_err(|error| error.to_string())?;
    let bytes = zeroize::Zeroizing::new(bytes.ok_or_else(|| format!("no such file: {shown}"))?);
    let key = super::vault::parse_identity(&bytes)
        .ok_or_else(|| format!("{shown} does not contain an age identity (`AGE-SECRET-KEY-1…`)"))?;
    let plain = age::decrypt(&key, sealed).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys => {
            format!("the file is not encrypted to the identity in {shown}")
        }
        _ => "the file is damaged, or not an age file".to_owned(),
    })?;
    let plain = zeroize::Zeroizing::new(plain);
    let text =
        std::str::from_utf8(&plain).map_err(|_| "the file does not contain text".to_owned())?;
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recipient_reads_it() {
        let home = tempfile::tempdir().unwrap();
        let keep = |name: &str, identity: &x25519::Identity| {
            use age::secrecy::ExposeSecret;
            let path = home.path().join("keys").join(name);
            disk::write(
                &path,
                format!(
                    "# created: today\n{}\n",
                    identity.to_string().expose_secret()
                )
                .as_bytes(),
            )
            .unwrap();
            path
        };
        let (ours, theirs) = (x25519::Identity::generate(), x25519::Identity::generate());
        let sealed = encrypt_for(&ours.to_public().to_string(), &Secret::new("planted")).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"planted"));
        assert!(
            decrypt_with(&keep("ours", &ours), &sealed)
                .unwrap()
                .same_as("planted")
        );
        assert!(
            decrypt_with(&keep("theirs", &theirs), &sealed)
                .unwrap_err()
                .contains("not encrypted to")
        );
        assert!(decrypt_with(&keep("ours", &ours), b"garbage").is_err());
        assert!(
            decrypt_with(&home.path().join("none"), &sealed)
                .unwrap_err()
                .contains("no such file")
        );
        assert!(encrypt_for("age1nonsense", &Secret::new("x")).is_err());
    }
}
