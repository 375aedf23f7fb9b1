//! What a database holds, read when it is opened: names, cursors, the sealed epochs, the scans of the
//! ring, and the newest reading of every series.

use std::collections::{BTreeSet, HashMap};

use super::columns::{self, Columns};
use super::database::Database;
use super::epoch::Epoch;
use super::error::StoreError;
use super::index::EpochIndex;
use super::latest::LatestTable;
use super::marker::Marker;
use super::names::Names;
use super::ring::{Record, RingCoder};
use super::sealed::{self, SealedEpoch};
use super::status::Durable;

/// Sealed epochs that are searched for the newest reading of a series that seldom has one.
const LATEST_EPOCHS_MAX: usize = 32;

/// The pen that goes on writing where the ring ends.
#[derive(Debug, Default)]
pub(super) struct RingPen {
    /// The epoch it writes for.
    pub(super) epoch: u32,
    /// The next slot.
    pub(super) slot: u32,
    /// What was coded before.
    pub(super) coder: RingCoder,
}

/// What a database holds.
#[derive(Default)]
pub(super) struct Recovered {
    pub(super) names: Names,
    pub(super) cursors: HashMap<String, u64>,
    pub(super) index: EpochIndex,
    /// The scans of the ring.
    pub(super) open: Epoch,
    /// Where the ring goes on; `None` when it cannot, and the open epoch must be sealed first.
    pub(super) pen: Option<RingPen>,
    pub(super) latest: LatestTable,
    pub(super) durable: Durable,
    /// What was found damaged, for a person.
    pub(super) damage: Vec<String>,
}

/// Reads everything that a database holds.
///
/// # Errors
/// `Damaged` when it cannot be trusted any more: names are lost, or a tree does not read.
pub(super) fn recover(database: &mut Database) -> Result<Recovered, StoreError> {
    let mut found = Recovered { names: names(database)?, ..Recovered::default() };
    found.read_markers(database)?;
    if let Some(damage) = noted(found.read_cursors(database))? {
        found.damage.push(format!("{damage}; what was sent is sent again"));
        database.renew_cursors()?;
    }
    if let Some(damage) = noted(found.replay_ring(database))? {
        found.damage.push(damage);
        database.renew_ring()?;
    }
    found.find_latest(database);
    remove_orphans(database, &found.index)?;
    Ok(found)
}

/// Makes a note of damage that is no reason to give up the whole database.
fn noted(outcome: Result<(), StoreError>) -> Result<Option<String>, StoreError> {
    match outcome {
        Ok(()) => Ok(None),
        Err(error @ StoreError::Damaged { .. }) => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Removes blocks that belong to no sealed epoch: those of a sealing or a removal that a crash cut.
fn remove_orphans(database: &Database, index: &EpochIndex) -> Result<(), StoreError> {
    if let Some(before) = index.iter().next().map_or(Some(u32::MAX), |first| first.number.checked_sub(1)) {
        sealed::remove_blocks(database, 0, before)?;
    }
    sealed::remove_blocks(database, index.next_number(), u32::MAX)
}

/// Makes a database that was opened again fit the epochs of `index`; gives what it has lost.
pub(super) fn reconcile(database: &Database, index: &mut EpochIndex) -> Result<Vec<String>, StoreError> {
    let mut missing: BTreeSet<u32> = index.iter().map(|epoch| epoch.number).collect();
    for entry in database.epochs.all() {
        let (key, _) = entry?;
        let number = <[u8; 4]>::try_from(&*key).map(u32::from_be_bytes);
        // A marker that the index does not have: of a sealing that was not acknowledged, which is
        // done once more, or of a removal that was not finished.
        if !number.is_ok_and(|number| missing.remove(&number)) {
            database.epochs.remove(&key)?;
        }
    }
    remove_orphans(database, index)?;
    let note = |number: &u32| format!("epoch {number} was sealed but is missing");
    let damage = missing.iter().map(note).collect();
    for number in missing {
        index.remove(number);
    }
    Ok(damage)
}

fn names(database: &Database) -> Result<Names, StoreError> {
    let mut names = Names::default();
    for entry in database.series.all() {
        let (key, stored) = entry?;
        let id = names.restore_series(&stored);
        if id.is_none_or(|id| id.0.to_be_bytes() != *key) {
            return Err(lost_names("series"));
        }
    }
    for entry in database.groups.all() {
        let (key, stored) = entry?;
        let id = names.restore_group(&stored);
        if id.is_none_or(|id| id.0.to_be_bytes() != *key) {
            return Err(lost_names("groups"));
        }
    }
    Ok(names)
}

/// Without its name a reading would be served as another's.
fn lost_names(what: &str) -> StoreError {
    StoreError::Damaged { what: "the database".to_owned(), reason: format!("names of {what} are lost") }
}

impl Recovered {
    fn read_markers(&mut self, database: &Database) -> Result<(), StoreError> {
        let mut newest = None;
        for entry in database.epochs.all() {
            let (key, value) = entry?;
            let number = <[u8; 4]>::try_from(&*key).map(u32::from_be_bytes);
            let (Ok(number), Some(marker)) = (number, Marker::from_bytes(&value)) else {
                self.damage.push("a sealed epoch has lost its marker".to_owned());
                continue;
            };
            if self.index.len() > 0 && number != self.index.next_number() {
                let missing = number - self.index.next_number();
                self.damage.push(format!("{missing} sealed epochs before epoch {number} are missing"));
            }
            self.index.add(number, &marker);
            newest = Some((number, marker));
        }
        if let Some((number, marker)) = newest {
            self.check_newest(database, number, &marker)?;
        }
        Ok(())
    }

    fn check_newest(&mut self, database: &Database, number: u32, marker: &Marker) -> Result<(), StoreError> {
        let named = self.names.counts();
        if named.series < marker.series_named as usize || named.groups < marker.groups_named as usize {
            return Err(lost_names("series or groups"));
        }
        match sealed::is_whole(database, number, marker) {
            Ok(true) => {}
            Ok(false) => self.damage.push(format!("blocks of epoch {number} are missing or changed")),
            Err(error @ StoreError::Damaged { .. }) => self.damage.push(error.to_string()),
            Err(error) => return Err(error),
        }
        let extent = marker.extent;
        self.durable = Durable { sequence: extent.last_sequence, through: Some(extent.newest) };
        Ok(())
    }

    fn read_cursors(&mut self, database: &Database) -> Result<(), StoreError> {
        for entry in database.cursors.all() {
            let (name, sequence) = entry?;
            let name = String::from_utf8(name.to_vec());
            // A cursor that makes no sense starts anew: readings are then sent twice, not lost.
            if let (Ok(name), Ok(sequence)) = (name, <[u8; 8]>::try_from(&*sequence)) {
                self.cursors.insert(name, u64::from_be_bytes(sequence));
            }
        }
        Ok(())
    }

    /// Replays the records of the open epoch, batch by batch, up to the first that is not there.
    fn replay_ring(&mut self, database: &Database) -> Result<(), StoreError> {
        let mut pen = RingPen { epoch: self.index.next_number(), ..RingPen::default() };
        let mut batch = Vec::new();
        let mut slot = 0_u32;
        for entry in database.ring.all() {
            let (key, value) = entry?;
            let record = Record::from_bytes(&value).filter(|record| record.epoch == pen.epoch);
            let Some(record) = record.filter(|_| *key == slot.to_be_bytes()) else { break };
            slot += 1;
            batch.extend_from_slice(record.part);
            if !record.ends_batch {
                continue;
            }
            if !self.replay_batch(&batch, &mut pen.coder) {
                self.damage.push(format!("record {} of the ring does not read back", pen.slot));
                return self.give_up_ring(database);
            }
            batch.clear();
            pen.slot = slot;
        }
        // A batch whose end was never written was never acknowledged. Its records must go, or a
        // shorter batch in their place would seem to go on with them.
        for stale in pen.slot..slot {
            database.ring.remove(&stale.to_be_bytes())?;
        }
        self.pen = Some(pen);
        Ok(())
    }

    /// What was replayed is sealed before the ring is written again; if that is nothing, no record
    /// of this epoch may stay.
    fn give_up_ring(&mut self, database: &Database) -> Result<(), StoreError> {
        if self.open.scans() == 0 {
            for entry in database.ring.all() {
                database.ring.remove(&entry?.0)?;
            }
        }
        Ok(())
    }

    fn replay_batch(&mut self, batch: &[u8], coder: &mut RingCoder) -> bool {
        let width_of = |group| self.names.width(group).map(usize::from);
        let Some(scans) = coder.decode(batch, width_of) else { return false };
        for (sequence, scan) in scans {
            if sequence <= self.durable.sequence {
                return false;
            }
            self.open.push(sequence, &scan);
            self.durable = Durable { sequence, through: Some(scan.at) };
        }
        true
    }

    /// Finds the newest reading of every series, in the open epoch and then back through the sealed
    /// ones.
    fn find_latest(&mut self, database: &Database) {
        let names = &self.names;
        let mut look = |columns: &dyn Columns| fill_latest(&mut self.latest, names, columns);
        let mut outcome = look(&self.open);
        for epoch in self.index.iter().rev().take(LATEST_EPOCHS_MAX) {
            outcome = outcome.and(look(&SealedEpoch { database, number: epoch.number }));
        }
        if let Err(error) = outcome {
            self.damage.push(error.to_string());
        }
    }
}

fn fill_latest(latest: &mut LatestTable, names: &Names, columns: &dyn Columns) -> Result<(), StoreError> {
    let mut groups = Vec::new();
    for group in columns.groups()? {
        let series = names.group_series(group).ok_or_else(|| columns::unreadable(group))?;
        if !latest.knows_all(series) {
            groups.push((columns::last_sequence(columns, group)?, group, series));
        }
    }
    // A series can lie in several groups; the one that was scanned last comes first.
    groups.sort_unstable_by_key(|(sequence, ..)| std::cmp::Reverse(*sequence));
    for (_, group, series) in groups {
        let times = columns::times(columns, group)?;
        for (place, series) in (0_u16..).zip(series.iter()) {
            let samples = columns::samples(columns, group, place)?;
            latest.fill(*series, times.iter().copied().zip(samples));
        }
    }
    Ok(())
}
