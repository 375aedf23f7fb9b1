//! Sealed epochs in the database: written once, read column by column, removed as a whole.

use super::block::{self, ColumnPiece};
use super::code::column::Piece;
use super::columns::{Columns, unreadable};
use super::database::Database;
use super::epoch::{Epoch, Extent};
use super::error::StoreError;
use super::key::BlockKey;
use super::marker::{Marker, Sum};
use super::names::NameCounts;
use crate::model::reading::GroupId;

/// Writes an epoch: its blocks, then its marker, and returns when all is on the medium.
///
/// sled's log keeps the order of writes, so after a crash a marker is never there without its
/// blocks; `named` are the series and groups named so far.
pub(super) fn seal(
    database: &Database,
    number: u32,
    epoch: &Epoch,
    extent: Extent,
    named: NameCounts,
) -> Result<Marker, StoreError> {
    let mut sum = Sum::default();
    for block in block::blocks(number, epoch) {
        sum.add_block(&block);
        database.blocks.put(&block.key.to_bytes(), &block.value)?;
    }
    let marker = Marker::new(epoch, extent, sum, named);
    database.epochs.put(&number.to_be_bytes(), &marker.to_bytes())?;
    database.sync()?;
    Ok(marker)
}

/// Removes an epoch: its marker, then its blocks, so that what is half removed has no marker.
pub(super) fn remove(database: &Database, number: u32) -> Result<(), StoreError> {
    database.epochs.remove(&number.to_be_bytes())?;
    remove_blocks(database, number, number)
}

/// Removes all blocks of the epochs `first` to `last`.
pub(super) fn remove_blocks(database: &Database, first: u32, last: u32) -> Result<(), StoreError> {
    let from = BlockKey::first_of(first).to_bytes();
    for entry in database.blocks.scan(from..) {
        let (key, _) = match entry {
            // What does not read cannot be removed either, and is in nobody's way.
            Err(StoreError::Damaged { .. }) => break,
            entry => entry?,
        };
        if BlockKey::from_bytes(&key).is_some_and(|key| key.epoch > last) {
            break;
        }
        database.blocks.remove(&key)?;
    }
    Ok(())
}

/// Whether the blocks of an epoch are the ones that its marker was written for.
pub(super) fn is_whole(database: &Database, number: u32, marker: &Marker) -> Result<bool, StoreError> {
    let mut sum = Sum::default();
    for entry in database.blocks.scan(BlockKey::first_of(number).to_bytes()..) {
        let (key, value) = entry?;
        if BlockKey::from_bytes(&key).is_none_or(|key| key.epoch != number) {
            break;
        }
        sum.add(&key, &value);
    }
    Ok(marker.fits(sum))
}

/// One sealed epoch, read from the database.
pub(super) struct SealedEpoch<'a> {
    /// The database.
    pub(super) database: &'a Database,
    /// The epoch.
    pub(super) number: u32,
}

impl Columns for SealedEpoch<'_> {
    fn groups(&self) -> Result<Vec<GroupId>, StoreError> {
        let mut groups = Vec::new();
        let mut from = BlockKey::first_of(self.number);
        while let Some(entry) = self.database.blocks.scan(from.to_bytes()..).next() {
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
        let blocks = &self.database.blocks;
        let before = blocks.scan(first_of_group.to_bytes()..=first.to_bytes()).next_back();
        let Some((start, _)) = before.transpose()? else { return Ok(Vec::new()) };

        let mut found = Vec::new();
        for entry in blocks.scan(start..=last.to_bytes().as_slice().into()) {
            let (_, value) = entry?;
            let pieces = block::pieces(&value).ok_or_else(|| unreadable(group))?;
            let of_column = pieces.into_iter().filter(|part| part.column == column);
            found.extend(of_column.map(|ColumnPiece { piece, .. }| piece));
        }
        let mut expected = 0;
        for piece in &found {
            if piece.first != expected {
                return Err(unreadable(group));
            }
            expected = piece.end();
        }
        found.retain(|piece| piece.end() > from);
        Ok(found)
    }
}
