//! The marker of a sealed epoch: written after its blocks, so that an epoch with a marker is whole.
//!
//! ```text
//! version (1) u8
//! i64 earliest time ms | i64 latest time ms | i64 time of the last scan ms
//! u64 first sequence | u64 last sequence
//! u32 scans | u32 readings | u32 blocks | u32 bytes of blocks
//! u32 series named so far | u32 groups named so far | u32 CRC-32 of all keys and values of its blocks
//! ```
//!
//! Big-endian throughout.

use crate::store::epoch::{Epoch, Extent};
use crate::store::names::NameCounts;
use crate::time::UtcTime;

const VERSION: u8 = 1;

/// Sums up the blocks of an epoch.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Sum {
    crc: crc32fast::Hasher,
    blocks: u32,
    bytes: u32,
}

impl Sum {
    /// Takes in the next block, in order of keys.
    pub(in crate::store) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.crc.update(key);
        self.crc.update(value);
        self.blocks += 1;
        self.bytes = self.bytes.saturating_add(u32::try_from(key.len() + value.len()).unwrap_or(u32::MAX));
    }
}

/// What is kept about a sealed epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Marker {
    /// Where its scans lie.
    pub(in crate::store) extent: Extent,
    /// Scans in it.
    pub(in crate::store) scans: u32,
    /// Readings in it.
    pub(in crate::store) readings: u32,
    /// Blocks that hold them.
    pub(in crate::store) blocks: u32,
    /// Bytes of those blocks with their keys.
    pub(in crate::store) bytes: u32,
    /// Series named when it was sealed; fewer later means that names were lost.
    pub(in crate::store) series_named: u32,
    /// Groups named when it was sealed.
    pub(in crate::store) groups_named: u32,
    /// CRC-32 over the blocks.
    pub(in crate::store) checksum: u32,
}

impl Marker {
    /// The marker of `epoch`, whose blocks gave `sum`; `named` are the series and groups named.
    pub(in crate::store) fn new(epoch: &Epoch, sum: Sum, named: NameCounts) -> Self {
        let fit = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            extent: epoch.extent().unwrap_or_default(),
            scans: u32::try_from(epoch.scans()).unwrap_or(u32::MAX),
            readings: fit(epoch.readings()),
            blocks: sum.blocks,
            bytes: sum.bytes,
            series_named: fit(named.series),
            groups_named: fit(named.groups),
            checksum: sum.crc.finalize(),
        }
    }

    /// Whether these are the blocks that it was written for.
    pub(in crate::store) fn fits(&self, sum: Sum) -> bool {
        sum.blocks == self.blocks && sum.crc.finalize() == self.checksum
    }

    /// The marker as bytes.
    pub(in crate::store) fn to_bytes(self) -> Vec<u8> {
        let Extent { first, last, newest, first_sequence, last_sequence } = self.extent;
        let mut bytes = vec![VERSION];
        for time in [first, last, newest] {
            bytes.extend_from_slice(&time.as_ms().to_be_bytes());
        }
        for sequence in [first_sequence, last_sequence] {
            bytes.extend_from_slice(&sequence.to_be_bytes());
        }
        let counts = [self.scans, self.readings, self.blocks, self.bytes];
        let checks = [self.series_named, self.groups_named, self.checksum];
        for number in counts.into_iter().chain(checks) {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// The marker of these bytes; `None` when they are none.
    pub(in crate::store) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let mut time = || Some(UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?)));
        let (first, last, newest) = (time()?, time()?, time()?);
        let mut sequence = || take(&mut rest).map(u64::from_be_bytes);
        let (first_sequence, last_sequence) = (sequence()?, sequence()?);
        let mut number = || take(&mut rest).map(u32::from_be_bytes);
        let marker = Self {
            extent: Extent { first, last, newest, first_sequence, last_sequence },
            scans: number()?,
            readings: number()?,
            blocks: number()?,
            bytes: number()?,
            series_named: number()?,
            groups_named: number()?,
            checksum: number()?,
        };
        (rest.is_empty() && first <= last && first_sequence <= last_sequence).then_some(marker)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quality::Cause;
    use crate::model::reading::{GroupId, Sample, Scan};

    #[test]
    fn a_marker_reads_back_and_knows_its_blocks() {
        let mut epoch = Epoch::default();
        for (sequence, at_ms) in [(5, 2_000), (6, 1_000), (7, 1_500)] {
            let samples = vec![Sample::missing(Cause::Timeout)];
            epoch.push(sequence, &Scan { group: GroupId(1), at: UtcTime::from_ms(at_ms), samples });
        }
        let mut sum = Sum::default();
        sum.add(b"key", b"value");
        let marker = Marker::new(&epoch, sum.clone(), NameCounts { series: 1, groups: 2 });
        assert_eq!(marker.extent.first.as_ms(), 1_000);
        assert_eq!(marker.extent.last.as_ms(), 2_000);
        assert_eq!(marker.extent.newest.as_ms(), 1_500);
        assert_eq!(Marker::from_bytes(&marker.to_bytes()), Some(marker));
        assert_eq!(Marker::from_bytes(&marker.to_bytes()[1..]), None);
        assert!(marker.fits(sum.clone()));
        sum.add(b"key", b"");
        assert!(!marker.fits(sum));
    }
}
