//! The load of a point, quarter of an hour by quarter of an hour.

use std::ops::Range;

use crate::model::demand_response::{Measured, load_scale};
use crate::model::gap::GapCause;
use crate::model::point::Parameter;
use crate::model::reading::SeriesId;
use crate::ops::query::{PageRequest, QueryError, Selection, StatisticalQuery, TimeOrder};
use crate::ops::{Ops, ServedSite};
use crate::stats::baseline::{SampleDay, to_milliwatts};
use crate::stats::calendar::Period;
use crate::stats::{Function, SeriesKind};
use crate::time::{Interval, UtcTime};

/// How much of a quarter of an hour must have been measured for its load to be told.
const QUARTER_COMPLETENESS_MIN: f64 = 0.5;
/// More quarters of an hour than a day has.
const PAGE_SIZE: u32 = 100;

/// The load in one quarter of an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::ops) struct Quarter {
    /// In kW; `None` where too little of it was measured.
    pub(in crate::ops) load_kw: Option<f64>,
    /// How much of it was measured, 0 to 1.
    pub(in crate::ops) completeness: f64,
}

/// How much of several quarters of an hour was measured, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a day has 96 quarters of an hour")]
pub(in crate::ops) fn completeness(quarters: &[Quarter]) -> f64 {
    let sum: f64 = quarters.iter().map(|quarter| quarter.completeness).sum();
    if quarters.is_empty() { 0.0 } else { sum / quarters.len() as f64 }
}

impl ServedSite {
    /// The parameter that a load is measured by; `None` where the site no longer has it.
    pub(in crate::ops) fn load_of(&self, measured: &Measured) -> Option<(&Parameter, SeriesId)> {
        let all = self.parameters();
        let mut fitting = all.filter(|(point, parameter, _)| {
            point.id == measured.point_id && parameter.id == measured.parameter_id
        });
        fitting.next().map(|(_, parameter, series)| (parameter, series))
    }
}

impl Ops {
    /// The load in each quarter of an hour of `range`, at most a day on quarters of an hour of the local
    /// clock. What the site no longer measures, or has not yet, is told as not measured.
    pub(in crate::ops) fn loads(
        &self,
        measured: &Measured,
        range: &Range<UtcTime>,
    ) -> Result<Vec<Quarter>, QueryError> {
        let quarters = range.end.ms_since(range.start) / Interval::QUARTER_HOUR.as_ms();
        let mut loads = vec![Quarter::default(); usize::try_from(quarters).unwrap_or(0)];
        let served = self.served();
        let Some((parameter, _)) = served.load_of(measured) else { return Ok(loads) };
        let Some(scale) = load_scale(parameter) else { return Ok(loads) };
        let function = match SeriesKind::of(&parameter.reading_type) {
            SeriesKind::Register | SeriesKind::Delta => Function::Sum,
            SeriesKind::Level => Function::Avg,
        };
        let answer = self.statistical_data(StatisticalQuery {
            selection: Selection {
                point_ids: Some(vec![measured.point_id.clone()]),
                parameter_ids: Some(vec![measured.parameter_id.clone()]),
                ..Selection::default()
            },
            range: range.clone(),
            period: Period::QuarterHour,
            functions: Some(vec![function]),
            rates: vec![None],
            indicators: None,
            order: TimeOrder::Ascending,
            products: None,
            grouping: None,
            page: PageRequest::new(1, PAGE_SIZE)?,
        })?;
        for (row, load) in answer.rows().zip(&mut loads) {
            let row = row?;
            let is_enough = row.completeness >= QUARTER_COMPLETENESS_MIN;
            load.load_kw = row.value.filter(|_| is_enough).map(|value| to_milliwatts(value * scale));
            load.completeness = row.completeness;
        }
        Ok(loads)
    }

    /// What was measured on the local day that begins at `midnight`, at the time of day of `window`, which
    /// begins `into_ms` after midnight and has so many `quarters`.
    pub(in crate::ops) fn sample_day(
        &self,
        measured: &Measured,
        midnight: UtcTime,
        (into_ms, quarters): (i64, usize),
    ) -> Result<SampleDay, QueryError> {
        let day = midnight..midnight.plus(Interval::DAY);
        let loads = self.loads(measured, &day)?;
        let first = usize::try_from(into_ms / Interval::QUARTER_HOUR.as_ms()).unwrap_or(usize::MAX);
        let window = loads.iter().skip(first).take(quarters).map(|quarter| quarter.load_kw);
        let energy_kwh = loads.iter().filter_map(|quarter| quarter.load_kw).sum::<f64>() / 4.0;
        Ok(SampleDay {
            load_kw: window.collect(),
            energy_kwh,
            completeness: completeness(&loads),
            had_power_cut: self.had_power_cut(measured, &day)?,
        })
    }

    /// Whether the gateway was without power, which stands on the same supply as the site.
    fn had_power_cut(&self, measured: &Measured, day: &Range<UtcTime>) -> Result<bool, QueryError> {
        let served = self.served();
        let Some((_, series)) = served.load_of(measured) else { return Ok(false) };
        let gaps = self.store().gaps(series, day)?;
        Ok(gaps.iter().any(|gap| gap.cause == GapCause::Power))
    }
}
