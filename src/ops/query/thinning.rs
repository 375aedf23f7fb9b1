//! Thinning: of the readings within one interval only one is kept, with its own time.

use std::iter::Peekable;

use crate::model::reading::Reading;
use crate::time::{Interval, UtcOffset, UtcTime};

/// Which reading of an interval is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    First,
    Last,
}

impl Keep {
    /// Whether `later` is kept instead of `earlier`. One with a value always goes before one without.
    const fn replaces(self, earlier: &Reading, later: &Reading) -> bool {
        match (earlier.quality.has_value(), later.quality.has_value()) {
            (false, true) => true,
            (true, false) => false,
            (true, true) | (false, false) => matches!(self, Self::Last),
        }
    }
}

/// Keeps one reading of every interval: one with a value, or where the interval has none, one that names
/// the cause. Nothing is averaged and no time is changed.
pub(super) struct Thinned<I: Iterator> {
    readings: Peekable<I>,
    interval: Interval,
    offset: UtcOffset,
    keep: Keep,
}

impl<I: Iterator> Thinned<I> {
    /// Keeps the last of `readings`, which come in order of time; intervals lie on the local clock of
    /// `offset`.
    pub(super) fn lasts(readings: I, interval: Interval, offset: UtcOffset) -> Self {
        Self { readings: readings.peekable(), interval, offset, keep: Keep::Last }
    }

    /// Keeps the first: what is read once more in an interval that goes on changes nothing.
    pub(super) fn firsts(readings: I, interval: Interval, offset: UtcOffset) -> Self {
        Self { readings: readings.peekable(), interval, offset, keep: Keep::First }
    }

    fn slot(&self, at: UtcTime) -> UtcTime {
        at.floor_local(self.interval, self.offset)
    }
}

impl<E, I: Iterator<Item = Result<Reading, E>>> Iterator for Thinned<I> {
    type Item = Result<Reading, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut kept = match self.readings.next()? {
            Ok(reading) => reading,
            Err(error) => return Some(Err(error)),
        };
        let slot = self.slot(kept.at);
        while let Some(Ok(later)) = self.readings.peek() {
            let later_at = later.at;
            if self.slot(later_at) != slot {
                break;
            }
            if let Some(Ok(later)) = self.readings.next()
                && self.keep.replaces(&kept, &later)
            {
                kept = later;
            }
        }
        Some(Ok(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quality::Cause;
    use crate::model::reading::{Sample, Value};

    fn thin(keep: Keep, seconds: &[(i64, Option<f64>)]) -> Vec<(i64, Option<f64>)> {
        let readings = seconds.iter().map(|(second, value)| {
            let good = |value| Sample::good(Value::Number(value));
            let sample = value.map_or_else(|| Sample::missing(Cause::Timeout), good);
            Ok::<_, ()>(Reading::new(UtcTime::from_ms(second * 1_000), sample))
        });
        let (minute, utc) = (Interval::MINUTE, UtcOffset::UTC);
        let thinned = match keep {
            Keep::First => Thinned::firsts(readings, minute, utc),
            Keep::Last => Thinned::lasts(readings, minute, utc),
        };
        thinned.map(|reading| reading.map(|r| (r.at.as_ms() / 1_000, r.number())).unwrap()).collect()
    }

    #[test]
    fn the_reading_that_is_kept_of_each_interval_keeps_its_own_time() {
        let readings = [(0, Some(1.0)), (59, Some(2.0)), (60, Some(3.0)), (185, Some(4.0))];
        assert_eq!(thin(Keep::Last, &readings), [(59, Some(2.0)), (60, Some(3.0)), (185, Some(4.0))]);
        assert_eq!(thin(Keep::First, &readings), [(0, Some(1.0)), (60, Some(3.0)), (185, Some(4.0))]);
        assert_eq!(thin(Keep::Last, &[]), []);
    }

    #[test]
    fn a_failed_read_does_not_hide_a_value_of_its_interval() {
        for keep in [Keep::First, Keep::Last] {
            assert_eq!(thin(keep, &[(10, Some(1.0)), (20, None)]), [(10, Some(1.0))]);
            assert_eq!(thin(keep, &[(10, None), (20, Some(1.0))]), [(20, Some(1.0))]);
        }
        assert_eq!(thin(Keep::Last, &[(10, None), (20, None)]), [(20, None)]);
        assert_eq!(thin(Keep::First, &[(10, None), (20, None)]), [(10, None)]);
    }

    #[test]
    fn an_error_comes_through_once() {
        let readings = [Err("damaged")];
        let mut thinned = Thinned::lasts(readings.into_iter(), Interval::MINUTE, UtcOffset::UTC);
        assert_eq!(thinned.next(), Some(Err("damaged")));
        assert_eq!(thinned.next(), None);
    }

    #[test]
    fn days_begin_at_local_midnight() {
        let shanghai = UtcOffset::from_minutes(480).unwrap();
        let hours = [15, 16].map(|hour| {
            let at = UtcTime::from_ms(hour * 3_600_000);
            Ok::<_, ()>(Reading::new(at, Sample::good(Value::Number(1.0))))
        });
        assert_eq!(Thinned::lasts(hours.into_iter(), Interval::DAY, shanghai).count(), 2);
    }
}
