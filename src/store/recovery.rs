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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::{GroupId, Sample, Scan, Value};
    use crate::store::ring;
    use crate::time::UtcTime;

    /// A database with one group of one series.
    fn database(dir: &tempfile::TempDir) -> Database {
        let database = Database::open(&dir.path().join("db")).unwrap();
        database.series.put(&0_u32.to_be_bytes(), b"PT-1\0P").unwrap();
        database.groups.put(&0_u16.to_be_bytes(), &0_u32.to_be_bytes()).unwrap();
        database
    }

    fn scan(sequence: u64) -> Scan {
        let value = f64::from_bits(sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
        let at = UtcTime::from_ms(sequence.cast_signed() * 1_000);
        Scan { group: GroupId(0), at, samples: vec![Sample::good(Value::Number(value))] }
    }

    fn seal(database: &Database, number: u32, sequence: u64) {
        let mut epoch = Epoch::default();
        epoch.push(sequence, &scan(sequence));
        let named = crate::store::names::NameCounts { series: 1, groups: 1 };
        sealed::seal(database, number, &epoch, epoch.extent().unwrap(), named).unwrap();
    }

    fn put_records(database: &Database, slot: u32, records: impl Iterator<Item = Vec<u8>>) -> u32 {
        let mut next = slot;
        for record in records {
            database.ring.put(&next.to_be_bytes(), &record).unwrap();
            next += 1;
        }
        next
    }

    #[test]
    fn a_batch_that_was_cut_short_leaves_nothing_that_a_later_one_could_run_into() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(&dir);
        let mut coder = RingCoder::default();
        let (_, whole) = coder.encode(1, &[scan(1)]);
        let many: Vec<Scan> = (2..2_000).map(scan).collect();
        let (_, long) = coder.encode(2, &many);
        let slot = put_records(&database, 0, ring::records(0, &whole));
        let records: Vec<Vec<u8>> = ring::records(0, &long).collect();
        let written = records.len() - 1;
        assert!(written > 1);
        put_records(&database, slot, records.into_iter().take(written));

        let found = recover(&mut database).unwrap();
        assert_eq!(found.durable.sequence, 1);
        assert_eq!(found.pen.map(|pen| pen.slot), Some(1));
        assert_eq!(database.ring.all().count(), 1);
    }

    #[test]
    fn records_of_an_earlier_epoch_are_not_replayed() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(&dir);
        seal(&database, 0, 9);
        put_records(&database, 0, ring::records(0, &RingCoder::default().encode(9, &[scan(9)]).1));
        let found = recover(&mut database).unwrap();
        assert_eq!(found.durable.sequence, 9);
        assert_eq!((found.open.scans(), found.damage), (0, Vec::<String>::new()));
    }

    #[test]
    fn a_missing_epoch_and_a_missing_block_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(&dir);
        for number in 0..4 {
            seal(&database, number, u64::from(number) + 1);
        }
        database.epochs.remove(&1_u32.to_be_bytes()).unwrap();
        sealed::remove_blocks(&database, 3, 3).unwrap();
        let damage = recover(&mut database).unwrap().damage;
        assert_eq!(damage.len(), 2, "{damage:?}");
        assert!(damage[0].starts_with("1 sealed epochs before epoch 2"), "{damage:?}");
        assert!(damage[1].starts_with("blocks of epoch 3"), "{damage:?}");
    }

    #[test]
    fn blocks_without_a_marker_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(&dir);
        for number in 0..3 {
            seal(&database, number, u64::from(number) + 1);
        }
        for number in [0_u32, 2] {
            database.epochs.remove(&number.to_be_bytes()).unwrap();
        }
        recover(&mut database).unwrap();
        assert_eq!(database.blocks.all().count(), 1);
    }

    #[test]
    fn readings_are_never_served_under_names_that_were_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(&dir);
        seal(&database, 0, 1);
        database.groups.remove(&0_u16.to_be_bytes()).unwrap();
        assert!(matches!(recover(&mut database), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_database_opened_again_is_made_to_fit_what_was_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(&dir);
        seal(&database, 0, 1);
        seal(&database, 1, 2);
        let mut index = recover(&mut database).unwrap().index;
        seal(&database, 2, 3);
        database.epochs.remove(&0_u32.to_be_bytes()).unwrap();
        let damage = reconcile(&database, &mut index).unwrap();
        assert_eq!(damage, ["epoch 0 was sealed but is missing"]);
        assert_eq!(database.epochs.all().count(), 1);
        assert_eq!((index.len(), index.next_number()), (1, 2));
    }
}
