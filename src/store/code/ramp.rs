//! Numbers that grow by about the same step: times and sequence numbers.

use super::bits::{BitReader, BitWriter};
use super::rice::{Rice, Symbol};
use super::{Coder, unzigzag, zigzag};

/// Codes each number as its distance from where the last step would have led.
#[derive(Clone, Debug, Default)]
pub(crate) struct RampCoder {
    last: Option<i64>,
    step: i64,
    rice: Rice,
}

impl RampCoder {
    fn expected(&self) -> i64 {
        self.last.unwrap_or(0).wrapping_add(self.step)
    }

    fn learn(&mut self, number: i64) {
        self.step = self.last.map_or(0, |last| number.wrapping_sub(last));
        self.last = Some(number);
    }
}

impl Coder for RampCoder {
    type Item = i64;

    fn encode(&mut self, number: &i64, out: &mut BitWriter) {
        let off = zigzag(number.wrapping_sub(self.expected()));
        if self.last.is_none() {
            out.put_sized(off);
        } else {
            self.rice.put(off, out);
        }
        self.learn(*number);
    }

    #[inline]
    fn decode(&mut self, bits: &mut BitReader<'_>) -> Option<i64> {
        let off = if self.last.is_none() {
            bits.take_sized()?
        } else {
            match self.rice.take(bits)? {
                Symbol::Number(off) => off,
                Symbol::Leave => return None,
            }
        };
        let number = self.expected().wrapping_add(unzigzag(off));
        self.learn(number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_run_of_numbers_reads_back(numbers in prop::collection::vec(
            prop_oneof![any::<i64>(), 1_700_000_000_000_i64..1_700_000_100_000], 0..200)) {
            let (mut coder, mut out) = (RampCoder::default(), BitWriter::default());
            for number in &numbers {
                coder.encode(number, &mut out);
            }
            let (mut coder, mut bits) = (RampCoder::default(), BitReader::new(out.bytes()));
            for number in &numbers {
                prop_assert_eq!(coder.decode(&mut bits), Some(*number));
            }
        }
    }

    #[test]
    fn a_steady_step_takes_one_bit_each() {
        let (mut coder, mut out) = (RampCoder::default(), BitWriter::default());
        (0..1_020).for_each(|index| coder.encode(&(1_700_000_000_000 + index * 15_000), &mut out));
        assert!(out.len() < 150, "{} bytes", out.len());
    }
}
