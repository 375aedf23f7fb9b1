//! Historical data: the readings of a time range, as they were read.

use std::iter;
use std::ops::Range;

use super::aligned::Aligned;
use super::counts::Counted;
use super::error::QueryError;
use super::filling::{Fill, Filling, Slots, Told};
use super::paging::{Page, PageRequest, overlap};
use super::selection::{Chosen, ParameterView, Selection};
use super::span;
use super::thinning::Thinned;
use crate::config::site::Site;
use crate::limits;
use crate::model::category::Category;
use crate::model::gap::Gap;
use crate::model::point::{Parameter, Point};
use crate::model::reading::Reading;
use crate::ops::Ops;
use crate::store::{CounterEvent, Store, StoreError};
use crate::time::{Interval, UtcOffset, UtcTime};

/// Which way time runs within one parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeOrder {
    /// The oldest reading first.
    #[default]
    Ascending,
    /// The newest reading first.
    Descending,
}

/// A question for the readings of a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricalQuery {
    /// Which points and parameters.
    pub selection: Selection,
    /// The half-open time range.
    pub range: Range<UtcTime>,
    /// Only the last reading of every such interval, with its own time; all readings without it.
    pub interval: Option<Interval>,
    /// What stands for an interval without a value; only together with `interval`.
    pub fill: Fill,
    /// Which way time runs within one parameter.
    pub order: TimeOrder,
    /// Which page; readings are counted.
    pub page: PageRequest,
}

/// The readings of a time range, one at a time.
pub struct HistoricalAnswer {
    chosen: Chosen,
    history: History,
    /// One a chosen parameter.
    parts: Vec<Range<u64>>,
    page: Page,
}

/// One reading with what it belongs to. The rows of one category follow each other, so do those of
/// one point and those of one parameter.
#[derive(Clone, Debug)]
pub struct HistoricalRow<'a> {
    /// The category of the point.
    pub category: &'a Category,
    /// The point.
    pub point: &'a Point,
    /// The parameter.
    pub parameter: &'a Parameter,
    /// The reading, or what stands for one.
    pub told: Told,
}

impl Ops {
    /// The readings of a time range.
    ///
    /// # Errors
    /// When the selection names what the site does not have, the range is empty or too long, or the
    /// store cannot tell how many readings there are.
    pub fn historical_data(&self, query: HistoricalQuery) -> Result<HistoricalAnswer, QueryError> {
        let chosen = query.selection.choose(&self.served())?;
        let finest = chosen.parameters().map(|view| view.parameter.interval).min();
        span::check(&query.range, query.interval.or(finest).unwrap_or(Interval::QUARTER_HOUR))?;
        let (store, now) = (self.store().clone(), self.clock().now());
        let history = History { store, offset: chosen.site().cems.offset, now, query };
        let (parts, total) = self.parts(&history, &chosen)?;
        let page = history.query.page.of(total);
        Ok(HistoricalAnswer { chosen, history, parts, page })
    }
}

impl Ops {
    /// For each chosen parameter the readings that lie on the page, counted from its oldest; and how
    /// many readings there are on all pages.
    fn parts(&self, history: &History, chosen: &Chosen) -> Result<(Vec<Range<u64>>, u64), QueryError> {
        let window = history.query.page.window();
        let (mut parts, mut first, mut gone_through) = (Vec::new(), 0_u64, 0_u64);
        for view in chosen.parameters() {
            let rows = self.count(history, chosen, view, &mut gone_through)?;
            parts.push(history.counted_from_oldest(overlap(&window, first, rows).unwrap_or(0..0), rows));
            first = first.saturating_add(rows);
        }
        Ok((parts, first))
    }

    /// How many readings a parameter gives on all pages; `gone_through` grows by those that are counted
    /// anew.
    fn count(
        &self,
        history: &History,
        chosen: &Chosen,
        view: ParameterView<'_>,
        gone_through: &mut u64,
    ) -> Result<u64, QueryError> {
        let (range, interval) = (history.query.range.clone(), history.query.interval);
        let counted = Counted { series: view.series, range: range.clone(), interval };
        let revision = self.store().past_revision();
        if let Some(count) = self.counts().get(&counted, revision) {
            return Ok(count);
        }
        // What is still being added to is counted each time, and what follows from others.
        let latest = self.store().latest(view.series).and_then(|latest| latest.at());
        let is_past = latest.is_some_and(|latest| range.end <= latest) && history.slots().is_none();
        let count = history.count(chosen, view, gone_through)?;
        if is_past && view.parameter.formula().is_none() {
            self.counts().put(counted, revision, count);
        }
        Ok(count)
    }
}

impl HistoricalAnswer {
    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.chosen.site()
    }

    /// The question.
    #[must_use]
    pub const fn query(&self) -> &HistoricalQuery {
        &self.history.query
    }

    /// The page; readings are counted.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// The stretches of the range in which readings are missing, whatever the page: a parameter's
    /// after the other's, in the order of their start.
    pub fn gaps(&self) -> impl Iterator<Item = Result<GapRow<'_>, QueryError>> {
        let range = &self.history.query.range;
        self.chosen.parameters().flat_map(move |view| {
            let gaps = self.history.store.gaps(view.series, range);
            let row = move |gap| Ok(GapRow { point: view.point, parameter: view.parameter, gap });
            let (gaps, error) = match gaps {
                Ok(gaps) => (gaps, None),
                Err(error) => (Vec::new(), Some(Err(error.into()))),
            };
            gaps.into_iter().map(row).chain(error)
        })
    }

    /// What the registers did in the range besides plain growth, whatever the page: a parameter's after
    /// the other's, in the order in which it was found.
    pub fn counter_events(&self) -> impl Iterator<Item = CounterEventRow<'_>> {
        let range = &self.history.query.range;
        self.chosen.parameters().flat_map(move |view| {
            let events = self.history.store.counter_events(&[view.series], range).into_iter();
            events.map(move |event| CounterEventRow { point: view.point, parameter: view.parameter, event })
        })
    }

    /// The readings of the page, in the order category, point, reading type, parameter, time.
    pub fn rows(&self) -> impl Iterator<Item = Result<HistoricalRow<'_>, QueryError>> {
        let asked = self.chosen.parameters().zip(&self.parts).filter(|(_, part)| !part.is_empty());
        asked.flat_map(|(view, part)| {
            let row = move |told| HistoricalRow {
                category: view.category,
                point: view.point,
                parameter: view.parameter,
                told,
            };
            self.history.page_of(&self.chosen, view, part).map(move |told| Ok(row(told?)))
        })
    }
}

/// A stretch without readings and whose it is.
#[derive(Clone, Debug)]
pub struct GapRow<'a> {
    /// The point.
    pub point: &'a Point,
    /// The parameter.
    pub parameter: &'a Parameter,
    /// When and why.
    pub gap: Gap,
}

/// What a register did besides plain growth, and whose it is.
#[derive(Clone, Debug)]
pub struct CounterEventRow<'a> {
    /// The point.
    pub point: &'a Point,
    /// The parameter.
    pub parameter: &'a Parameter,
    /// What happened.
    pub event: CounterEvent,
}

pub(super) type Readings = Box<dyn Iterator<Item = Result<Reading, StoreError>>>;
type Rows = Box<dyn Iterator<Item = Result<Told, StoreError>>>;

/// Reads one series after the other in the way that the question asks for.
struct History {
    store: Store,
    offset: UtcOffset,
    now: UtcTime,
    query: HistoricalQuery,
}

impl History {
    fn count(
        &self,
        chosen: &Chosen,
        view: ParameterView<'_>,
        gone_through: &mut u64,
    ) -> Result<u64, QueryError> {
        let kept = self.kept(chosen, view)?;
        if self.query.interval.is_none() && view.parameter.formula().is_none() {
            return Ok(kept);
        }
        *gone_through = gone_through.saturating_add(kept);
        if *gone_through > limits::QUERY_READINGS_MAX {
            return Err(QueryError::TooManyReadings { readings: *gone_through });
        }
        match self.slots() {
            Some(slots) => Ok(slots.count()),
            None => Ok(self.count_one_by_one(chosen, view)?),
        }
    }

    fn counted_from_oldest(&self, part: Range<u64>, rows: u64) -> Range<u64> {
        match self.query.order {
            TimeOrder::Ascending => part,
            TimeOrder::Descending => rows - part.end..rows - part.start,
        }
    }

    /// Readings that are kept of a parameter, or of all summands of a computed one.
    fn kept(&self, chosen: &Chosen, view: ParameterView<'_>) -> Result<u64, StoreError> {
        let count = |view: &ParameterView<'_>| self.store.count(view.series, self.query.range.clone());
        match chosen.terms(view.parameter) {
            None => count(&view),
            Some(terms) => terms.iter().map(|(_, term)| count(term)).sum(),
        }
    }

    fn count_one_by_one(&self, chosen: &Chosen, view: ParameterView<'_>) -> Result<u64, StoreError> {
        let mut count = 0;
        for reading in self.readings(chosen, view) {
            reading?;
            count += 1;
        }
        Ok(count)
    }

    /// The intervals that each have a row, where that was asked for.
    fn slots(&self) -> Option<Slots> {
        let interval = self.query.interval.filter(|_| self.query.fill != Fill::None)?;
        Some(Slots::new(&self.query.range, interval, self.offset, self.now))
    }

    /// The rows that lie on the page, in the order that was asked for. Only a page that runs backwards or
    /// is filled is held in memory, at most [`limits::API_PAGE_SIZE_MAX`] rows.
    fn page_of(&self, chosen: &Chosen, view: ParameterView<'_>, part: &Range<u64>) -> Rows {
        let ascending = match self.slots() {
            Some(slots) => self.filled(chosen, view, slots, part),
            None => self.read(chosen, view, part),
        };
        match self.query.order {
            TimeOrder::Ascending => ascending,
            TimeOrder::Descending => {
                let mut backwards: Vec<_> = ascending.collect();
                backwards.reverse();
                Box::new(backwards.into_iter())
            }
        }
    }

    fn read(&self, chosen: &Chosen, view: ParameterView<'_>, part: &Range<u64>) -> Rows {
        let place = |item: u64| usize::try_from(item).unwrap_or(usize::MAX);
        let length = place(part.end - part.start);
        let readings = self.readings(chosen, view).skip(place(part.start)).take(length);
        Box::new(readings.map(|reading| reading.map(Told::Read)))
    }

    fn filled(&self, chosen: &Chosen, view: ParameterView<'_>, slots: Slots, part: &Range<u64>) -> Rows {
        let is_register = view.parameter.reading_type.is_cumulative();
        let read = |range: Range<UtcTime>| self.kept_in(chosen, view, &range);
        match (Filling { read: &read, slots, fill: self.query.fill, is_register }).rows(part) {
            Ok(rows) => Box::new(rows.into_iter().map(Ok)),
            Err(error) => Box::new(iter::once(Err(error))),
        }
    }

    /// All readings of the range, thinned where that was asked for, the oldest first.
    fn readings(&self, chosen: &Chosen, view: ParameterView<'_>) -> Readings {
        let all = match self.kept_in(chosen, view, &self.query.range) {
            Ok(all) => all,
            Err(error) => return Box::new(iter::once(Err(error))),
        };
        match self.query.interval {
            None => all,
            Some(interval) => Box::new(Thinned::lasts(all, interval, self.offset)),
        }
    }

    /// The readings that are kept of a `range`, or follow from what is kept.
    fn kept_in(
        &self,
        chosen: &Chosen,
        view: ParameterView<'_>,
        range: &Range<UtcTime>,
    ) -> Result<Readings, StoreError> {
        let Some(terms) = chosen.terms(view.parameter) else {
            return Ok(Box::new(self.store.history(view.series, range.clone())?));
        };
        Ok(Box::new(Aligned::history(&self.store, &terms, range, view.parameter, self.offset)?))
    }
}
