//! What the writer is given to do.

use std::time::Instant;

use super::epoch::Epoch;
use super::names::NameCounts;
use crate::model::reading::{GroupId, Scan, SeriesId};

/// Names that are not on the medium yet, as they are stored.
#[derive(Default)]
pub(super) struct NewNames {
    pub(super) series: Vec<(SeriesId, Vec<u8>)>,
    pub(super) groups: Vec<(GroupId, Vec<u8>)>,
    /// How many there are with these.
    pub(super) counts: NameCounts,
}

/// What the writer has to do next.
pub(super) enum Job {
    /// Write an epoch that is full.
    Seal { number: u32, epoch: Epoch, names: NewNames },
    /// Write pending scans.
    Write(Write),
    /// Try to open the database again.
    Reopen,
    /// Nothing any more.
    Stop,
}

/// Pending scans and cursors to write.
pub(super) struct Write {
    pub(super) names: NewNames,
    pub(super) cursors: Vec<(String, u64)>,
    /// The open epoch.
    pub(super) epoch: u32,
    /// Sequence number of the first scan; the others count on.
    pub(super) first_sequence: u64,
    pub(super) scans: Vec<Scan>,
    /// Whether all must be on the medium afterwards.
    pub(super) sync: bool,
    /// Flushes that are served with it.
    pub(super) flushes: u64,
}

/// What to wait for when there is no job.
pub(super) enum Pause {
    /// A wake-up.
    Until(Instant),
    /// A wake-up, however long it takes.
    Forever,
}
