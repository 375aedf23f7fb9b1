//! Statistics: pure arithmetic on readings, no store and no clock in it.
//!
//! `indicator` computes ratios, costs and factors from sums, each sum first and each division last.
//! `calendar` cuts a time range into periods, `summary` sums what was read in one of them, `growth`
//! spreads the increase of a register over them, `register` tells what else it did, `tally` walks a
//! series once and fills them all. `demand` tells mean powers over windows from a register; `baseline` and
//! `response` tell what came of a demand response.

pub mod baseline;
pub mod calendar;
pub mod demand;
pub mod growth;
pub mod indicator;
pub mod quarter;
pub mod rates;
pub mod register;
pub mod response;
pub mod summary;
pub mod tally;

use std::ops::Range;

use crate::model::quality::{Doubt, Quality};
use crate::model::reading::Reading;
use crate::model::reading_type::ReadingType;
use crate::time::{Interval, UtcTime};

/// What one value of a series stands for, which decides what may be computed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeriesKind {
    /// A register that only grows: its increase counts.
    Register,
    /// The amount since the value before: its sum counts.
    Delta,
    /// A level such as a power or a temperature: its mean counts.
    Level,
}

impl SeriesKind {
    /// What a value of this reading type stands for.
    #[must_use]
    pub fn of(reading_type: &ReadingType) -> Self {
        if reading_type.is_cumulative() {
            Self::Register
        } else if reading_type.is_delta() {
            Self::Delta
        } else {
            Self::Level
        }
    }

    /// When the values were taken that count for `period`: the amount since the value before is told at the
    /// end of its time, so that of midnight belongs to the day before.
    #[must_use]
    pub fn times_of(self, period: &Range<UtcTime>) -> Range<UtcTime> {
        match self {
            Self::Register | Self::Level => period.clone(),
            Self::Delta => after(period.start)..after(period.end),
        }
    }

    /// The functions that make sense of such values. A mean of register states says nothing, and
    /// neither does a sum of powers.
    #[must_use]
    pub const fn functions(self) -> &'static [Function] {
        match self {
            Self::Register => &[Function::Sum, Function::Last],
            Self::Delta => &[Function::Sum, Function::Avg, Function::Max, Function::Min],
            Self::Level => &[Function::Avg, Function::Max, Function::Min, Function::Last],
        }
    }
}

fn after(at: UtcTime) -> UtcTime {
    UtcTime::from_ms(at.as_ms().saturating_add(1))
}

/// What a series stands for and how often it is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesProfile {
    /// What may be computed from it.
    pub kind: SeriesKind,
    /// How often there should be a reading.
    pub interval: Interval,
    /// Where a register starts again from zero, in the unit of its readings.
    pub modulus: Option<f64>,
}

/// What is computed over one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The increase of a register, or the sum of amounts.
    Sum,
    /// The mean of the values.
    Avg,
    /// The greatest value, with its time.
    Max,
    /// The least value, with its time.
    Min,
    /// The newest value.
    Last,
}

/// Whether a reading may enter a statistic: it has a number, and neither its value nor its time is
/// in doubt. A rounded, interpolated or re-dated one may: what is put right is known.
#[must_use]
pub fn usable(reading: &Reading) -> Option<f64> {
    match reading.quality {
        Quality::Good
        | Quality::Suspect(Doubt::Rounded | Doubt::Interpolated | Doubt::Redated | Doubt::Entered) => {
            reading.number()
        }
        Quality::Suspect(Doubt::OutOfRange | Doubt::ClockUnset) | Quality::Missing(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(reading_type: &str) -> SeriesKind {
        SeriesKind::of(&reading_type.parse().unwrap())
    }

    #[test]
    fn the_accumulation_of_a_reading_type_says_what_may_be_computed() {
        assert_eq!(kind("0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"), SeriesKind::Register);
        assert_eq!(kind("0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0"), SeriesKind::Delta);
        assert_eq!(kind("0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"), SeriesKind::Level);
        assert!(!SeriesKind::Register.functions().contains(&Function::Avg));
        assert!(!SeriesKind::Level.functions().contains(&Function::Sum));
    }
}
