//! Adaptive Rice coding: a number takes about as many bits as the numbers before it did.
//!
//! ```text
//! number / 2^k < 20    that many 1 bits, a 0 bit, the k lowest bits of the number
//! otherwise            twenty 1 bits, a 0 bit, six bits of length - 1, the number
//! leave                twenty 1 bits, a 1 bit; what follows is the caller's
//! ```
//!
//! `k` follows a running mean, so encoder and decoder agree on it without a word.

use super::bits::{BitReader, BitWriter, WINDOW_BITS};

/// From this many 1 bits on a number is written plainly: no number takes more than 91 bits.
const ONES_MAX: u32 = 20;
/// Numbers that the running mean looks back on.
const MEAN_OVER: u64 = 16;
/// Keeps the mean far from the ends of a `u64`; longer numbers are written plainly anyway.
const SEEN_MAX: u64 = 1 << 40;

const _: () = assert!(SEEN_MAX < u64::MAX / (11 * 4 * MEAN_OVER), "the mean is multiplied without a check");

/// The running mean that sets the length of the next number.
#[derive(Clone, Debug)]
pub(crate) struct Rice {
    /// The mean times [`MEAN_OVER`].
    sum: u64,
}

impl Default for Rice {
    fn default() -> Self {
        Self { sum: 2 * MEAN_OVER }
    }
}

/// What a Rice code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// A number.
    Number(u64),
    /// The run of numbers is left; what follows is the caller's.
    Leave,
}

impl Rice {
    /// Writes a number.
    pub(crate) fn put(&mut self, number: u64, out: &mut BitWriter) {
        let k = self.parameter();
        let ones = number >> k;
        if ones < u64::from(ONES_MAX) {
            let ones = u32::from(ones.to_le_bytes()[0]);
            out.put((1 << (ones + 1)) - 2, ones + 1);
            out.put(number, k);
        } else {
            out.put((1 << (ONES_MAX + 1)) - 2, ONES_MAX + 1);
            out.put_sized(number);
        }
        self.learn(number);
    }

    /// Writes that the run of numbers is left.
    pub(crate) fn put_leave(out: &mut BitWriter) {
        out.put(u64::MAX, ONES_MAX + 1);
    }

    /// Reads what [`Rice::put`] or [`Rice::put_leave`] wrote.
    #[inline]
    pub(crate) fn take(&mut self, bits: &mut BitReader<'_>) -> Option<Symbol> {
        let k = self.parameter();
        let window = bits.window();
        let ones = window.leading_ones();
        let length = ones + 1 + k;
        if ones >= ONES_MAX || length > WINDOW_BITS {
            return self.take_long(bits);
        }
        bits.skip(length)?;
        // Two shifts, since `k` may be 0 and no number is shifted by all of its bits.
        let low = (window << (ones + 1)) >> 1 >> (u64::BITS - 1 - k);
        let number = (u64::from(ones) << k) | low;
        self.learn(number);
        Some(Symbol::Number(number))
    }

    /// [`Rice::take`] for what does not fit into one window; kept apart, so that what does is short.
    #[cold]
    fn take_long(&mut self, bits: &mut BitReader<'_>) -> Option<Symbol> {
        let ones = bits.window().leading_ones().min(ONES_MAX);
        bits.skip(ones)?;
        let number = match bits.flag()? {
            true => return Some(Symbol::Leave),
            false if ones < ONES_MAX => {
                let k = self.parameter();
                (u64::from(ones) << k) | bits.take(k)?
            }
            false => bits.take_sized()?,
        };
        self.learn(number);
        Some(Symbol::Number(number))
    }

    /// The `k` for which numbers of this mean are shortest: 2^k is about 0.7 times the mean.
    fn parameter(&self) -> u32 {
        let bound = self.sum * 11 / (16 * MEAN_OVER);
        u64::BITS - bound.leading_zeros()
    }

    /// One number far off, such as a meter that was swapped, must not make many after it long.
    fn learn(&mut self, number: u64) {
        let seen = number.min(self.sum / 2 + 4 * MEAN_OVER).min(SEEN_MAX);
        self.sum = self.sum - self.sum / MEAN_OVER + seen;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_run_of_numbers_reads_back(numbers in prop::collection::vec(
            prop_oneof![1 => 0_u64..4, 1 => 0_u64..10_000, 3 => any::<u64>()], 0..500)) {
            let (mut rice, mut out) = (Rice::default(), BitWriter::default());
            for number in &numbers {
                rice.put(*number, &mut out);
            }
            Rice::put_leave(&mut out);
            let (mut rice, mut bits) = (Rice::default(), BitReader::new(out.bytes()));
            for number in &numbers {
                prop_assert_eq!(rice.take(&mut bits), Some(Symbol::Number(*number)));
            }
            prop_assert_eq!(rice.take(&mut bits), Some(Symbol::Leave));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let (mut rice, mut bits) = (Rice::default(), BitReader::new(&bytes));
            while rice.take(&mut bits).is_some() {}
        }
    }

    #[test]
    fn a_run_of_zeros_takes_one_bit_each() {
        let (mut rice, mut out) = (Rice::default(), BitWriter::default());
        for _ in 0..1_000 {
            rice.put(0, &mut out);
        }
        assert!(out.len() < 1_000 / 8 + 20, "{} bytes", out.len());
    }

    #[test]
    fn one_number_far_off_does_not_make_those_after_it_long() {
        let (mut rice, mut out) = (Rice::default(), BitWriter::default());
        rice.put(u64::MAX, &mut out);
        let before = out.len();
        for _ in 0..100 {
            rice.put(1, &mut out);
        }
        assert!(out.len() - before <= 60, "{} bytes", out.len() - before);
    }
}
