//! The demand of a month of billing.

use std::ops::Range;

use super::curve::Spent;
use super::source::DemandSource;
use crate::ops::Ops;
use crate::ops::query::error::QueryError;
use crate::stats::demand::peak::Peaks;
use crate::time::{Interval, UtcTime};

/// The demand of a month of billing, of the windows that lie whole in it.
#[derive(Clone, Debug, PartialEq)]
pub struct MonthDemand {
    /// From midnight of one billing day to midnight of the next.
    pub month: Range<UtcTime>,
    /// What the demands of its windows come to.
    pub peaks: Peaks,
    /// Windows of the whole month.
    pub windows: u64,
    /// From one window to the next.
    pub stride: Interval,
}

impl MonthDemand {
    /// How much of the whole month is known, 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a month has fewer than 2^53 windows")]
    pub fn completeness(&self) -> f64 {
        f64::from(self.peaks.known) / self.windows.max(1) as f64
    }

    /// For how long demand was over the limit, in milliseconds: a step for each window.
    #[must_use]
    pub fn over_ms(&self) -> i64 {
        i64::from(self.peaks.over).saturating_mul(self.stride.as_ms())
    }
}

impl Ops {
    /// The demand of `month`, as far as it is over at `until`.
    pub(super) fn month_demand(
        &self,
        source: &DemandSource,
        month: Range<UtcTime>,
        until: UtcTime,
        spent: &mut Spent,
    ) -> Result<MonthDemand, QueryError> {
        let stride = source.settings().stride();
        // What flowed before the month is no part of its demands.
        let first = month.start.plus(source.rule.window);
        let last = source.end_at(until.min(month.end));
        let steps = month.end.ms_since(first) / stride.as_ms() + 1;
        let peaks = self.demand_days.peaks(source, self.store(), (first, last), self.clock().now(), spent)?;
        Ok(MonthDemand { month, peaks, windows: steps.max(0).unsigned_abs(), stride })
    }
}
