//! What the writer has to do next, and what it has done.

use std::time::{Duration, Instant};

use super::State;
use super::intake::PENDING_WAKES;
use crate::limits;
use crate::model::gap::GapCause;
use crate::store::job::{Job, NewNames, Pause, RingPart, Write};
use crate::store::names::NameCounts;
use crate::store::periods::marker::Marker;
use crate::store::status::Durable;

impl State {
    /// What the writer has to do now, or for how long nothing.
    pub(in crate::store) fn next_job(&mut self, now: Instant, window: Duration) -> Result<Job, Pause> {
        self.checkup.is_idle();
        if let Some(retry_at) = self.outage.as_ref().map(|outage| outage.retry_at) {
            return match () {
                () if self.is_closing() => Ok(Job::Stop),
                () if now >= retry_at => Ok(Job::Reopen),
                () => self.next_sum(now).ok_or(Pause::Until(retry_at)),
            };
        }
        if self.must_seal() {
            return Ok(self.seal(true));
        }
        if let Some(job) = self.checkup.next_salvage() {
            return Ok(job);
        }
        let due_at = self.waiting_since.map(|since| since + window);
        let is_due = due_at.is_some_and(|due_at| self.is_closing() || now >= due_at);
        let sync = is_due || self.flushes_asked > self.flushes_served;
        if sync && !self.in_ring && self.open.scans() > 0 {
            // What the ring does not have becomes durable by being sealed.
            self.freeze();
            return Ok(self.seal(true));
        }
        if sync || self.waiting_scans() >= PENDING_WAKES {
            return Ok(Job::Write(self.take_write(sync)));
        }
        if self.is_closing() {
            return Ok(Job::Stop);
        }
        if std::mem::take(&mut self.step_due) && !self.frozen.is_empty() {
            return Ok(self.seal(false));
        }
        if let Some(quarter) = self.waiting_rows.first() {
            return Ok(Job::Sum { quarter });
        }
        if let Some(job) = self.next_sum(now) {
            return Ok(job);
        }
        let due_at = [due_at, self.quarters.late_at()].into_iter().flatten().min();
        let pause = match self.unlisted.next(now) {
            Ok(step) => return Ok(step),
            Err(pause) => due_at.map_or(pause, |due_at| pause.or_at(due_at)),
        };
        self.checkup.next(now).map_err(|other| other.or(pause))
    }

    /// Sums are made of what memory holds even while the medium takes none of them.
    fn next_sum(&mut self, now: Instant) -> Option<Job> {
        self.quarters.next(now).map(|quarter| Job::Sum { quarter })
    }

    /// Whether a full epoch cannot wait for its next step: it is not in the ring, or those who append
    /// would have to wait for it.
    pub(super) fn must_seal(&self) -> bool {
        let Some(oldest) = self.frozen.front() else { return false };
        !oldest.in_ring || self.frozen.len() > 1 || self.open.is_full(self.epoch_bytes_max)
    }

    pub(super) fn seal(&self, whole: bool) -> Job {
        let epoch = self.frozen.front().map(|frozen| frozen.epoch.clone()).unwrap_or_default();
        Job::Seal { number: self.index.next_number(), epoch, names: self.new_names(), whole }
    }

    /// A sealed epoch did not read back.
    pub(in crate::store) fn suspect(&mut self, number: u32) {
        // One that retention has removed meanwhile is not missed.
        if self.index.contains(number) {
            self.past_changes();
            self.checkup.add_unreadable(number);
        }
    }

    /// The periods that begin with these epochs are written no more and have no contents yet.
    pub(in crate::store) fn are_over(&mut self, firsts: impl IntoIterator<Item = u32>) {
        self.unlisted.add(firsts);
    }

    /// The contents of a period are there, or cannot be had.
    pub(in crate::store) fn is_listed(&mut self, first: u32) {
        self.unlisted.settle(first);
    }

    /// An epoch is to be looked at again.
    pub(in crate::store) fn check_again(&mut self, number: u32) {
        self.checkup.add(std::iter::once(number));
    }

    /// An epoch is whole.
    pub(in crate::store) fn is_whole(&mut self, number: u32) {
        self.checkup.settle(number);
    }

    /// An epoch lacks some of its readings for good.
    pub(in crate::store) fn lacks_readings(&mut self, number: u32, damage: String) {
        let extent = self.index.get(number).map(|epoch| epoch.extent);
        self.note_lost(extent, GapCause::Storage);
        self.note_damage(damage);
        self.checkup.settle(number);
    }

    pub(super) fn take_write(&mut self, sync: bool) -> Write {
        let mut parts = std::mem::take(&mut self.parts);
        let scans = std::mem::take(&mut self.pending);
        if !scans.is_empty() {
            let first_sequence = self.last_sequence + 1 - scans.len() as u64;
            parts.push(RingPart { epoch: self.open_number(), first_sequence, scans });
        }
        if sync {
            self.waiting_since = None;
        }
        Write {
            names: self.new_names(),
            changes: self.ledgers.take_changes(),
            parts,
            sync,
            flushes: self.flushes_asked,
        }
    }

    pub(super) fn new_names(&self) -> NewNames {
        let NameCounts { series, groups } = self.names_durable;
        NewNames {
            series: self.names.series_since(series),
            groups: self.names.groups_since(groups),
            counts: self.names.counts(),
        }
    }

    /// Names up to `counts` are on the medium.
    pub(in crate::store) fn names_are_durable(&mut self, counts: NameCounts) {
        self.names_durable = counts;
    }

    /// Everything up to `durable` is on the medium, and with it `flushes`.
    pub(in crate::store) fn scans_are_durable(&mut self, durable: Durable, flushes: u64) {
        if durable.sequence > self.durable.sequence {
            self.durable = durable;
        }
        self.flushes_served = flushes;
        self.step_due = !self.frozen.is_empty();
    }

    /// The ring of the epoch `number` has `records`; a full one closes the epoch.
    pub(in crate::store) fn ring_has(&mut self, number: u32, records: u32) {
        if self.open_number() == number {
            self.ring_records = records;
            if records >= limits::RING_RECORDS_MAX {
                self.freeze();
            }
        }
    }

    /// A step of the oldest unsealed epoch is written; the next one waits for the next write.
    pub(in crate::store) fn step_is_written(&mut self) {
        self.step_due = false;
    }

    /// The oldest unsealed epoch is sealed as `number`.
    pub(in crate::store) fn sealed(&mut self, number: u32, marker: &Marker) {
        self.frozen.pop_front();
        self.parts.retain(|part| part.epoch != number);
        self.index.add(number, marker);
        let extent = marker.extent;
        self.scans_are_durable(
            Durable { sequence: extent.last_sequence, through: Some(extent.newest) },
            self.flushes_served,
        );
    }
}
