//! How readings become few bits and come back bit for bit; pure, no database here.

pub(crate) mod bits;
pub(crate) mod column;
pub(crate) mod decimal;
pub(crate) mod ramp;
pub(crate) mod rice;
pub(crate) mod sample;
pub(crate) mod strand;

use bits::{BitReader, BitWriter};

/// Codes a run of items, each with what it remembers of those before.
///
/// A fresh coder decodes what a fresh coder encoded, in the same order.
pub(crate) trait Coder: Default {
    /// What is coded.
    type Item;

    /// Writes one item.
    fn encode(&mut self, item: &Self::Item, out: &mut BitWriter);

    /// Reads one item back; `None` when the bits end too early or say nothing.
    fn decode(&mut self, bits: &mut BitReader<'_>) -> Option<Self::Item>;
}

/// Signed to unsigned so that small amounts of either sign stay small: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(crate) const fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

/// The number that [`zigzag`] was given.
pub(crate) const fn unzigzag(folded: u64) -> i64 {
    (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_a_sign_into_a_number_loses_nothing() {
        for number in [0, 1, -1, 2, -2, i64::MAX, i64::MIN] {
            assert_eq!(unzigzag(zigzag(number)), number);
        }
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
    }
}
