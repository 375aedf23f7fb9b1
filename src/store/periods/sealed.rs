//! Sealed epochs in their period: written once, step by step, read column by column.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use crate::limits;
use crate::model::reading::GroupId;
use crate::store::code::column::Piece;
use crate::store::columns::{self, Columns};
use crate::store::disk::key::BlockKey;
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::names::NameCounts;
use crate::store::periods::block::{self, Block};
use crate::store::periods::marker::{Marker, Sum};
use crate::store::periods::period::Period;

/// An epoch that is being written.
///
/// It is written a step at a time, so that no single sync has much to carry. Until the last one the
/// ring still holds everything, and blocks without a marker count for nothing.
pub(in crate::store) struct Sealing {
    /// The epoch.
    pub(in crate::store) number: u32,
    epoch: Epoch,
    period: Arc<Period>,
    /// Groups that are written, or on their way.
    groups: usize,
    waiting: VecDeque<Block>,
    sum: Sum,
}

impl Sealing {
    /// Begins to write `epoch` into `period`, in place of whatever an earlier attempt left there.
    pub(in crate::store) fn begin(
        number: u32,
        epoch: Epoch,
        period: Arc<Period>,
    ) -> Result<Self, StoreError> {
        remove_blocks(&period, number)?;
        Ok(Self { number, epoch, period, groups: 0, waiting: VecDeque::new(), sum: Sum::default() })
    }

    /// Writes some blocks; gives the marker when that was the last of them. All that was written is
    /// on the medium then, the marker in the period too.
    pub(in crate::store) fn step(&mut self, named: NameCounts) -> Result<Option<Marker>, StoreError> {
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while bytes < limits::SEAL_STEP_BYTES
            && let Some(block) = self.next_block()
        {
            bytes += block.value.len();
            blocks.push((block.key.to_bytes(), block.value));
        }
        if blocks.is_empty() {
            return self.finish(named).map(Some);
        }
        self.period.records.make_room(blocks.iter().map(|(key, _)| key.as_slice()))?;
        for (key, value) in &blocks {
            self.sum.add(key, value);
            self.period.records.put(key, value)?;
        }
        self.period.sync()?;
        Ok(None)
    }

    fn next_block(&mut self) -> Option<Block> {
        while self.waiting.is_empty() {
            let (group, columns) = self.epoch.groups().iter().nth(self.groups)?;
            self.waiting = block::blocks(self.number, *group, columns).into();
            self.groups += 1;
        }
        self.waiting.pop_front()
    }

    fn finish(&self, named: NameCounts) -> Result<Marker, StoreError> {
        let marker = Marker::new(&self.epoch, self.sum.clone(), named);
        // sled's log keeps the order of writes, so the marker is never there without its blocks.
        self.period.epochs.put(&self.number.to_be_bytes(), &marker.to_bytes())?;
        self.period.sync()?;
        Ok(marker)
    }
}

/// Removes all blocks of an epoch, and its marker before them.
fn remove_blocks(period: &Period, number: u32) -> Result<(), StoreError> {
    period.epochs.remove(&number.to_be_bytes())?;
    for entry in period.records.scan(BlockKey::first_of(number).to_bytes()..) {
        let (key, _) = entry?;
        if BlockKey::from_bytes(&key).is_none_or(|key| key.epoch != number) {
            break;
        }
        period.records.remove(&key)?;
    }
    Ok(())
}

/// One sealed epoch, read from its period.
pub(in crate::store) struct SealedEpoch {
    /// The period.
    pub(in crate::store) period: Arc<Period>,
    /// The epoch.
    pub(in crate::store) number: u32,
}

impl SealedEpoch {
    /// Whether its blocks are the ones that its marker was written for.
    pub(in crate::store) fn is_whole(&self, marker: &Marker) -> Result<bool, StoreError> {
        let mut sum = Sum::default();
        for entry in self.period.records.scan(BlockKey::first_of(self.number).to_bytes()..) {
            let (key, value) = entry?;
            if BlockKey::from_bytes(&key).is_none_or(|key| key.epoch != self.number) {
                break;
            }
            sum.add(&key, &value);
        }
        Ok(marker.fits(sum))
    }

    /// Its marker in the period; `None` when it has none that reads.
    pub(in crate::store) fn marker(&self) -> Result<Option<Marker>, StoreError> {
        let key = self.number.to_be_bytes();
        let found = self.period.epochs.scan(key..=key).next().transpose()?;
        Ok(found.and_then(|(_, value)| Marker::from_bytes(&value)))
    }
}

impl Columns for SealedEpoch {
    fn groups(&self) -> Result<Vec<GroupId>, StoreError> {
        let mut groups = Vec::new();
        let mut from = BlockKey::first_of(self.number);
        while let Some(entry) = self.period.records.scan(from.to_bytes()..).next() {
            let found = BlockKey::from_bytes(&entry?.0).filter(|key| key.epoch == self.number);
            let Some(key) = found else { break };
            groups.push(key.group);
            let Some(next) = key.group.0.checked_add(1) else { break };
            from.group = GroupId(next);
        }
        Ok(groups)
    }

    fn pieces(&self, group: GroupId, column: u16, from: usize) -> Result<Vec<Piece>, StoreError> {
        let first_of_group = BlockKey { epoch: self.number, group, column: 0, scan: 0 };
        let first = BlockKey { column, ..first_of_group };
        let last = BlockKey { column, scan: u16::MAX, ..first_of_group };
        let blocks = &self.period.records;
        let start = blocks.scan(first_of_group.to_bytes()..=first.to_bytes()).next_back();
        let Some(start) = start else { return Ok(Vec::new()) };
        // A block behind the start that holds more of the column begins with it.
        let after = (Bound::Excluded(first.to_bytes()), Bound::Included(last.to_bytes()));
        let values = std::iter::once(start).chain(blocks.scan(after)).map(|entry| Ok(entry?.1));
        columns::column_of(group, column, from, values)
    }
}
