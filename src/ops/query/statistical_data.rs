//! Statistical data: one row for every parameter, period and function.

use std::ops::Range;

use super::error::QueryError;
use super::historical_data::TimeOrder;
use super::incompleteness::Missing;
use super::paging::{Page, PageRequest, overlap};
use super::rated::{Pieces, ReadingsOf, Told};
use super::register_edges::RegisterEdges;
use super::selection::{Chosen, ParameterView, Selection};
use super::span;
use crate::config::site::Site;
use crate::limits;
use crate::model::category::Category;
use crate::model::gap::GapCause;
use crate::model::point::{Parameter, Point, PointRole};
use crate::model::reading::Reading;
use crate::model::tou::Rate;
use crate::ops::{Ops, profile};
use crate::stats::calendar::Period;
use crate::stats::rates::RateSums;
use crate::stats::summary::{Expected, Summary};
use crate::stats::tally::tally;
use crate::stats::{Function, SeriesKind};
use crate::store::{Store, StoreError};
use crate::time::{Interval, UtcTime};

/// A question for statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticalQuery {
    /// Which points and parameters.
    pub selection: Selection,
    /// The half-open time range.
    pub range: Range<UtcTime>,
    /// The length of one row, by the local calendar.
    pub period: Period,
    /// Only these functions; all that make sense of a parameter without it.
    pub functions: Option<Vec<Function>>,
    /// What flowed at which rates of the time-of-use tariff; `None` among them stands for all together.
    pub rates: Vec<Option<Rate>>,
    /// Only rows that tell one of these.
    pub indicators: Option<Vec<Indicator>>,
    /// Which way time runs within one parameter.
    pub order: TimeOrder,
    /// Which page; rows are counted.
    pub page: PageRequest,
}

/// What a row tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Indicator {
    /// Energy used or given.
    Energy,
    /// Products made.
    Output,
    /// A parameter that is neither, by its ID.
    Parameter(String),
}

impl Indicator {
    fn of(point: &Point, parameter: &Parameter) -> Self {
        let counts = SeriesKind::of(&parameter.reading_type) != SeriesKind::Level;
        if point.role == PointRole::Production && counts {
            Self::Output
        } else if parameter.reading_type.is_energy() && counts {
            Self::Energy
        } else {
            Self::Parameter(parameter.id.clone())
        }
    }
}

/// Statistics, one row at a time.
pub struct StatisticalAnswer {
    chosen: Chosen,
    store: Store,
    now: UtcTime,
    query: StatisticalQuery,
    page: Page,
}

/// One row of a statistic.
#[derive(Clone, Debug)]
pub struct StatisticalRow<'a> {
    /// The category of the point.
    pub category: &'a Category,
    /// The point.
    pub point: &'a Point,
    /// The parameter.
    pub parameter: &'a Parameter,
    /// What the row tells.
    pub indicator: Indicator,
    /// The half-open period.
    pub period: Range<UtcTime>,
    /// The rate at which it flowed; `None` for all together.
    pub rate: Option<Rate>,
    /// What was computed.
    pub function: Function,
    /// The result; `None` when nothing usable was read in the period.
    pub value: Option<f64>,
    /// When it occurred, for the greatest and the least.
    pub occurred: Option<UtcTime>,
    /// How much of what the whole period should have is there, 0 to 1.
    pub completeness: f64,
    /// How often what lies in the period was computed anew, because readings came late.
    pub revision: u32,
    /// Why most of the rest is missing, where the gap ledger knows.
    pub cause: Option<GapCause>,
}

/// What the stored rows say of a period.
#[derive(Clone, Copy, Debug)]
struct OfRows {
    /// Whether the readings themselves have gone, and the period is told from the rows.
    outlives: bool,
    /// How often what lies in it was computed anew.
    revision: u32,
    /// What flowed at each rate.
    rates: RateSums,
}

/// What one row of a period tells: at which rate, and what was computed.
type Cell = (Option<Rate>, Function);

/// The rows of one parameter that lie on the page.
struct Part<'a> {
    view: ParameterView<'a>,
    kind: SeriesKind,
    cells: Vec<Cell>,
    /// Rows of the parameter, counted from its first.
    rows: Range<u64>,
}

impl Ops {
    /// One row for every chosen parameter, period and function. Periods that have not begun have no
    /// rows.
    ///
    /// # Errors
    /// When the question names what the site does not have, the range is empty or too long, or more
    /// history than [`limits::QUERY_READINGS_MAX`] would have to be gone through for the page.
    pub fn statistical_data(&self, query: StatisticalQuery) -> Result<StatisticalAnswer, QueryError> {
        span::check(&query.range, Interval::QUARTER_HOUR)?;
        let chosen = query.selection.choose(&self.served())?;
        check_indicators(&query, chosen.site())?;
        if chosen.site().tou.days.is_empty() && query.rates.iter().any(Option::is_some) {
            return Err(QueryError::NoTou);
        }
        let page = query.page.of(0);
        let mut answer =
            StatisticalAnswer { chosen, store: self.store().clone(), now: self.clock().now(), query, page };
        let (total, readings) = answer.measure()?;
        if readings > limits::QUERY_READINGS_MAX {
            return Err(QueryError::TooManyReadings { readings });
        }
        answer.page = answer.query.page.of(total);
        Ok(answer)
    }
}

fn check_indicators(query: &StatisticalQuery, site: &Site) -> Result<(), QueryError> {
    let known = |id: &str| site.points.iter().flat_map(|point| &point.parameters).any(|p| p.id == id);
    for indicator in query.indicators.iter().flatten() {
        match indicator {
            Indicator::Parameter(id) if !known(id) => return Err(QueryError::NoSuchIndicator(id.clone())),
            Indicator::Parameter(_) | Indicator::Energy | Indicator::Output => {}
        }
    }
    Ok(())
}

impl StatisticalAnswer {
    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.chosen.site()
    }

    /// The question.
    #[must_use]
    pub const fn query(&self) -> &StatisticalQuery {
        &self.query
    }

    /// The page; rows are counted.
    #[must_use]
    pub const fn page(&self) -> Page {
        self.page
    }

    /// The rows of the page, in the order category, point, reading type, parameter, period, rate, function.
    pub fn rows(&self) -> impl Iterator<Item = Result<StatisticalRow<'_>, QueryError>> {
        self.parts().flat_map(|part| match self.rows_of(&part) {
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error.into())],
        })
    }

    /// Rows on all pages, and readings that this page makes one go through.
    fn measure(&self) -> Result<(u64, u64), StoreError> {
        let rows = |cells: usize| (cells as u64).saturating_mul(self.period_count());
        let total = self.chosen.parameters().map(|view| rows(self.cells(view).len())).sum();
        let mut readings = 0_u64;
        for part in self.parts() {
            let periods = self.periods_of(&part);
            if let (Some(first), Some(last)) = (periods.first(), periods.last()) {
                let count = self.store.count(part.view.series, first.start..last.end)?;
                readings = readings.saturating_add(count);
            }
        }
        Ok((total, readings))
    }

    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let window = self.query.page.window();
        let periods = self.period_count();
        let mut first = 0_u64;
        self.chosen.parameters().filter_map(move |view| {
            let cells = self.cells(view);
            let rows = periods.saturating_mul(cells.len() as u64);
            let part = overlap(&window, first, rows);
            first = first.saturating_add(rows);
            let kind = SeriesKind::of(&view.parameter.reading_type);
            part.map(|rows| Part { view, kind, cells, rows })
        })
    }

    /// Periods that have begun, over the whole range.
    fn periods(&self) -> impl Iterator<Item = Range<UtcTime>> {
        let pieces = self.query.period.cut(&self.query.range, self.site().cems.offset);
        pieces.take_while(|period| period.start < self.now)
    }

    fn period_count(&self) -> u64 {
        self.periods().count() as u64
    }

    /// What is told of every period of a parameter.
    fn cells(&self, view: ParameterView<'_>) -> Vec<Cell> {
        let functions = self.functions(view);
        let of_rate = |rate: &Option<Rate>| functions.iter().map(|function| (*rate, *function)).collect();
        self.query.rates.iter().flat_map(|rate| -> Vec<Cell> { of_rate(rate) }).collect()
    }

    /// The functions that are asked for and make sense; none of a parameter that is not asked for.
    fn functions(&self, view: ParameterView<'_>) -> Vec<Function> {
        let indicator = Indicator::of(view.point, view.parameter);
        let told = self.query.indicators.as_ref().is_none_or(|list| list.contains(&indicator));
        if !told || view.parameter.is_text() {
            return Vec::new();
        }
        let asked = |function: &Function| {
            self.query.functions.as_ref().is_none_or(|functions| functions.contains(function))
        };
        let sensible = SeriesKind::of(&view.parameter.reading_type).functions();
        sensible.iter().copied().filter(asked).collect()
    }

    fn periods_of(&self, part: &Part<'_>) -> Vec<Range<UtcTime>> {
        let cells = part.cells.len() as u64;
        let (mut first, mut last) = (part.rows.start / cells, (part.rows.end - 1) / cells);
        if self.query.order == TimeOrder::Descending {
            let newest = self.period_count().saturating_sub(1);
            (first, last) = (newest.saturating_sub(last), newest.saturating_sub(first));
        }
        let place = |period: u64| usize::try_from(period).unwrap_or(usize::MAX);
        self.periods().skip(place(first)).take(place(last - first + 1)).collect()
    }

    /// At most one page of rows.
    fn rows_of<'a>(&self, part: &Part<'a>) -> Result<Vec<StatisticalRow<'a>>, StoreError> {
        let periods = self.periods_of(part);
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(Vec::new()) };
        let pieces = if part.cells.iter().any(|(rate, _)| rate.is_some()) {
            Pieces::rated(&periods, &self.site().tou, self.site().cems.offset)
        } else {
            Pieces::whole(&periods)
        };
        let readings = self.readings(part, first.start..last.end)?;
        let rulings = self.store.rulings(part.view.series);
        let of_pieces = tally(&profile(part.view.parameter), &rulings, &pieces.times(), readings)?;
        let gaps = self.store.gaps(part.view.series, &(first.start..last.end))?;
        let interval = part.view.parameter.interval;
        let measured = ReadingsOf { kind: part.kind, interval, gaps: &gaps, now: self.now };
        let mut rows = Vec::new();
        for (number, period) in periods.iter().enumerate() {
            let mut summary = pieces.summary(number, &of_pieces);
            let sum = self.fill_from_rows(part, period, &mut summary)?;
            let missing = match sum {
                // That the readings have gone is nothing that the rows are missing.
                OfRows { outlives: true, .. } => Missing::NOTHING,
                _ => Missing::of(&gaps, period, interval),
            };
            for (rate, function) in &part.cells {
                let all = part.told(period, &summary, missing, *function, self.now);
                let told = match rate {
                    None => all,
                    Some(rate) if sum.outlives => sum.told(*rate, *function, all),
                    Some(rate) => pieces.told((number, *rate, *function), &of_pieces, &measured),
                };
                rows.push(part.row(period, (*rate, *function), sum.revision, told));
            }
        }
        if self.query.order == TimeOrder::Descending {
            // The rows of one period stay in their order.
            rows = rows.chunks(part.cells.len()).rev().flat_map(<[_]>::to_vec).collect();
        }
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let skipped = part.rows.start % part.cells.len() as u64;
        let on_page = rows.into_iter().skip(place(skipped)).take(place(part.rows.end - part.rows.start));
        Ok(on_page.collect())
    }

    /// Takes what a period came to from rows where the readings themselves have gone, and gives what the
    /// rows say of it.
    fn fill_from_rows(
        &self,
        part: &Part<'_>,
        period: &Range<UtcTime>,
        summary: &mut Summary,
    ) -> Result<OfRows, StoreError> {
        let summed = self.store.summed(part.view.series, period)?;
        let outlives = summed.row.summary.readings > summary.readings;
        if outlives {
            *summary = summed.row.summary;
        }
        Ok(OfRows { outlives, revision: summed.revision, rates: summed.row.rates })
    }

    /// The readings of `range`; for a register also the nearest ones beyond its edges.
    fn readings(
        &self,
        part: &Part<'_>,
        range: Range<UtcTime>,
    ) -> Result<impl Iterator<Item = Result<Reading, StoreError>>, StoreError> {
        let edges = if part.kind == SeriesKind::Register {
            RegisterEdges::find(&self.store, part.view.series, &range, part.view.parameter.interval)?
        } else {
            RegisterEdges::default()
        };
        let inside = self.store.history(part.view.series, part.kind.times_of(&range))?;
        let before = edges.before.into_iter().map(Ok);
        Ok(before.chain(inside).chain(edges.after.into_iter().map(Ok)))
    }
}

impl OfRows {
    /// What rows tell of one rate: how much flowed, and nothing else.
    fn told(&self, rate: Rate, function: Function, all: Told) -> Told {
        let flowed = (function == Function::Sum && all.value.is_some()).then(|| self.rates.of(rate));
        Told { value: flowed, occurred: None, ..all }
    }
}

impl<'a> Part<'a> {
    fn told(
        &self,
        period: &Range<UtcTime>,
        summary: &Summary,
        missing: Missing,
        function: Function,
        now: UtcTime,
    ) -> Told {
        let expected = Expected { period: period.clone(), interval: self.view.parameter.interval, now };
        let completeness = summary.completeness(function, self.kind, &expected);
        let completeness = completeness.min(missing.complete_at_most);
        Told {
            value: summary.value(function, self.kind),
            occurred: summary.occurred(function),
            completeness,
            cause: missing.cause.filter(|_| completeness < 1.0),
        }
    }

    fn row(
        &self,
        period: &Range<UtcTime>,
        (rate, function): Cell,
        revision: u32,
        told: Told,
    ) -> StatisticalRow<'a> {
        let ParameterView { category, point, parameter, .. } = self.view;
        let Told { value, occurred, completeness, cause } = told;
        StatisticalRow {
            category,
            point,
            parameter,
            indicator: Indicator::of(point, parameter),
            period: period.clone(),
            rate,
            function,
            value,
            occurred,
            completeness,
            revision,
            cause,
        }
    }
}
