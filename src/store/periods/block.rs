//! A sealed epoch as stored values: the pieces of its columns, packed into blocks.
//!
//! ```text
//! block    version (1) u8, then pieces of one group, in order of column and scan:
//! piece    varint column | varint first scan | varint scans | varint bytes | bytes
//! ```
//!
//! A piece decodes alone (`code`), so a reader takes only the columns that it was asked for. No
//! block is longer than `STORE_VALUE_BYTES_MAX`.

use crate::limits;
use crate::model::reading::GroupId;
use crate::store::code::bits::{put_varint, take_varint};
use crate::store::code::column::Piece;
use crate::store::disk::key::BlockKey;
use crate::store::epoch::GroupColumns;

const VERSION: u8 = 1;

/// A piece as it lies in a block, with the column that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct ColumnPiece<'a> {
    /// The column (`key.rs`).
    pub(in crate::store) column: u16,
    first: usize,
    count: usize,
    bytes: &'a [u8],
}

impl ColumnPiece<'_> {
    /// The piece by itself.
    pub(in crate::store) fn to_piece(self) -> Piece {
        Piece { first: self.first, count: self.count, bytes: self.bytes.to_vec() }
    }
}

/// One stored value.
#[derive(Clone, Debug)]
pub(in crate::store) struct Block {
    /// Its key.
    pub(in crate::store) key: BlockKey,
    /// Its bytes.
    pub(in crate::store) value: Vec<u8>,
}

/// The blocks of one group of an epoch, in order of their keys.
pub(in crate::store) fn blocks(number: u32, group: GroupId, columns: &GroupColumns) -> Vec<Block> {
    let mut packer = Packer { epoch: number, group, done: Vec::new() };
    for column in 0..columns.columns() {
        columns.pieces(column, 0).iter().for_each(|piece| packer.add(column, piece));
    }
    packer.done
}

struct Packer {
    epoch: u32,
    group: GroupId,
    done: Vec<Block>,
}

impl Packer {
    fn add(&mut self, column: u16, piece: &Piece) {
        let mut head = Vec::with_capacity(16);
        for number in [usize::from(column), piece.first, piece.count, piece.bytes.len()] {
            put_varint(&mut head, number as u64);
        }
        let bytes = head.len() + piece.bytes.len();
        match self.done.last_mut() {
            Some(block) if block.value.len() + bytes <= limits::STORE_VALUE_BYTES_MAX => {
                block.value.extend_from_slice(&head);
                block.value.extend_from_slice(&piece.bytes);
            }
            _ => {
                // `EPOCH_SCANS_MAX` is far below the end of a `u16`.
                let scan = u16::try_from(piece.first).unwrap_or(u16::MAX);
                let key = BlockKey { epoch: self.epoch, group: self.group, column, scan };
                let value = [&[VERSION], head.as_slice(), &piece.bytes].concat();
                self.done.push(Block { key, value });
            }
        }
    }
}

/// The pieces in a block's value; `None` when it is none of ours.
pub(in crate::store) fn pieces(value: &[u8]) -> Option<Vec<ColumnPiece<'_>>> {
    let (&VERSION, mut rest) = value.split_first()? else { return None };
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let column = u16::try_from(take_varint(&mut rest)?).ok()?;
        let first = scan_index(take_varint(&mut rest)?)?;
        let count = scan_index(take_varint(&mut rest)?)?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (bytes, after) = rest.split_at_checked(length)?;
        pieces.push(ColumnPiece { column, first, count, bytes });
        rest = after;
    }
    Some(pieces)
}

/// Scans of a group in an epoch are few; anything else was not written by us.
fn scan_index(number: u64) -> Option<usize> {
    u16::try_from(number).ok().map(usize::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::reading::{Sample, Scan};
    use crate::store::code::sample::SampleCoder;
    use crate::store::code::sample::tests::{any_sample, same_bits};
    use crate::store::epoch::Epoch;
    use crate::time::UtcTime;

    fn epoch_of(columns: &[Vec<Sample>]) -> Epoch {
        let mut epoch = Epoch::default();
        for (index, sequence) in (0..columns[0].len()).zip(1_u64..) {
            let at = UtcTime::from_ms(1_700_000_000_000 + sequence.cast_signed() * 1_000);
            let samples = columns.iter().map(|column| column[index].clone()).collect();
            epoch.push(sequence, &Scan { group: GroupId(7), at, samples });
        }
        epoch
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn every_column_of_an_epoch_is_found_in_its_blocks(
            columns in (1_usize..12, 1_usize..400).prop_flat_map(|(width, scans)| {
                prop::collection::vec(prop::collection::vec(any_sample(), scans), width)
            })
        ) {
            let epoch = epoch_of(&columns);
            let blocks = blocks(3, GroupId(7), &epoch.groups()[&GroupId(7)]);
            prop_assert!(blocks.is_sorted_by_key(|block| block.key));
            prop_assert!(blocks.iter().all(|block| block.value.len() <= limits::STORE_VALUE_BYTES_MAX));
            let stored: Vec<ColumnPiece<'_>> =
                blocks.iter().flat_map(|block| pieces(&block.value).unwrap()).collect();
            for (place, expected) in columns.iter().enumerate() {
                let mut back: Vec<Sample> = Vec::new();
                for part in stored.iter().filter(|part| usize::from(part.column) == place + 2) {
                    let read = part.to_piece().decode::<SampleCoder>(&(0..usize::MAX), |_, item| back.push(item));
                    prop_assert!(read.is_some());
                }
                prop_assert_eq!(back.len(), expected.len());
                prop_assert!(back.iter().zip(expected).all(|(left, right)| same_bits(left, right)));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            pieces(&[&[VERSION], value.as_slice()].concat());
            pieces(&value);
        }
    }
}
