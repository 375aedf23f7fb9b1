//! What the handles and the writer thread share in memory, and what each step does to it; no
//! database, no waiting here.

mod checkup;
mod intake;
mod jobs;
#[cfg(test)]
mod tests;
mod unlisted;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use crate::counter::Event;
use crate::limits;
use crate::model::alarm::Alarm;
use crate::model::gap::{Gap, GapCause};
use crate::model::reading::{GroupId, Scan, SeriesId};
use crate::store::epoch::{Epoch, Extent};
use crate::store::error::StoreError;
use crate::store::index::{EpochIndex, Sealed};
use crate::store::job::RingPart;
use crate::store::latest::LatestTable;
use crate::store::ledgers::Ledgers;
use crate::store::names::{NameCounts, Names};
use crate::store::periods::Rebuilt;
use crate::store::profile::SiteProfile;
use crate::store::recovery::{Recovered, RingPen};
use crate::store::rows::quarters::Quarters;
use crate::store::rows::waiting::WaitingRows;
use crate::store::status::{Durable, StoreStatus};
use crate::time::{Interval, UtcTime};
use checkup::Checkup;
use unlisted::Unlisted;

/// 2000-01-01: a clock that shows less was never set.
const UNSET_BEFORE_MS: i64 = 946_684_800_000;

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
    pub(super) quarters: Quarters,
    pub(super) waiting_rows: WaitingRows,
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
    checkup: Checkup,
    unlisted: Unlisted,
    pub(super) last_sequence: u64,
    /// How often what was past has changed since.
    pub(super) past_revision: u64,
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
        let Recovered { names, mut ledgers, index, mut unsealed, latest, durable, damage, rebuilt, .. } =
            recovered;
        self.past_changes();
        self.names_durable = names.counts();
        if self.never_opened() {
            self.freeze();
            let younger = std::mem::take(&mut self.ledgers.gaps);
            ledgers.gaps.go_on_as(younger, |group| self.last_scan(&latest, group));
            ledgers.boots.go_on_as(std::mem::take(&mut self.ledgers.boots));
            ledgers.audit.go_on_as(std::mem::take(&mut self.ledgers.audit));
        } else {
            self.names = names;
        }
        self.outage = None;
        self.ledgers = ledgers;
        self.latest.fill_from(latest);
        self.checkup.add(index.iter().map(|epoch| epoch.number));
        self.index = index;
        self.durable = durable;
        self.last_sequence = self.last_sequence.max(durable.sequence);
        let is_empty = self.frozen.is_empty();
        let open = unsealed.pop().unwrap_or_default();
        let older = unsealed.len();
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
            // Behind those before it, and before what memory has taken since: numbers follow the order.
            self.frozen.insert(older, Frozen { epoch: open, in_ring: true });
        }
        for damage in damage {
            self.note_damage(damage);
        }
        for rebuilt in rebuilt {
            self.rebuilt(rebuilt);
        }
        if !self.frozen.is_empty() {
            self.wait_for_durability();
        }
    }

    /// What is to be said about it; the files are counted elsewhere.
    pub(super) fn status(&self) -> StoreStatus {
        let (gaps, gaps_dropped) = self.ledgers.gaps.counts();
        let (counter_events, counter_events_open, counter_events_dropped) = self.ledgers.counters.counts();
        StoreStatus {
            durable: self.durable,
            last_sequence: self.last_sequence,
            sealed_bytes: self.index.bytes(),
            waiting_epochs: self.frozen.len(),
            unchecked_epochs: self.checkup.left(),
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
            counter_events,
            counter_events_open,
            counter_events_dropped,
            manual_entries_dropped: self.ledgers.entries.dropped(),
            waiting_quarters: self.quarters.waiting() + self.waiting_rows.len(),
            quarters_dropped: self.quarters.dropped() + self.waiting_rows.dropped(),
            failing: self.failing().map(str::to_owned),
            damage: self.damage.clone(),
            wear: self.ledgers.flash.wear(),
            ..StoreStatus::default()
        }
    }

    /// What somebody should look after.
    pub(super) fn alarms(&self) -> Vec<Alarm> {
        let failing = self.failing().map(|reason| Alarm::StoreFailing { reason: reason.to_owned() });
        let lost = (self.dropped_scans > 0).then_some(Alarm::ReadingsLost { scans: self.dropped_scans });
        let damaged = self.damage.iter().map(|what| Alarm::StoreDamaged { what: what.clone() });
        failing.into_iter().chain(lost).chain(damaged).collect()
    }

    /// Notes damage for the log and the status, each kind once.
    pub(super) fn note_damage(&mut self, damage: String) {
        if self.damage.len() < limits::STORE_DAMAGE_MAX && !self.damage.contains(&damage) {
            log::error!("store: {damage}");
            self.damage.push(damage);
        }
    }

    /// A period was rebuilt from what could be salvaged; its epochs are looked at.
    pub(super) fn rebuilt(&mut self, Rebuilt { note, epochs }: Rebuilt) {
        self.past_changes();
        self.note_damage(note);
        let sealed: Vec<u32> = self.index.iter().map(|epoch| epoch.number).collect();
        self.checkup.add_rebuilt(sealed.into_iter().filter(|number| epochs.contains(number)));
    }

    /// The gaps that touch the half-open `range` for a series in these `groups`, by their begin; with
    /// them the epochs that did not read back, until it is known what they lack.
    pub(super) fn gaps(&self, series: SeriesId, groups: &[GroupId], range: &Range<UtcTime>) -> Vec<Gap> {
        let mut gaps = self.ledgers.gaps.of(series, groups, range);
        let doubtful = self.checkup.doubtful().filter_map(|number| self.index.get(number));
        let stretches = doubtful.map(|epoch| epoch.extent.time());
        let touching = stretches.filter(|time| time.start < range.end && time.end > range.start);
        gaps.extend(touching.map(|time| Gap::partial(time, GapCause::Storage)));
        gaps.sort_by_key(|gap| gap.from);
        gaps
    }

    /// Something has come to the past, or gone from it.
    pub(super) fn past_changes(&mut self) {
        self.past_revision = self.past_revision.wrapping_add(1);
    }

    /// Notes that the readings of everybody in `extent` are lost, whole or in part.
    pub(super) fn note_lost(&mut self, extent: Option<Extent>, cause: GapCause) {
        self.past_changes();
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

    /// The epochs in memory, oldest first.
    pub(super) fn unsealed(&self) -> impl Iterator<Item = &Epoch> {
        self.frozen.iter().map(|frozen| &frozen.epoch).chain([&self.open])
    }

    /// The epochs in memory with the numbers that they will have, oldest first.
    pub(super) fn unsealed_by_number(&self) -> impl Iterator<Item = (u32, &Epoch)> {
        (self.index.next_number()..).zip(self.unsealed())
    }

    /// From when on the readings themselves are kept; `None` when there are none.
    pub(super) fn readings_from(&self) -> Option<UtcTime> {
        let sealed = self.index.iter().map(|epoch| epoch.extent.first);
        let unsealed = self.unsealed().filter_map(Epoch::extent).map(|extent| extent.first);
        // A clock that was not set yet says nothing about the age of the others.
        sealed.chain(unsealed).filter(|first| first.as_ms() >= UNSET_BEFORE_MS).min()
    }

    /// Has the quarter hours summed up again that an event of a register changes: those from the value
    /// before it to the one after it.
    pub(super) fn sum_up_again(&mut self, series: SeriesId, event: &Event) {
        let last = event.at.floor(Interval::QUARTER_HOUR).plus(Interval::QUARTER_HOUR);
        let earliest = last.as_ms() - limits::QUARTERS_BEHIND_MAX * Interval::QUARTER_HOUR.as_ms();
        let first = event.since.max(UtcTime::from_ms(earliest)).floor(Interval::QUARTER_HOUR);
        let groups: Vec<GroupId> =
            self.names.places(series).into_iter().flatten().map(|(group, _)| *group).collect();
        for group in groups {
            let mut at = first;
            while at <= last {
                self.quarters.see_again((at, group));
                at = at.plus(Interval::QUARTER_HOUR);
            }
        }
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

    /// The epochs `numbers` are removed for their age or for space; gives what they were.
    pub(super) fn expire(&mut self, numbers: Range<u32>) -> Vec<Sealed> {
        self.past_changes();
        let gone: Vec<Sealed> = numbers.filter_map(|number| self.index.remove(number)).collect();
        for epoch in &gone {
            self.checkup.settle(epoch.number);
        }
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
        self.past_changes();
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
