//! Summary: what the usable readings of one period come to.

use super::{Function, SeriesKind};
use crate::time::{Interval, UtcTime};

/// A value and when it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// The value.
    pub value: f64,
    /// Its time.
    pub at: UtcTime,
}

/// What the usable readings of one period come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Usable readings in the period.
    pub readings: u64,
    /// Their sum.
    pub total: f64,
    /// The greatest; the earliest of equals.
    pub max: Option<Moment>,
    /// The least; the earliest of equals.
    pub min: Option<Moment>,
    /// The newest.
    pub last: Option<Moment>,
    /// The increase of a register over the period.
    pub growth: f64,
}

impl Summary {
    /// Takes one more reading in; readings come in order of time.
    pub fn add(&mut self, moment: Moment) {
        self.readings = self.readings.saturating_add(1);
        self.total += moment.value;
        if self.max.is_none_or(|max| moment.value > max.value) {
            self.max = Some(moment);
        }
        if self.min.is_none_or(|min| moment.value < min.value) {
            self.min = Some(moment);
        }
        self.last = Some(moment);
    }

    /// The result of `function`; `None` where nothing usable was read in the period, even when an
    /// increase could be guessed from readings on both sides of it.
    #[must_use]
    pub fn value(&self, function: Function, kind: SeriesKind) -> Option<f64> {
        if self.readings == 0 {
            return None;
        }
        match function {
            Function::Sum if kind == SeriesKind::Register => Some(self.growth),
            Function::Sum => Some(self.total),
            #[expect(clippy::cast_precision_loss, reason = "a period holds far fewer than 2^53 readings")]
            Function::Avg => Some(self.total / self.readings as f64),
            Function::Max => self.max.map(|max| max.value),
            Function::Min => self.min.map(|min| min.value),
            Function::Last => self.last.map(|last| last.value),
        }
    }

    /// When the result of `function` occurred, for the functions that pick one reading out.
    #[must_use]
    pub fn occurred(&self, function: Function) -> Option<UtcTime> {
        match function {
            Function::Max => self.max.map(|max| max.at),
            Function::Min => self.min.map(|min| min.at),
            Function::Sum | Function::Avg | Function::Last => None,
        }
    }

    /// The share of the readings that a period of `length_ms` should have at one every `interval`;
    /// never above 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds and counts of a few years fit a double")]
    pub fn completeness(&self, length_ms: i64, interval: Interval) -> f64 {
        let expected = (length_ms as f64 / interval.as_ms() as f64).max(1.0);
        (self.readings as f64 / expected).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(values: &[f64]) -> Summary {
        let mut summary = Summary::default();
        for (index, value) in (0..).zip(values) {
            summary.add(Moment { value: *value, at: UtcTime::from_ms(index * 1_000) });
        }
        summary
    }

    #[test]
    fn each_function_says_what_its_name_says() {
        let power = summary(&[2.0, 5.0, 5.0, 1.0, 2.0]);
        for (function, value, second) in [
            (Function::Avg, 3.0, None),
            (Function::Max, 5.0, Some(1)),
            (Function::Min, 1.0, Some(3)),
            (Function::Last, 2.0, None),
        ] {
            assert_eq!(power.value(function, SeriesKind::Level), Some(value), "{function:?}");
            let at = second.map(|second: i64| UtcTime::from_ms(second * 1_000));
            assert_eq!(power.occurred(function), at, "{function:?}");
        }
        assert_eq!(power.value(Function::Sum, SeriesKind::Delta), Some(15.0));
    }

    #[test]
    fn a_period_without_readings_has_no_value_even_when_an_increase_was_spread_over_it() {
        let spread = Summary { growth: 3.5, ..Summary::default() };
        for function in [Function::Sum, Function::Avg, Function::Max, Function::Min, Function::Last] {
            assert_eq!(spread.value(function, SeriesKind::Register), None);
        }
        assert!(spread.completeness(900_000, Interval::MINUTE).abs() < f64::EPSILON);
    }

    #[test]
    fn completeness_is_the_share_of_expected_readings_and_never_more_than_all() {
        for (readings, expected) in [(0, 0.0), (3, 0.2), (15, 1.0), (30, 1.0)] {
            let summary = Summary { readings, ..Summary::default() };
            let share = summary.completeness(900_000, Interval::MINUTE);
            assert!((share - expected).abs() < 1e-12, "{readings}");
        }
    }
}
