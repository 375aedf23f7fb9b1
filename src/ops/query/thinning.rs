//! Thinning: of the readings within one interval only the last is kept, with its own time.

use std::iter::Peekable;

use crate::model::reading::Reading;
use crate::time::{Interval, UtcOffset, UtcTime};

/// Keeps the last reading with a value of every interval; where an interval has none with a value,
/// its last reading, which names the cause. Nothing is averaged and no time is changed.
pub(super) struct Thinned<I: Iterator> {
    readings: Peekable<I>,
    interval: Interval,
    offset_ms: i64,
}

impl<I: Iterator> Thinned<I> {
    /// Thins `readings`, which come in order of time; intervals lie on the local clock of `offset`.
    pub(super) fn new(readings: I, interval: Interval, offset: UtcOffset) -> Self {
        let offset_ms = i64::from(offset.minutes()) * Interval::MINUTE.as_ms();
        Self { readings: readings.peekable(), interval, offset_ms }
    }

    fn slot(&self, at: UtcTime) -> UtcTime {
        UtcTime::from_ms(at.as_ms().saturating_add(self.offset_ms)).floor(self.interval)
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
                && (later.quality.has_value() || !kept.quality.has_value())
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

    fn thin(seconds: &[(i64, Option<f64>)]) -> Vec<(i64, Option<f64>)> {
        let readings = seconds.iter().map(|(second, value)| {
            let good = |value| Sample::good(Value::Number(value));
            let sample = value.map_or_else(|| Sample::missing(Cause::Timeout), good);
            Ok::<_, ()>(Reading::new(UtcTime::from_ms(second * 1_000), sample))
        });
        let thinned = Thinned::new(readings, Interval::MINUTE, UtcOffset::UTC);
        thinned.map(|reading| reading.map(|r| (r.at.as_ms() / 1_000, r.number())).unwrap()).collect()
    }

    #[test]
    fn the_last_reading_of_each_interval_keeps_its_own_time() {
        let readings = [(0, Some(1.0)), (59, Some(2.0)), (60, Some(3.0)), (185, Some(4.0))];
        assert_eq!(thin(&readings), [(59, Some(2.0)), (60, Some(3.0)), (185, Some(4.0))]);
        assert_eq!(thin(&[]), []);
    }

    #[test]
    fn a_failed_read_does_not_hide_a_value_of_its_interval() {
        assert_eq!(thin(&[(10, Some(1.0)), (20, None)]), [(10, Some(1.0))]);
        assert_eq!(thin(&[(10, None), (20, None)]), [(20, None)]);
    }

    #[test]
    fn an_error_comes_through_once() {
        let readings = [Err("damaged")];
        let mut thinned = Thinned::new(readings.into_iter(), Interval::MINUTE, UtcOffset::UTC);
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
        assert_eq!(Thinned::new(hours.into_iter(), Interval::DAY, shanghai).count(), 2);
    }
}
