//! What the writer is given to do.

use std::time::Instant;

use crate::model::reading::{GroupId, Scan, SeriesId};
use crate::store::disk::tree::Tree;
use crate::store::epoch::Epoch;
use crate::store::ledgers::ledger::Change;
use crate::store::names::NameCounts;
use crate::store::rows::quarters::Quarter;

/// Names that are not on the medium yet, as they are stored.
#[derive(Default)]
pub(super) struct NewNames {
    pub(super) series: Vec<(SeriesId, Vec<u8>)>,
    pub(super) groups: Vec<(GroupId, Vec<u8>)>,
    /// How many there are with these.
    pub(super) counts: NameCounts,
}

impl NewNames {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty() && self.groups.is_empty()
    }

    /// Whether they are all names that there are.
    pub(super) fn are_all(&self) -> bool {
        (self.series.len(), self.groups.len()) == (self.counts.series, self.counts.groups)
    }

    /// Tree, key and value of each.
    pub(super) fn records(&self) -> impl Iterator<Item = (Tree, Vec<u8>, Vec<u8>)> {
        let series = self.series.iter();
        let series = series.map(|(id, name)| (Tree::Series, id.0.to_be_bytes().to_vec(), name.clone()));
        let groups = self.groups.iter();
        series.chain(groups.map(|(id, list)| (Tree::Groups, id.0.to_be_bytes().to_vec(), list.clone())))
    }
}

/// What the writer has to do next.
pub(super) enum Job {
    /// Write an epoch that is full: all that is left of it, or one step.
    Seal { number: u32, epoch: Epoch, names: NewNames, whole: bool },
    /// Write pending scans.
    Write(Write),
    /// See whether a sealed epoch is still what it was.
    Check { number: u32 },
    /// Search the period that begins with the epoch `first` for its contents, a step further.
    List { first: u32 },
    /// Save what is left of a sealed epoch that did not read back.
    Salvage { number: u32 },
    /// Sum up a quarter hour of a group.
    Sum { quarter: Quarter },
    /// Try to open the database again.
    Reopen,
    /// Nothing any more.
    Stop,
}

/// Scans of one epoch that are not in its ring yet.
pub(super) struct RingPart {
    /// The epoch.
    pub(super) epoch: u32,
    /// Sequence number of the first scan; the others count on.
    pub(super) first_sequence: u64,
    pub(super) scans: Vec<Scan>,
}

/// Pending scans and changes of small tables to write.
pub(super) struct Write {
    pub(super) names: NewNames,
    pub(super) changes: Vec<(Tree, Vec<Change>)>,
    /// In the order of their sequence numbers.
    pub(super) parts: Vec<RingPart>,
    /// Whether all must be on the medium afterwards.
    pub(super) sync: bool,
    /// Flushes that are served with it.
    pub(super) flushes: u64,
}

/// What to wait for when there is no job.
#[derive(Clone, Copy)]
pub(super) enum Pause {
    /// A wake-up.
    Until(Instant),
    /// A wake-up, however long it takes.
    Forever,
}

impl Pause {
    /// The shorter of two.
    pub(super) fn or(self, other: Self) -> Self {
        match other {
            Self::Until(at) => self.or_at(at),
            Self::Forever => self,
        }
    }

    /// The same, or `at` where that is sooner.
    pub(super) fn or_at(self, at: Instant) -> Self {
        match self {
            Self::Until(until) => Self::Until(until.min(at)),
            Self::Forever => Self::Until(at),
        }
    }
}
