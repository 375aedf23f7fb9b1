//! Demands of a time range, one a window, and what the months of billing come to.

use std::ops::Range;

use super::curve::{Curve, Spent};
use super::month::MonthDemand;
use super::source::{DemandSource, before};
use crate::config::site::Site;
use crate::model::demand::DemandSettings;
use crate::ops::Ops;
use crate::ops::query::error::QueryError;
use crate::ops::query::historical_data::TimeOrder;
use crate::ops::query::paging::{Page, PageRequest, overlap};
use crate::ops::query::span;
use crate::stats::demand::{Demand, billing};
use crate::time::UtcTime;

/// A question for the demands of a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandHistoryQuery {
    /// The CEMS, where it is named.
    pub cems_id: Option<String>,
    /// The half-open range; the end of a window counts.
    pub range: Range<UtcTime>,
    /// Which way time runs.
    pub order: TimeOrder,
    /// Which page; windows are counted.
    pub page: PageRequest,
}

/// The demands of a time range.
pub struct DemandHistory {
    source: DemandSource,
    query: DemandHistoryQuery,
    page: Page,
    demands: Vec<(UtcTime, Demand)>,
    months: Vec<MonthDemand>,
}

impl Ops {
    /// The demands of the windows that end in a range, and what each month of billing comes to that it
    /// touches. Windows that have not ended are not told.
    ///
    /// # Errors
    /// When the site is another one or measures no demand, the range is empty or too long, or too many
    /// readings would have to be gone through.
    pub fn demand_history(&self, query: DemandHistoryQuery) -> Result<DemandHistory, QueryError> {
        let source = self.demand_source(query.cems_id.as_deref())?;
        span::check(&query.range, source.settings().stride())?;
        let mut spent = Spent::default();
        let known_to = self.demand_known_to(&source, &mut spent)?;
        let ends = Ends::of(&source, &query.range, known_to);
        let page = query.page.of(ends.count);
        let demands = match overlap(&query.page.window(), 0, ends.count) {
            Some(part) => self.demands(&source, &ends.counted(&part, query.order), &mut spent)?,
            None => Vec::new(),
        };
        let months = self.months(&source, &query.range, known_to, &mut spent)?;
        let mut answer = DemandHistory { source, query, page, demands, months };
        if answer.query.order == TimeOrder::Descending {
            answer.demands.reverse();
        }
        Ok(answer)
    }

    /// At most one page of them, in the order of time.
    fn demands(
        &self,
        source: &DemandSource,
        ends: &Ends,
        spent: &mut Spent,
    ) -> Result<Vec<(UtcTime, Demand)>, QueryError> {
        let stride = source.settings().stride();
        let mut curve = Curve::over(source, self.store(), (ends.first, ends.last()), stride, spent)?;
        let mut demands = Vec::new();
        let mut end = ends.first;
        for _ in 0..ends.count {
            demands.push((end, curve.demand(end, spent)?));
            end = end.plus(stride);
        }
        Ok(demands)
    }

    fn months(
        &self,
        source: &DemandSource,
        range: &Range<UtcTime>,
        known_to: UtcTime,
        spent: &mut Spent,
    ) -> Result<Vec<MonthDemand>, QueryError> {
        let mut months = Vec::new();
        let mut at = range.start;
        while at < range.end.min(known_to) {
            let month = billing::month_of(at, source.settings().billing_day, source.offset());
            let Some(month) = month else { break };
            at = month.end;
            months.push(self.month_demand(source, month, known_to, spent)?);
        }
        Ok(months)
    }
}

/// Ends of windows that follow each other.
struct Ends {
    first: UtcTime,
    stride_ms: i64,
    count: u64,
}

impl Ends {
    /// Those in `range` up to `known_to`.
    fn of(source: &DemandSource, range: &Range<UtcTime>, known_to: UtcTime) -> Self {
        let first = source.end_from(range.start);
        let last = source.end_at(before(range.end, 1).min(known_to));
        let stride_ms = source.settings().stride().as_ms();
        let steps = last.ms_since(first).div_euclid(stride_ms) + 1;
        Self { first, stride_ms, count: steps.max(0).unsigned_abs() }
    }

    /// Those of one part, which is counted from the end where time runs backwards.
    fn counted(&self, part: &Range<u64>, order: TimeOrder) -> Self {
        let from = match order {
            TimeOrder::Ascending => part.start,
            TimeOrder::Descending => self.count - part.end,
        };
        Self { first: self.moved(from), count: part.end - part.start, ..*self }
    }

    fn last(&self) -> UtcTime {
        self.moved(self.count.saturating_sub(1))
    }

    fn moved(&self, steps: u64) -> UtcTime {
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        UtcTime::from_ms(self.first.as_ms().saturating_add(self.stride_ms.saturating_mul(steps)))
    }
}

impl DemandHistory {
    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.source.served.site()
    }

    /// What is set about demand.
    #[must_use]
    pub fn settings(&self) -> &DemandSettings {
        self.source.settings()
    }

    /// The question.
    #[must_use]
    pub const fn query(&self) -> &DemandHistoryQuery {
        &self.query
    }

    /// The page; windows are counted.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// The demands of the page by the ends of their windows, in the order that was asked for.
    #[must_use]
    pub fn demands(&self) -> &[(UtcTime, Demand)] {
        &self.demands
    }

    /// The months of billing that the range touches, whatever the page, in the order of time.
    #[must_use]
    pub fn months(&self) -> &[MonthDemand] {
        &self.months
    }
}
