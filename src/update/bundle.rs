//! Reads a bundle that comes in pieces, cut anywhere, without ever holding more of it than its head.
//!
//! ```text
//! "CEMSUPD1" | bytes of the manifest u32 | bytes of the signature u32 | manifest | signature | root | boot
//! ```
//!
//! Numbers are little endian. The signature is that of the manifest, and the manifest has the hashes of the
//! images; nothing of the manifest is looked at before its signature.

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::manifest::{Image, Manifest, ManifestFault};
use super::signature::{SignatureFault, UpdateKey};
use crate::limits;

const MAGIC: &[u8; 8] = b"CEMSUPD1";
/// The magic and two numbers.
const OPENING_BYTES: usize = 16;

/// Why a bundle is no good.
#[derive(Debug, Error)]
pub enum BundleError {
    /// It begins with something else.
    #[error("this is no update of this gateway; give a .cems file that deploy/bundle made")]
    NotABundle,
    /// Its signature.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// An image is not what the manifest says.
    #[error(
        "the {0} image is not what the manifest says; the file was damaged on its way, so fetch it once more"
    )]
    Image(&'static str),
    /// It has more than it says.
    #[error("there is more after the end of it; fetch the file once more")]
    Trailing,
    /// It ends too early.
    #[error("it ends after {0} bytes and is not whole; fetch the file once more")]
    Truncated(u64),
    /// It cannot be read.
    #[error("the file cannot be read: {0}; see that it exists and is readable")]
    Io(#[from] io::Error),
}

/// Which image of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Root,
    Boot,
}

impl Part {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Boot => "boot",
        }
    }

    const fn image(self, manifest: &Manifest) -> Image {
        match self {
            Self::Root => manifest.root,
            Self::Boot => manifest.boot,
        }
    }
}

/// What a piece of a bundle brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Brought<'a> {
    /// Its manifest, whose signature is good.
    Manifest(Manifest),
    /// Bytes of an image, at this place in it.
    Image { part: Part, at: u64, bytes: &'a [u8] },
    /// Its last byte, with all that the manifest says true.
    Whole,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
enum Stage {
    /// The head, as far as it has come.
    Head(Vec<u8>),
    Image {
        manifest: Manifest,
        part: Part,
        at: u64,
        hash: Sha256,
    },
    Whole,
}

/// Reads a bundle as it comes.
pub(super) struct BundleReader {
    key: UpdateKey,
    stage: Stage,
    head_bytes: Option<u64>,
}

impl BundleReader {
    pub(super) fn new(key: UpdateKey) -> Self {
        Self { key, stage: Stage::Head(Vec::new()), head_bytes: None }
    }

    /// Bytes before the first image, once they have come.
    pub(super) fn head_bytes(&self) -> Option<u64> {
        self.head_bytes
    }

    /// Takes the first bytes off `input` and gives what they brought; `None` where all of it is taken.
    ///
    /// # Errors
    /// Why the bundle is no good; nothing more is to be read of it then.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Brought<'a>>, BundleError> {
        match &mut self.stage {
            Stage::Head(head) => {
                let Some(manifest) = read_head(head, input, &self.key)? else { return Ok(None) };
                self.head_bytes = u64::try_from(head.len()).ok();
                let (part, at, hash) = (Part::Root, 0, Sha256::new());
                self.stage = Stage::Image { manifest: manifest.clone(), part, at, hash };
                Ok(Some(Brought::Manifest(manifest)))
            }
            Stage::Image { manifest, part, at, hash } => {
                let image = part.image(manifest);
                if *at < image.bytes {
                    return Ok(read_image(*part, image, at, hash, input));
                }
                if std::mem::take(hash).finalize()[..] != image.sha256[..] {
                    return Err(BundleError::Image(part.name()));
                }
                match part {
                    Part::Root => {
                        (*part, *at) = (Part::Boot, 0);
                        self.next(input)
                    }
                    Part::Boot => {
                        self.stage = Stage::Whole;
                        Ok(Some(Brought::Whole))
                    }
                }
            }
            Stage::Whole if input.is_empty() => Ok(None),
            Stage::Whole => Err(BundleError::Trailing),
        }
    }
}

/// Moves as much as is wanted from `input` to `held`; whether it is all there.
fn fill(held: &mut Vec<u8>, wanted: usize, input: &mut &[u8]) -> bool {
    let missing = wanted.saturating_sub(held.len());
    let (taken, rest) = input.split_at(missing.min(input.len()));
    held.extend_from_slice(taken);
    *input = rest;
    held.len() >= wanted
}

/// The manifest, once the head is whole.
fn read_head(
    head: &mut Vec<u8>,
    input: &mut &[u8],
    key: &UpdateKey,
) -> Result<Option<Manifest>, BundleError> {
    let opening_is_whole = fill(head, OPENING_BYTES, input);
    let magic_so_far = head.len().min(MAGIC.len());
    if head.get(..magic_so_far) != MAGIC.get(..magic_so_far) {
        return Err(BundleError::NotABundle);
    }
    if !opening_is_whole {
        return Ok(None);
    }
    let length = |at: usize| {
        let bytes = head.get(at..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let fits = |length: Option<usize>, max: usize| length.filter(|length| (1..=max).contains(length));
    let manifest_bytes = fits(length(8), limits::UPDATE_MANIFEST_BYTES_MAX).ok_or(BundleError::NotABundle)?;
    let signature_bytes =
        fits(length(12), limits::UPDATE_SIGNATURE_BYTES_MAX).ok_or(BundleError::NotABundle)?;
    let manifest_ends = OPENING_BYTES + manifest_bytes;
    if !fill(head, manifest_ends + signature_bytes, input) {
        return Ok(None);
    }
    let manifest = head.get(OPENING_BYTES..manifest_ends).unwrap_or_default();
    let signature = head.get(manifest_ends..).unwrap_or_default();
    key.verify(manifest, signature)?;
    Ok(Some(Manifest::parse(manifest)?))
}

fn read_image<'a>(
    part: Part,
    image: Image,
    at: &mut u64,
    hash: &mut Sha256,
    input: &mut &'a [u8],
) -> Option<Brought<'a>> {
    let missing = usize::try_from(image.bytes - *at).unwrap_or(usize::MAX);
    let (bytes, rest) = input.split_at(missing.min(input.len()));
    if bytes.is_empty() {
        return None;
    }
    *input = rest;
    hash.update(bytes);
    let place = *at;
    *at += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Some(Brought::Image { part, at: place, bytes })
}

/// Reads a whole bundle and keeps nothing of it; gives its manifest, and calls `admit` with it as soon as it is
/// there.
///
/// # Errors
/// Why it is no good, or what `admit` says.
pub fn check_bundle<E: From<BundleError>>(
    mut file: impl Read,
    key: &UpdateKey,
    admit: impl Fn(&Manifest) -> Result<(), E>,
) -> Result<Manifest, E> {
    let mut reader = BundleReader::new(key.clone());
    let (mut piece, mut read, mut found) = (vec![0; limits::UPDATE_PIECE_BYTES_MAX], 0_u64, None);
    loop {
        let bytes = file.read(&mut piece).map_err(BundleError::Io)?;
        if bytes == 0 {
            return Err(BundleError::Truncated(read).into());
        }
        read += u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut input = piece.get(..bytes).unwrap_or_default();
        while let Some(brought) = reader.next(&mut input)? {
            match brought {
                Brought::Manifest(manifest) => {
                    admit(&manifest)?;
                    found = Some(manifest);
                }
                Brought::Image { .. } => {}
                Brought::Whole => {
                    let is_over = input.is_empty() && file.read(&mut [0]).map_err(BundleError::Io)? == 0;
                    if !is_over {
                        return Err(BundleError::Trailing.into());
                    }
                    return found.ok_or_else(|| BundleError::NotABundle.into());
                }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::signature::tests::{KEY, MANIFEST, OTHER_KEY, SIGNATURE};
    use super::*;

    pub(in super::super) fn key() -> UpdateKey {
        UpdateKey::parse(KEY).unwrap()
    }

    /// The images that [`MANIFEST`] speaks of.
    pub(in super::super) fn images() -> (Vec<u8>, Vec<u8>) {
        let noise = |seed: u32, bytes: u32| {
            (0..bytes)
                .map(move |at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13).to_le_bytes()[0])
        };
        (noise(7, 150_001).collect(), noise(11, 70_000).collect())
    }

    pub(in super::super) fn bundle() -> Vec<u8> {
        let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
        let (root, boot) = images();
        [
            &MAGIC[..],
            &length(MANIFEST),
            &length(SIGNATURE),
            MANIFEST.as_bytes(),
            SIGNATURE.as_bytes(),
            &root,
            &boot,
        ]
        .concat()
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Received {
        manifest: Option<Manifest>,
        root: Vec<u8>,
        boot: Vec<u8>,
        whole: bool,
    }

    fn receive<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Received, BundleError> {
        let mut reader = BundleReader::new(key());
        let mut received = Received::default();
        for mut piece in pieces {
            while let Some(brought) = reader.next(&mut piece)? {
                match brought {
                    Brought::Manifest(manifest) => received.manifest = Some(manifest),
                    Brought::Image { part, at, bytes } => {
                        let image = if part == Part::Root { &mut received.root } else { &mut received.boot };
                        assert_eq!(at, u64::try_from(image.len()).unwrap());
                        image.extend_from_slice(bytes);
                    }
                    Brought::Whole => received.whole = true,
                }
            }
        }
        Ok(received)
    }

    #[test]
    fn a_bundle_gives_its_manifest_and_its_images() {
        let bundle = bundle();
        let received = receive([bundle.as_slice()]).unwrap();
        assert!(received.whole);
        assert_eq!((received.root, received.boot), images());
        assert_eq!(received.manifest.unwrap().board, "test-board");
    }

    #[test]
    fn one_byte_changed_anywhere_is_found() {
        let whole = bundle();
        let head = whole.len() - 220_001;
        for at in (0..head).chain((head..whole.len()).step_by(9_973)).chain([whole.len() - 1]) {
            let mut changed = whole.clone();
            changed[at] ^= 0x01;
            let is_whole = receive([changed.as_slice()]).is_ok_and(|received| received.whole);
            assert!(!is_whole, "byte {at}");
        }
    }

    #[test]
    fn what_is_no_bundle_is_refused_at_its_first_byte_and_what_follows_one_too() {
        assert!(matches!(receive([&b"P"[..]]), Err(BundleError::NotABundle)));
        let long = [&MAGIC[..], &9_000_u32.to_le_bytes(), &1_u32.to_le_bytes()].concat();
        assert!(matches!(receive([long.as_slice()]), Err(BundleError::NotABundle)));
        let bundle = bundle();
        assert!(matches!(receive([bundle.as_slice(), b"x"]), Err(BundleError::Trailing)));
    }

    #[test]
    fn a_file_is_checked_whole_and_one_that_is_cut_off_or_goes_on_is_told() {
        let admit = |_: &Manifest| Ok::<_, BundleError>(());
        let bundle = bundle();
        assert_eq!(check_bundle(bundle.as_slice(), &key(), admit).unwrap().version.to_string(), "9.8.7");
        let cut = check_bundle(&bundle[..bundle.len() - 1], &key(), admit);
        assert!(matches!(cut, Err(BundleError::Truncated(_))));
        let more = [bundle.as_slice(), b"x"].concat();
        assert!(matches!(check_bundle(more.as_slice(), &key(), admit), Err(BundleError::Trailing)));
        let other = UpdateKey::parse(OTHER_KEY).unwrap();
        let refused = check_bundle(bundle.as_slice(), &other, admit);
        assert!(matches!(refused, Err(BundleError::Signature(SignatureFault::OtherKey))));
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same(cuts in prop::collection::vec(0..221_000_usize, 0..40)) {
            let bundle = bundle();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bundle.len())).collect();
            cuts.extend([0, bundle.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &bundle[pair[0]..pair[1]]);
            prop_assert_eq!(receive(pieces).unwrap(), receive([bundle.as_slice()]).unwrap());
        }

        #[test]
        fn a_head_that_comes_byte_by_byte_is_the_same(bytes in 1..300_usize) {
            let bundle = bundle();
            prop_assert_eq!(receive(bundle.chunks(bytes)).unwrap(), receive([bundle.as_slice()]).unwrap());
        }

        #[test]
        fn no_bytes_hurt(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _any = receive([[&MAGIC[..], &bytes].concat().as_slice()]);
        }
    }
}
