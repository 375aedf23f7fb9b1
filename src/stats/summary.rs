//! Summary: what the usable readings of one period come to.

use std::ops::Range;

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
    /// Milliseconds of the period over which that increase is known.
    pub covered_ms: f64,
}

/// What readings are measured by that should fill a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The half-open period.
    pub period: Range<UtcTime>,
    /// How often there should be a reading.
    pub interval: Interval,
    /// What lies after this is not known yet.
    pub now: UtcTime,
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

    /// Takes in what the readings of a later time come to.
    pub fn add_later(&mut self, later: &Self) {
        self.readings = self.readings.saturating_add(later.readings);
        self.total += later.total;
        self.growth += later.growth;
        self.covered_ms += later.covered_ms;
        if let Some(max) = later.max.filter(|max| self.max.is_none_or(|known| max.value > known.value)) {
            self.max = Some(max);
        }
        if let Some(min) = later.min.filter(|min| self.min.is_none_or(|known| min.value < known.value)) {
            self.min = Some(min);
        }
        self.last = later.last.or(self.last);
    }

    /// The result of `function`; `None` where nothing usable was read in the period, even when an
    /// increase could be guessed from readings on both sides of it, and where a register was read
    /// but has no other reading to have grown from or to.
    #[must_use]
    pub fn value(&self, function: Function, kind: SeriesKind) -> Option<f64> {
        if self.readings == 0 {
            return None;
        }
        match function {
            Function::Sum if kind == SeriesKind::Register => (self.covered_ms > 0.0).then_some(self.growth),
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

    /// How much of what the period should have is there, 0 to 1: the share of the expected readings,
    /// for the increase of a register no more than the share of the time over which it is known, and
    /// never more than the share of the period that has passed.
    #[must_use]
    pub fn completeness(&self, function: Function, kind: SeriesKind, expected: &Expected) -> f64 {
        let known = if function == Function::Sum && kind == SeriesKind::Register {
            self.covered_ms / expected.length_ms()
        } else {
            1.0
        };
        expected.share_read(self.readings).min(known).min(expected.share_passed())
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts of a few years fit a double")]
impl Expected {
    /// At least a millisecond, so that shares of it are numbers.
    fn length_ms(&self) -> f64 {
        self.period.end.ms_since(self.period.start).max(1) as f64
    }

    fn share_read(&self, readings: u64) -> f64 {
        let count = (self.length_ms() / self.interval.as_ms() as f64).max(1.0);
        (readings as f64 / count).min(1.0)
    }

    fn share_passed(&self) -> f64 {
        let passed_ms = self.now.min(self.period.end).ms_since(self.period.start).max(0);
        passed_ms as f64 / self.length_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER_HOUR_MS: f64 = 900_000.0;

    /// A quarter of an hour with a reading every minute, seen at minute `now`.
    fn quarter_hour(now: i64) -> Expected {
        let minute = |minute: i64| UtcTime::from_ms(minute * 60_000);
        Expected { period: minute(0)..minute(15), interval: Interval::MINUTE, now: minute(now) }
    }

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
        let spread = Summary { covered_ms: QUARTER_HOUR_MS, ..spread };
        assert_eq!(spread.value(Function::Sum, SeriesKind::Register), None);
        let completeness = spread.completeness(Function::Sum, SeriesKind::Register, &quarter_hour(15));
        assert!(completeness.abs() < f64::EPSILON);
    }

    #[test]
    fn completeness_is_the_share_of_expected_readings_and_never_more_than_all() {
        for (readings, expected) in [(0, 0.0), (3, 0.2), (15, 1.0), (30, 1.0)] {
            let summary = Summary { readings, ..Summary::default() };
            let share = summary.completeness(Function::Avg, SeriesKind::Level, &quarter_hour(15));
            assert!((share - expected).abs() < 1e-12, "{readings}");
        }
    }

    #[test]
    fn a_register_that_was_read_but_once_has_no_increase() {
        let once = summary(&[1_000.0]);
        assert_eq!(once.value(Function::Sum, SeriesKind::Register), None);
        assert_eq!(once.value(Function::Last, SeriesKind::Register), Some(1_000.0));
        let completeness = once.completeness(Function::Sum, SeriesKind::Register, &quarter_hour(15));
        assert!(completeness.abs() < f64::EPSILON);
    }

    #[test]
    fn an_increase_is_complete_only_when_it_is_known_up_to_the_end() {
        for (covered_ms, expected) in [(0.0, 0.0), (QUARTER_HOUR_MS / 3.0, 1.0 / 3.0), (QUARTER_HOUR_MS, 1.0)]
        {
            let register = Summary { readings: 15, covered_ms, ..Summary::default() };
            let share = register.completeness(Function::Sum, SeriesKind::Register, &quarter_hour(15));
            assert!((share - expected).abs() < 1e-12, "{covered_ms}");
            let last = register.completeness(Function::Last, SeriesKind::Register, &quarter_hour(15));
            assert!((last - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn a_period_that_has_not_ended_is_never_complete() {
        let full = Summary { readings: 15, covered_ms: QUARTER_HOUR_MS, ..Summary::default() };
        for kind in [SeriesKind::Register, SeriesKind::Delta, SeriesKind::Level] {
            for function in kind.functions() {
                for (now, expected) in [(0, 0.0), (3, 0.2), (12, 0.8), (15, 1.0), (99, 1.0)] {
                    let share = full.completeness(*function, kind, &quarter_hour(now));
                    assert!((share - expected).abs() < 1e-12, "{kind:?} {function:?} at minute {now}");
                }
            }
        }
    }
}
