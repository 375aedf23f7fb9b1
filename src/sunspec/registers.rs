//! The registers of one model as far as they were read, each as a word or why there is none.

use crate::model::quality::Cause;

/// Registers from the one with the model's number on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Registers(Vec<Result<u16, Cause>>);

impl Registers {
    /// How many there are.
    pub(super) const fn length(&self) -> usize {
        self.0.len()
    }

    /// Adds what came of reading the next `count` registers.
    pub(super) fn add(&mut self, count: u16, answer: Result<&[u16], Cause>) {
        let count = usize::from(count);
        match answer {
            Ok(words) if words.len() == count => self.0.extend(words.iter().copied().map(Ok)),
            Ok(_) => self.fail(count, Cause::Mismatch),
            Err(cause) => self.fail(count, cause),
        }
    }

    fn fail(&mut self, count: usize, cause: Cause) {
        self.0.resize(self.0.len() + count, Err(cause));
    }

    /// The `count` words from `offset` on.
    pub(super) fn words(&self, offset: u16, count: u16) -> Result<Vec<u16>, Cause> {
        let from = usize::from(offset);
        let words = self.0.get(from..from + usize::from(count)).ok_or(Cause::Mismatch)?;
        words.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_was_not_read_whole_says_why() {
        let mut registers = Registers::default();
        registers.add(2, Ok(&[1, 2]));
        registers.add(2, Err(Cause::Timeout));
        registers.add(2, Ok(&[5]));
        assert_eq!(registers.length(), 6);
        assert_eq!(registers.words(0, 2), Ok(vec![1, 2]));
        assert_eq!(registers.words(1, 2), Err(Cause::Timeout));
        assert_eq!(registers.words(4, 2), Err(Cause::Mismatch));
        assert_eq!(registers.words(5, 2), Err(Cause::Mismatch));
    }
}
