//! What the store is told about a series, so that it can sum it up and see what is missing.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::model::reading::SeriesId;
use crate::model::tou::Tou;
use crate::stats::SeriesProfile;
use crate::stats::rates::RatedTime;
use crate::time::{Interval, UtcOffset, UtcTime};

/// The series of the site that is polled.
#[derive(Clone, Debug)]
pub(super) struct SiteProfile {
    /// Those that were described.
    pub(super) series: HashMap<SeriesId, SeriesProfile>,
    /// Where local days begin.
    pub(super) offset: UtcOffset,
    /// Which rate applies when.
    pub(super) tou: Arc<Tou>,
}

impl SiteProfile {
    /// How often a group is scanned: its series are always read together.
    pub(super) fn interval(&self, series: &[SeriesId]) -> Option<Interval> {
        series.first().and_then(|first| self.series.get(first)).map(|profile| profile.interval)
    }

    /// `period`, cut by rate.
    pub(super) fn rated(&self, period: &Range<UtcTime>) -> Vec<RatedTime> {
        self.tou.pieces(period, self.offset)
    }

    /// The local day of an instant, counted from 1970.
    pub(super) fn local_day(&self, at: UtcTime) -> u32 {
        at.local_day(self.offset)
    }
}

impl Default for SiteProfile {
    fn default() -> Self {
        Self { series: HashMap::new(), offset: UtcOffset::UTC, tou: Arc::default() }
    }
}
