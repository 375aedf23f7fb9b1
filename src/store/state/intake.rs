//! How scans come in, and how full epochs wait for the writer.

use std::sync::Arc;
use std::time::Instant;

use super::{Frozen, State};
use crate::limits;
use crate::model::gap::GapCause;
use crate::model::quality::{Doubt, Quality};
use crate::model::reading::{GroupId, Scan, SeriesId};
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::job::RingPart;
use crate::store::latest::LatestTable;
use crate::store::ledgers::gaps::{Newcomer, Seen};
use crate::time::{Interval, UtcTime};

/// Pending scans that wake the writer before the durability window is over.
pub(super) const PENDING_WAKES: usize = limits::STORE_QUEUE_MAX / 2;
/// Full epochs that may wait for the writer before those who append have to wait.
const FROZEN_MAX: usize = 2;

impl State {
    /// Has the gap ledger see a scan that is about to be taken.
    pub(super) fn see(&mut self, series: &[SeriesId], scan: &Scan) {
        // Their time says nothing about what came before or after.
        if self.ledgers.boots.is_unset()
            || scan.samples.iter().any(|sample| sample.quality == Quality::Suspect(Doubt::ClockUnset))
        {
            return;
        }
        // The last scans of a plan that is just being replaced.
        let is_outdated = |series| !self.profiles.series.contains_key(series);
        if !self.profiles.series.is_empty() && series.iter().any(is_outdated) {
            return;
        }
        let interval = self.profiles.interval(series);
        let seen = Seen { group: scan.group, series, at: scan.at, samples: &scan.samples, interval };
        if !self.ledgers.gaps.follows(scan.group) {
            let newcomer = Newcomer {
                scanned: series.iter().map(|series| self.latest.get(*series)?.at()).collect(),
                relatives: self.names.relatives(scan.group),
            };
            self.ledgers.gaps.follow(&seen, &newcomer);
        }
        self.ledgers.gaps.see(&seen);
    }

    /// When a group was scanned last by what a database holds, and how often it should be.
    pub(super) fn last_scan(&self, latest: &LatestTable, group: GroupId) -> Option<(UtcTime, Interval)> {
        let series = self.names.group_series(group)?;
        let last = series.iter().filter_map(|series| latest.get(*series)?.at()).max()?;
        Some((last, self.profiles.interval(series)?))
    }

    /// Scans that are not in the ring yet, those of a full epoch included.
    pub(super) fn waiting_scans(&self) -> usize {
        self.parts.iter().map(|part| part.scans.len()).sum::<usize>() + self.pending.len()
    }

    /// Whether a scan can be taken without letting memory grow.
    pub(in crate::store) fn has_room(&self) -> bool {
        let keeps_up = self.waiting_scans() < limits::STORE_QUEUE_MAX && self.frozen.len() < FROZEN_MAX;
        self.outage.is_some() || keeps_up
    }

    /// The writer does not keep up: what waits for the ring leaves it out, and becomes durable when its
    /// epoch is sealed.
    pub(in crate::store) fn fall_behind(&mut self) {
        let behind: Vec<u32> = self.parts.drain(..).map(|part| part.epoch).collect();
        for (number, frozen) in (self.index.next_number()..).zip(&mut self.frozen) {
            frozen.in_ring &= !behind.contains(&number);
        }
        self.in_ring &= self.pending.is_empty();
        self.pending.clear();
        if self.outage.is_none() && !self.is_behind {
            log::warn!("store: the medium is slower than the readings; they wait in memory");
        }
        self.is_behind = true;
    }

    /// Takes a scan; says whether the writer should wake.
    pub(in crate::store) fn take(&mut self, scan: Scan) -> Result<bool, StoreError> {
        let series = self.admit(&scan)?;
        self.see(&series, &scan);
        self.notice_late(&series, scan.at);
        self.latest.update(&series, scan.at, &scan.samples);
        Ok(self.hold(scan))
    }

    /// Takes a scan that may be older than what is known already: the newest stays the newest, and what
    /// is missing meanwhile stays missing. Says whether the writer should wake.
    pub(in crate::store) fn take_late(&mut self, scan: Scan) -> Result<bool, StoreError> {
        let series = self.admit(&scan)?;
        self.notice_late(&series, scan.at);
        let known = self.latest.of(&series);
        self.latest.update(&series, scan.at, &scan.samples);
        self.latest.put_back(&series, known, scan.at);
        Ok(self.hold(scan))
    }

    /// A scan that does not come after all others of its series changes what was past.
    fn notice_late(&mut self, series: &[SeriesId], at: UtcTime) {
        let comes_after = |series: &SeriesId| self.latest.last_at(*series).is_none_or(|last| last < at);
        if !series.iter().all(comes_after) {
            self.past_changes();
        }
    }

    /// The series of a scan that can be taken.
    pub(super) fn admit(&self, scan: &Scan) -> Result<Arc<[SeriesId]>, StoreError> {
        if self.is_closing() {
            return Err(StoreError::Closed);
        }
        self.names.check(scan).cloned()
    }

    /// Puts a scan into the open epoch; says whether the writer should wake.
    pub(super) fn hold(&mut self, scan: Scan) -> bool {
        let interval = self.names.group_series(scan.group).and_then(|series| self.profiles.interval(series));
        if let Some(interval) = interval {
            self.quarters.see(scan.group, scan.at, interval);
        }
        if self.open.is_full(self.epoch_bytes_max) {
            self.freeze();
        }
        self.last_sequence += 1;
        self.open.push(self.last_sequence, &scan);
        if self.in_ring {
            self.pending.push(scan);
        }
        let wakes = self.waiting_scans() >= PENDING_WAKES || !self.frozen.is_empty();
        self.wait_for_durability() || wakes
    }

    /// Notes that something waits to become durable; says whether it is the first.
    pub(in crate::store) fn wait_for_durability(&mut self) -> bool {
        let is_first = self.waiting_since.is_none();
        self.waiting_since.get_or_insert_with(Instant::now);
        is_first
    }

    /// Closes the open epoch.
    pub(in crate::store) fn freeze(&mut self) {
        let number = self.open_number();
        let epoch = std::mem::take(&mut self.open);
        let scans = std::mem::take(&mut self.pending);
        if !scans.is_empty() && self.in_ring {
            let first_sequence = self.last_sequence + 1 - scans.len() as u64;
            self.parts.push(RingPart { epoch: number, first_sequence, scans });
        }
        if epoch.scans() > 0 {
            self.frozen.push_back(Frozen { epoch, in_ring: self.in_ring });
        }
        self.in_ring = self.outage.is_none();
        self.is_behind &= !self.frozen.is_empty();
        self.ring_records = 0;
        self.keep_memory_bounded();
    }

    /// The number that the open epoch will have.
    pub(super) fn open_number(&self) -> u32 {
        let before = u32::try_from(self.frozen.len()).unwrap_or(u32::MAX);
        self.index.next_number().saturating_add(before)
    }

    /// While the database fails for long, the oldest epochs that were never acknowledged are lost.
    pub(super) fn keep_memory_bounded(&mut self) {
        while self.unsealed().map(Epoch::bytes).sum::<usize>() > limits::UNSEALED_BYTES_MAX {
            let acknowledged = |epoch: &Epoch| {
                epoch.extent().is_some_and(|extent| extent.first_sequence <= self.durable.sequence)
            };
            let oldest = self.frozen.iter().position(|frozen| !acknowledged(&frozen.epoch));
            let Some(dropped) = oldest.and_then(|oldest| self.frozen.remove(oldest)) else { break };
            self.dropped_scans += dropped.epoch.scans();
            self.note_lost(dropped.epoch.extent(), GapCause::Quota);
        }
    }
}
