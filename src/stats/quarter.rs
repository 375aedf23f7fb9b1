//! A row: what the readings of one series come to over a quarter of an hour, and rows put together.
//!
//! Rows are kept long after the readings themselves have gone. They are made by the same walk as every
//! statistic (`tally`), and rows that follow each other come to what the readings of all of them would.

use std::ops::Range;

use super::summary::Summary;
use super::tally::tally;
use super::{SeriesKind, SeriesProfile, usable};
use crate::counter::Rulings;
use crate::model::reading::Reading;
use crate::time::UtcTime;

/// What a register showed at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boundary {
    /// The value.
    pub value: f64,
    /// Whether it lies on the straight line between two readings, rather than having been read.
    pub interpolated: bool,
}

/// What the readings of one series come to over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// Readings, extremes, sums.
    pub summary: Summary,
    /// What a register showed at the start.
    pub boundary: Option<Boundary>,
}

impl Row {
    /// The row of `period`. `readings` come in order of time; for a register they reach beyond both
    /// ends, as far as there are any, and it did what the `rulings` say.
    #[must_use]
    pub fn of(
        profile: &SeriesProfile,
        rulings: &Rulings,
        period: &Range<UtcTime>,
        readings: &[Reading],
    ) -> Self {
        let all = readings.iter().cloned().map(Ok::<_, std::convert::Infallible>);
        let summaries = tally(profile, rulings, std::slice::from_ref(period), all);
        let summary = summaries.ok().and_then(|summaries| summaries.first().copied()).unwrap_or_default();
        if profile.kind != SeriesKind::Register {
            return Self { summary, boundary: None };
        }
        // The extremes and the sum of what a register shows say nothing.
        let summary = Summary { max: None, min: None, total: 0.0, ..summary };
        Self { summary, boundary: boundary(period.start, readings) }
    }

    /// Whether it says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.summary.readings == 0 && self.summary.covered_ms <= 0.0
    }

    /// Takes in the row that follows in time.
    pub fn add(&mut self, later: &Self) {
        self.summary.add_later(&later.summary);
    }
}

/// What a register showed at `at`: read then, or between the reading before and the one after.
fn boundary(at: UtcTime, readings: &[Reading]) -> Option<Boundary> {
    let mut before = None;
    for reading in readings {
        let Some(value) = usable(reading) else { continue };
        if reading.at == at {
            return Some(Boundary { value, interpolated: false });
        }
        if reading.at < at {
            before = Some((reading.at, value));
            continue;
        }
        let (from, low) = before?;
        // A register that fell in between was set anew; no line leads from one to the other.
        return (value >= low)
            .then(|| Boundary { value: between((from, low), (reading.at, value), at), interpolated: true });
    }
    None
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years fit a double")]
fn between((from, low): (UtcTime, f64), (to, high): (UtcTime, f64), at: UtcTime) -> f64 {
    let share = at.ms_since(from) as f64 / to.ms_since(from) as f64;
    low + (high - low) * share
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::reading::{Sample, Value};
    use crate::stats::Function;
    use crate::time::Interval;

    const QUARTER_MS: i64 = 900_000;

    fn reading(at_ms: i64, value: f64) -> Reading {
        Reading::new(UtcTime::from_ms(at_ms), Sample::good(Value::Number(value)))
    }

    fn profile(kind: SeriesKind) -> SeriesProfile {
        SeriesProfile { kind, interval: Interval::MINUTE, modulus: None }
    }

    fn quarter(number: i64) -> Range<UtcTime> {
        UtcTime::from_ms(number * QUARTER_MS)..UtcTime::from_ms((number + 1) * QUARTER_MS)
    }

    #[test]
    fn the_register_at_the_start_is_what_was_read_then_or_lies_on_the_line() {
        let readings = [reading(-100_000, 10.0), reading(300_000, 14.0), reading(QUARTER_MS, 20.0)];
        let row = Row::of(&profile(SeriesKind::Register), &Rulings::default(), &quarter(0), &readings);
        assert_eq!(row.boundary, Some(Boundary { value: 11.0, interpolated: true }));
        let next = Row::of(&profile(SeriesKind::Register), &Rulings::default(), &quarter(1), &readings);
        assert_eq!(next.boundary, Some(Boundary { value: 20.0, interpolated: false }));
        let level = Row::of(&profile(SeriesKind::Level), &Rulings::default(), &quarter(0), &readings);
        assert_eq!(level.boundary, None);
    }

    #[test]
    fn no_line_leads_over_a_register_that_was_set_anew() {
        let readings = [reading(-100_000, 10_000.0), reading(300_000, 2.0), reading(400_000, 3.0)];
        let row = Row::of(&profile(SeriesKind::Register), &Rulings::default(), &quarter(0), &readings);
        assert_eq!(row.boundary, None);
    }

    proptest! {
        /// The plain model: one walk over all readings.
        #[test]
        fn rows_put_together_come_to_what_all_their_readings_do(
            steps in prop::collection::vec((1_i64..400, 0_u32..50), 8..80),
            is_register: bool,
        ) {
            let kind = if is_register { SeriesKind::Register } else { SeriesKind::Level };
            let (mut at_ms, mut value) = (-600_000, 1_000.0);
            let readings: Vec<Reading> = steps
                .iter()
                .map(|(seconds, grown)| {
                    at_ms += seconds * 1_000;
                    value += f64::from(*grown);
                    reading(at_ms, if is_register { value } else { f64::from(*grown) })
                })
                .collect();
            let quarters = 0..(at_ms / QUARTER_MS).max(1);
            let whole = quarter(0).start..quarter(quarters.end - 1).end;
            let expected = Row::of(&profile(kind), &Rulings::default(), &whole, &readings);
            let mut found = Row::of(&profile(kind), &Rulings::default(), &quarter(0), &readings);
            for number in quarters.skip(1) {
                found.add(&Row::of(&profile(kind), &Rulings::default(), &quarter(number), &readings));
            }
            prop_assert_eq!(found.summary.readings, expected.summary.readings);
            for function in kind.functions().iter().filter(|function| **function != Function::Sum) {
                let function = *function;
                if function == Function::Avg {
                    continue;
                }
                prop_assert_eq!(found.summary.value(function, kind), expected.summary.value(function, kind));
                prop_assert_eq!(found.summary.occurred(function), expected.summary.occurred(function));
            }
            prop_assert!((found.summary.total - expected.summary.total).abs() < 1e-6);
            prop_assert!((found.summary.growth - expected.summary.growth).abs() < 1e-6);
            prop_assert!((found.summary.covered_ms - expected.summary.covered_ms).abs() < 1e-3);
        }
    }
}
