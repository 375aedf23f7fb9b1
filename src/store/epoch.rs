//! The scans that are not sealed yet, held in memory in the same coded columns that a sealed epoch
//! has on disk: half a byte a reading instead of thirty-two.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::limits;
use crate::model::reading::{GroupId, Scan};
use crate::store::code::column::{Column, Piece};
use crate::store::code::ramp::RampCoder;
use crate::store::code::sample::SampleCoder;
use crate::store::disk::key;
use crate::time::UtcTime;

/// Memory that a column takes beside its bytes, roughly.
const COLUMN_BYTES: usize = 256;

/// Where scans lie between two instants and two sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The earliest time.
    pub(super) first: UtcTime,
    /// The latest time.
    pub(super) last: UtcTime,
    /// The time of the last scan.
    pub(super) newest: UtcTime,
    /// The lowest sequence number.
    pub(super) first_sequence: u64,
    /// The highest sequence number.
    pub(super) last_sequence: u64,
}

impl Extent {
    const fn of(sequence: u64, at: UtcTime) -> Self {
        Self { first: at, last: at, newest: at, first_sequence: sequence, last_sequence: sequence }
    }

    /// From its earliest time to just after its latest.
    pub(super) fn time(&self) -> Range<UtcTime> {
        self.first..UtcTime::from_ms(self.last.as_ms().saturating_add(1))
    }

    /// What holds all of `extents`.
    pub(super) fn around(extents: impl Iterator<Item = Self>) -> Option<Self> {
        extents.reduce(|all, one| Self {
            first: all.first.min(one.first),
            last: all.last.max(one.last),
            newest: one.newest,
            first_sequence: all.first_sequence.min(one.first_sequence),
            last_sequence: all.last_sequence.max(one.last_sequence),
        })
    }

    /// Widens it to hold one more scan. The time may run backwards, the sequence never does.
    fn add(&mut self, sequence: u64, at: UtcTime) {
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.newest = at;
        self.last_sequence = sequence;
    }
}

/// The scans of one group in an epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupColumns {
    /// Scans in every column.
    pub(super) scans: usize,
    times: Column<RampCoder>,
    sequences: Column<RampCoder>,
    series: Vec<Column<SampleCoder>>,
}

impl GroupColumns {
    fn push(&mut self, sequence: u64, scan: &Scan) -> usize {
        let mut bytes = 0;
        if self.series.len() < scan.samples.len() {
            self.series.resize_with(scan.samples.len(), Column::default);
            bytes = COLUMN_BYTES * (scan.samples.len() + 2);
        }
        bytes += self.times.push(&scan.at.as_ms());
        bytes += self.sequences.push(&sequence.cast_signed());
        for (column, sample) in self.series.iter_mut().zip(&scan.samples) {
            bytes += column.push(sample);
        }
        self.scans += 1;
        bytes
    }

    /// How many columns there are.
    pub(super) fn columns(&self) -> u16 {
        u16::try_from(self.series.len() + 2).unwrap_or(u16::MAX)
    }

    /// The pieces of a column that hold scans of index `from` on.
    pub(super) fn pieces(&self, column: u16, from: usize) -> Vec<Piece> {
        match column {
            key::TIMES => self.times.pieces_from(from),
            key::SEQUENCES => self.sequences.pieces_from(from),
            _ => self.series.get(usize::from(column) - 2).map_or_else(Vec::new, |c| c.pieces_from(from)),
        }
    }
}

/// Scans of all groups from one sealing to the next.
///
/// A clone is cheap: it shares the columns until the next scan of a group comes.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoch {
    groups: BTreeMap<GroupId, Arc<GroupColumns>>,
    extent: Option<Extent>,
    scans: u64,
    readings: usize,
    bytes: usize,
    full: bool,
}

impl Epoch {
    /// Takes in a scan. Its number of samples is that of its group.
    pub(super) fn push(&mut self, sequence: u64, scan: &Scan) {
        let group = Arc::make_mut(self.groups.entry(scan.group).or_default());
        self.bytes += group.push(sequence, scan);
        self.scans += 1;
        self.readings += scan.samples.len();
        self.extent.get_or_insert(Extent::of(sequence, scan.at)).add(sequence, scan.at);
        // One more scan of the largest group must still fit.
        self.full |= group.scans >= limits::EPOCH_SCANS_MAX
            || self.readings + limits::GROUP_SERIES_MAX > limits::OPEN_READINGS_MAX;
    }

    /// Whether it must be sealed before the next scan; `bytes_max` is the memory that it may take.
    pub(super) const fn is_full(&self, bytes_max: usize) -> bool {
        self.full || self.bytes >= bytes_max
    }

    /// Where its scans lie; `None` when there are none.
    pub(super) const fn extent(&self) -> Option<Extent> {
        self.extent
    }

    /// Scans in it.
    pub(super) const fn scans(&self) -> u64 {
        self.scans
    }

    /// Readings in it.
    pub(super) const fn readings(&self) -> usize {
        self.readings
    }

    /// Bytes of memory that it takes, roughly.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its groups, in order.
    pub(super) const fn groups(&self) -> &BTreeMap<GroupId, Arc<GroupColumns>> {
        &self.groups
    }
}
