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

const REDATED: Quality = Quality::Suspect(Doubt::Redated);

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

/// The scan at its true time; `None` when the clock was not unset when it was taken. A scan without
/// any value is known by its time alone.
fn redated_scan(taken: Taken, by_ms: i64) -> Option<Scan> {
    let is_marked = |sample: &Sample| sample.quality == Quality::Suspect(Doubt::ClockUnset);
    let cannot_be = ClockState::of(taken.at, true) == ClockState::Unset;
    if !cannot_be && !taken.samples.iter().any(|(_, sample)| is_marked(sample)) {
        return None;
    }
    let redated =
        |sample: Sample| if is_marked(&sample) { Sample { quality: REDATED, ..sample } } else { sample };
    let at = UtcTime::from_ms(taken.at.as_ms().saturating_add(by_ms));
    let samples = taken.samples.into_iter().map(|(_, sample)| redated(sample)).collect();
    Some(Scan { group: taken.group, at, samples })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quality::Cause;
    use crate::model::reading::{GroupId, Value};

    const TODAY_MS: i64 = 1_790_000_000_000;
    const UNSET: Quality = Quality::Suspect(Doubt::ClockUnset);
    const SILENT: Quality = Quality::Missing(Cause::Timeout);

    fn redated(at_ms: i64, qualities: &[Quality]) -> Option<(i64, Vec<Quality>)> {
        let value = |quality: Quality| quality.has_value().then_some(Value::Number(1.0));
        let sample = |quality: &Quality| Sample { value: value(*quality), quality: *quality };
        let samples = (0..).zip(qualities.iter().map(sample)).collect();
        let taken = Taken { sequence: 1, group: GroupId(0), at: UtcTime::from_ms(at_ms), samples };
        let scan = redated_scan(taken, TODAY_MS)?;
        Some((scan.at.as_ms(), scan.samples.iter().map(|sample| sample.quality).collect()))
    }

    #[test]
    fn what_is_doubted_for_its_time_alone_is_marked_as_put_right() {
        let outside = Quality::Suspect(Doubt::OutOfRange);
        let found = redated(7_000, &[UNSET, outside, SILENT]);
        assert_eq!(found, Some((TODAY_MS + 7_000, vec![REDATED, outside, SILENT])));
    }

    #[test]
    fn a_scan_that_gave_nothing_in_1970_is_re_dated_too() {
        assert_eq!(redated(7_000, &[SILENT]), Some((TODAY_MS + 7_000, vec![SILENT])));
    }

    #[test]
    fn a_scan_of_a_clock_that_was_right_stays_where_it_is() {
        for quality in [Quality::Good, SILENT, REDATED] {
            assert_eq!(redated(TODAY_MS, &[quality]), None);
        }
    }
}
