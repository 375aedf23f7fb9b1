//! Amounts by the rate of the time-of-use tariff in which they flowed.

use std::ops::Range;

use super::SeriesKind;
use super::summary::Summary;
use crate::model::tou::Rate;
use crate::time::UtcTime;

/// A stretch of time with the rate that applies in it.
pub type RatedTime = (Range<UtcTime>, Rate);

/// What flowed at each rate, in the unit of the series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateSums([f64; Rate::COUNT]);

impl RateSums {
    /// What flowed at `rate`.
    #[must_use]
    pub fn of(&self, rate: Rate) -> f64 {
        self.0.get(rate as usize).copied().unwrap_or(0.0)
    }

    /// Adds what flowed at `rate`.
    pub fn add(&mut self, rate: Rate, amount: f64) {
        if let Some(sum) = self.0.get_mut(rate as usize) {
            *sum += amount;
        }
    }

    /// Adds what flowed at every rate.
    pub fn add_all(&mut self, other: &Self) {
        for rate in Rate::ALL {
            self.add(rate, other.of(rate));
        }
    }

    /// Those at which something flowed.
    pub fn present(&self) -> impl Iterator<Item = (Rate, f64)> {
        Rate::ALL.into_iter().map(|rate| (rate, self.of(rate))).filter(|(_, amount)| *amount != 0.0)
    }
}

/// The amount that a summary tells; `None` for a level, which has none.
#[must_use]
pub const fn amount(summary: &Summary, kind: SeriesKind) -> Option<f64> {
    match kind {
        SeriesKind::Register => Some(summary.growth),
        SeriesKind::Delta => Some(summary.total),
        SeriesKind::Level => None,
    }
}
