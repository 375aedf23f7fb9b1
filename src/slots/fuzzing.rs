//! A door to what may lie in the state partition. No part of the product.

use super::encoding::{COPY_BYTES, Copy, decode, encode, sealed};

/// A state under a good checksum that is taken reads the same once it is written again.
///
/// # Panics
/// Where it does not.
pub fn boot_state(bytes: &[u8]) {
    let _damaged = decode(bytes);
    let text = bytes.get(..COPY_BYTES.min(bytes.len())).unwrap_or_default().to_vec();
    let Some(copy) = decode(&sealed(text)) else { return };
    let Copy { sequence, state } = copy.clone();
    assert_eq!(decode(&encode(&Copy { sequence, state })), Some(copy));
}
