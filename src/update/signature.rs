//! Whether a manifest comes from whoever makes updates for this box: an Ed25519 signature as minisign makes it.

use minisign_verify::{PublicKey, Signature};
use thiserror::Error;

/// The first line of a signature, which minisign does not sign: it has one form here, so that no byte of a
/// bundle can be another one.
const COMMENT: &str = "untrusted comment: cems-gateway update";

/// The public key of whoever makes updates for this box.
#[derive(Clone, Debug)]
pub struct UpdateKey(PublicKey);

/// Why a signature is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// The key of the board is none.
    #[error("update_key is no public key; write the line that begins with RW of the .pub file of minisign")]
    Key,
    /// It is not written as one.
    #[error("the signature is not written as deploy/bundle writes it; make the bundle with that")]
    Form,
    /// Another key.
    #[error(
        "it is signed with another key than the update_key of this box; take the bundle that is made for it"
    )]
    OtherKey,
    /// The signature is not of this manifest.
    #[error("the signature does not fit; the file was damaged or changed, so fetch it once more")]
    Wrong,
}

impl UpdateKey {
    /// Reads the key as `board.toml` has it.
    ///
    /// # Errors
    /// [`SignatureFault::Key`].
    pub fn parse(text: &str) -> Result<Self, SignatureFault> {
        PublicKey::from_base64(text.trim()).map(Self).map_err(|_| SignatureFault::Key)
    }

    /// `Ok` where `signature`, the text of a `.minisig` file, is that of `manifest` with this key.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, manifest: &[u8], signature: &[u8]) -> Result<(), SignatureFault> {
        let text = std::str::from_utf8(signature).map_err(|_| SignatureFault::Form)?;
        let lines: Vec<&str> = text.split('\n').collect();
        let is_plain = !text.contains('\r');
        let [COMMENT, _, _, _, ""] = lines.as_slice() else { return Err(SignatureFault::Form) };
        let signature = Signature::decode(text).ok().filter(|_| is_plain).ok_or(SignatureFault::Form)?;
        self.0.verify(manifest, &signature, false).map_err(|error| match error {
            minisign_verify::Error::UnexpectedKeyId => SignatureFault::OtherKey,
            _ => SignatureFault::Wrong,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The secret halves are thrown away.
    pub(in super::super) const KEY: &str = include_str!("../../tests/it/data/update/key.txt");
    pub(in super::super) const OTHER_KEY: &str = "RWQ3WKAElsyrVXuRVjpIpGO8MJpClqpKXL5775rSPJo6AZKu0/bHit/a";
    /// Of the images of the tests of `bundle`.
    pub(in super::super) const MANIFEST: &str = include_str!("../../tests/it/data/update/manifest.toml");
    /// As `deploy/bundle` has minisign make it.
    pub(in super::super) const SIGNATURE: &str = include_str!("../../tests/it/data/update/manifest.minisig");

    #[test]
    fn a_manifest_is_taken_with_the_signature_that_minisign_made_of_it() {
        let key = UpdateKey::parse(KEY).unwrap();
        assert_eq!(key.verify(MANIFEST.as_bytes(), SIGNATURE.as_bytes()), Ok(()));
        assert_eq!(key.verify(b"another", SIGNATURE.as_bytes()), Err(SignatureFault::Wrong));
        let other = UpdateKey::parse(OTHER_KEY).unwrap();
        assert_eq!(other.verify(MANIFEST.as_bytes(), SIGNATURE.as_bytes()), Err(SignatureFault::OtherKey));
    }

    #[test]
    fn no_byte_of_a_signature_can_be_another_one() {
        let key = UpdateKey::parse(KEY).unwrap();
        for at in 0..SIGNATURE.len() {
            for change in [0x01, 0x20, 0x80] {
                let mut changed = SIGNATURE.as_bytes().to_vec();
                changed[at] ^= change;
                assert!(
                    key.verify(MANIFEST.as_bytes(), &changed).is_err(),
                    "byte {at} changed by {change:#x}"
                );
            }
        }
        for text in
            [format!("{SIGNATURE}\n"), SIGNATURE.replace('\n', "\r\n"), SIGNATURE.trim_end().to_owned()]
        {
            assert_eq!(key.verify(MANIFEST.as_bytes(), text.as_bytes()), Err(SignatureFault::Form));
        }
    }

    #[test]
    fn a_key_that_is_none_is_told() {
        for text in ["", "RWQ", "untrusted comment: minisign public key"] {
            assert_eq!(UpdateKey::parse(text).unwrap_err(), SignatureFault::Key);
        }
    }
}
