//! The keys of the trees; every number big-endian, so that the order of keys is the order of time.
//!
//! ```text
//! tree "series"   u32 series                                       -> point ID, NUL, parameter ID
//! tree "groups"   u16 group                                        -> u32 series, u32 series, ...
//! tree "cursors"  name                                             -> u64 sequence
//! tree "ring"     u8 ring | u32 slot                               -> ring.rs
//! tree "blocks"   u32 epoch | u16 group | u16 column | u16 scan    -> block.rs
//! tree "epochs"   u32 epoch                                        -> marker.rs
//! ```
//!
//! Columns of a group: 0 the times, 1 the sequence numbers, 2 and on the series in the group's order.
//! The key of a block names the first piece in it, so the block that holds a given column is the
//! last one whose key is not above that column's first piece.

use crate::model::reading::GroupId;

/// Column of the times.
pub(in crate::store) const TIMES: u16 = 0;
/// Column of the sequence numbers.
pub(in crate::store) const SEQUENCES: u16 = 1;

/// Column of the series at `place` in its group.
pub(in crate::store) const fn series_column(place: u16) -> u16 {
    place.saturating_add(2)
}

/// Where a block starts: its first piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct BlockKey {
    /// The epoch.
    pub(in crate::store) epoch: u32,
    /// The group.
    pub(in crate::store) group: GroupId,
    /// Column of the first piece.
    pub(in crate::store) column: u16,
    /// Index of the first scan of that piece.
    pub(in crate::store) scan: u16,
}

impl BlockKey {
    /// The least key of an epoch.
    pub(in crate::store) const fn first_of(epoch: u32) -> Self {
        Self { epoch, group: GroupId(0), column: 0, scan: 0 }
    }

    /// The key as bytes.
    pub(in crate::store) fn to_bytes(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[4..6].copy_from_slice(&self.group.0.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.column.to_be_bytes());
        bytes[8..].copy_from_slice(&self.scan.to_be_bytes());
        bytes
    }

    /// The key of these bytes; `None` when they are none.
    pub(in crate::store) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (epoch, rest) = bytes.split_first_chunk::<4>()?;
        let (group, rest) = rest.split_first_chunk::<2>()?;
        let (column, rest) = rest.split_first_chunk::<2>()?;
        let scan: [u8; 2] = rest.try_into().ok()?;
        Some(Self {
            epoch: u32::from_be_bytes(*epoch),
            group: GroupId(u16::from_be_bytes(*group)),
            column: u16::from_be_bytes(*column),
            scan: u16::from_be_bytes(scan),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_key() -> impl Strategy<Value = BlockKey> {
        (0_u32..3, 0_u16..300, 0_u16..300, 0_u16..1_020).prop_map(|(epoch, group, column, scan)| BlockKey {
            epoch,
            group: GroupId(group),
            column,
            scan,
        })
    }

    proptest! {
        #[test]
        fn keys_read_back_and_sort_as_bytes_the_way_they_sort(left in any_key(), right in any_key()) {
            prop_assert_eq!(BlockKey::from_bytes(&left.to_bytes()), Some(left));
            prop_assert_eq!(left.cmp(&right), left.to_bytes().cmp(&right.to_bytes()));
        }
    }
}
