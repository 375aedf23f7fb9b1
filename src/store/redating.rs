//! In which run a reading was taken, and the time of those that were taken before the clock was set.
//!
//! Nothing is overwritten: a reading that was taken in 1970 stays there, marked, and is taken in once
//! more, with a sequence number of its own, at the time that it was really taken.

use std::ops::Range;

use super::boots::Boot;
use super::error::StoreError;
use super::{Store, Taken, Wanted, What};
use crate::model::quality::{Doubt, Quality};
use crate::model::reading::{Sample, Scan};
use crate::time::UtcTime;
use crate::time::trust::ClockState;

impl Store {
    /// Notes that the scans from now on are of a new run, which began at `now`; gives its number.
    pub fn begin_run(&self, now: UtcTime, clock: ClockState) -> u32 {
        let kernel_boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let kernel_boot_id = kernel_boot_id.trim_end().to_owned();
        let mut state = self.shared.state();
        let first_sequence = state.last_sequence + 1;
        let run = state.ledgers.boots.begin(Boot { first_sequence, started: now, clock, kernel_boot_id });
        if state.wait_for_durability() {
            self.shared.wake_writer();
        }
        run
    }

    /// The run in which the scan of this sequence number was taken, with its number; `None` for one that
    /// is too long ago.
    #[must_use]
    pub fn run_of(&self, sequence: u64) -> Option<(u32, Boot)> {
        let state = self.shared.state();
        state.ledgers.boots.of(sequence).map(|(number, boot)| (number, boot.clone()))
    }

    /// Takes the readings of `sequences` that were taken while the clock was unset in once more, `by_ms`
    /// later and marked; gives how many scans that were. Blocks while the writer is behind.
    ///
    /// # Errors
    /// When the store does not read at present, or is closed.
    pub fn redate(&self, sequences: Range<u64>, by_ms: i64) -> Result<u64, StoreError> {
        let always = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
        let mut redated = 0;
        for taken in self.walk(Wanted { what: What::All, times: always, sequences }) {
            if let Some(scan) = redated_scan(taken?, by_ms) {
                self.append_late_blocking(scan)?;
                redated += 1;
            }
        }
        Ok(redated)
    }
}

/// The scan at its true time; `None` when the clock was not unset when it was taken.
fn redated_scan(taken: Taken, by_ms: i64) -> Option<Scan> {
    let is_unset = |sample: &Sample| sample.quality == Quality::Suspect(Doubt::ClockUnset);
    if !taken.samples.iter().any(|(_, sample)| is_unset(sample)) {
        return None;
    }
    let redated = |sample: Sample| match sample.quality {
        Quality::Suspect(Doubt::ClockUnset) => Sample { quality: Quality::Suspect(Doubt::Redated), ..sample },
        _ => sample,
    };
    let at = UtcTime::from_ms(taken.at.as_ms().saturating_add(by_ms));
    let samples = taken.samples.into_iter().map(|(_, sample)| redated(sample)).collect();
    Some(Scan { group: taken.group, at, samples })
}
