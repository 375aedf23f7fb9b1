//! A scan as the gap ledger sees it.

use crate::model::gap::GapCause;
use crate::model::quality::Quality;
use crate::model::reading::{GroupId, Sample, SeriesId};
use crate::time::{Interval, UtcTime};

/// A scan as the ledger sees it.
pub(in crate::store) struct Seen<'a> {
    /// The group.
    pub(in crate::store) group: GroupId,
    /// Its series.
    pub(in crate::store) series: &'a [SeriesId],
    /// When it was scanned.
    pub(in crate::store) at: UtcTime,
    /// What came of it.
    pub(in crate::store) samples: &'a [Sample],
    /// How often the group should be scanned, where that is known.
    pub(in crate::store) interval: Option<Interval>,
}

impl Seen<'_> {
    /// Why the reading of each series is missing; `None` where it is not.
    pub(super) fn causes(&self) -> impl Iterator<Item = Option<GapCause>> + Clone {
        self.samples.iter().map(|sample| match sample.quality {
            Quality::Missing(cause) => Some(GapCause::Read(cause)),
            Quality::Good | Quality::Suspect(_) => None,
        })
    }

    /// The cause that all readings of the scan are missing for.
    pub(super) fn common_cause(&self) -> Option<GapCause> {
        let first = self.causes().next().flatten();
        first.filter(|_| self.causes().all(|cause| cause == first))
    }

    /// Whether no reading is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.causes().all(|cause| cause.is_none())
    }
}

/// What is known of a group that is scanned for the first time since the store was opened, or since
/// its series were scanned in another one.
pub(in crate::store) struct Newcomer {
    /// When each of its series was scanned last.
    pub(in crate::store) scanned: Vec<Option<UtcTime>>,
    /// The other groups that its series lie in.
    pub(in crate::store) relatives: Vec<GroupId>,
}

impl Newcomer {
    /// When any of its series was scanned last.
    pub(super) fn last(&self) -> Option<UtcTime> {
        self.scanned.iter().copied().flatten().max()
    }
}
