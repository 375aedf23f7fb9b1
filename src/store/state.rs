//! What the handles and the writer thread share in memory, and what each step does to it; no
//! database, no waiting here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::cursor::Cursors;
use super::epoch::Epoch;
use super::error::StoreError;
use super::index::EpochIndex;
use super::job::{Job, NewNames, Pause, Write};
use super::latest::LatestTable;
use super::marker::Marker;
use super::names::{NameCounts, Names};
use super::profile::SiteProfile;
use super::recovery::Recovered;
use super::status::{Durable, StoreStatus};
use crate::limits;
use crate::model::reading::Scan;

/// Pending scans that wake the writer before the durability window is over.
const PENDING_WAKES: usize = limits::STORE_QUEUE_MAX / 2;
/// Full epochs that may wait for the writer before those who append have to wait.
const FROZEN_MAX: usize = 2;

/// The state of the store.
#[derive(Default)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) profiles: SiteProfile,
    /// Names that are on the medium.
    names_durable: NameCounts,
    pub(super) cursors: Cursors,
    pub(super) latest: LatestTable,
    pub(super) index: EpochIndex,
    /// Full epochs that are not sealed yet, oldest first.
    frozen: VecDeque<Epoch>,
    open: Epoch,
    /// The last scans of the open epoch, not yet in the ring.
    pending: Vec<Scan>,
    /// Whether the open epoch goes into the ring. One that was begun while the database failed does
    /// not: it is sealed as a whole.
    in_ring: bool,
    pub(super) last_sequence: u64,
    pub(super) durable: Durable,
    /// Since when something waits to become durable.
    waiting_since: Option<Instant>,
    flushes_asked: u64,
    flushes_served: u64,
    /// Why the database takes no writes, and when it is tried again.
    failing: Option<(String, Instant)>,
    pub(super) closing: bool,
    pub(super) closed: bool,
    ring_records: u32,
    expired_epochs: u64,
    expired_scans: u64,
    dropped_scans: u64,
    damage: Vec<String>,
}

impl State {
    /// The state after opening a database that holds `recovered`.
    /// `ring_records` is `None` when the ring cannot be written on where it ends;
    /// `last_sequence` is a number that was durable at some time.
    pub(super) fn new(recovered: Recovered, ring_records: Option<u32>, last_sequence: u64) -> Self {
        let Recovered { names, cursors, index, open, latest, durable, damage, .. } = recovered;
        let mut state = Self {
            names_durable: names.counts(),
            names,
            cursors: Cursors::stored(cursors),
            latest,
            index,
            open,
            in_ring: true,
            last_sequence: last_sequence.max(durable.sequence),
            durable,
            ring_records: ring_records.unwrap_or(0),
            ..Self::default()
        };
        for damage in damage {
            state.note_damage(damage);
        }
        if last_sequence > durable.sequence {
            let (last, left) = (last_sequence, durable.sequence);
            state.note_damage(format!("scans up to {last} were stored, those after {left} are lost"));
        }
        if ring_records.is_none() {
            state.freeze();
        }
        state
    }

    /// What is to be said about it; the files are counted elsewhere.
    pub(super) fn status(&self) -> StoreStatus {
        StoreStatus {
            durable: self.durable,
            last_sequence: self.last_sequence,
            sealed_bytes: self.index.bytes(),
            epochs: self.index.len(),
            oldest: self.index.iter().map(|epoch| epoch.extent.first).min(),
            open_scans: self.unsealed().map(Epoch::scans).sum(),
            open_readings: self.unsealed().map(Epoch::readings).sum(),
            open_bytes: self.unsealed().map(Epoch::bytes).sum(),
            ring_records: self.ring_records,
            expired_epochs: self.expired_epochs,
            expired_scans: self.expired_scans,
            dropped_scans: self.dropped_scans,
            failing: self.failing().map(str::to_owned),
            damage: self.damage.clone(),
            ..StoreStatus::default()
        }
    }

    /// Notes damage for the log and the status, each kind once.
    pub(super) fn note_damage(&mut self, damage: String) {
        if self.damage.len() < limits::STORE_DAMAGE_MAX && !self.damage.contains(&damage) {
            log::error!("store: {damage}");
            self.damage.push(damage);
        }
    }

    /// Whether a scan can be taken without letting memory grow.
    pub(super) fn has_room(&self) -> bool {
        let keeps_up = self.pending.len() < limits::STORE_QUEUE_MAX && self.frozen.len() < FROZEN_MAX;
        self.failing.is_some() || keeps_up
    }

    /// Takes a scan; says whether the writer should wake.
    pub(super) fn take(&mut self, scan: Scan) -> Result<bool, StoreError> {
        if self.closing {
            return Err(StoreError::Closed);
        }
        let series = self.names.check(&scan)?.clone();
        self.latest.update(&series, scan.at, &scan.samples);
        if self.open.is_full() {
            self.freeze();
        }
        self.last_sequence += 1;
        self.open.push(self.last_sequence, &scan);
        if self.in_ring {
            self.pending.push(scan);
        }
        let wakes = self.pending.len() >= PENDING_WAKES || !self.frozen.is_empty();
        Ok(self.wait_for_durability() || wakes)
    }

    /// Notes that something waits to become durable; says whether it is the first.
    pub(super) fn wait_for_durability(&mut self) -> bool {
        let is_first = self.waiting_since.is_none();
        self.waiting_since.get_or_insert_with(Instant::now);
        is_first
    }

    /// Closes the open epoch. What of it is not in the ring yet becomes durable with the sealing.
    pub(super) fn freeze(&mut self) {
        self.pending.clear();
        let epoch = std::mem::take(&mut self.open);
        if epoch.scans() > 0 {
            self.frozen.push_back(epoch);
        }
        self.in_ring = self.failing.is_none();
        self.ring_records = 0;
        self.keep_memory_bounded();
    }

    /// While the database fails for long, the oldest epochs that were never acknowledged are lost.
    fn keep_memory_bounded(&mut self) {
        while self.unsealed().map(Epoch::bytes).sum::<usize>() > limits::UNSEALED_BYTES_MAX {
            let acknowledged = |epoch: &Epoch| {
                epoch.extent().is_some_and(|extent| extent.first_sequence <= self.durable.sequence)
            };
            let Some(oldest) = self.frozen.iter().position(|epoch| !acknowledged(epoch)) else { break };
            self.dropped_scans += self.frozen.remove(oldest).map_or(0, |epoch| epoch.scans());
        }
    }

    /// The epochs in memory, oldest first.
    pub(super) fn unsealed(&self) -> impl Iterator<Item = &Epoch> {
        self.frozen.iter().chain([&self.open])
    }

    /// Moves a cursor; says whether the writer should wake.
    pub(super) fn move_cursor(&mut self, name: &str, sequence: u64) -> Result<bool, StoreError> {
        if self.closing {
            return Err(StoreError::Closed);
        }
        self.cursors.set(name, sequence)?;
        Ok(self.wait_for_durability())
    }

    /// Asks for a flush; gives its number.
    pub(super) fn ask_flush(&mut self) -> u64 {
        self.flushes_asked += 1;
        self.flushes_asked
    }

    /// Whether the flush of this number is done.
    pub(super) fn is_flushed(&self, flush: u64) -> bool {
        self.flushes_served >= flush
    }

    /// What the writer has to do now, or for how long nothing.
    pub(super) fn next_job(&mut self, now: Instant, window: Duration) -> Result<Job, Pause> {
        if let Some((_, retry_at)) = &self.failing {
            return match () {
                () if self.closing => Ok(Job::Stop),
                () if now >= *retry_at => Ok(Job::Reopen),
                () => Err(Pause::Until(*retry_at)),
            };
        }
        if let Some(epoch) = self.frozen.front() {
            let (number, epoch) = (self.index.next_number(), epoch.clone());
            return Ok(Job::Seal { number, epoch, names: self.new_names() });
        }
        let due_at = self.waiting_since.map(|since| since + window);
        let is_due = due_at.is_some_and(|due_at| self.closing || now >= due_at);
        let sync = is_due || self.flushes_asked > self.flushes_served;
        if sync || self.pending.len() >= PENDING_WAKES {
            return Ok(Job::Write(self.take_write(sync)));
        }
        if self.closing {
            return Ok(Job::Stop);
        }
        Err(due_at.map_or(Pause::Forever, Pause::Until))
    }

    fn take_write(&mut self, sync: bool) -> Write {
        let scans = std::mem::take(&mut self.pending);
        if sync {
            self.waiting_since = None;
        }
        Write {
            names: self.new_names(),
            cursors: if sync { self.cursors.take_moved() } else { Vec::new() },
            epoch: self.index.next_number(),
            first_sequence: self.last_sequence + 1 - scans.len() as u64,
            scans,
            sync,
            flushes: self.flushes_asked,
        }
    }

    fn new_names(&self) -> NewNames {
        let NameCounts { series, groups } = self.names_durable;
        NewNames {
            series: self.names.series_since(series),
            groups: self.names.groups_since(groups),
            counts: self.names.counts(),
        }
    }

    /// Names up to `counts` are on the medium.
    pub(super) fn names_are_durable(&mut self, counts: NameCounts) {
        self.names_durable = counts;
    }

    /// Everything up to `durable` is on the medium, and with it `flushes`.
    pub(super) fn scans_are_durable(&mut self, durable: Durable, flushes: u64) {
        if durable.sequence > self.durable.sequence {
            self.durable = durable;
        }
        self.flushes_served = flushes;
    }

    /// The ring of the epoch `number` has `records`; a full one closes the epoch.
    pub(super) fn ring_has(&mut self, number: u32, records: u32) {
        if self.frozen.is_empty() && self.index.next_number() == number {
            self.ring_records = records;
            if records >= limits::RING_RECORDS_MAX {
                self.freeze();
            }
        }
    }

    /// The oldest unsealed epoch is sealed as `number`.
    pub(super) fn sealed(&mut self, number: u32, marker: &Marker) {
        self.frozen.pop_front();
        self.index.add(number, marker);
        let extent = marker.extent;
        self.scans_are_durable(
            Durable { sequence: extent.last_sequence, through: Some(extent.newest) },
            self.flushes_served,
        );
    }

    /// An epoch is removed for its age or for space.
    pub(super) fn expire(&mut self, number: u32) {
        if let Some(epoch) = self.index.remove(number) {
            self.expired_epochs += 1;
            self.expired_scans += u64::from(epoch.scans);
        }
    }

    /// The database takes no writes. The open epoch is closed: what of it the ring has is unknown now.
    pub(super) fn fail(&mut self, reason: String, retry_at: Instant) {
        self.failing = Some((reason, retry_at));
        self.cursors.forget_stored();
        self.names_durable = NameCounts::default();
        self.freeze();
    }

    /// Why the database takes no writes at present.
    pub(super) fn failing(&self) -> Option<&str> {
        self.failing.as_ref().map(|(reason, _)| reason.as_str())
    }

    /// The database takes writes again and holds the epochs of `index`.
    pub(super) fn recover(&mut self, index: EpochIndex, damage: Vec<String>) {
        self.failing = None;
        self.index = index;
        for damage in damage {
            self.note_damage(damage);
        }
        self.freeze();
        self.wait_for_durability();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::{GroupId, Sample, SeriesId, Value};
    use crate::store::marker::Sum;
    use crate::time::UtcTime;

    const WINDOW: Duration = Duration::from_secs(5);

    fn state(series: usize) -> (State, GroupId) {
        let mut state = State::new(Recovered::default(), Some(0), 0);
        let name = |index| state.names.series("PT-1", &format!("P{index}")).unwrap();
        let series: Vec<SeriesId> = (0..series).map(name).collect();
        let group = state.names.group(&series).unwrap();
        (state, group)
    }

    /// A scan whose values do not compress.
    fn noise(state: &State, group: GroupId) -> Scan {
        let width = state.names.group_series(group).unwrap().len() as u64;
        let bits = |place: u64| (state.last_sequence * width + place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let value = |place| Sample::good(Value::Number(f64::from_bits(bits(place) >> 2)));
        let at = UtcTime::from_ms(state.last_sequence.cast_signed() * 1_000);
        Scan { group, at, samples: (0..width).map(value).collect() }
    }

    #[test]
    fn whoever_appends_waits_for_the_writer_instead_of_filling_the_memory() {
        let (mut state, group) = state(1);
        let mut taken = 0;
        while state.has_room() {
            state.take(noise(&state, group)).unwrap();
            taken += 1;
        }
        // Two full epochs, and the scan that closed the second.
        assert_eq!(taken, FROZEN_MAX * limits::EPOCH_SCANS_MAX + 1);
        let Ok(Job::Seal { epoch, .. }) = state.next_job(Instant::now(), WINDOW) else { panic!("no seal") };
        let marker = Marker::new(&epoch, epoch.extent().unwrap(), Sum::default(), NameCounts::default());
        state.sealed(0, &marker);
        assert!(state.has_room());
    }

    #[test]
    fn a_job_comes_when_the_window_is_over_and_holds_everything_since_the_last() {
        let (mut state, group) = state(2);
        assert!(matches!(state.next_job(Instant::now(), WINDOW), Err(Pause::Forever)));
        for _ in 0..3 {
            state.take(noise(&state, group)).unwrap();
        }
        let now = Instant::now();
        assert!(matches!(state.next_job(now, WINDOW), Err(Pause::Until(_))));
        let Ok(Job::Write(write)) = state.next_job(now + WINDOW, WINDOW) else { panic!("no write") };
        assert_eq!((write.first_sequence, write.scans.len(), write.sync), (1, 3, true));
        assert_eq!((write.names.series.len(), write.names.groups.len()), (2, 1));
        assert!(matches!(state.next_job(now + WINDOW, WINDOW), Err(Pause::Forever)));
    }

    #[test]
    fn while_the_database_fails_only_what_was_never_acknowledged_is_lost() {
        // Columns take memory even with one scan each, so many wide groups fill it fast.
        let (mut state, group) = state(limits::GROUP_SERIES_MAX);
        let mut series = state.names.group_series(group).unwrap().to_vec();
        let mut groups = std::iter::repeat_with(move || {
            series.rotate_left(1);
            series.clone()
        });
        let mut take = |state: &mut State| {
            let group = state.names.group(&groups.next().unwrap()).unwrap();
            state.take(noise(state, group)).unwrap();
        };
        take(&mut state);
        state.scans_are_durable(Durable { sequence: 1, through: None }, 0);
        state.fail("no space".to_owned(), Instant::now() + WINDOW);
        while state.dropped_scans == 0 {
            assert!(state.has_room());
            take(&mut state);
        }
        let kept: Vec<_> = state.unsealed().filter_map(Epoch::extent).collect();
        assert_eq!(kept[0].last_sequence, 1);
        assert_eq!(kept[1].first_sequence, state.dropped_scans + 2);
        assert!(state.status().open_bytes <= limits::UNSEALED_BYTES_MAX);

        state.recover(EpochIndex::default(), Vec::new());
        let job = state.next_job(Instant::now(), WINDOW);
        assert!(matches!(job, Ok(Job::Seal { number: 0, epoch, .. }) if epoch.scans() == 1));
    }
}
