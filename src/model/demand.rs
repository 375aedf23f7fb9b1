//! Demand: the mean power over a window, what is agreed about it, and where it is measured.

use thiserror::Error;

use super::point::{Parameter, Point, PointRole};
use super::reading_type::ReadingType;
use crate::time::Interval;

/// How the windows of a demand follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemandMethod {
    /// Each begins one step after the one before, so that they overlap.
    Sliding,
    /// Each begins where the one before ends.
    Block,
}

/// How demand is measured, and what is agreed about it.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandSettings {
    /// Where it is measured; the only gateway point with a register of import without it.
    pub point_id: Option<String>,
    /// The time over which power is averaged.
    pub window: Interval,
    /// How far a sliding window moves at a time.
    pub step: Interval,
    /// How windows follow each other.
    pub method: DemandMethod,
    /// The day on which a month of billing begins, 1 to 28.
    pub billing_day: i8,
    /// The share of the contract at which one is warned.
    pub alarm_ratio: f64,
    /// The share of the contract at which the limit is passed.
    pub limit_ratio: f64,
    /// The share of the contract above which the utility charges more.
    pub over_threshold: f64,
    /// How much more.
    pub over_factor: f64,
    /// What can be switched off to keep below the limit.
    pub controllable: Vec<Controllable>,
}

/// A load that can be switched off.
#[derive(Clone, Debug, PartialEq)]
pub struct Controllable {
    /// The point.
    pub point_id: String,
    /// What switching it off saves, in kW.
    pub power_kw: f64,
}

impl Default for DemandSettings {
    fn default() -> Self {
        Self {
            point_id: None,
            window: Interval::QUARTER_HOUR,
            step: Interval::MINUTE,
            method: DemandMethod::Sliding,
            billing_day: 1,
            alarm_ratio: 0.9,
            limit_ratio: 1.0,
            over_threshold: 1.05,
            over_factor: 2.0,
            controllable: Vec::new(),
        }
    }
}

impl DemandSettings {
    /// From the end of one window to the end of the next.
    #[must_use]
    pub const fn stride(&self) -> Interval {
        match self.method {
            DemandMethod::Sliding => self.step,
            DemandMethod::Block => self.window,
        }
    }

    /// The measuring period of IEC 61968-9 (Annex C) that names such windows; `None` where there is none.
    #[must_use]
    pub fn measuring_period(&self) -> Option<i16> {
        let minutes = |interval: Interval| interval.as_ms() / Interval::MINUTE.as_ms();
        let is_whole = |interval: Interval| interval.as_ms() % Interval::MINUTE.as_ms() == 0;
        if !is_whole(self.window) || !is_whole(self.step) || self.window.as_ms() % self.step.as_ms() != 0 {
            return None;
        }
        let (window, step) = (minutes(self.window), minutes(self.step));
        match self.method {
            DemandMethod::Block => BLOCKS.iter().find(|(known, _)| *known == window).map(|(_, code)| *code),
            DemandMethod::Sliding => {
                let sliding = SLIDING.iter().find(|(known, ..)| *known == (window, step));
                sliding.map(|(_, code)| *code)
            }
        }
    }

    /// What can be switched off altogether, in kW.
    #[must_use]
    pub fn controllable_kw(&self) -> f64 {
        // A sum of nothing would be minus zero.
        self.controllable.iter().fold(0.0, |sum, load| sum + load.power_kw)
    }

    /// The point at which demand is measured, with its register of import.
    ///
    /// # Errors
    /// When there is no such point, or none that needs no name.
    pub fn place<'p>(&self, points: &'p [Point]) -> Result<(&'p Point, &'p Parameter), NoDemandPoint> {
        if let Some(id) = &self.point_id {
            let point = points.iter().find(|point| point.id == *id).ok_or(NoDemandPoint::Unknown)?;
            return register_of(point).map(|register| (point, register)).ok_or(NoDemandPoint::NoRegister);
        }
        let mut gateways = points.iter().filter(|point| point.role == PointRole::Gateway);
        let mut found = gateways.by_ref().filter_map(|point| Some((point, register_of(point)?)));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(NoDemandPoint::Several),
            (None, _) => Err(NoDemandPoint::None),
        }
    }
}

/// Windows that do not overlap, in minutes, with their measuring period.
const BLOCKS: [(i64, i16); 7] = [(60, 50), (30, 51), (20, 52), (15, 53), (10, 54), (5, 55), (1, 56)];

/// Windows and their steps, in minutes, with their measuring period.
const SLIDING: [((i64, i64), i16); 21] = [
    ((60, 30), 57),
    ((60, 20), 58),
    ((60, 15), 59),
    ((60, 12), 60),
    ((60, 10), 61),
    ((60, 6), 62),
    ((60, 5), 63),
    ((60, 4), 64),
    ((30, 15), 65),
    ((30, 10), 66),
    ((30, 6), 67),
    ((30, 5), 68),
    ((30, 3), 69),
    ((30, 2), 70),
    ((15, 5), 71),
    ((15, 3), 72),
    ((15, 1), 73),
    ((10, 5), 74),
    ((10, 2), 75),
    ((10, 1), 76),
    ((5, 1), 77),
];

/// Why no point measures demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoDemandPoint {
    /// No point has the ID that is given.
    #[error("there is no such point")]
    Unknown,
    /// The point that is given has no register of import.
    #[error("the point has no register of imported active energy, total of all phases and rates, in Wh")]
    NoRegister,
    /// None was given, and no gateway point has a register of import.
    #[error("no point of role gateway has a register of imported active energy")]
    None,
    /// None was given, and several gateway points have a register of import.
    #[error("several points of role gateway have a register of imported active energy")]
    Several,
}

/// Fields of a reading type, in the order of IEC 61968-9 Annex C.
const ACCUMULATION: usize = 3;
const FLOW: usize = 4;
const COMMODITY: usize = 5;
const TOU: usize = 11;
const PHASES: usize = 14;
const MULTIPLIER: usize = 15;
const UNIT: usize = 16;

/// Electricity, metered behind transformers or in front of them.
const ELECTRICITY: [i16; 2] = [1, 2];
const FORWARD: i16 = 1;
const NET: i16 = 4;
const INSTANTANEOUS: i16 = 12;
const WATT: i16 = 38;
const WATT_HOUR: i16 = 72;

fn field(reading_type: &ReadingType, place: usize) -> i16 {
    reading_type.fields().get(place).copied().unwrap_or(0)
}

/// Whether this is of electricity, and of all phases and rates together.
fn is_total_electricity(reading_type: &ReadingType) -> bool {
    ELECTRICITY.contains(&field(reading_type, COMMODITY))
        && field(reading_type, PHASES) == 0
        && field(reading_type, TOU) == 0
}

fn register_of(point: &Point) -> Option<&Parameter> {
    let is_import = |parameter: &&Parameter| {
        let of = &parameter.reading_type;
        let is_register = of.is_energy() && of.is_cumulative() && field(of, UNIT) == WATT_HOUR;
        is_register && is_total_electricity(of) && field(of, FLOW) == FORWARD && parameter.formula().is_none()
    };
    point.parameters.iter().find(is_import)
}

/// The power at a point: what it takes, or what it takes less what it gives.
#[must_use]
pub fn power_of(point: &Point) -> Option<&Parameter> {
    let flows = |flow: i16| {
        point.parameters.iter().find(move |parameter| {
            let of = &parameter.reading_type;
            let is_power = of.is_power()
                && field(of, UNIT) == WATT
                && matches!(field(of, ACCUMULATION), 0 | INSTANTANEOUS)
                && parameter.formula().is_none();
            is_power && is_total_electricity(of) && field(of, FLOW) == flow
        })
    };
    flows(FORWARD).or_else(|| flows(NET))
}

/// How many kW or kWh one unit of the readings is.
#[must_use]
pub fn kilo_of(parameter: &Parameter) -> f64 {
    10_f64.powi(i32::from(field(&parameter.reading_type, MULTIPLIER)) - 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(method: DemandMethod, window: &str, step: &str) -> DemandSettings {
        let interval = |text| Interval::parse(text).unwrap();
        DemandSettings { method, window: interval(window), step: interval(step), ..DemandSettings::default() }
    }

    #[test]
    fn windows_have_the_measuring_periods_of_the_standard() {
        for (method, window, step, expected) in [
            (DemandMethod::Sliding, "PT15M", "PT1M", Some(73)),
            (DemandMethod::Sliding, "PT30M", "PT5M", Some(68)),
            (DemandMethod::Sliding, "PT15M", "PT2M", None),
            (DemandMethod::Sliding, "PT15M", "PT30S", None),
            (DemandMethod::Block, "PT15M", "PT1M", Some(53)),
            (DemandMethod::Block, "PT1H", "PT1M", Some(50)),
            (DemandMethod::Block, "PT45M", "PT1M", None),
            (DemandMethod::Block, "PT15M", "PT4M", None),
        ] {
            assert_eq!(settings(method, window, step).measuring_period(), expected, "{method:?} {window}");
        }
    }

    #[test]
    fn windows_fill_a_day() {
        let windows = BLOCKS.iter().map(|(window, _)| *window);
        for window in windows.chain(SLIDING.iter().map(|((window, _), _)| *window)) {
            assert_eq!(24 * 60 % window, 0);
        }
        assert!(SLIDING.iter().all(|((window, step), _)| window % step == 0));
    }
}
