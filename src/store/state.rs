//! What the handles and the writer thread share in memory, and what each step does to it; no
//! database, no waiting here.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::epoch::{Epoch, Extent};
use super::error::StoreError;
use super::gaps::{Newcomer, Seen};
use super::index::{EpochIndex, Sealed};
use super::job::{Job, NewNames, Pause, RingPart, Write};
use super::latest::LatestTable;
use super::ledgers::Ledgers;
use super::marker::Marker;
use super::names::{NameCounts, Names};
use super::profile::SiteProfile;
use super::recovery::{Recovered, RingPen};
use super::status::{Durable, StoreStatus};
use crate::limits;
use crate::model::gap::GapCause;
use crate::model::reading::{GroupId, Scan, SeriesId};
use crate::time::{Interval, UtcTime};

/// Pending scans that wake the writer before the durability window is over.
const PENDING_WAKES: usize = limits::STORE_QUEUE_MAX / 2;
/// Full epochs that may wait for the writer before those who append have to wait.
const FROZEN_MAX: usize = 2;

/// A full epoch that is not sealed yet.
struct Frozen {
    epoch: Epoch,
    /// Whether the ring has it, or gets what is left of it with the next write. One that was begun
    /// while the database failed is not there, so it must be sealed before it counts as durable.
    in_ring: bool,
}

/// The databases take no writes at present.
pub(super) struct Outage {
    /// What was said.
    pub(super) reason: String,
    /// When they are tried again.
    pub(super) retry_at: Instant,
    /// Whether they were never open since the store was.
    pub(super) never_opened: bool,
}

/// How far the store is on its way to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Scans are taken.
    #[default]
    Open,
    /// What was taken is made durable.
    Closing,
    /// The writer has ended.
    Closed,
}

/// The state of the store.
#[derive(Default)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) profiles: SiteProfile,
    /// Names that are on the medium.
    names_durable: NameCounts,
    pub(super) ledgers: Ledgers,
    pub(super) latest: LatestTable,
    pub(super) index: EpochIndex,
    /// Full epochs that are not sealed yet, oldest first.
    frozen: VecDeque<Frozen>,
    open: Epoch,
    /// Bytes of memory at which the open epoch is full.
    epoch_bytes_max: usize,
    /// Scans of full epochs that are not in the ring yet.
    parts: Vec<RingPart>,
    /// The last scans of the open epoch, not yet in the ring.
    pending: Vec<Scan>,
    /// Whether the open epoch goes into the ring.
    in_ring: bool,
    /// Whether the ring was left out because the writer did not keep up.
    is_behind: bool,
    /// Whether a full epoch may be sealed a step further.
    step_due: bool,
    /// Sealed epochs that are still to be checked, and when the next one is.
    unchecked: Vec<u32>,
    check_at: Option<Instant>,
    /// Sealed epochs that did not read back.
    suspects: BTreeSet<u32>,
    pub(super) last_sequence: u64,
    pub(super) durable: Durable,
    /// Since when something waits to become durable.
    waiting_since: Option<Instant>,
    flushes_asked: u64,
    flushes_served: u64,
    outage: Option<Outage>,
    pub(super) phase: Phase,
    ring_records: u32,
    expired_epochs: u64,
    expired_scans: u64,
    dropped_scans: u64,
    damage: Vec<String>,
}

impl State {
    /// The state after opening a database that holds `recovered` and whose ring goes on with `pen`;
    /// `last_sequence` is a number that was durable at some time.
    pub(super) fn new(
        recovered: Recovered,
        pen: Option<&RingPen>,
        last_sequence: u64,
        epoch_bytes_max: usize,
    ) -> Self {
        let mut state = Self { epoch_bytes_max, ..Self::default() };
        let durable = recovered.durable;
        state.adopt(recovered, pen);
        state.last_sequence = last_sequence.max(durable.sequence);
        if last_sequence > durable.sequence {
            let (last, left) = (last_sequence, durable.sequence);
            state.note_damage(format!("scans up to {last} were stored, those after {left} are lost"));
            state.ledgers.gaps.opened_after(GapCause::Storage);
        }
        state
    }

    /// The state of a store that cannot open its database yet: it knows the names, and takes scans.
    pub(super) fn without_database(
        names: Names,
        last_sequence: u64,
        epoch_bytes_max: usize,
        outage: Outage,
    ) -> Self {
        Self {
            names,
            epoch_bytes_max,
            // What the rings hold is not known, and no number may be given twice.
            last_sequence: last_sequence + limits::STORE_SEQUENCES_UNKNOWN,
            outage: Some(outage),
            ..Self::default()
        }
    }

    /// Takes in what a database holds that was opened for the first time. What was appended before
    /// stays behind it.
    pub(super) fn adopt(&mut self, recovered: Recovered, pen: Option<&RingPen>) {
        let Recovered { names, mut ledgers, index, mut unsealed, latest, durable, damage, .. } = recovered;
        self.names_durable = names.counts();
        if self.never_opened() {
            self.freeze();
            let younger = std::mem::take(&mut self.ledgers.gaps);
            ledgers.gaps.go_on_as(younger, |group| self.last_scan(&latest, group));
        } else {
            self.names = names;
        }
        self.outage = None;
        self.ledgers = ledgers;
        self.latest.fill_from(latest);
        self.unchecked = index.iter().map(|epoch| epoch.number).collect();
        self.index = index;
        self.durable = durable;
        self.last_sequence = self.last_sequence.max(durable.sequence);
        let is_empty = self.frozen.is_empty();
        let open = unsealed.pop().unwrap_or_default();
        let before = unsealed.into_iter().map(|epoch| Frozen { epoch, in_ring: true });
        for (place, frozen) in before.enumerate() {
            self.frozen.insert(place, frozen);
        }
        self.in_ring = true;
        self.step_due = true;
        self.ring_records = pen.map_or(0, |pen| pen.slot);
        if is_empty {
            self.open = open;
            if pen.is_none() {
                // The ring cannot be written on where it ends.
                self.freeze();
            }
        } else if open.scans() > 0 {
            let place = self.frozen.len().min(1);
            self.frozen.insert(place, Frozen { epoch: open, in_ring: true });
        }
        for damage in damage {
            self.note_damage(damage);
        }
        if !self.frozen.is_empty() {
            self.wait_for_durability();
        }
    }

    /// What is to be said about it; the files are counted elsewhere.
    pub(super) fn status(&self) -> StoreStatus {
        let (gaps, gaps_dropped) = self.ledgers.gaps.counts();
        StoreStatus {
            durable: self.durable,
            last_sequence: self.last_sequence,
            sealed_bytes: self.index.bytes(),
            waiting_epochs: self.frozen.len(),
            unchecked_epochs: self.unchecked.len(),
            epochs: self.index.len(),
            oldest: self.index.iter().map(|epoch| epoch.extent.first).min(),
            open_scans: self.unsealed().map(Epoch::scans).sum(),
            open_readings: self.unsealed().map(Epoch::readings).sum(),
            open_bytes: self.unsealed().map(Epoch::bytes).sum(),
            ring_records: self.ring_records,
            expired_epochs: self.expired_epochs,
            expired_scans: self.expired_scans,
            dropped_scans: self.dropped_scans,
            gaps,
            gaps_dropped,
            failing: self.failing().map(str::to_owned),
            damage: self.damage.clone(),
            wear: self.ledgers.flash.wear(),
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

    /// Notes that the readings of everybody in `extent` are lost, whole or in part.
    pub(super) fn note_lost(&mut self, extent: Option<Extent>, cause: GapCause) {
        let Some(extent) = extent else { return };
        self.ledgers.gaps.lose(&extent.time(), cause);
        self.wait_for_durability();
    }

    /// Takes what the site's series stand for; those that it does not have any more miss their readings
    /// from now on.
    pub(super) fn describe(&mut self, profiles: SiteProfile) {
        let before = std::mem::replace(&mut self.profiles, profiles);
        let is_gone = |series: &SeriesId| !self.profiles.series.contains_key(series);
        for (group, _) in self.names.groups().filter(|(_, series)| series.iter().any(is_gone)) {
            self.ledgers.gaps.retire(group);
        }
        for series in self.names.ids().filter(is_gone) {
            let last = self.latest.get(series).and_then(|latest| latest.at());
            let Some(last) = last else { continue };
            let due = before.interval(&[series]).map_or(last, |interval| last.plus(interval));
            self.ledgers.gaps.not_configured(series, due);
        }
    }

    /// Has the gap ledger see a scan that is about to be taken.
    fn see(&mut self, series: &[SeriesId], scan: &Scan) {
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
    fn last_scan(&self, latest: &LatestTable, group: GroupId) -> Option<(UtcTime, Interval)> {
        let series = self.names.group_series(group)?;
        let last = series.iter().filter_map(|series| latest.get(*series)?.at()).max()?;
        Some((last, self.profiles.interval(series)?))
    }

    /// Whether a scan can be taken without letting memory grow.
    pub(super) fn has_room(&self) -> bool {
        let waiting = self.parts.iter().map(|part| part.scans.len()).sum::<usize>() + self.pending.len();
        let keeps_up = waiting < limits::STORE_QUEUE_MAX && self.frozen.len() < FROZEN_MAX;
        self.outage.is_some() || keeps_up
    }

    /// The writer does not keep up: what waits for the ring leaves it out, and becomes durable when its
    /// epoch is sealed.
    pub(super) fn fall_behind(&mut self) {
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
    pub(super) fn take(&mut self, scan: Scan) -> Result<bool, StoreError> {
        let series = self.admit(&scan)?;
        self.see(&series, &scan);
        self.latest.update(&series, scan.at, &scan.samples);
        Ok(self.hold(scan))
    }

    /// Takes a scan that may be older than what is known already: the newest stays the newest, and what
    /// is missing meanwhile stays missing. Says whether the writer should wake.
    pub(super) fn take_late(&mut self, scan: Scan) -> Result<bool, StoreError> {
        let series = self.admit(&scan)?;
        let known = self.latest.of(&series);
        self.latest.update(&series, scan.at, &scan.samples);
        self.latest.put_back(&series, known, scan.at);
        Ok(self.hold(scan))
    }

    /// The series of a scan that can be taken.
    fn admit(&self, scan: &Scan) -> Result<Arc<[SeriesId]>, StoreError> {
        if self.is_closing() {
            return Err(StoreError::Closed);
        }
        self.names.check(scan).cloned()
    }

    /// Puts a scan into the open epoch; says whether the writer should wake.
    fn hold(&mut self, scan: Scan) -> bool {
        if self.open.is_full(self.epoch_bytes_max) {
            self.freeze();
        }
        self.last_sequence += 1;
        self.open.push(self.last_sequence, &scan);
        if self.in_ring {
            self.pending.push(scan);
        }
        let wakes = self.pending.len() >= PENDING_WAKES || !self.frozen.is_empty();
        self.wait_for_durability() || wakes
    }

    /// Notes that something waits to become durable; says whether it is the first.
    pub(super) fn wait_for_durability(&mut self) -> bool {
        let is_first = self.waiting_since.is_none();
        self.waiting_since.get_or_insert_with(Instant::now);
        is_first
    }

    /// Closes the open epoch.
    pub(super) fn freeze(&mut self) {
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
    fn open_number(&self) -> u32 {
        let before = u32::try_from(self.frozen.len()).unwrap_or(u32::MAX);
        self.index.next_number().saturating_add(before)
    }

    /// While the database fails for long, the oldest epochs that were never acknowledged are lost.
    fn keep_memory_bounded(&mut self) {
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

    /// The epochs in memory, oldest first.
    pub(super) fn unsealed(&self) -> impl Iterator<Item = &Epoch> {
        self.frozen.iter().map(|frozen| &frozen.epoch).chain([&self.open])
    }

    /// The epochs in memory with the numbers that they will have, oldest first.
    pub(super) fn unsealed_by_number(&self) -> impl Iterator<Item = (u32, &Epoch)> {
        (self.index.next_number()..).zip(self.unsealed())
    }

    /// Moves a cursor; says whether the writer should wake.
    pub(super) fn move_cursor(&mut self, name: &str, sequence: u64) -> Result<bool, StoreError> {
        if self.is_closing() {
            return Err(StoreError::Closed);
        }
        self.ledgers.cursors.set(name, sequence)?;
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
        if let Some(outage) = &self.outage {
            return match () {
                () if self.is_closing() => Ok(Job::Stop),
                () if now >= outage.retry_at => Ok(Job::Reopen),
                () => Err(Pause::Until(outage.retry_at)),
            };
        }
        if self.must_seal() {
            return Ok(self.seal(true));
        }
        if let Some(number) = self.suspects.pop_first() {
            return Ok(Job::Salvage { number });
        }
        let due_at = self.waiting_since.map(|since| since + window);
        let is_due = due_at.is_some_and(|due_at| self.is_closing() || now >= due_at);
        let sync = is_due || self.flushes_asked > self.flushes_served;
        if sync && !self.in_ring && self.open.scans() > 0 {
            // What the ring does not have becomes durable by being sealed.
            self.freeze();
            return Ok(self.seal(true));
        }
        if sync || self.pending.len() >= PENDING_WAKES {
            return Ok(Job::Write(self.take_write(sync)));
        }
        if self.is_closing() {
            return Ok(Job::Stop);
        }
        if std::mem::take(&mut self.step_due) && !self.frozen.is_empty() {
            return Ok(self.seal(false));
        }
        self.next_check(now).map_err(|pause| due_at.map_or(pause, |due_at| pause.or_at(due_at)))
    }

    /// Whether a full epoch cannot wait for its next step: it is not in the ring, or those who append
    /// would have to wait for it.
    fn must_seal(&self) -> bool {
        let Some(oldest) = self.frozen.front() else { return false };
        !oldest.in_ring || self.frozen.len() > 1 || self.open.is_full(self.epoch_bytes_max)
    }

    fn seal(&self, whole: bool) -> Job {
        let epoch = self.frozen.front().map(|frozen| frozen.epoch.clone()).unwrap_or_default();
        Job::Seal { number: self.index.next_number(), epoch, names: self.new_names(), whole }
    }

    /// A sealed epoch did not read back.
    pub(super) fn suspect(&mut self, number: u32) {
        // One that retention has removed meanwhile is not missed.
        if self.index.contains(number) {
            self.suspects.insert(number);
        }
    }

    /// Sealed epochs are to be checked.
    pub(super) fn check(&mut self, numbers: impl Iterator<Item = u32>) {
        self.unchecked.extend(numbers);
    }

    /// The next sealed epoch to be checked, a few a second so that nobody notices.
    fn next_check(&mut self, now: Instant) -> Result<Job, Pause> {
        if self.unchecked.is_empty() {
            return Err(Pause::Forever);
        }
        let pause = Duration::from_millis(limits::STORE_CHECK_PAUSE_MS);
        match self.check_at {
            Some(check_at) if now >= check_at => {}
            Some(check_at) => return Err(Pause::Until(check_at)),
            None => return Err(Pause::Until(*self.check_at.insert(now + pause))),
        }
        self.check_at = Some(now + pause);
        match self.unchecked.pop() {
            Some(number) => Ok(Job::Check { number }),
            None => Err(Pause::Forever),
        }
    }

    fn take_write(&mut self, sync: bool) -> Write {
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
        self.step_due = !self.frozen.is_empty();
    }

    /// The ring of the epoch `number` has `records`; a full one closes the epoch.
    pub(super) fn ring_has(&mut self, number: u32, records: u32) {
        if self.open_number() == number {
            self.ring_records = records;
            if records >= limits::RING_RECORDS_MAX {
                self.freeze();
            }
        }
    }

    /// A step of the oldest unsealed epoch is written; the next one waits for the next write.
    pub(super) fn step_is_written(&mut self) {
        self.step_due = false;
    }

    /// The oldest unsealed epoch is sealed as `number`.
    pub(super) fn sealed(&mut self, number: u32, marker: &Marker) {
        self.frozen.pop_front();
        self.parts.retain(|part| part.epoch != number);
        self.index.add(number, marker);
        let extent = marker.extent;
        self.scans_are_durable(
            Durable { sequence: extent.last_sequence, through: Some(extent.newest) },
            self.flushes_served,
        );
    }

    /// The epochs `numbers` are removed for their age or for space; gives what they were.
    pub(super) fn expire(&mut self, numbers: std::ops::Range<u32>) -> Vec<Sealed> {
        let gone: Vec<Sealed> = numbers.filter_map(|number| self.index.remove(number)).collect();
        self.expired_epochs += gone.len() as u64;
        self.expired_scans += gone.iter().map(|epoch| u64::from(epoch.scans)).sum::<u64>();
        gone
    }

    /// The database takes no writes. The open epoch is closed, and what the ring has of the full ones
    /// is unknown now.
    pub(super) fn fail(&mut self, reason: String, retry_at: Instant) {
        let never_opened = self.never_opened();
        self.outage = Some(Outage { reason, retry_at, never_opened });
        self.ledgers.forget_stored();
        self.names_durable = NameCounts::default();
        self.freeze();
        self.parts.clear();
        for frozen in &mut self.frozen {
            frozen.in_ring = false;
        }
    }

    /// Why the database takes no writes at present.
    pub(super) fn failing(&self) -> Option<&str> {
        self.outage.as_ref().map(|outage| outage.reason.as_str())
    }

    /// Whether the database was never opened since the store was.
    pub(super) fn never_opened(&self) -> bool {
        self.outage.as_ref().is_some_and(|outage| outage.never_opened)
    }

    /// Takes nothing any more; what was taken is made durable.
    pub(super) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
        if self.ledgers.gaps.store_deferred() {
            self.wait_for_durability();
        }
    }

    /// Whether nothing is taken any more.
    pub(super) fn is_closing(&self) -> bool {
        self.phase != Phase::Open
    }

    /// The database takes writes again and holds the epochs of `index`.
    pub(super) fn recover(&mut self, index: EpochIndex, damage: Vec<String>) {
        self.outage = None;
        let before = std::mem::replace(&mut self.index, index);
        let lost: Vec<Extent> = before
            .iter()
            .filter(|epoch| !self.index.contains(epoch.number))
            .map(|epoch| epoch.extent)
            .collect();
        for extent in lost {
            self.note_lost(Some(extent), GapCause::Storage);
        }
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
        let mut state =
            State::new(Recovered::default(), Some(&RingPen::default()), 0, limits::OPEN_BYTES_MAX);
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
        let take_all = |state: &mut State| {
            let mut taken = 0;
            while state.has_room() {
                state.take(noise(state, group)).unwrap();
                taken += 1;
            }
            taken
        };
        assert_eq!(take_all(&mut state), limits::STORE_QUEUE_MAX);
        // A writer that writes into the rings but is too slow to seal.
        let mut in_rings = 0;
        let job = loop {
            match state.next_job(Instant::now(), WINDOW) {
                Ok(Job::Write(write)) => {
                    in_rings += write.parts.iter().map(|part| part.scans.len()).sum::<usize>();
                    take_all(&mut state);
                }
                job => break job,
            }
        };
        assert!((limits::EPOCH_SCANS_MAX..2 * limits::EPOCH_SCANS_MAX).contains(&in_rings), "{in_rings}");
        let Ok(Job::Seal { epoch, whole: true, .. }) = job else { panic!("no seal") };
        let marker = Marker::new(&epoch, Sum::default(), NameCounts::default());
        state.sealed(0, &marker);
        assert!(matches!(state.next_job(Instant::now(), WINDOW), Ok(Job::Write(_))));
        assert!(state.has_room());
    }

    #[test]
    fn polling_goes_on_when_the_writer_is_too_slow_and_all_is_sealed_later() {
        let (mut state, group) = state(1);
        let Ok(Job::Write(_)) = ({
            state.take(noise(&state, group)).unwrap();
            state.next_job(Instant::now() + WINDOW, WINDOW)
        }) else {
            panic!("no write")
        };
        // The write is under way; meanwhile more comes than may wait for the ring.
        for _ in 0..3 * limits::STORE_QUEUE_MAX {
            if !state.has_room() {
                state.fall_behind();
            }
            state.take(noise(&state, group)).unwrap();
        }
        assert_eq!(state.last_sequence, 3 * limits::STORE_QUEUE_MAX as u64 + 1);
        assert!(state.pending.len() <= limits::STORE_QUEUE_MAX);
        state.ask_flush();
        let Ok(Job::Seal { epoch, whole: true, .. }) = state.next_job(Instant::now(), WINDOW) else {
            panic!("no seal")
        };
        assert_eq!(epoch.scans(), state.last_sequence);
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
        assert!(write.sync);
        let [part] = write.parts.as_slice() else { panic!("one part") };
        assert_eq!((part.epoch, part.first_sequence, part.scans.len()), (0, 1, 3));
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
