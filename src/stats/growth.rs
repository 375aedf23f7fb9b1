//! Growth: spreads the increase of a register between two readings over the time between them.
//!
//! A reading is hardly ever taken exactly at midnight. What flowed between the readings around an
//! edge is shared out in proportion to time, which is the same as a straight line between them.

use std::ops::Range;

use super::summary::Moment;
use crate::counter::{Assumption, Counter, Event, Rulings, Step};
use crate::time::{Interval, UtcTime};

/// Intervals that may lie between two readings before one is taken to be missing between them.
pub(super) const GAP_INTERVALS: f64 = 1.5;

/// How far a register advanced between two of its readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// From one reading to the next that was believed.
    pub time: Range<UtcTime>,
    /// The increase, in the register's unit.
    pub amount: f64,
}

impl Stretch {
    /// The part of the increase that falls into `period`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years fit a double")]
    pub fn share(&self, period: &Range<UtcTime>) -> f64 {
        let from = self.time.start.max(period.start);
        let to = self.time.end.min(period.end);
        let (part_ms, whole_ms) = (to.ms_since(from), self.time.end.ms_since(self.time.start));
        match part_ms {
            ..=0 => 0.0,
            _ if part_ms == whole_ms => self.amount,
            _ => self.amount * (part_ms as f64 / whole_ms as f64),
        }
    }

    /// Milliseconds of `period` over which the increase is known from readings every `interval`.
    /// Where readings are missing, the straight line over the gap is worth as much as the one
    /// reading that ends it: an hour in five that nobody read is not known as well as one that was.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years fit a double")]
    pub fn covered_ms(&self, period: &Range<UtcTime>, interval: Interval) -> f64 {
        let from = self.time.start.max(period.start);
        let to = self.time.end.min(period.end);
        let part_ms = to.ms_since(from).max(0) as f64;
        let whole_ms = self.time.end.ms_since(self.time.start) as f64;
        let interval_ms = interval.as_ms() as f64;
        if whole_ms <= GAP_INTERVALS * interval_ms { part_ms } else { part_ms * (interval_ms / whole_ms) }
    }
}

/// Turns the readings of a register into stretches; what a fall means is judged by [`Counter`].
#[derive(Clone, Debug)]
pub struct Growth {
    counter: Counter,
    since: Option<UtcTime>,
}

impl Growth {
    /// A register of which nothing has been read yet; it starts again from zero at `modulus`, and what
    /// it did is what the `rulings` say.
    #[must_use]
    pub const fn new(modulus: Option<f64>, rulings: Rulings) -> Self {
        Self { counter: Counter::new(modulus, rulings), since: None }
    }

    /// Takes the next reading, which lets the one before it be judged.
    pub fn push(&mut self, moment: Moment) -> Option<Stretch> {
        Some(self.push_judged(moment)?.0)
    }

    /// The last stretch, when no further reading comes.
    pub fn finish(&mut self) -> Option<Stretch> {
        Some(self.finish_judged()?.0)
    }

    /// As [`push`](Self::push), with what the register did in the stretch besides growing.
    pub fn push_judged(&mut self, moment: Moment) -> Option<(Stretch, Option<Event>)> {
        self.since.get_or_insert(moment.at);
        let step = self.counter.push((moment.at, moment.value))?;
        Some((self.stretch(&step)?, step.event))
    }

    /// As [`finish`](Self::finish), with what the register did in the stretch besides growing.
    pub fn finish_judged(&mut self) -> Option<(Stretch, Option<Event>)> {
        let step = self.counter.finish()?;
        Some((self.stretch(&step)?, step.event))
    }

    fn stretch(&mut self, step: &Step) -> Option<Stretch> {
        // A wrong reading is passed over: the next stretch begins at the last one believed.
        if step.event.is_some_and(|event| event.assumption == Assumption::Glitch) {
            return None;
        }
        let from = self.since.replace(step.at)?;
        Some(Stretch { time: from..step.at, amount: step.amount })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(values: &[(i64, f64)]) -> Vec<(i64, i64, f64)> {
        stretches_of(values, None)
    }

    fn stretches_of(values: &[(i64, f64)], modulus: Option<f64>) -> Vec<(i64, i64, f64)> {
        let mut growth = Growth::new(modulus, Rulings::default());
        let moment = |(at, value): &(i64, f64)| Moment { value: *value, at: UtcTime::from_ms(*at) };
        let mut found: Vec<_> = values.iter().filter_map(|pair| growth.push(moment(pair))).collect();
        found.extend(growth.finish());
        let plain = |s: Stretch| (s.time.start.as_ms(), s.time.end.as_ms(), s.amount);
        found.into_iter().map(plain).collect()
    }

    #[test]
    fn readings_become_the_stretches_between_them() {
        assert_eq!(stretches(&[]), []);
        assert_eq!(stretches(&[(0, 5.0)]), []);
        assert_eq!(stretches(&[(0, 5.0), (10, 7.0), (30, 8.0)]), [(0, 10, 2.0), (10, 30, 1.0)]);
    }

    #[test]
    fn a_wrong_reading_is_bridged_and_a_reset_counts_from_zero() {
        assert_eq!(stretches(&[(0, 100.0), (10, 3.0), (20, 102.0)]), [(0, 20, 2.0)]);
        let reset = stretches(&[(0, 100.0), (10, 1.0), (20, 2.0)]);
        assert_eq!(reset, [(0, 10, 1.0), (10, 20, 1.0)]);
    }

    #[test]
    fn a_register_that_passes_its_last_digit_goes_on_counting() {
        let readings = [(0, 65_000.0), (10, 65_500.0), (20, 100.0), (30, 200.0)];
        assert_eq!(
            stretches_of(&readings, Some(65_536.0)),
            [(0, 10, 500.0), (10, 20, 136.0), (20, 30, 100.0)]
        );
    }

    #[test]
    fn an_increase_is_shared_out_in_proportion_to_time() {
        let stretch = Stretch { time: UtcTime::from_ms(0)..UtcTime::from_ms(100), amount: 8.0 };
        for (start, end, share) in [(0, 100, 8.0), (0, 50, 4.0), (75, 200, 2.0), (100, 200, 0.0)] {
            let period = UtcTime::from_ms(start)..UtcTime::from_ms(end);
            assert!((stretch.share(&period) - share).abs() < 1e-12, "{start}..{end}");
        }
    }

    #[test]
    fn time_is_covered_in_full_between_neighbours_and_in_part_over_a_gap() {
        let period = UtcTime::from_ms(0)..UtcTime::from_ms(1_000);
        for (start, end, covered_ms) in [
            (0, 1_000, 1_000.0),
            (-400, 1_000, 1_000.0),
            (250, 750, 500.0),
            (500, 1_900, 500.0),
            (0, 4_000, 250.0),
            (-1_500, 2_500, 250.0),
            (1_000, 2_000, 0.0),
            (3_000, 4_000, 0.0),
        ] {
            let stretch = Stretch { time: UtcTime::from_ms(start)..UtcTime::from_ms(end), amount: 8.0 };
            let found_ms = stretch.covered_ms(&period, Interval::SECOND);
            assert!((found_ms - covered_ms).abs() < 1e-9, "{start}..{end}: {found_ms}");
        }
    }
}
