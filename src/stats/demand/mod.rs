//! Demand: the mean power over a window, from how far a register of energy advanced in it.
//!
//! ```text
//! D(t) = (E(t) - E(t - window)) / window
//! ```
//!
//! `grid` holds E at the edges of a grid of steps, `peak` the greatest D of many windows, `billing` the
//! months that these are told by. What a register did besides growing is judged as everywhere else
//! (`growth`); two values of it are never just subtracted.
//!
//! **The rule of both ends.** A window is told only where the register is known at both of its ends: read
//! within a tenth of a step, or between two readings that are neighbours, at most one and a half intervals
//! apart. What lies between does not matter, because a register loses nothing. Where an end is not known,
//! the mean of the power takes its place, if that covers 99 % of the window; otherwise nothing does.

pub mod billing;
pub mod grid;
pub mod peak;

use crate::time::Interval;
use grid::{Between, Happened};

/// The share of a window that powers must cover before their mean is told. What is missing of it can
/// change a mean power by about as much as is allowed to the register's last digit.
const POWER_COVERED_MIN: f64 = 0.99;
/// The error of a demand, as a share of it, up to which the register's last digit does not matter.
const ERROR_SHARE_MAX: f64 = 0.01;
/// The error, as a share of the contract, that never matters: a site that stands still has no demand.
const ERROR_OF_CONTRACT_MAX: f64 = 0.001;

/// What a demand rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The register, known at both ends as finely as the window moves.
    Register,
    /// The register, an end of the window lying on a straight line that is longer than a step.
    Interpolated,
    /// The mean of the power, because the register does not tell.
    MeanPower,
    /// Rows of quarter hours, because the readings have gone.
    Rows,
    /// A register that counts too coarsely, and no power.
    Coarse,
    /// A register that was set to zero in the window: what flowed before that is lost.
    Reset,
}

/// Why a window is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// The register is not known at an end of the window, nor is the power known over it.
    Incomplete,
    /// The meter was replaced in the window, and nobody said what flowed meanwhile.
    Replaced,
}

/// The demand of one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// It is known.
    Told {
        /// In kW.
        kw: f64,
        /// What it rests on.
        basis: Basis,
    },
    /// It is not.
    Untold(Untold),
}

impl Demand {
    /// The demand in kW, where it is known.
    #[must_use]
    pub const fn kw(&self) -> Option<f64> {
        match self {
            Self::Told { kw, .. } => Some(*kw),
            Self::Untold(_) => None,
        }
    }
}

/// What is known of one window from each source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sources {
    /// From the readings of the register.
    pub register: Option<Between>,
    /// From the readings of the power.
    pub power: Option<Between>,
    /// From rows of quarter hours.
    pub rows: Option<Between>,
}

impl Sources {
    /// What flowed, in kWh, from the first source that knows it well.
    #[must_use]
    pub fn flowed_kwh(&self) -> Option<f64> {
        let register = self.register.filter(|register| register.happened == Happened::Growth);
        let power = self.power.filter(|power| power.covered >= POWER_COVERED_MIN);
        register.or(power).map(|between| between.kwh)
    }
}

/// How a demand is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandRule {
    /// The time over which power is averaged.
    pub window: Interval,
    /// The least amount that the register can show, in kWh.
    pub resolution_kwh: f64,
    /// The demand agreed on, in kW.
    pub contract_kw: f64,
}

impl DemandRule {
    /// The mean power over one window.
    #[must_use]
    pub fn demand(&self, of: &Sources) -> Demand {
        let told = |between: &Between, basis| Demand::Told { kw: self.kw(between.kwh), basis };
        let register = of.register.filter(|register| register.happened != Happened::Replacement);
        let is_exact = |of: &Between| of.happened == Happened::Growth && !self.is_coarse(of.kwh);
        if let Some(exact) = register.filter(is_exact) {
            return told(&exact, if exact.interpolated { Basis::Interpolated } else { Basis::Register });
        }
        if let Some(power) = of.power.filter(|power| power.covered >= POWER_COVERED_MIN) {
            return told(&power, Basis::MeanPower);
        }
        if let Some(doubtful) = register {
            return told(
                &doubtful,
                if doubtful.happened == Happened::Reset { Basis::Reset } else { Basis::Coarse },
            );
        }
        if let Some(rows) = of.rows.filter(|rows| rows.happened == Happened::Growth) {
            return told(&rows, Basis::Rows);
        }
        let is_known = of.register.is_some();
        Demand::Untold(if is_known { Untold::Replaced } else { Untold::Incomplete })
    }

    /// Whether the power must be looked at, because the register alone does not tell the window well.
    #[must_use]
    pub fn wants_power(&self, register: Option<&Between>) -> bool {
        register.is_none_or(|of| of.happened != Happened::Growth || self.is_coarse(of.kwh))
    }

    /// Whether the register's last digit makes too great an error.
    fn is_coarse(&self, kwh: f64) -> bool {
        let error_max_kw =
            (self.kw(kwh) * ERROR_SHARE_MAX).max(self.contract_kw.max(0.0) * ERROR_OF_CONTRACT_MAX);
        self.kw(self.resolution_kwh) > error_max_kw
    }

    /// The mean power if `kwh` flow in one window.
    #[must_use]
    pub fn kw(&self, kwh: f64) -> f64 {
        kwh / hours(self.window.as_ms())
    }

    /// The demand at the end of a block of which `kwh` have flowed, if it goes on at `power_kw` for the
    /// `remain_ms` that are left. What is given back does not take anything away.
    #[must_use]
    pub fn predicted_kw(&self, kwh: f64, power_kw: f64, remain_ms: i64) -> f64 {
        self.kw(kwh + power_kw.max(0.0) * hours(remain_ms))
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a window fit a double")]
fn hours(ms: i64) -> f64 {
    ms as f64 / 3_600_000.0
}

/// How near a demand is to what was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmLevel {
    /// Below both thresholds.
    Normal,
    /// At the threshold of the warning or above.
    Warning,
    /// At the limit or above.
    Over,
}

impl AlarmLevel {
    /// The level of a demand; both thresholds belong to the level above.
    #[must_use]
    pub fn of(demand_kw: f64, warning_kw: f64, limit_kw: f64) -> Self {
        if demand_kw >= limit_kw {
            Self::Over
        } else if demand_kw >= warning_kw {
            Self::Warning
        } else {
            Self::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: DemandRule =
        DemandRule { window: Interval::QUARTER_HOUR, resolution_kwh: 0.001, contract_kw: 3_200.0 };

    fn between(kwh: f64) -> Between {
        Between { kwh, covered: 1.0, interpolated: false, happened: Happened::Growth }
    }

    fn told(rule: DemandRule, register: Option<Between>, power: Option<Between>) -> Demand {
        rule.demand(&Sources { register, power, rows: None })
    }

    #[test]
    fn the_register_comes_first_then_the_power_then_what_is_left_of_both() {
        let (register, power) = (Some(between(100.0)), Some(between(101.0)));
        let coarse = DemandRule { resolution_kwh: 10.0, ..RULE };
        let reset = register.map(|of| Between { happened: Happened::Reset, ..of });
        let replaced = register.map(|of| Between { happened: Happened::Replacement, ..of });
        let patchy = power.map(|of| Between { covered: 0.98, ..of });
        let kw = |kw, basis| Demand::Told { kw, basis };
        for (rule, register, power, expected) in [
            (RULE, register, power, kw(400.0, Basis::Register)),
            (
                RULE,
                register.map(|of| Between { interpolated: true, ..of }),
                power,
                kw(400.0, Basis::Interpolated),
            ),
            (RULE, None, power, kw(404.0, Basis::MeanPower)),
            (RULE, None, patchy, Demand::Untold(Untold::Incomplete)),
            (RULE, reset, power, kw(404.0, Basis::MeanPower)),
            (RULE, reset, None, kw(400.0, Basis::Reset)),
            (RULE, replaced, power, kw(404.0, Basis::MeanPower)),
            (RULE, replaced, patchy, Demand::Untold(Untold::Replaced)),
            (coarse, register, power, kw(404.0, Basis::MeanPower)),
            (coarse, register, None, kw(400.0, Basis::Coarse)),
        ] {
            assert_eq!(told(rule, register, power), expected, "{register:?} {power:?}");
        }
        let rows = Sources { rows: Some(between(99.0)), ..Sources::default() };
        assert_eq!(RULE.demand(&rows), kw(396.0, Basis::Rows));
    }

    #[test]
    fn what_has_flowed_of_a_block_comes_from_the_register_or_from_a_power_that_covers_it() {
        let (register, power) = (between(100.0), between(101.0));
        let reset = Between { happened: Happened::Reset, ..register };
        let patchy = Between { covered: 0.98, ..power };
        for (register, power, expected) in [
            (Some(register), Some(power), Some(100.0)),
            (Some(reset), Some(power), Some(101.0)),
            (None, Some(power), Some(101.0)),
            (None, Some(patchy), None),
            (Some(reset), None, None),
        ] {
            let of = Sources { register, power, rows: None };
            assert_eq!(of.flowed_kwh(), expected, "{register:?} {power:?}");
        }
    }

    #[test]
    fn the_last_digit_may_cost_one_percent_of_the_demand_or_a_thousandth_of_the_contract() {
        let basis =
            |resolution_kwh, kwh| match told(DemandRule { resolution_kwh, ..RULE }, Some(between(kwh)), None)
            {
                Demand::Told { basis, .. } => basis,
                Demand::Untold(_) => unreachable!(),
            };
        // 7 kWh a quarter hour are 28 kW, of 2 900 kW less than one percent, of 2 700 kW more.
        assert_eq!(basis(7.0, 725.0), Basis::Register);
        assert_eq!(basis(7.0, 675.0), Basis::Coarse);
        assert_eq!(basis(0.8, 0.0), Basis::Register, "3.2 kW are a thousandth of the contract");
        assert_eq!(basis(0.9, 0.0), Basis::Coarse);
    }

    #[test]
    fn a_block_is_foretold_by_what_has_flowed_and_the_power_that_goes_on() {
        let minutes = |minutes: i64| minutes * 60_000;
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} instead of {b}");
        close(RULE.predicted_kw(0.0, 1_000.0, minutes(15)), 1_000.0);
        close(RULE.predicted_kw(500.0, 1_200.0, minutes(5)), 2_400.0);
        close(RULE.predicted_kw(500.0, -300.0, minutes(5)), 2_000.0);
        close(RULE.predicted_kw(500.0, 1_200.0, 0), 2_000.0);
    }

    #[test]
    fn both_thresholds_belong_to_the_level_above() {
        for (kw, level) in [
            (2_879.9, AlarmLevel::Normal),
            (2_880.0, AlarmLevel::Warning),
            (3_199.9, AlarmLevel::Warning),
            (3_200.0, AlarmLevel::Over),
        ] {
            assert_eq!(AlarmLevel::of(kw, 2_880.0, 3_200.0), level);
        }
    }
}
