//! Every start of the store with the sequence number that it began with, so that each reading knows in
//! which run it was taken and whether the clock could be trusted then.
//!
//! ```text
//! key     run u32, counting from 1
//! value   version (1) u8 | clock state u8 | u64 first sequence number | i64 time of the start, ms
//!         | boot ID of the kernel, text
//! ```
//!
//! Big-endian. Only the last [`limits::BOOTS_MAX`] are kept.

use std::collections::BTreeMap;

use super::ledger::{Change, Ledger};
use crate::limits;
use crate::time::UtcTime;
use crate::time::trust::ClockState;

const VERSION: u8 = 1;

/// One start of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The sequence number of its first scan.
    pub first_sequence: u64,
    /// What the clock showed then.
    pub started: UtcTime,
    /// How far the clock could be trusted then.
    pub clock: ClockState,
    /// The kernel's own ID: the same for two starts without a reboot in between.
    pub kernel_boot_id: String,
}

/// The starts that are known.
#[derive(Debug, Default)]
pub(super) struct Boots {
    by_number: BTreeMap<u32, Boot>,
    changed: Vec<u32>,
    removed: Vec<u32>,
}

impl Boots {
    /// Notes a start; gives its number.
    pub(super) fn begin(&mut self, boot: Boot) -> u32 {
        let number = self.by_number.last_key_value().map_or(0, |(number, _)| *number).saturating_add(1);
        self.by_number.insert(number, boot);
        self.changed.push(number);
        while self.by_number.len() > limits::BOOTS_MAX {
            self.removed.extend(self.by_number.pop_first().map(|(number, _)| number));
        }
        number
    }

    /// The start in which the scan of this number was taken; `None` for one that is too long ago.
    pub(super) fn of(&self, sequence: u64) -> Option<(u32, &Boot)> {
        let begun = self.by_number.iter().rev().find(|(_, boot)| boot.first_sequence <= sequence);
        begun.map(|(number, boot)| (*number, boot))
    }
}

impl Ledger for Boots {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = u32::from_be_bytes(key.try_into().ok()?);
        let (&[VERSION, clock], rest) = value.split_first_chunk::<2>()? else { return None };
        let (first_sequence, rest) = rest.split_first_chunk::<8>()?;
        let (started, kernel_boot_id) = rest.split_first_chunk::<8>()?;
        let boot = Boot {
            first_sequence: u64::from_be_bytes(*first_sequence),
            started: UtcTime::from_ms(i64::from_be_bytes(*started)),
            clock: ClockState::from_code(clock)?,
            kernel_boot_id: String::from_utf8(kernel_boot_id.to_vec()).ok()?,
        };
        self.by_number.insert(number, boot);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let value = |boot: &Boot| {
            let head = [VERSION, boot.clock.code()];
            let (sequence, started) = (boot.first_sequence.to_be_bytes(), boot.started.as_ms().to_be_bytes());
            [head.as_slice(), &sequence, &started, boot.kernel_boot_id.as_bytes()].concat()
        };
        let mut all: Vec<Change> = changed
            .filter_map(|number| Some((number, self.by_number.get(&number)?)))
            .map(|(number, boot)| Change { key: number.to_be_bytes().to_vec(), value: Some(value(boot)) })
            .collect();
        let removed = std::mem::take(&mut self.removed).into_iter();
        all.extend(removed.map(|number| Change { key: number.to_be_bytes().to_vec(), value: None }));
        all
    }

    fn forget_stored(&mut self) {
        self.changed = self.by_number.keys().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(first_sequence: u64, kernel_boot_id: &str) -> Boot {
        Boot {
            first_sequence,
            started: UtcTime::from_ms(first_sequence.cast_signed() * 1_000),
            clock: ClockState::Holdover,
            kernel_boot_id: kernel_boot_id.to_owned(),
        }
    }

    #[test]
    fn a_reading_is_known_by_the_run_that_it_was_taken_in_even_after_a_restart() {
        let mut boots = Boots::default();
        assert_eq!(boots.begin(boot(1, "a")), 1);
        assert_eq!(boots.begin(boot(100, "b")), 2);
        let mut back = Boots::default();
        for change in boots.take_changes() {
            assert_eq!(back.restore(&change.key, &change.value.unwrap()), Some(()));
        }
        for (sequence, number) in
            [(1, Some(1)), (99, Some(1)), (100, Some(2)), (u64::MAX, Some(2)), (0, None)]
        {
            assert_eq!(back.of(sequence).map(|(number, _)| number), number, "{sequence}");
        }
        assert_eq!(back.of(5).unwrap().1, &boot(1, "a"));
        assert_eq!(back.restore(b"abc", b""), None);
    }

    #[test]
    fn the_oldest_starts_are_forgotten_and_numbers_count_on() {
        let mut boots = Boots::default();
        for sequence in 0..limits::BOOTS_MAX as u64 + 3 {
            boots.begin(boot(sequence, "a"));
        }
        assert_eq!(boots.of(2), None);
        assert_eq!(boots.of(3).map(|(number, _)| number), Some(4));
        let gone = boots.take_changes().into_iter().filter(|change| change.value.is_none()).count();
        assert_eq!(gone, 3);
    }
}
