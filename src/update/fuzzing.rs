//! Doors to what anybody may send as an update. No part of the product.

use super::bundle::{Brought, BundleError, BundleReader};
use super::manifest::Manifest;
use super::signature::UpdateKey;
use crate::limits;

/// A key whose secret half nobody has.
const KEY: &str = "RWRGJLRHnbdsuC9mdqjQNpnAERF+IL2q8Glnk1fCx5Jg9FcR23RzWNpN";

/// A bundle comes to the same however it is cut.
///
/// # Panics
/// Where it does not.
pub fn bundle(bytes: &[u8]) {
    let Ok(key) = UpdateKey::parse(KEY) else { return };
    let read = |piece_bytes: usize| {
        let mut reader = BundleReader::new(key.clone());
        let mut came = 0;
        for mut piece in bytes.chunks(piece_bytes) {
            while let Some(brought) = reader.next(&mut piece)? {
                came += match brought {
                    Brought::Image { bytes, .. } => bytes.len(),
                    Brought::Manifest(_) | Brought::Whole => 0,
                };
            }
        }
        Ok::<_, BundleError>((came, reader.head_bytes()))
    };
    let [whole, bytewise] = [usize::MAX, 1].map(|piece| read(piece).map_err(|error| error.to_string()));
    assert_eq!(whole, bytewise);
}

/// A manifest that is taken names places within bounds.
///
/// # Panics
/// Where it does not.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    for image in [manifest.root, manifest.boot] {
        assert!((1..=limits::SLOT_BYTES_MAX).contains(&image.bytes));
    }
    assert!(manifest.board.len() <= limits::BOARD_TEXT_CHARS_MAX);
}
