//! The sealed epochs at a glance, held in memory: where each lies and how large it is.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::store::epoch::Extent;
use crate::store::periods::marker::Marker;
use crate::time::UtcTime;

/// What is remembered of one sealed epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Its number.
    pub(super) number: u32,
    /// Where its scans lie.
    pub(super) extent: Extent,
    /// Scans in it.
    pub(super) scans: u32,
    /// Bytes of its blocks.
    pub(super) bytes: u32,
}

/// The sealed epochs by number.
#[derive(Clone, Debug, Default)]
pub(super) struct EpochIndex {
    epochs: BTreeMap<u32, Sealed>,
    bytes: u64,
    /// The number of the next epoch; counts on when all others are gone.
    next: u32,
}

impl EpochIndex {
    /// Adds a sealed epoch.
    pub(super) fn add(&mut self, number: u32, marker: &Marker) {
        let Marker { extent, scans, bytes, .. } = *marker;
        self.remove(number);
        self.epochs.insert(number, Sealed { number, extent, scans, bytes });
        self.bytes += u64::from(bytes);
        self.next = self.next.max(number.saturating_add(1));
    }

    /// Takes an epoch out.
    pub(super) fn remove(&mut self, number: u32) -> Option<Sealed> {
        let epoch = self.epochs.remove(&number)?;
        self.bytes -= u64::from(epoch.bytes);
        Some(epoch)
    }

    /// The number of the epoch that is open.
    pub(super) const fn next_number(&self) -> u32 {
        self.next
    }

    /// No epoch below `number` will be added any more: numbers go on from there.
    pub(super) fn go_on_from(&mut self, number: u32) {
        self.next = self.next.max(number);
    }

    /// Bytes of all blocks.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many epochs there are.
    pub(super) fn len(&self) -> usize {
        self.epochs.len()
    }

    /// The epochs, oldest number first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Sealed> {
        self.epochs.values()
    }

    /// A sealed epoch.
    pub(super) fn get(&self, number: u32) -> Option<&Sealed> {
        self.epochs.get(&number)
    }

    /// Whether an epoch is still kept.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.epochs.contains_key(&number)
    }

    /// Epochs with a time in the half-open `range`.
    pub(super) fn within(&self, range: &Range<UtcTime>) -> Vec<Sealed> {
        let touches = |epoch: &&Sealed| epoch.extent.first < range.end && epoch.extent.last >= range.start;
        self.iter().filter(touches).copied().collect()
    }

    /// Epochs with a sequence number above `sequence`, oldest first.
    pub(super) fn after(&self, sequence: u64) -> Vec<Sealed> {
        let newest_first = self.iter().rev().take_while(|epoch| epoch.extent.last_sequence > sequence);
        let mut epochs: Vec<Sealed> = newest_first.copied().collect();
        epochs.reverse();
        epochs
    }
}
