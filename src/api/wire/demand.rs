//! Demand management (Annex B): what was agreed, the demand at present, the demands of the past.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Shown, word};
use crate::config::site::Site;
use crate::model::demand::{DemandMethod, DemandSettings};
use crate::model::reading_type::ReadingType;
use crate::ops::query::{DemandNow, MonthDemand};
use crate::stats::demand::{AlarmLevel, Basis, Demand, Untold};
use crate::time::{Interval, IsoTime, UtcOffset, UtcTime};

/// What is set about demand.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DmStatic<'a> {
    /// How the basic charge is reckoned.
    #[serde(rename = "basicChargeMode", skip_serializing_if = "Option::is_none")]
    pub basic_charge_mode: Option<&'static str>,
    /// The demand agreed on, kW.
    #[serde(rename = "contractDemand")]
    pub contract_kw: f64,
    /// Kilovolt-amperes.
    #[serde(rename = "transformerCapacity", skip_serializing_if = "Option::is_none")]
    pub transformer_capacity_kva: Option<f64>,
    /// The time over which power is averaged.
    #[serde(rename = "demandWindow")]
    pub window: Shown<Interval>,
    /// How far a sliding window moves at a time.
    #[serde(rename = "slidingStep", skip_serializing_if = "Option::is_none")]
    pub step: Option<Shown<Interval>>,
    /// How windows follow each other.
    #[serde(rename = "demandMethod")]
    pub method: &'static str,
    /// The day on which a month of billing begins.
    #[serde(rename = "billingDay")]
    pub billing_day: i8,
    /// The share of the contract at which one is warned.
    #[serde(rename = "alarmRatio")]
    pub alarm_ratio: f64,
    /// The share of the contract that is the limit.
    #[serde(rename = "limitRatio")]
    pub limit_ratio: f64,
    /// Where demand is measured.
    #[serde(rename = "demandPoint")]
    pub point_id: &'a str,
    /// What the standard does not have.
    #[serde(rename = "extension")]
    pub extension: ChargeRule,
}

/// From when on the utility charges more, and how much more.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChargeRule {
    /// The share of the contract.
    #[serde(rename = "overThreshold")]
    pub over_threshold: f64,
    /// The factor on what lies above.
    #[serde(rename = "overFactor")]
    pub over_factor: f64,
}

impl<'a> DmStatic<'a> {
    /// What is set at `site`, where demand is measured at the point of this ID.
    #[must_use]
    pub fn new(site: &Site, contract_kw: f64, point_id: &'a str) -> Self {
        let settings = &site.demand;
        Self {
            basic_charge_mode: site.cems.basic_charge_mode.map(word::basic_charge_mode),
            contract_kw,
            transformer_capacity_kva: site.cems.transformer_capacity_kva,
            window: Shown(settings.window),
            step: (settings.method == DemandMethod::Sliding).then_some(Shown(settings.step)),
            method: method(settings.method),
            billing_day: settings.billing_day,
            alarm_ratio: settings.alarm_ratio,
            limit_ratio: settings.limit_ratio,
            point_id,
            extension: ChargeRule {
                over_threshold: settings.over_threshold,
                over_factor: settings.over_factor,
            },
        }
    }
}

const fn method(method: DemandMethod) -> &'static str {
    match method {
        DemandMethod::Sliding => "sliding",
        DemandMethod::Block => "block",
    }
}

/// Demand at present.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DmDynamic {
    /// Up to when it is known.
    #[serde(rename = "timeStamp")]
    pub at: Shown<IsoTime>,
    /// The power now, kW.
    #[serde(rename = "currentPower")]
    pub power: Option<Kilo>,
    /// The demand of the last window, kW.
    #[serde(rename = "currentDemand")]
    pub demand: Option<Kilo>,
    /// What the running block will come to, kW.
    #[serde(rename = "predictedDemand")]
    pub predicted: Option<Kilo>,
    /// Seconds that are left of it.
    #[serde(rename = "windowRemain")]
    pub remain_s: i64,
    /// The greatest demand of the month so far, kW.
    #[serde(rename = "monthMaxDemand")]
    pub month_max: Option<Kilo>,
    /// The end of its window.
    #[serde(rename = "monthMaxTime")]
    pub month_max_at: Option<Shown<IsoTime>>,
    /// The demand as a share of the contract.
    #[serde(rename = "demandUsageRate")]
    pub usage_rate: Option<f64>,
    /// How much more there may be, kW.
    #[serde(rename = "margin")]
    pub margin: Option<Kilo>,
    /// 0 normal, 1 warning, 2 over.
    #[serde(rename = "alarmLevel")]
    pub level: Option<u8>,
    /// What can be switched off, kW.
    #[serde(rename = "controllableLoad")]
    pub controllable: Kilo,
    /// What the standard does not have.
    #[serde(rename = "extension")]
    pub extension: DmDynamicExtension,
}

/// Why values are missing, and more of the month.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DmDynamicExtension {
    /// Why the demand is not good.
    #[serde(rename = "cause", skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// Why there is no power.
    #[serde(rename = "powerCause", skip_serializing_if = "Option::is_none")]
    pub power_cause: Option<&'static str>,
    /// Why there is no maximum of the month.
    #[serde(rename = "monthCause", skip_serializing_if = "Option::is_none")]
    pub month_cause: Option<&'static str>,
    /// Windows of the month so far that are not known.
    #[serde(rename = "missing")]
    pub missing: u32,
    /// How often demand was over the limit in the month.
    #[serde(rename = "overCount")]
    pub times_over: u32,
    /// For how long.
    #[serde(rename = "overDuration")]
    pub over: Shown<Duration>,
}

impl DmDynamic {
    /// `now` as it is written.
    #[must_use]
    pub fn new(now: &DemandNow) -> Self {
        let offset = now.site().cems.offset;
        let peak = now.month.as_ref().and_then(|month| month.peaks.peak);
        let peaks = now.month.as_ref().map(|month| month.peaks).unwrap_or_default();
        let over_ms = now.month.as_ref().map_or(0, MonthDemand::over_ms);
        Self {
            at: Shown(now.at.iso(offset)),
            power: now.power_kw.map(Kilo),
            demand: now.demand.kw().map(Kilo),
            predicted: now.predicted_kw.map(Kilo),
            remain_s: now.remain_ms / Interval::SECOND.as_ms(),
            month_max: peak.map(|peak| Kilo(peak.kw)),
            month_max_at: peak.map(|peak| Shown(peak.end.iso(offset))),
            usage_rate: now.usage_rate().map(|rate| (rate * 1e4).round() / 1e4),
            margin: now.margin_kw().map(Kilo),
            level: now.level().map(alarm_level),
            controllable: Kilo(now.settings().controllable_kw()),
            extension: DmDynamicExtension {
                cause: quality(&now.demand).1,
                power_cause: power_cause(now),
                month_cause: month_cause(now),
                missing: peaks.unknown,
                times_over: peaks.times_over,
                over: Shown(Duration(over_ms)),
            },
        }
    }
}

fn power_cause(now: &DemandNow) -> Option<&'static str> {
    match (now.power_kw, now.has_power()) {
        (Some(_), _) => None,
        (None, true) => Some("stale"),
        (None, false) => Some("not-measured"),
    }
}

const fn month_cause(now: &DemandNow) -> Option<&'static str> {
    match &now.month {
        None => Some("reckoning"),
        Some(month) if month.peaks.peak.is_none() => Some("incomplete"),
        Some(_) => None,
    }
}

const fn alarm_level(level: AlarmLevel) -> u8 {
    match level {
        AlarmLevel::Normal => 0,
        AlarmLevel::Warning => 1,
        AlarmLevel::Over => 2,
    }
}

/// What demands are of.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DemandSeries {
    /// What is measured.
    #[serde(rename = "readingTypeID")]
    pub reading_type: Shown<ReadingType>,
    /// The unit of the readings.
    #[serde(rename = "unit")]
    pub unit: &'static str,
}

impl DemandSeries {
    /// The demands of windows.
    #[must_use]
    pub fn of_windows(settings: &DemandSettings) -> Self {
        Self::of(0, 0, settings, 0)
    }

    /// The greatest demands of months.
    #[must_use]
    pub fn of_months(settings: &DemandSettings) -> Self {
        Self::of(MONTHLY, MAXIMUM, settings, INDICATING)
    }

    fn of(macro_period: i16, aggregate: i16, settings: &DemandSettings, accumulation: i16) -> Self {
        let measuring = settings.measuring_period().unwrap_or(0);
        let fields =
            [macro_period, aggregate, measuring, accumulation, 1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 3, 38, 0];
        Self { reading_type: Shown(ReadingType::new(fields)), unit: "kW" }
    }
}

/// Fields of IEC 61968-9, Annex C.
const MONTHLY: i16 = 13;
const MAXIMUM: i16 = 8;
const INDICATING: i16 = 6;

/// The demand of one window.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DemandReading {
    /// The end of the window.
    #[serde(rename = "timeStamp")]
    pub at: Shown<IsoTime>,
    /// The demand, kW; null where it is not known.
    #[serde(rename = "value")]
    pub value: Option<Kilo>,
    /// What it is worth.
    #[serde(rename = "quality")]
    pub quality: u8,
    /// Why it is not good.
    #[serde(rename = "extension", skip_serializing_if = "Option::is_none")]
    pub extension: Option<DemandCause>,
}

/// Why a demand is not good.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DemandCause {
    /// The reason in one word.
    #[serde(rename = "cause")]
    pub cause: &'static str,
}

impl DemandReading {
    /// The demand of the window that ends at `end`.
    #[must_use]
    pub fn new(end: UtcTime, demand: &Demand, offset: UtcOffset) -> Self {
        let (quality, cause) = quality(demand);
        let extension = cause.map(|cause| DemandCause { cause });
        Self { at: Shown(end.iso(offset)), value: demand.kw().map(Kilo), quality, extension }
    }
}

/// The number of a demand's quality, and why it is not good.
const fn quality(demand: &Demand) -> (u8, Option<&'static str>) {
    match demand {
        Demand::Told { basis, .. } => quality_of(*basis),
        Demand::Untold(Untold::Incomplete) => (word::QUALITY_OTHER, Some("incomplete")),
        Demand::Untold(Untold::Replaced) => (word::QUALITY_OTHER, Some("replaced")),
    }
}

const fn quality_of(basis: Basis) -> (u8, Option<&'static str>) {
    match basis {
        Basis::Register => (word::QUALITY_VALID, None),
        Basis::Interpolated => (word::QUALITY_INTERPOLATED, Some("interpolated")),
        Basis::MeanPower => (word::QUALITY_DERIVED, Some("mean-power")),
        Basis::Rows => (word::QUALITY_DERIVED, Some("quarter-hours")),
        Basis::Coarse => (word::QUALITY_QUESTIONABLE, Some("coarse-register")),
        Basis::Reset => (word::QUALITY_QUESTIONABLE, Some("reset")),
    }
}

/// The demand of a month of billing.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DmMonth {
    /// The start of the month, which belongs to it.
    #[serde(rename = "periodStart")]
    pub start: Shown<IsoTime>,
    /// The end of the month, which does not.
    #[serde(rename = "periodEnd")]
    pub end: Shown<IsoTime>,
    /// What the maximum is.
    #[serde(rename = "readingTypeID")]
    pub reading_type: Shown<ReadingType>,
    /// The unit of the maximum.
    #[serde(rename = "unit")]
    pub unit: &'static str,
    /// The greatest demand.
    #[serde(rename = "maxDemand")]
    pub max: Option<Kilo>,
    /// The end of its window.
    #[serde(rename = "maxTime")]
    pub max_at: Option<Shown<IsoTime>>,
    /// What it is worth.
    #[serde(rename = "quality")]
    pub quality: u8,
    /// How often demand was over the limit.
    #[serde(rename = "overCount")]
    pub times_over: u32,
    /// For how long.
    #[serde(rename = "overDuration")]
    pub over: Shown<Duration>,
    /// How much of the whole month is known, 0 to 1.
    #[serde(rename = "completeness")]
    pub completeness: f64,
    /// Why it is not good.
    #[serde(rename = "extension", skip_serializing_if = "Option::is_none")]
    pub extension: Option<DemandCause>,
}

impl DmMonth {
    /// `month` as it is written.
    #[must_use]
    pub fn new(month: &MonthDemand, settings: &DemandSettings, offset: UtcOffset) -> Self {
        let DemandSeries { reading_type, unit } = DemandSeries::of_months(settings);
        let peak = month.peaks.peak;
        let (quality, cause) =
            peak.map_or_else(|| quality(&Demand::Untold(Untold::Incomplete)), |peak| quality_of(peak.basis));
        Self {
            start: Shown(month.month.start.iso(offset)),
            end: Shown(month.month.end.iso(offset)),
            reading_type,
            unit,
            max: peak.map(|peak| Kilo(peak.kw)),
            max_at: peak.map(|peak| Shown(peak.end.iso(offset))),
            quality,
            times_over: month.peaks.times_over,
            over: Shown(Duration(month.over_ms())),
            completeness: (month.completeness() * 10_000.0).floor() / 10_000.0,
            extension: cause.map(|cause| DemandCause { cause }),
        }
    }
}

/// The greatest demand of the month so far, as a reading.
#[must_use]
pub fn month_maximum(now: &DemandNow, offset: UtcOffset) -> Option<DemandReading> {
    let peak = now.month.as_ref()?.peaks.peak?;
    Some(DemandReading::new(peak.end, &Demand::Told { kw: peak.kw, basis: peak.basis }, offset))
}

/// Kilowatts to the watt: what lies behind that is no measurement.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline))]
pub struct Kilo(pub f64);

impl Serialize for Kilo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Minus zero becomes zero.
        serializer.serialize_f64((self.0 * 1e3).round() / 1e3 + 0.0)
    }
}

/// Milliseconds as ISO 8601 writes a length of time that may be nothing.
#[derive(Clone, Copy, Debug)]
pub struct Duration(pub i64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Interval::from_ms(self.0) {
            None => f.write_str("PT0S"),
            Some(interval) => interval.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_months_have_their_reading_types() {
        let sliding = DemandSettings::default();
        let block = DemandSettings { method: DemandMethod::Block, ..DemandSettings::default() };
        let shown = |series: DemandSeries| series.reading_type.0.to_string();
        assert_eq!(shown(DemandSeries::of_windows(&sliding)), "0.0.73.0.1.1.8.0.0.0.0.0.0.0.0.3.38.0");
        assert_eq!(shown(DemandSeries::of_months(&sliding)), "13.8.73.6.1.1.8.0.0.0.0.0.0.0.0.3.38.0");
        assert_eq!(shown(DemandSeries::of_windows(&block)), "0.0.53.0.1.1.8.0.0.0.0.0.0.0.0.3.38.0");
        assert_eq!(shown(DemandSeries::of_months(&block)), "13.8.53.6.1.1.8.0.0.0.0.0.0.0.0.3.38.0");
    }

    #[test]
    fn every_cause_is_explained_in_the_documentation() {
        let documentation = include_str!("../../../docs/api.md");
        let told = [
            Basis::Register,
            Basis::Interpolated,
            Basis::MeanPower,
            Basis::Rows,
            Basis::Coarse,
            Basis::Reset,
        ];
        let told = told.map(|basis| Demand::Told { kw: 1.0, basis });
        let untold = [Untold::Incomplete, Untold::Replaced].map(Demand::Untold);
        for demand in told.iter().chain(&untold) {
            let (number, Some(cause)) = quality(demand) else { continue };
            assert!(documentation.contains(&format!("\n| `{cause}` | {number} | ")), "{cause}");
        }
    }

    #[test]
    fn a_length_of_time_may_be_nothing_and_power_is_told_to_the_watt() {
        assert_eq!([0, 60_000, 5_400_000].map(|ms| Duration(ms).to_string()), ["PT0S", "PT1M", "PT1H30M"]);
        let written: heapless::String<32> = serde_json_core::to_string(&Kilo(2_932.398_666_7)).unwrap();
        assert_eq!(written, "2932.399");
        let written: heapless::String<32> = serde_json_core::to_string(&Kilo(-0.000_1)).unwrap();
        assert_eq!(written, "0.0");
    }
}
