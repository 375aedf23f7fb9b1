//! Bits and variable-length numbers in a row of bytes, the most significant bit first.

/// Writes bits; the last byte is filled up with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are still free.
    free: u32,
}

impl BitWriter {
    /// Writes the lowest `count` bits of `value`; at most 64.
    pub(crate) fn put(&mut self, value: u64, count: u32) {
        let mut left = count.min(64);
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = (value >> (left - taken)) & ((1 << taken) - 1);
            self.free -= taken;
            if let (Some(last), Ok(part)) = (self.bytes.last_mut(), u8::try_from(part)) {
                *last |= part << self.free;
            }
            left -= taken;
        }
    }

    /// Writes a number whose length is not known beforehand: six bits of length, then its bits.
    pub(crate) fn put_sized(&mut self, value: u64) {
        let length = (u64::BITS - value.leading_zeros()).max(1);
        self.put(u64::from(length - 1), 6);
        self.put(value, length);
    }

    /// What was written so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes written so far, the unfinished one included.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Bits that [`BitReader::window`] shows at least.
pub(crate) const WINDOW_BITS: u32 = 57;

/// Reads what a [`BitWriter`] wrote.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read so far.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// Reads from the first bit of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Reads from the bit `position` of `bytes`.
    pub(crate) const fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// Bits before the next one.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    /// The next `count` bits, at most 64; `None` when there are fewer.
    pub(crate) fn take(&mut self, count: u32) -> Option<u64> {
        if count > WINDOW_BITS {
            let high = self.take(count.min(64) - 32)?;
            return Some((high << 32) | self.take(32)?);
        }
        let bits = self.window();
        self.skip(count)?;
        Some(if count == 0 { 0 } else { bits >> (u64::BITS - count) })
    }

    /// The next bits without taking them, the first one highest: at least [`WINDOW_BITS`], with zeros
    /// where there are fewer.
    #[inline]
    pub(crate) fn window(&self) -> u64 {
        let rest = self.bytes.get(self.position / 8..).unwrap_or_default();
        let bytes = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(rest).for_each(|(byte, rest)| *byte = *rest);
            bytes
        });
        u64::from_be_bytes(bytes) << (self.position % 8)
    }

    /// Passes over `count` bits; `None` when there are fewer.
    #[inline]
    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        let end = self.position + count as usize;
        (end <= self.bytes.len() * 8).then(|| self.position = end)
    }

    /// The next bit.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.take(1).map(|bit| bit == 1)
    }

    /// A number that [`BitWriter::put_sized`] wrote.
    pub(crate) fn take_sized(&mut self) -> Option<u64> {
        let length = self.take(6)? + 1;
        self.take(u32::try_from(length).ok()?)
    }
}

/// Appends `value` with seven bits a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number off the front of `bytes` that [`put_varint`] wrote.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_run_of_bits_reads_back(runs in prop::collection::vec((any::<u64>(), 0_u32..=64), 0..200)) {
            let mut out = BitWriter::default();
            for (value, count) in &runs {
                out.put(*value, *count);
                out.put_sized(*value);
            }
            let mut bits = BitReader::new(out.bytes());
            for (value, count) in &runs {
                let mask = if *count == 64 { u64::MAX } else { (1 << count) - 1 };
                prop_assert_eq!(bits.take(*count), Some(value & mask));
                prop_assert_eq!(bits.take_sized(), Some(*value));
            }
        }

        #[test]
        fn any_variable_length_number_reads_back(value in any::<u64>(), small in 0_u64..1_000) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            put_varint(&mut out, small);
            let mut rest = out.as_slice();
            prop_assert_eq!(take_varint(&mut rest), Some(value));
            prop_assert_eq!(take_varint(&mut rest), Some(small));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_ends_too_early_is_told_apart_from_zero() {
        assert_eq!(BitReader::new(&[0xff]).take(9), None);
        assert_eq!(take_varint(&mut [0x80_u8].as_slice()), None);
        assert_eq!(take_varint(&mut [0xff_u8; 11].as_slice()), None);
    }
}
