//! The sealed epochs: which there should be, which there are.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Recovered;
use crate::model::gap::GapCause;
use crate::store::disk::database::Database;
use crate::store::epoch::Extent;
use crate::store::error::StoreError;
use crate::store::index::EpochIndex;
use crate::store::names::NameCounts;
use crate::store::periods::Periods;
use crate::store::periods::marker::Marker;
use crate::store::periods::sealed::SealedEpoch;
use crate::store::status::Durable;
use crate::time::UtcTime;

impl Recovered {
    /// Reads the markers, and takes those that the database lacks from the periods; gives how many
    /// names there were when the last epoch was sealed.
    pub(super) fn read_epochs(
        &mut self,
        database: &Database,
        periods: &Periods,
    ) -> Result<NameCounts, StoreError> {
        let mut named = NameCounts::default();
        for entry in database.epochs.all() {
            let (key, value) = entry?;
            let number = <[u8; 4]>::try_from(&*key).map(u32::from_be_bytes);
            // A marker that makes no sense is looked for in its period, like one that is missing.
            if let (Ok(number), Some(marker)) = (number, Marker::from_bytes(&value)) {
                self.take_marker(number, &marker, &mut named);
            }
        }
        let firsts = periods.firsts();
        self.drop_epochs_before(firsts.first().copied(), database)?;
        for (place, first) in firsts.iter().enumerate() {
            self.index.go_on_from(*first);
            let end = firsts.get(place + 1).copied();
            let missing = self.missing_in(*first..end.unwrap_or(self.index.next_number()));
            // The newest period may hold an epoch more, whose sealing a crash cut short of its end.
            if !missing.is_empty() || end.is_none() {
                self.restore_markers(*first, end, (database, periods), &mut named)?;
            }
            let lost = self.missing_in(*first..end.unwrap_or(self.index.next_number()));
            if let (Some(from), Some(to)) = (lost.first(), lost.last()) {
                self.damage.push(format!("{} sealed epochs from {from} to {to} are lost", lost.len()));
                self.miss_between(*from, *to, None);
            }
        }
        Ok(named)
    }

    fn take_marker(&mut self, number: u32, marker: &Marker, named: &mut NameCounts) {
        self.index.add(number, marker);
        named.series = named.series.max(marker.series_named as usize);
        named.groups = named.groups.max(marker.groups_named as usize);
        let extent = marker.extent;
        if extent.last_sequence > self.durable.sequence {
            self.durable = Durable { sequence: extent.last_sequence, through: Some(extent.newest) };
        }
    }

    fn missing_in(&self, numbers: Range<u32>) -> Vec<u32> {
        numbers.filter(|number| !self.index.contains(*number)).collect()
    }

    /// Markers whose period is not there promise what cannot be read.
    fn drop_epochs_before(&mut self, first: Option<u32>, database: &Database) -> Result<(), StoreError> {
        let gone = |number: &u32| first.is_none_or(|first| *number < first);
        let lost: Vec<u32> = self.index.iter().map(|epoch| epoch.number).filter(gone).collect();
        if let (Some(from), Some(to)) = (lost.first(), lost.last()) {
            self.damage.push(format!("the period of the sealed epochs {from} to {to} is missing"));
        }
        let mut gone = Vec::new();
        for number in lost {
            gone.extend(self.index.remove(number));
            database.epochs.remove(&number.to_be_bytes())?;
        }
        if let Some(extent) = Extent::around(gone.into_iter().map(|epoch| epoch.extent)) {
            self.miss(extent.time());
        }
        Ok(())
    }

    /// Of epochs that nothing is known of the readings lie between those before and those after; `then`
    /// is what comes after the last sealed one.
    pub(super) fn miss_between(&mut self, from: u32, to: u32, then: Option<UtcTime>) {
        let before = self.index.iter().rev().find(|epoch| epoch.number < from).map(|epoch| epoch.extent.last);
        let after = self.index.iter().find(|epoch| epoch.number > to).map(|epoch| epoch.extent.first);
        let after = after.or(then);
        let Some(start) = before.or(after) else { return };
        self.miss(start..after.unwrap_or(start).max(start));
    }

    fn miss(&mut self, time: Range<UtcTime>) {
        self.ledgers.gaps.lose(&time, GapCause::Storage);
    }

    fn restore_markers(
        &mut self,
        first: u32,
        end: Option<u32>,
        (database, periods): (&Database, &Periods),
        named: &mut NameCounts,
    ) -> Result<(), StoreError> {
        let period = periods.holding(first)?;
        let keys = first.to_be_bytes()..=end.map_or(u32::MAX, |end| end - 1).to_be_bytes();
        for entry in period.epochs.scan(keys) {
            let (key, value) = match entry {
                Ok(entry) => entry,
                Err(StoreError::Damaged { .. }) => break,
                Err(error) => return Err(error),
            };
            let number = <[u8; 4]>::try_from(&*key).map(u32::from_be_bytes);
            let (Ok(number), Some(marker)) = (number, Marker::from_bytes(&value)) else { continue };
            if self.index.contains(number) {
                continue;
            }
            let epoch = SealedEpoch { period: std::sync::Arc::clone(&period), number };
            let is_newest = number >= self.index.next_number();
            // One that is not whole was never acknowledged: the ring still has it.
            if is_newest && !epoch.is_whole(&marker).unwrap_or(false) {
                break;
            }
            database.epochs.put(&key, &value)?;
            self.take_marker(number, &marker, named);
        }
        Ok(())
    }
}

/// Makes a database that was opened again fit the epochs of `index`; gives what it has lost.
pub(in crate::store) fn reconcile(
    database: &Database,
    index: &mut EpochIndex,
) -> Result<Vec<String>, StoreError> {
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
    let note = |number: &u32| format!("epoch {number} was sealed but is missing");
    let damage = missing.iter().map(note).collect();
    for number in missing {
        index.remove(number);
    }
    Ok(damage)
}
