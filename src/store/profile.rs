//! What the store is told about a series, so that it can sum it up and see what is missing.

use std::collections::HashMap;

use crate::model::reading::SeriesId;
use crate::stats::SeriesProfile;
use crate::time::{Interval, UtcOffset, UtcTime};

/// The series of the site that is polled.
#[derive(Clone, Debug)]
pub(super) struct SiteProfile {
    /// Those that were described.
    pub(super) series: HashMap<SeriesId, SeriesProfile>,
    /// Where local days begin.
    pub(super) offset: UtcOffset,
}

impl SiteProfile {
    /// How often a group is scanned: its series are always read together.
    pub(super) fn interval(&self, series: &[SeriesId]) -> Option<Interval> {
        series.first().and_then(|first| self.series.get(first)).map(|profile| profile.interval)
    }

    /// The local day of an instant, counted from 1970.
    pub(super) fn local_day(&self, at: UtcTime) -> u32 {
        at.local_day(self.offset)
    }
}

impl Default for SiteProfile {
    fn default() -> Self {
        Self { series: HashMap::new(), offset: UtcOffset::UTC }
    }
}
