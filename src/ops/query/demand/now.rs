//! Demand at present: of the window that ends now, what the running block will come to, and how far it is
//! from the contract.

use std::ops::Range;

use super::curve::{Curve, Spent};
use super::month::MonthDemand;
use super::source::{DemandSource, before};
use crate::config::site::Site;
use crate::model::demand::{DemandMethod, DemandSettings};
use crate::ops::Ops;
use crate::ops::query::error::QueryError;
use crate::ops::query::freshness::Freshness;
use crate::stats::demand::{AlarmLevel, Basis, Demand, Untold, billing};
use crate::time::{Interval, UtcTime};

/// Intervals that the register may be silent before its last window is no longer told as the present one.
const INTERVALS_OLD: i64 = 3;

/// What is set about demand at the site.
pub struct DemandStatic {
    source: DemandSource,
    contract_kw: f64,
}

/// Demand at present.
pub struct DemandNow {
    source: DemandSource,
    /// Up to when the register or the power is known: an edge of a step.
    pub at: UtcTime,
    /// The power, where it was read lately, in kW.
    pub power_kw: Option<f64>,
    /// The end of the last window.
    pub end: UtcTime,
    /// Its demand.
    pub demand: Demand,
    /// What the running block will come to at the present power, in kW.
    pub predicted_kw: Option<f64>,
    /// What is left of the running block from `at` on, in milliseconds.
    pub remain_ms: i64,
    /// The month of billing so far; `None` while it is still being reckoned, and where the calendar ends.
    pub month: Option<MonthDemand>,
}

/// Up to when demand is known, and the demand of the last window.
struct Present {
    at: UtcTime,
    end: UtcTime,
    demand: Demand,
}

impl Ops {
    /// What is set about demand.
    ///
    /// # Errors
    /// When the site is another one, or has no contract or no register to measure it by.
    pub fn demand_static(&self, cems_id: Option<&str>) -> Result<DemandStatic, QueryError> {
        let source = self.demand_source(cems_id)?;
        Ok(DemandStatic { contract_kw: source.rule.contract_kw, source })
    }

    /// Demand at present.
    ///
    /// # Errors
    /// As [`demand_static`](Self::demand_static); also when the store cannot be read.
    pub fn demand_now(&self, cems_id: Option<&str>) -> Result<DemandNow, QueryError> {
        let source = self.demand_source(cems_id)?;
        let (now, mut spent) = (self.clock().now(), Spent::default());
        let mut curve = self.present_curve(&source, now, &mut spent)?;
        let present = present(&source, &mut curve, now, &mut spent)?;
        let block = running_block(&source, present.at);
        let power_kw = self.power_kw(&source, now);
        let flowed = flowed(&mut curve, block.start..present.at, &mut spent)?;
        let remain_ms = block.end.ms_since(present.at);
        let predicted_kw =
            flowed.zip(power_kw).map(|(kwh, power_kw)| source.rule.predicted_kw(kwh, power_kw, remain_ms));
        let month = self.month_so_far(&source, present.at, &mut spent)?;
        let Present { at, end, demand } = present;
        Ok(DemandNow { source, at, power_kw, end, demand, predicted_kw, remain_ms, month })
    }

    /// The month of billing at `at`; `None` also while its readings are more than one question may go
    /// through: what was reckoned so far is remembered, and the next question goes on from there.
    fn month_so_far(
        &self,
        source: &DemandSource,
        at: UtcTime,
        spent: &mut Spent,
    ) -> Result<Option<MonthDemand>, QueryError> {
        let month = billing::month_before(at, source.settings().billing_day, source.offset());
        match month.map(|month| self.month_demand(source, month, at, spent)).transpose() {
            Err(QueryError::TooManyReadings { .. }) => Ok(None),
            told => told,
        }
    }

    /// The demand of the last window.
    pub(super) fn present_demand(&self, source: &DemandSource) -> Result<Demand, QueryError> {
        let (now, mut spent) = (self.clock().now(), Spent::default());
        let mut curve = self.present_curve(source, now, &mut spent)?;
        Ok(present(source, &mut curve, now, &mut spent)?.demand)
    }

    /// Up to when demand is known now.
    pub(super) fn demand_known_to(
        &self,
        source: &DemandSource,
        spent: &mut Spent,
    ) -> Result<UtcTime, QueryError> {
        let now = self.clock().now();
        let mut curve = self.present_curve(source, now, spent)?;
        Ok(present(source, &mut curve, now, spent)?.at)
    }

    /// The curve of the windows that may be the present one, and of the running block.
    fn present_curve<'a>(
        &'a self,
        source: &'a DemandSource,
        now: UtcTime,
        spent: &mut Spent,
    ) -> Result<Curve<'a>, QueryError> {
        let last = source.step_at(now);
        let first = source.end_at(before(last, looked_back_ms(source)));
        Curve::over(source, self.store(), (first, last), source.settings().step, spent)
    }

    fn power_kw(&self, source: &DemandSource, now: UtcTime) -> Option<f64> {
        let tap = source.power?;
        let latest = self.store().latest(tap.series);
        let parameter = source.point().and_then(crate::model::demand::power_of)?;
        let is_fresh = Freshness::of(latest.as_ref(), parameter, now) == Freshness::Fresh;
        let reading = latest.and_then(|latest| latest.reading).filter(|_| is_fresh)?;
        Some(crate::stats::usable(&reading)? * tap.kilo)
    }
}

/// How far back the present window may end.
fn looked_back_ms(source: &DemandSource) -> i64 {
    let old_ms = source.register.profile.interval.as_ms().saturating_mul(INTERVALS_OLD);
    old_ms.min(INTERVALS_OLD * Interval::QUARTER_HOUR.as_ms()).max(source.settings().step.as_ms())
}

/// Up to when demand is known: by the register now or one step ago, because its reading comes a moment after
/// the step; else by the power then; else by either some steps ago.
fn present(
    source: &DemandSource,
    curve: &mut Curve<'_>,
    now: UtcTime,
    spent: &mut Spent,
) -> Result<Present, QueryError> {
    let last = source.step_at(now);
    let step_ms = source.settings().step.as_ms();
    let mut found: Option<(UtcTime, Demand)> = None;
    let mut untold = Demand::Untold(Untold::Incomplete);
    for steps in 0..=looked_back_ms(source) / step_ms {
        let end = before(last, steps * step_ms);
        let demand = curve.demand(end, spent)?;
        let is_of_register =
            matches!(demand, Demand::Told { basis: Basis::Register | Basis::Interpolated, .. });
        if is_of_register && steps <= 1 {
            found = Some((end, demand));
            break;
        }
        match demand {
            Demand::Told { .. } => {
                found.get_or_insert((end, demand));
            }
            Demand::Untold(_) if steps == 0 => untold = demand,
            Demand::Untold(_) => {}
        }
        if steps >= 1 && found.is_some() {
            break;
        }
    }
    let (at, demand) = found.unwrap_or((last, untold));
    match source.settings().method {
        DemandMethod::Sliding => Ok(Present { at, end: at, demand }),
        DemandMethod::Block => {
            let end = source.end_at(at);
            Ok(Present { at, end, demand: curve.demand(end, spent)? })
        }
    }
}

/// The block in which power flows from `at` on.
fn running_block(source: &DemandSource, at: UtcTime) -> Range<UtcTime> {
    let start = at.floor_local(source.rule.window, source.offset());
    start..start.plus(source.rule.window)
}

/// What has flowed over `time`, in kWh.
fn flowed(curve: &mut Curve<'_>, time: Range<UtcTime>, spent: &mut Spent) -> Result<Option<f64>, QueryError> {
    if time.is_empty() {
        return Ok(Some(0.0));
    }
    Ok(curve.sources(&time, spent)?.flowed_kwh())
}

impl DemandStatic {
    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.source.served.site()
    }

    /// The demand agreed on, in kW.
    #[must_use]
    pub const fn contract_kw(&self) -> f64 {
        self.contract_kw
    }

    /// The ID of the point at which demand is measured.
    #[must_use]
    pub fn point_id(&self) -> &str {
        self.source.point().map_or("", |point| &point.id)
    }
}

impl DemandNow {
    /// What is set about demand.
    #[must_use]
    pub fn settings(&self) -> &DemandSettings {
        self.source.settings()
    }

    /// The site that was asked.
    #[must_use]
    pub fn site(&self) -> &Site {
        self.source.served.site()
    }

    /// The demand agreed on, in kW.
    #[must_use]
    pub const fn contract_kw(&self) -> f64 {
        self.source.rule.contract_kw
    }

    /// The ID of the point at which demand is measured.
    #[must_use]
    pub fn point_id(&self) -> &str {
        self.source.point().map_or("", |point| &point.id)
    }

    /// Whether the power is measured at all.
    #[must_use]
    pub const fn has_power(&self) -> bool {
        self.source.power.is_some()
    }

    /// The demand as a share of what was agreed.
    #[must_use]
    pub fn usage_rate(&self) -> Option<f64> {
        self.demand.kw().map(|kw| kw / self.contract_kw())
    }

    /// How much more there may be before what was agreed is reached, in kW; negative above it.
    #[must_use]
    pub fn margin_kw(&self) -> Option<f64> {
        self.demand.kw().map(|kw| self.contract_kw() - kw)
    }

    /// How near the demand is to what was agreed.
    #[must_use]
    pub fn level(&self) -> Option<AlarmLevel> {
        self.demand.kw().map(|kw| self.source.level(kw))
    }
}
