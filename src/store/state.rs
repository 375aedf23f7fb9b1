//! What the handles and the writer thread share in memory, and what each step does to it; no
//! database, no waiting here.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::epoch::Epoch;
use super::error::StoreError;
use super::index::EpochIndex;
use super::latest::LatestTable;
use super::marker::Marker;
use super::names::{NameCounts, Names};
use super::recovery::Recovered;
use super::status::{Durable, StoreStatus};
use crate::limits;
use crate::model::reading::{GroupId, Scan, SeriesId, Value};

/// Pending scans that wake the writer before the durability window is over.
const PENDING_WAKES: usize = limits::STORE_QUEUE_MAX / 2;
/// Full epochs that may wait for the writer before those who append have to wait.
const FROZEN_MAX: usize = 2;

/// The state of the store.
#[derive(Default)]
pub(super) struct State {
    pub(super) names: Names,
    /// Names that are on the medium.
    names_durable: NameCounts,
    cursors: HashMap<String, Cursor>,
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
    pub(super) damage: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Cursor {
    sequence: u64,
    durable: bool,
}

/// Names that are not on the medium yet, as they are stored.
#[derive(Default)]
pub(super) struct NewNames {
    pub(super) series: Vec<(SeriesId, Vec<u8>)>,
    pub(super) groups: Vec<(GroupId, Vec<u8>)>,
    /// How many there are with these.
    pub(super) counts: NameCounts,
}

/// What the writer has to do next.
pub(super) enum Job {
    /// Write an epoch that is full.
    Seal { number: u32, epoch: Epoch, names: NewNames },
    /// Write pending scans.
    Write(Write),
    /// Try to open the database again.
    Reopen,
    /// Nothing any more.
    Stop,
}

/// Pending scans and cursors to write.
pub(super) struct Write {
    pub(super) names: NewNames,
    pub(super) cursors: Vec<(String, u64)>,
    /// The open epoch.
    pub(super) epoch: u32,
    /// Sequence number of the first scan; the others count on.
    pub(super) first_sequence: u64,
    pub(super) scans: Vec<Scan>,
    /// Whether all must be on the medium afterwards.
    pub(super) sync: bool,
    /// Flushes that are served with it.
    pub(super) flushes: u64,
}

/// What to wait for when there is no job.
pub(super) enum Pause {
    /// A wake-up.
    Until(Instant),
    /// A wake-up, however long it takes.
    Forever,
}

impl State {
    /// The state after opening a database that holds `recovered`.
    /// `ring_records` is `None` when the ring cannot be written on where it ends;
    /// `last_sequence` is a number that was durable at some time.
    pub(super) fn new(recovered: Recovered, ring_records: Option<u32>, last_sequence: u64) -> Self {
        let Recovered { names, cursors, index, open, latest, durable, damage, .. } = recovered;
        let cursors = cursors.into_iter().map(|(name, sequence)| (name, Cursor { sequence, durable: true }));
        let mut state = Self {
            names_durable: names.counts(),
            names,
            cursors: cursors.collect(),
            latest,
            index,
            open,
            in_ring: true,
            last_sequence: last_sequence.max(durable.sequence),
            durable,
            ring_records: ring_records.unwrap_or(0),
            damage,
            ..Self::default()
        };
        if last_sequence > durable.sequence {
            let (last, left) = (last_sequence, durable.sequence);
            state.damage.push(format!("scans up to {last} were stored, those after {left} are lost"));
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
        let series = self.check(&scan)?.clone();
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

    fn check(&self, scan: &Scan) -> Result<&std::sync::Arc<[SeriesId]>, StoreError> {
        let group = scan.group;
        let refused = |reason| Err(StoreError::Scan { group, reason });
        let series = self.names.group_series(group).ok_or(StoreError::UnknownGroup(group))?;
        if series.len() != scan.samples.len() {
            return refused(format!("{} samples for {} series", scan.samples.len(), series.len()));
        }
        for sample in &scan.samples {
            if sample.value.is_some() != sample.quality.has_value() {
                return refused(format!("a value and the quality '{}' exclude each other", sample.quality));
            }
            if let Some(Value::Text(text)) = &sample.value
                && text.len() > limits::METER_TEXT_BYTES_MAX
            {
                let limit = limits::METER_TEXT_BYTES_MAX;
                return refused(format!("a text of {} bytes; at most {limit} are kept", text.len()));
            }
        }
        Ok(series)
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

    /// The sequence number that a reader of scans has come to.
    pub(super) fn cursor(&self, name: &str) -> u64 {
        self.cursors.get(name).map_or(0, |cursor| cursor.sequence)
    }

    /// Moves a cursor; says whether the writer should wake.
    pub(super) fn move_cursor(&mut self, name: &str, sequence: u64) -> Result<bool, StoreError> {
        if self.closing {
            return Err(StoreError::Closed);
        }
        let is_new = !self.cursors.contains_key(name);
        if name.is_empty() || name.len() > limits::ID_CHARS_MAX {
            return Err(StoreError::Name { name: name.to_owned() });
        }
        if is_new && self.cursors.len() >= limits::STORE_CURSORS_MAX {
            return Err(StoreError::NamesUsedUp { what: "cursors", count: self.cursors.len() });
        }
        self.cursors.insert(name.to_owned(), Cursor { sequence, durable: false });
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
        let mut cursors = Vec::new();
        if sync {
            self.waiting_since = None;
            for (name, cursor) in self.cursors.iter_mut().filter(|(_, cursor)| !cursor.durable) {
                cursor.durable = true;
                cursors.push((name.clone(), cursor.sequence));
            }
        }
        Write {
            names: self.new_names(),
            cursors,
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
        self.cursors.values_mut().for_each(|cursor| cursor.durable = false);
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
        self.damage.extend(damage);
        self.freeze();
        self.wait_for_durability();
    }
}
