//! The manifest of a bundle: for which board it is, which release, and what its images are.

use thiserror::Error;
use toml_edit::DocumentMut;

use super::version::Version;
use crate::limits;

/// The only form of manifests that there is so far.
const FORMAT: i64 = 1;

/// One of the two images of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of them.
    pub sha256: [u8; 32],
}

/// What a bundle says of itself, under its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The board that it is made for.
    pub board: String,
    /// The release.
    pub version: Version,
    /// The root file system with its tree of hashes.
    pub root: Image,
    /// The kernel with what belongs to it.
    pub boot: Image,
}

/// What is wrong with a manifest that is signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ManifestFault {
    /// It is no TOML.
    #[error("the manifest is no TOML; make the bundle with deploy/bundle")]
    Toml,
    /// It is made for another release of this program.
    #[error(
        "the manifest has format {0}, and this release reads {FORMAT}; update to a release between the two first"
    )]
    Format(i64),
    /// A key says nothing that can be used.
    #[error("the manifest says nothing that can be used as {0}; make the bundle with deploy/bundle")]
    Key(&'static str),
}

impl Manifest {
    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestFault> {
        let text = std::str::from_utf8(text).map_err(|_| ManifestFault::Toml)?;
        let document: DocumentMut = text.parse().map_err(|_| ManifestFault::Toml)?;
        let keys = Keys(&document);
        match keys.integer("format")? {
            FORMAT => {}
            other => return Err(ManifestFault::Format(other)),
        }
        Ok(Self {
            board: keys.board("board")?,
            version: Version::parse(keys.text("version")?).ok_or(ManifestFault::Key("version"))?,
            root: Image { bytes: keys.bytes("root_bytes")?, sha256: keys.hash("root_sha256")? },
            boot: Image { bytes: keys.bytes("boot_bytes")?, sha256: keys.hash("boot_sha256")? },
        })
    }
}

struct Keys<'a>(&'a DocumentMut);

impl<'a> Keys<'a> {
    fn integer(&self, key: &'static str) -> Result<i64, ManifestFault> {
        self.0.get(key).and_then(toml_edit::Item::as_integer).ok_or(ManifestFault::Key(key))
    }

    fn text(&self, key: &'static str) -> Result<&'a str, ManifestFault> {
        self.0.get(key).and_then(toml_edit::Item::as_str).ok_or(ManifestFault::Key(key))
    }

    fn board(&self, key: &'static str) -> Result<String, ManifestFault> {
        let name = self.text(key)?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = (1..=limits::BOARD_TEXT_CHARS_MAX).contains(&name.len()) && name.chars().all(is_plain);
        fits.then(|| name.to_owned()).ok_or(ManifestFault::Key(key))
    }

    fn bytes(&self, key: &'static str) -> Result<u64, ManifestFault> {
        let bytes = u64::try_from(self.integer(key)?).ok();
        bytes.filter(|bytes| (1..=limits::SLOT_BYTES_MAX).contains(bytes)).ok_or(ManifestFault::Key(key))
    }

    fn hash(&self, key: &'static str) -> Result<[u8; 32], ManifestFault> {
        hash_of(self.text(key)?).ok_or(ManifestFault::Key(key))
    }
}

/// The 32 bytes that 64 lower-case hexadecimal digits write.
fn hash_of(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some((digit(high)? << 4) | digit(low)?)).collect();
    bytes.filter(|_| rest.is_empty())?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> String {
        let (root, boot) = ("ab".repeat(32), "0f".repeat(32));
        format!(
            "format = 1\nboard = \"orange-pi-zero\"\nversion = \"0.2.0\"\nroot_bytes = 4096\n\
             root_sha256 = \"{root}\"\nboot_bytes = 7\nboot_sha256 = \"{boot}\"\n"
        )
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(text().as_bytes()).unwrap();
        assert_eq!(
            (manifest.board.as_str(), manifest.version.to_string().as_str()),
            ("orange-pi-zero", "0.2.0")
        );
        assert_eq!(manifest.root, Image { bytes: 4096, sha256: [0xab; 32] });
        assert_eq!(manifest.boot, Image { bytes: 7, sha256: [0x0f; 32] });
    }

    #[test]
    fn a_key_that_says_nothing_is_named() {
        for (from, to, fault) in [
            ("format = 1", "format = 2", ManifestFault::Format(2)),
            ("format = 1", "", ManifestFault::Key("format")),
            ("orange-pi-zero", "a\\nb", ManifestFault::Key("board")),
            ("0.2.0", "newest", ManifestFault::Key("version")),
            ("4096", "0", ManifestFault::Key("root_bytes")),
            ("4096", "-1", ManifestFault::Key("root_bytes")),
            ("4096", "9000000000", ManifestFault::Key("root_bytes")),
            ("abab", "ABAB", ManifestFault::Key("root_sha256")),
            ("0f0f", "0f0", ManifestFault::Key("boot_sha256")),
            ("boot_bytes = 7", "boot_bytes = \"7\"", ManifestFault::Key("boot_bytes")),
            ("board", "=", ManifestFault::Toml),
        ] {
            let changed = text().replacen(from, to, 1);
            assert_eq!(Manifest::parse(changed.as_bytes()), Err(fault), "{from} -> {to}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_hurt(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _any = Manifest::parse(&bytes);
        }
    }
}
