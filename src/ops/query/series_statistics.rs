//! What one series comes to over periods, from readings and from the rows that outlive and stand for them.

use std::ops::Range;

use super::incompleteness::Missing;
use super::rated::{AtRate, Pieces, ReadingsOf, Told, length_ms};
use super::register_edges::RegisterEdges;
use super::rollup::{Needs, Origin, Rollup, Segment, gaps_beside_rows};
use super::selection::ParameterView;
use crate::config::site::Site;
use crate::model::gap::Gap;
use crate::model::reading::Reading;
use crate::model::tou::Rate;
use crate::ops::profile;
use crate::stats::rates::{RateSums, amount};
use crate::stats::summary::{Expected, Summary};
use crate::stats::tally::tally;
use crate::stats::{Function, SeriesKind};
use crate::store::{Store, StoreError};
use crate::time::{Interval, UtcTime};

/// What one number of a period tells: at which rate, and what was computed.
pub(super) type Cell = (Option<Rate>, Function);

/// Tells what series come to.
#[derive(Clone, Copy)]
pub(super) struct SeriesStatistics<'a> {
    pub(super) store: &'a Store,
    pub(super) site: &'a Site,
    /// What lies after this is not known yet.
    pub(super) now: UtcTime,
}

/// A series in question.
struct Series<'a> {
    of: SeriesStatistics<'a>,
    view: ParameterView<'a>,
    kind: SeriesKind,
    interval: Interval,
    gaps: Vec<Gap>,
    cells: &'a [Cell],
}

/// What a segment comes to.
struct Known {
    summary: Summary,
    revision: u32,
    /// By the rates that were asked for, and by their functions.
    at_rates: Vec<AtRate>,
    /// Whether it is told from rows.
    of_rows: bool,
}

impl<'a> SeriesStatistics<'a> {
    /// Readings that have to be gone through to tell `cells` of `periods`.
    pub(super) fn readings_of(
        self,
        view: ParameterView<'_>,
        periods: &[Range<UtcTime>],
        cells: &[Cell],
    ) -> Result<u64, StoreError> {
        let Some(series) = Series::new(self, view, periods, cells)? else { return Ok(0) };
        let segments = series.rollup().segments(periods, &series.gaps)?;
        let runs = segments.chunk_by(|a, b| is_of_readings(a) && is_of_readings(b));
        let mut readings = 0_u64;
        for run in runs.filter(|run| run.iter().all(is_of_readings)) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                let count = self.store.count(view.series, first.time.start..last.time.end)?;
                readings = readings.saturating_add(count);
            }
        }
        Ok(readings)
    }

    /// Every cell of each of `periods`, which follow each other in time.
    pub(super) fn told(
        self,
        view: ParameterView<'a>,
        periods: &[Range<UtcTime>],
        cells: &'a [Cell],
    ) -> Result<Vec<Vec<Told>>, StoreError> {
        let Some(series) = Series::new(self, view, periods, cells)? else { return Ok(Vec::new()) };
        let segments = series.rollup().segments(periods, &series.gaps)?;
        let known = series.known(&segments)?;
        Ok(series.of_periods(periods, &segments, &known))
    }
}

fn is_of_readings(segment: &Segment) -> bool {
    segment.origin == Origin::Readings
}

impl<'a> Series<'a> {
    /// `None` when there are no periods.
    fn new(
        of: SeriesStatistics<'a>,
        view: ParameterView<'a>,
        periods: &[Range<UtcTime>],
        cells: &'a [Cell],
    ) -> Result<Option<Self>, StoreError> {
        let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(None) };
        let gaps = of.store.gaps(view.series, &(first.start..last.end))?;
        let kind = SeriesKind::of(&view.parameter.reading_type);
        Ok(Some(Self { of, view, kind, interval: view.parameter.interval, gaps, cells }))
    }

    fn rollup(&self) -> Rollup<'_> {
        let needs = match self.cells {
            cells if cells.iter().any(|(rate, function)| rate.is_some() && *function != Function::Sum) => {
                Needs::Readings
            }
            cells if cells.iter().any(|(rate, _)| rate.is_some()) => Needs::FullRows,
            _ => Needs::Rows,
        };
        let Self { of, view, kind, interval, .. } = self;
        let offset = of.site.cems.offset;
        Rollup { store: of.store, series: view.series, kind: *kind, interval: *interval, offset, needs }
    }

    /// What each segment comes to; readings that follow each other are gone through once.
    fn known(&self, segments: &[Segment]) -> Result<Vec<Known>, StoreError> {
        let mut known = Vec::with_capacity(segments.len());
        for run in segments.chunk_by(|a, b| is_of_readings(a) && is_of_readings(b)) {
            match run {
                [Segment { origin: Origin::Row(row), time, .. }] => {
                    let whole = 1.0;
                    known.push(self.of_row(&row.row.summary, &row.row.rates, row.revision, time, whole));
                }
                run => known.extend(self.walk(run)?),
            }
        }
        Ok(known)
    }

    fn rated_cells(&self) -> impl Iterator<Item = (Rate, Function)> {
        self.cells.iter().filter_map(|(rate, function)| Some(((*rate)?, *function)))
    }

    fn of_row(
        &self,
        summary: &Summary,
        rates: &RateSums,
        revision: u32,
        time: &Range<UtcTime>,
        completeness: f64,
    ) -> Known {
        let flowed = amount(summary, self.kind).unwrap_or(0.0).abs();
        let has_rates = flowed <= 0.0 || rates.present().next().is_some();
        let at_rates = self.rated_cells().map(|(rate, function)| {
            let pieces = self.of.site.tou.pieces(time, self.of.site.cems.offset);
            let rated_ms = pieces.iter().filter(|(_, known)| *known == rate).map(|(time, _)| length_ms(time));
            let whole_ms = rated_ms.sum();
            // Rows tell how much flowed at a rate, and nothing else; not even that where there was no calendar.
            if function == Function::Sum && has_rates {
                AtRate::of_rows(summary, rates.of(rate), whole_ms, completeness)
            } else {
                AtRate { whole_ms, ..AtRate::default() }
            }
        });
        Known { summary: *summary, revision, at_rates: at_rates.collect(), of_rows: true }
    }

    /// Goes through the readings of segments that follow each other. Where the readings have gone, the
    /// rows that outlive them tell instead.
    fn walk(&self, run: &[Segment]) -> Result<Vec<Known>, StoreError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(Vec::new()) };
        let times: Vec<Range<UtcTime>> = run.iter().map(|segment| segment.time.clone()).collect();
        let site = self.of.site;
        let pieces = if self.rated_cells().next().is_some() {
            Pieces::rated(&times, &site.tou, site.cems.offset)
        } else {
            Pieces::whole(&times)
        };
        let readings = self.readings(first.time.start..last.time.end)?;
        let rulings = self.of.store.rulings(self.view.series);
        let of_pieces = tally(&profile(self.view.parameter), &rulings, &pieces.times(), readings)?;
        let measured =
            ReadingsOf { kind: self.kind, interval: self.interval, gaps: &self.gaps, now: self.of.now };
        let mut known = Vec::with_capacity(run.len());
        for (number, time) in times.iter().enumerate() {
            let summary = pieces.summary(number, &of_pieces);
            let summed = self.of.store.summed(self.view.series, time)?;
            if summed.row.summary.readings > summary.readings {
                let all = &summed.row.summary;
                let completeness = all.completeness(Function::Sum, self.kind, &self.expected(time));
                known.push(self.of_row(all, &summed.row.rates, summed.revision, time, completeness));
                continue;
            }
            let at_rate = |(rate, function)| pieces.at_rate((number, rate, function), &of_pieces, &measured);
            let at_rates = self.rated_cells().map(at_rate).collect();
            known.push(Known { summary, revision: summed.revision, at_rates, of_rows: false });
        }
        Ok(known)
    }

    /// The readings of `range`; for a register also the nearest ones beyond its edges.
    fn readings(
        &self,
        range: Range<UtcTime>,
    ) -> Result<impl Iterator<Item = Result<Reading, StoreError>>, StoreError> {
        let (store, series) = (self.of.store, self.view.series);
        let edges = if self.kind == SeriesKind::Register {
            RegisterEdges::find(store, series, &range, self.interval)?
        } else {
            RegisterEdges::default()
        };
        let inside = store.history(series, self.kind.times_of(&range))?;
        let before = edges.before.into_iter().map(Ok);
        Ok(before.chain(inside).chain(edges.after.into_iter().map(Ok)))
    }

    fn expected(&self, period: &Range<UtcTime>) -> Expected {
        Expected { period: period.clone(), interval: self.interval, now: self.of.now }
    }

    fn of_periods(
        &self,
        periods: &[Range<UtcTime>],
        segments: &[Segment],
        known: &[Known],
    ) -> Vec<Vec<Told>> {
        let beside_rows: Vec<Range<UtcTime>> = segments
            .iter()
            .zip(known)
            .filter(|(_, known)| known.of_rows)
            .map(|(segment, _)| segment.time.clone())
            .collect();
        let gaps = gaps_beside_rows(&self.gaps, &beside_rows);
        let mut rest = segments.iter().zip(known).peekable();
        let mut told = Vec::with_capacity(periods.len());
        for (number, period) in periods.iter().enumerate() {
            let (mut summary, mut revision) = (Summary::default(), 0_u32);
            let mut at_rates = vec![AtRate::default(); self.rated_cells().count()];
            while let Some((_, known)) = rest.next_if(|(segment, _)| segment.period == number) {
                summary.add_later(&known.summary);
                revision = revision.saturating_add(known.revision);
                for (all, later) in at_rates.iter_mut().zip(&known.at_rates) {
                    all.add_later(later);
                }
            }
            let missing = Missing::of(&gaps, period, self.interval);
            let mut at_rates = at_rates.iter();
            let tell = |(rate, function): &Cell| {
                let of_rate = rate.and_then(|_| at_rates.next()).map(|at| at.told(*function, self.kind));
                let told = of_rate.unwrap_or_else(|| self.told_whole(period, &summary, missing, *function));
                Told { revision, ..told }
            };
            told.push(self.cells.iter().map(tell).collect());
        }
        told
    }

    fn told_whole(
        &self,
        period: &Range<UtcTime>,
        summary: &Summary,
        missing: Missing,
        function: Function,
    ) -> Told {
        let completeness = summary.completeness(function, self.kind, &self.expected(period));
        let completeness = completeness.min(missing.complete_at_most);
        Told {
            value: summary.value(function, self.kind),
            occurred: summary.occurred(function),
            completeness,
            cause: missing.cause.filter(|_| completeness < 1.0),
            revision: 0,
        }
    }
}
