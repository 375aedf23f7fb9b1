//! How often a unit refused, by exception code.

/// Modbus Application Protocol V1.1b3, section 7, gives meanings to codes 1 to 11, save 7 and 9.
const CODES: std::ops::RangeInclusive<u8> = 1..=11;

/// Refusals by exception code; those without a meaning are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExceptionCounts {
    by_code: [u64; 11],
    other: u64,
}

impl ExceptionCounts {
    /// Counts one refusal.
    pub fn add(&mut self, code: u8) {
        let known = usize::from(code).checked_sub(1).and_then(|place| self.by_code.get_mut(place));
        *known.unwrap_or(&mut self.other) += 1;
    }

    /// Codes 1 to 11 that came, with how often they did, in the order of codes.
    pub fn by_code(&self) -> impl Iterator<Item = (u8, u64)> {
        CODES.zip(self.by_code).filter(|(_, count)| *count > 0)
    }

    /// Refusals with any other code.
    #[must_use]
    pub const fn other(&self) -> u64 {
        self.other
    }

    /// All refusals.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_code.iter().sum::<u64>() + self.other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_counted_by_itself_and_those_without_a_meaning_together() {
        let mut counts = ExceptionCounts::default();
        for code in [2, 11, 2, 0, 12, 255] {
            counts.add(code);
        }
        assert_eq!(counts.by_code().collect::<Vec<_>>(), [(2, 2), (11, 1)]);
        assert_eq!((counts.other(), counts.total()), (3, 6));
    }
}
