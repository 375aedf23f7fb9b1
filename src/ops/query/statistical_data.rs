//! Statistical data: one row for every object, indicator, period, rate and function.

use std::borrow::Cow;
use std::ops::Range;

use super::error::QueryError;
use super::historical_data::TimeOrder;
use super::indicators::{Amount, Indicator, Object};
use super::paging::{Page, PageRequest, overlap};
use super::rated::Told;
use super::selection::{Chosen, ParameterView, Selection};
use super::series_statistics::{Cell, SeriesStatistics};
use super::span;
use super::statistics::Statistics;
use super::targets::{Outcome, Target, Wanted, of_categories, of_cems};
use crate::config::site::Site;
use crate::limits;
use crate::model::category::Category;
use crate::model::gap::GapCause;
use crate::model::reading_type::ReadingType;
use crate::model::tou::Rate;
use crate::ops::Ops;
use crate::stats::calendar::Period;
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
    /// Which way time runs within one subject.
    pub order: TimeOrder,
    /// Only rows about these, of those that are about a product.
    pub products: Option<Vec<String>>,
    /// What rows are about. Without it each indicator is told of points, or else of the site.
    pub grouping: Option<Grouping>,
    /// Which page; rows are counted.
    pub page: PageRequest,
}

/// What rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Parameters of points.
    Point,
    /// Categories, each with all below it.
    Category,
    /// The site.
    Cems,
}

/// Told of categories and the site where no indicator is asked for.
const USUAL: [Indicator; 2] = [Indicator::Energy, Indicator::Output];

/// Statistics, one row at a time.
pub struct StatisticalAnswer {
    chosen: Chosen,
    /// The points that totals are made of: whatever their category.
    eligible: Chosen,
    /// Every point of the site: products are counted anywhere.
    everything: Chosen,
    store: Store,
    now: UtcTime,
    query: StatisticalQuery,
    page: Page,
    readings: u64,
}

/// One row of a statistic.
#[derive(Clone, Debug)]
pub struct StatisticalRow<'a> {
    /// What it is about.
    pub object: Object<'a>,
    /// What the row tells.
    pub indicator: Indicator,
    /// The product that it is about.
    pub product: Option<&'a str>,
    /// The energy class of a total.
    pub energy_code: Option<&'a str>,
    /// What was measured, or what the amount is.
    pub reading_type: Option<ReadingType>,
    /// The half-open period.
    pub period: Range<UtcTime>,
    /// The rate at which it flowed; `None` for all together.
    pub rate: Option<Rate>,
    /// What was computed.
    pub function: Function,
    /// The result; `None` when nothing usable was read in the period.
    pub value: Option<f64>,
    /// The unit of the result.
    pub unit: Cow<'a, str>,
    /// Of a ratio, what is divided.
    pub numerator: Option<Amount>,
    /// Of a ratio, by what.
    pub denominator: Option<Amount>,
    /// When it occurred, for the greatest and the least.
    pub occurred: Option<UtcTime>,
    /// How much of what the whole period should have is there, 0 to 1.
    pub completeness: f64,
    /// How often what lies in the period was computed anew, because readings came late.
    pub revision: u32,
    /// Why most of the rest is missing, where the gap ledger knows.
    pub cause: Option<GapCause>,
    /// What people should know.
    pub remark: Option<String>,
}

/// What several rows that follow each other are about.
enum Subject<'c> {
    Parameter(ParameterView<'c>),
    Indicator(Box<Target<'c>>),
}

/// The rows of one subject that lie on the page.
struct Part<'c> {
    subject: Subject<'c>,
    cells: Vec<Cell>,
    /// Rows of the subject, counted from its first.
    rows: Range<u64>,
}

impl Ops {
    /// One row for every chosen object, indicator, period, rate and function. Periods that have not begun
    /// have no rows.
    ///
    /// # Errors
    /// When the question names what the site does not have, the range is empty or too long, or more
    /// history than [`limits::QUERY_READINGS_MAX`] would have to be gone through for the page.
    pub fn statistical_data(&self, query: StatisticalQuery) -> Result<StatisticalAnswer, QueryError> {
        span::check(&query.range, Interval::QUARTER_HOUR)?;
        let served = self.served();
        let chosen = query.selection.choose(&served)?;
        check_words(&query, chosen.site())?;
        let eligible = Selection { category_ids: None, category_codes: None, ..query.selection.clone() }
            .choose(&served)?;
        let audience = query.selection.audience.clone();
        let everything = Selection { audience, ..Selection::default() }.choose(&served)?;
        let page = query.page.of(0);
        let (store, now) = (self.store().clone(), self.clock().now());
        let mut answer =
            StatisticalAnswer { chosen, eligible, everything, store, now, query, page, readings: 0 };
        let (total, readings) = answer.measure()?;
        if readings > limits::QUERY_READINGS_MAX {
            return Err(QueryError::TooManyReadings { readings });
        }
        answer.page = answer.query.page.of(total);
        answer.readings = readings;
        Ok(answer)
    }
}

/// Refuses what the site does not have, and what makes no sense together.
fn check_words(query: &StatisticalQuery, site: &Site) -> Result<(), QueryError> {
    let known = |id: &str| site.points.iter().flat_map(|point| &point.parameters).any(|p| p.id == id);
    for indicator in query.indicators.iter().flatten() {
        match indicator {
            Indicator::Parameter(id) if !known(id) => return Err(QueryError::NoSuchIndicator(id.clone())),
            indicator if !is_told_of(indicator, query.grouping) => return Err(QueryError::NotOfObject),
            _ => {}
        }
    }
    let is_made = |id: &&String| !site.points.iter().any(|point| point.product.as_ref() == Some(*id));
    if let Some(unknown) = query.products.iter().flatten().find(is_made) {
        return Err(QueryError::NoSuchProduct(unknown.clone()));
    }
    if site.tou.days.is_empty() && query.rates.iter().any(Option::is_some) {
        return Err(QueryError::NoTou);
    }
    Ok(())
}

const fn is_told_of(indicator: &Indicator, grouping: Option<Grouping>) -> bool {
    match grouping {
        None => true,
        Some(Grouping::Point) => indicator.is_of_points(),
        Some(Grouping::Category) => {
            !indicator.is_of_site_alone() && !matches!(indicator, Indicator::Parameter(_))
        }
        Some(Grouping::Cems) => !matches!(indicator, Indicator::Parameter(_)),
    }
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

    /// Readings that have to be gone through for the page: none of a time that is told from stored rows.
    #[must_use]
    pub const fn readings(&self) -> u64 {
        self.readings
    }

    /// The rows of the page: those about points in the order category, point, reading type, parameter, then
    /// those about categories or the site in the order in which indicators are asked for; within each in
    /// the order period, rate, function.
    pub fn rows(&self) -> impl Iterator<Item = Result<StatisticalRow<'_>, QueryError>> {
        self.parts().into_iter().flat_map(|part| match self.rows_of(&part) {
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error.into())],
        })
    }

    fn statistics(&self) -> Statistics<'_> {
        let series = SeriesStatistics { store: &self.store, site: self.site(), now: self.now };
        Statistics { series, chosen: &self.chosen }
    }

    /// Rows on all pages, and readings that this page makes one go through.
    fn measure(&self) -> Result<(u64, u64), StoreError> {
        let rows = |cells: usize| (cells as u64).saturating_mul(self.period_count());
        let total = self.subjects().iter().map(|subject| rows(self.cells(subject).len())).sum();
        let mut readings = 0_u64;
        for part in self.parts() {
            let periods = self.periods_of(&part);
            let count = match &part.subject {
                Subject::Parameter(view) => self.statistics().readings_of(*view, &periods, &part.cells)?,
                Subject::Indicator(target) => {
                    target.readings_of(self.statistics(), &periods, &part.rates())?
                }
            };
            readings = readings.saturating_add(count);
        }
        Ok((total, readings))
    }

    /// What rows are about, in their order.
    fn subjects(&self) -> Vec<Subject<'_>> {
        let of_indicator = |target| Subject::Indicator(Box::new(target));
        match self.query.grouping {
            Some(Grouping::Point) => self.chosen.parameters().map(Subject::Parameter).collect(),
            Some(Grouping::Category) => {
                let indicators = self.query.indicators.as_deref().unwrap_or(&USUAL);
                let targets = of_categories(&self.eligible, &self.wanted(indicators));
                targets.into_iter().map(of_indicator).collect()
            }
            Some(Grouping::Cems) => {
                let indicators = self.query.indicators.as_deref().unwrap_or(&USUAL);
                self.of_cems(indicators).into_iter().map(of_indicator).collect()
            }
            None => {
                let of_points = self.chosen.parameters().map(Subject::Parameter);
                let others = self.query.indicators.iter().flatten();
                let others = others.filter(|indicator| !indicator.is_of_points());
                let others = others.flat_map(|indicator| self.of_cems(std::slice::from_ref(indicator)));
                of_points.chain(others.map(of_indicator)).collect()
            }
        }
    }

    fn of_cems<'c>(&'c self, indicators: &'c [Indicator]) -> Vec<Target<'c>> {
        of_cems(&self.eligible, &self.everything, &self.wanted(indicators))
    }

    fn wanted<'c>(&'c self, indicators: &'c [Indicator]) -> Wanted<'c> {
        let Selection { category_ids, category_codes, audience, .. } = &self.query.selection;
        let site = self.site();
        let allows =
            |list: &Option<Vec<String>>, id: &String| list.as_ref().is_none_or(|list| list.contains(id));
        let is_named = |category: &&Category| {
            allows(category_ids, &category.id)
                && allows(category_codes, &category.code)
                && audience.sees_category(site, category)
        };
        let is_narrowed = category_ids.is_some() || category_codes.is_some() || !audience.sees_all();
        let categories = is_narrowed.then(|| site.categories.iter().filter(is_named).collect());
        Wanted { indicators, products: self.query.products.as_deref(), categories }
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let window = self.query.page.window();
        let periods = self.period_count();
        let mut first = 0_u64;
        let mut parts = Vec::new();
        for subject in self.subjects() {
            let cells = self.cells(&subject);
            let rows = periods.saturating_mul(cells.len() as u64);
            if let Some(rows) = overlap(&window, first, rows) {
                parts.push(Part { subject, cells, rows });
            }
            first = first.saturating_add(rows);
        }
        parts
    }

    /// Periods that have begun, over the whole range.
    fn periods(&self) -> impl Iterator<Item = Range<UtcTime>> {
        let site = self.site();
        let pieces = self.query.period.cut(&self.query.range, site.cems.offset, site.tariff.billing_day);
        pieces.take_while(|period| period.start < self.now)
    }

    fn period_count(&self) -> u64 {
        self.periods().count() as u64
    }

    /// What is told of every period of a subject.
    fn cells(&self, subject: &Subject<'_>) -> Vec<Cell> {
        let functions = self.functions(subject);
        let of_rate = |rate: &Option<Rate>| functions.iter().map(|function| (*rate, *function)).collect();
        let has_rates = match subject {
            Subject::Parameter(_) => true,
            Subject::Indicator(target) => target.is_rated(),
        };
        let rates = self.query.rates.iter().filter(|rate| has_rates || rate.is_none());
        rates.flat_map(|rate| -> Vec<Cell> { of_rate(rate) }).collect()
    }

    /// The functions that are asked for and make sense; none of a parameter that is not asked for.
    fn functions(&self, subject: &Subject<'_>) -> Vec<Function> {
        let asked = |function: &Function| {
            self.query.functions.as_ref().is_none_or(|functions| functions.contains(function))
        };
        let view = match subject {
            Subject::Indicator(target) => return vec![target.function].into_iter().filter(asked).collect(),
            Subject::Parameter(view) => view,
        };
        let indicator = Indicator::of(view.point, view.parameter);
        let told = self.query.indicators.as_ref().is_none_or(|list| list.contains(&indicator));
        let is_other_product = indicator == Indicator::Output
            && self.query.products.as_ref().is_some_and(|products| {
                view.point.product.as_ref().is_none_or(|product| !products.contains(product))
            });
        if !told || is_other_product || view.parameter.is_text() {
            return Vec::new();
        }
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
    fn rows_of<'a>(&'a self, part: &Part<'a>) -> Result<Vec<StatisticalRow<'a>>, StoreError> {
        let periods = self.periods_of(part);
        let mut rows: Vec<StatisticalRow<'a>> = match &part.subject {
            Subject::Parameter(view) => {
                let told = self.statistics().told(*view, &periods, &part.cells)?;
                let numbers = periods.iter().zip(told);
                let of_period = |(period, told): (&Range<UtcTime>, Vec<Told>)| {
                    let cells = part.cells.iter().zip(told);
                    cells.map(|(cell, told)| of_parameter(*view, period, *cell, told)).collect::<Vec<_>>()
                };
                numbers.flat_map(of_period).collect()
            }
            Subject::Indicator(target) => {
                let outcomes = target.outcomes(self.statistics(), &periods, &part.rates())?;
                let numbers = periods.iter().zip(outcomes);
                let of_period = |(period, outcomes): (&Range<UtcTime>, Vec<Outcome>)| {
                    let cells = part.cells.iter().zip(outcomes);
                    let row =
                        |(cell, outcome): (&Cell, Outcome)| self.of_target(target, period, cell.0, outcome);
                    cells.map(row).collect::<Vec<_>>()
                };
                numbers.flat_map(of_period).collect()
            }
        };
        if self.query.order == TimeOrder::Descending {
            // The rows of one period stay in their order.
            rows = rows.chunks(part.cells.len()).rev().flat_map(<[_]>::to_vec).collect();
        }
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let skipped = part.rows.start % part.cells.len() as u64;
        let on_page = rows.into_iter().skip(place(skipped)).take(place(part.rows.end - part.rows.start));
        Ok(on_page.collect())
    }

    fn of_target<'a>(
        &self,
        target: &Target<'a>,
        period: &Range<UtcTime>,
        rate: Option<Rate>,
        outcome: Outcome,
    ) -> StatisticalRow<'a> {
        let Outcome { told, numerator, denominator, remark } = outcome;
        StatisticalRow {
            object: target.object,
            indicator: target.indicator.clone(),
            product: target.product,
            energy_code: target.energy_code,
            reading_type: target.reading_type(self.query.period, rate),
            period: period.clone(),
            rate,
            function: target.function,
            value: told.value,
            unit: Cow::Owned(target.unit.clone()),
            numerator,
            denominator,
            occurred: told.occurred,
            completeness: told.completeness,
            revision: told.revision,
            cause: told.cause.filter(|_| told.completeness < 1.0),
            remark,
        }
    }
}

impl Part<'_> {
    fn rates(&self) -> Vec<Option<Rate>> {
        self.cells.iter().map(|(rate, _)| *rate).collect()
    }
}

fn of_parameter<'a>(
    view: ParameterView<'a>,
    period: &Range<UtcTime>,
    (rate, function): Cell,
    told: Told,
) -> StatisticalRow<'a> {
    let ParameterView { category, point, parameter, .. } = view;
    let indicator = Indicator::of(point, parameter);
    let product = point.product.as_deref().filter(|_| indicator == Indicator::Output);
    let Told { value, occurred, completeness, cause, revision } = told;
    StatisticalRow {
        object: Object::Point(category, point, parameter),
        indicator,
        product,
        energy_code: None,
        reading_type: Some(parameter.reading_type),
        period: period.clone(),
        rate,
        function,
        value,
        unit: Cow::Borrowed(&parameter.unit),
        numerator: None,
        denominator: None,
        occurred,
        completeness,
        revision,
        cause,
        remark: None,
    }
}
