//! Runs and their clock, and the time of readings that were taken before the clock was set.
//!
//! Nothing is overwritten: a reading that was taken in 1970 stays there, marked, and is taken in once
//! more, with a sequence number of its own, at the time that it was really taken. The work is done in
//! lots: a lot is written, flushed, and only then noted as done. After a power cut at most two lots are
//! written and not noted; they are looked for before any is written again.

use std::collections::HashSet;
use std::ops::Range;

use super::{Store, Taken, Wanted, What};
use crate::limits;
use crate::model::quality::{Doubt, Quality};
use crate::model::reading::{GroupId, Sample, Scan};
use crate::store::error::StoreError;
use crate::store::ledgers::boots::{Boot, ClockChange, Redating};
use crate::time::UtcTime;
use crate::time::trust::{Evidence, Sight};

const REDATED: Quality = Quality::Suspect(Doubt::Redated);

impl Store {
    /// Notes that the scans from now on are of a new run, which begins with this sight of the clock, in
    /// the start of the machine with this ID (empty where it is not known); gives its number.
    pub fn begin_run(&self, sight: &Sight, kernel_boot_id: &str) -> u32 {
        let mut state = self.shared.state();
        let first_sequence = state.last_sequence + 1;
        let run = state.ledgers.boots.begin(first_sequence, sight, kernel_boot_id);
        self.write_soon(state);
        run
    }

    /// Notes that the run was told to stop, and took its last scan.
    pub fn end_run(&self) {
        let mut state = self.shared.state();
        let last_sequence = state.last_sequence;
        state.ledgers.boots.end(last_sequence);
        state.ledgers.audit.settle_all();
        self.write_soon(state);
    }

    /// The run in which the scan of this sequence number was taken, with its number; `None` for one that
    /// is too long ago.
    #[must_use]
    pub fn run_of(&self, sequence: u64) -> Option<(u32, Boot)> {
        let state = self.shared.state();
        state.ledgers.boots.of(sequence).map(|(number, boot)| (number, boot.clone()))
    }

    /// What the store knows of the clock in the start of the machine with this ID.
    #[must_use]
    pub fn clock_evidence(&self, kernel_boot_id: &str) -> Evidence {
        let state = self.shared.state();
        Evidence {
            was_set: state.ledgers.boots.was_set(kernel_boot_id),
            newest_kept: state.durable.through,
            ..Evidence::default()
        }
    }

    /// Notes that somebody set the clock: a pause that ends with the next scan is due to that.
    pub fn clock_was_set(&self, change: ClockChange) {
        let mut state = self.shared.state();
        state.ledgers.gaps.clock_was_set();
        state.ledgers.boots.note_change(change);
        self.write_soon(state);
    }

    /// Notes what the clock is like from now on: it is unset and stands elsewhere than before, or is not
    /// unset any more. Then what was read before is to be re-dated.
    pub fn note_clock(&self, sight: &Sight) {
        let mut state = self.shared.state();
        let next_sequence = state.last_sequence + 1;
        state.ledgers.boots.note_clock(next_sequence, sight);
        self.write_soon(state);
    }

    /// Takes the readings that were taken while the clock was unset in once more, where it has been set
    /// since, at their true time and marked; gives how many scans that were. Call it again later, as
    /// scans may have been under way, until [`Store::has_redated`]. Blocks while the writer is behind.
    ///
    /// # Errors
    /// When the store does not read or take writes at present, or is closed; called again it goes on
    /// where it was.
    pub fn redate(&self) -> Result<u64, StoreError> {
        let mut redated = 0;
        while let Some(redating) = self.due() {
            redated += self.redate_run(&redating)?;
            if self.shared.state().ledgers.boots.is_present(&redating) {
                break;
            }
            self.finish(redating.run);
        }
        Ok(redated)
    }

    /// Whether there are readings to be re-dated, or may still be.
    #[must_use]
    pub fn is_redating(&self) -> bool {
        self.due().is_some()
    }

    /// Notes that no scan is under way any more that began before the clock was set.
    pub fn has_redated(&self) {
        if let Some(redating) = self.due() {
            self.finish(redating.run);
        }
    }

    fn due(&self) -> Option<Redating> {
        let state = self.shared.state();
        state.ledgers.boots.redating(state.last_sequence)
    }

    fn finish(&self, run: u32) {
        let mut state = self.shared.state();
        state.ledgers.boots.has_redated(run);
        self.write_soon(state);
    }

    /// Re-dates what is left, lot by lot.
    fn redate_run(&self, redating: &Redating) -> Result<u64, StoreError> {
        // That the clock was set must not be lost: it cannot be found out again after a reboot.
        self.shared.flush()?;
        let mut written_before = self.written_before(redating)?;
        let mut walk = self.walk(everything(redating.sequences.clone()));
        let mut redated = 0;
        loop {
            let (mut through, mut written) = (None, 0);
            for taken in walk.by_ref().take(limits::REDATING_SCANS) {
                let taken = taken?;
                through = Some(taken.sequence);
                let Some(scan) = redated_scan(taken, redating) else { continue };
                if !written_before.remove(&(scan.group, scan.at)) {
                    written += self.take_once_more(scan)?;
                }
            }
            if written > 0 {
                self.shared.flush()?;
            }
            redated += written;
            let is_last = through.is_none();
            self.note_redated(redating, through.unwrap_or(redating.sequences.end - 1));
            if is_last {
                break;
            }
        }
        if walk.unread() > 0 {
            log::error!("{} damaged epochs keep the time of a clock that was not set", walk.unread());
        }
        Ok(redated)
    }

    /// One scan that fits no group any more must not keep the others from their time.
    fn take_once_more(&self, scan: Scan) -> Result<u64, StoreError> {
        match self.shared.append_late_blocking(scan) {
            Ok(()) => Ok(1),
            Err(StoreError::Closed) => Err(StoreError::Closed),
            Err(error) => {
                log::error!("a scan keeps the time of a clock that was not set: {error}");
                Ok(0)
            }
        }
    }

    fn note_redated(&self, redating: &Redating, through: u64) {
        let mut state = self.shared.state();
        let written = state.last_sequence;
        state.ledgers.boots.redated(redating.run, through, written);
        self.write_soon(state);
    }

    /// Which scans of the next two lots were written already, by group and time.
    fn written_before(&self, redating: &Redating) -> Result<HashSet<(GroupId, UtcTime)>, StoreError> {
        let later = redating.written + 1..u64::MAX;
        let mut expected = HashSet::new();
        if self.last_sequence() < later.start {
            return Ok(expected);
        }
        for taken in self.walk(everything(redating.sequences.clone())).take(2 * limits::REDATING_SCANS) {
            expected.extend(redated_scan(taken?, redating).map(|scan| (scan.group, scan.at)));
        }
        let mut found = HashSet::new();
        for taken in self.walk(Wanted { what: What::Times, ..everything(later) }) {
            let taken = taken?;
            if expected.contains(&(taken.group, taken.at)) {
                found.insert((taken.group, taken.at));
            }
        }
        Ok(found)
    }
}

fn everything(sequences: Range<u64>) -> Wanted {
    let times = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
    Wanted { what: What::All, times, sequences }
}

/// The scan at its true time; `None` when the clock was not unset when it was taken. One that was taken
/// in after the clock was set, and has no mark, may be one that is re-dated already.
fn redated_scan(taken: Taken, redating: &Redating) -> Option<Scan> {
    let correction = redating.stretches.correction(taken.sequence, taken.at)?;
    let is_marked = |sample: &Sample| sample.quality == Quality::Suspect(Doubt::ClockUnset);
    if correction.came_late && !taken.samples.iter().any(|(_, sample)| is_marked(sample)) {
        return None;
    }
    let redated =
        |sample: Sample| if is_marked(&sample) { Sample { quality: REDATED, ..sample } } else { sample };
    let at = UtcTime::from_ms(taken.at.as_ms().saturating_add(correction.by_ms));
    let samples = taken.samples.into_iter().map(|(_, sample)| redated(sample)).collect();
    Some(Scan { group: taken.group, at, samples })
}
