//! Where demand is measured at the site that is served, and by which rule.

use std::sync::Arc;

use crate::model::demand::{self, DemandSettings};
use crate::model::point::{Parameter, Point};
use crate::model::reading::SeriesId;
use crate::model::register::DataType;
use crate::ops::query::error::QueryError;
use crate::ops::{Ops, ServedSite, profile};
use crate::stats::SeriesProfile;
use crate::stats::demand::grid::Pace;
use crate::stats::demand::{AlarmLevel, DemandRule};
use crate::time::{Interval, UtcOffset, UtcTime};

/// Intervals beyond each end of a stretch of time in which a next reading is found as long as nothing
/// fails; after that a reading that has no successor is taken for right.
const INTERVALS_NEAR: i64 = 4;

/// One series that demand is told from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tap {
    pub(super) series: SeriesId,
    pub(super) profile: SeriesProfile,
    /// How many kWh or kW one unit of the readings is.
    pub(super) kilo: f64,
}

impl Tap {
    fn of(parameter: &Parameter, series: SeriesId) -> Self {
        Self { series, profile: profile(parameter), kilo: demand::kilo_of(parameter) }
    }

    /// How far a next reading is away as long as nothing fails.
    pub(super) const fn near_ms(&self) -> i64 {
        self.profile.interval.as_ms().saturating_mul(INTERVALS_NEAR)
    }

    /// How its readings fill a grid of `step`.
    pub(super) fn pace(&self, step: Interval) -> Pace {
        Pace { step, interval: self.profile.interval, line_max: self.profile.interval }
    }
}

/// Where demand is measured, and by which rule.
pub(super) struct DemandSource {
    pub(super) served: Arc<ServedSite>,
    /// The place of the point in the site.
    point: usize,
    pub(super) register: Tap,
    pub(super) power: Option<Tap>,
    pub(super) rule: DemandRule,
}

impl Ops {
    /// Where demand is measured at the site that is served now; `cems_id` must be its own, where given.
    pub(super) fn demand_source(&self, cems_id: Option<&str>) -> Result<DemandSource, QueryError> {
        let served = self.served();
        let site = served.site();
        if let Some(id) = cems_id.filter(|id| *id != site.cems.id) {
            return Err(QueryError::NoSuchCems(id.to_owned()));
        }
        let (point, register) = site.demand.place(&site.points).map_err(QueryError::NoDemandPoint)?;
        let contract_kw =
            site.cems.contract_demand_kw.filter(|kw| *kw > 0.0).ok_or(QueryError::NoContract)?;
        let tap = |wanted: &Parameter| {
            let mut all = served.parameters();
            let (.., series) =
                all.find(|(of, parameter, _)| std::ptr::eq(*of, point) && std::ptr::eq(*parameter, wanted))?;
            Some(Tap::of(wanted, series))
        };
        // The parameter is one of the site that is served, so that it has a series.
        let tapped = tap(register).ok_or(QueryError::NoDemandPoint(demand::NoDemandPoint::NoRegister))?;
        let power = demand::power_of(point).and_then(tap);
        let latest = self.store().latest(tapped.series).and_then(|latest| latest.reading);
        let newest = latest.and_then(|reading| reading.number()).unwrap_or(0.0);
        let rule = DemandRule {
            window: site.demand.window,
            resolution_kwh: resolution(register, newest) * tapped.kilo,
            contract_kw,
        };
        let place = site.points.iter().position(|of| std::ptr::eq(of, point)).unwrap_or(0);
        Ok(DemandSource { served: Arc::clone(&served), point: place, register: tapped, power, rule })
    }
}

impl DemandSource {
    pub(super) fn settings(&self) -> &DemandSettings {
        &self.served.site().demand
    }

    /// The point; `None` never happens.
    pub(super) fn point(&self) -> Option<&Point> {
        self.served.site().points.get(self.point)
    }

    pub(super) fn offset(&self) -> UtcOffset {
        self.served.site().cems.offset
    }

    /// The demand that is over the limit, in kW.
    pub(super) fn limit_kw(&self) -> f64 {
        self.rule.contract_kw * self.settings().limit_ratio
    }

    pub(super) fn level(&self, demand_kw: f64) -> AlarmLevel {
        AlarmLevel::of(demand_kw, self.rule.contract_kw * self.settings().alarm_ratio, self.limit_kw())
    }

    /// The last edge of a step at or before `at`.
    pub(super) fn step_at(&self, at: UtcTime) -> UtcTime {
        at.floor_local(self.settings().step, self.offset())
    }

    /// The last end of a window at or before `at`.
    pub(super) fn end_at(&self, at: UtcTime) -> UtcTime {
        at.floor_local(self.settings().stride(), self.offset())
    }

    /// The first end of a window at or after `at`.
    pub(super) fn end_from(&self, at: UtcTime) -> UtcTime {
        let floor = self.end_at(at);
        if floor == at { at } else { floor.plus(self.settings().stride()) }
    }
}

/// `at` moved back by `ms`.
pub(super) const fn before(at: UtcTime, ms: i64) -> UtcTime {
    UtcTime::from_ms(at.as_ms().saturating_sub(ms))
}

/// The least amount by which readings of a register near `value` can differ.
fn resolution(parameter: &Parameter, value: f64) -> f64 {
    let of_decimals = parameter.decimals.map_or(0.0, |decimals| 10_f64.powi(-i32::from(decimals)));
    let of_register = parameter.metered().map_or(0.0, |metered| {
        let unit = (metered.conversion.scale * metered.conversion.ratio).abs();
        unit * counts_step(metered.register.data_type, value / unit)
    });
    of_decimals.max(of_register)
}

/// The step from one raw value to the next near `raw`: 1 for whole numbers, the last bit of a float.
fn counts_step(data_type: DataType, raw: f64) -> f64 {
    let significant_bits = match data_type {
        DataType::Float { words: 1 } => 10,
        DataType::Float { words: 2 } => 23,
        DataType::Float { .. } => 52,
        _ => return 1.0,
    };
    if !raw.is_normal() {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double")]
    let exponent = raw.abs().log2().floor() as i32;
    2_f64.powi(exponent - significant_bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::point::{Conversion, Source};
    use crate::ops::query::selection::tests::parameter;

    fn register(data_type: DataType, ratio: f64, decimals: Option<u8>) -> Parameter {
        let mut parameter = parameter("EPI", "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0");
        if let Source::Meter(metered) = &mut parameter.source {
            metered.register.data_type = data_type;
            metered.conversion = Conversion { scale: 0.01, ratio, ..Conversion::NONE };
        }
        Parameter { decimals, ..parameter }
    }

    #[test]
    fn a_register_shows_no_less_than_one_count_behind_its_transformers() {
        let counts = DataType::Integer { words: 2, signed: false };
        let float = DataType::Float { words: 2 };
        for (parameter, value, expected) in [
            (register(counts, 1.0, None), 123_456.7, 0.01),
            (register(counts, 1_000.0, None), 123_456.7, 10.0),
            (register(counts, 1.0, Some(1)), 123_456.7, 0.1),
            // 2^23 raw counts are the last that a single float holds to the one.
            (register(float, 1.0, None), 0.01 * 8_388_608.0, 0.01),
            (register(float, 1.0, None), 0.01 * 33_554_432.0, 0.04),
            (register(float, 1.0, None), 0.0, 0.0),
        ] {
            let found = resolution(&parameter, value);
            assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
        }
    }
}
