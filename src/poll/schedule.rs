//! When a group is due: ticks on the grid of its interval, missed ones delayed and counted.

use std::time::Duration;

use tokio::time::Instant;

use crate::time::{Interval, UtcTime};

/// The ticks of one group.
///
/// Ticks lie on whole multiples of the interval in UTC, so that a quarter-hour register is read at
/// the quarter hour. What is waited for is always the runtime's monotonic time, at most one
/// interval ahead: a clock that is set, forwards or back, neither stops the scans nor bunches them.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Interval,
    due: Instant,
    overruns: u64,
}

impl Schedule {
    /// The first tick is the next one on the grid after `wall`.
    #[must_use]
    pub fn starting(interval: Interval, wall: UtcTime, now: Instant) -> Self {
        let due = now + until(wall.floor(interval).plus(interval), wall);
        Self { interval, due, overruns: 0 }
    }

    /// The instant of the next tick.
    #[must_use]
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// The interval of the ticks.
    #[must_use]
    pub const fn interval(&self) -> Interval {
        self.interval
    }

    /// Ticks that passed while an earlier scan still ran.
    #[must_use]
    pub const fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Takes the tick that is due at `now`, when the wall clock shows `wall`, and sets the next one.
    ///
    /// A tick taken so late that others have passed counts those and goes on with the next one on
    /// the grid: the line gets its rest instead of a burst.
    pub fn take(&mut self, wall: UtcTime, now: Instant) {
        let late_ms = i64::try_from(now.saturating_duration_since(self.due).as_millis()).unwrap_or(i64::MAX);
        self.overruns = self.overruns.saturating_add((late_ms / self.interval.as_ms()).unsigned_abs());
        // A clock that is being slewed may show the tick a little early; half an interval settles
        // which tick this one is.
        let half_ms = self.interval.as_ms() / 2;
        let on_time = late_ms <= half_ms;
        let settled = if on_time { UtcTime::from_ms(wall.as_ms().saturating_add(half_ms)) } else { wall };
        let next = settled.floor(self.interval).plus(self.interval);
        self.due = now + until(next, wall);
    }
}

fn until(later: UtcTime, now: UtcTime) -> Duration {
    Duration::from_millis(later.ms_since(now).max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Interval = Interval::SECOND;

    fn at(ms: i64) -> UtcTime {
        UtcTime::from_ms(ms)
    }

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_tick_is_the_next_one_on_the_grid() {
        let start = Instant::now();
        let schedule = Schedule::starting(TICK, at(10_400), start);
        assert_eq!(schedule.due(), after(start, 600));
    }

    #[test]
    fn ticks_stay_on_the_grid_however_late_each_is_taken() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(TICK, at(10_000), start);
        for (wall_ms, elapsed_ms, next_ms) in
            [(11_000, 1_000, 2_000), (12_003, 2_003, 3_000), (13_400, 3_400, 4_000)]
        {
            schedule.take(at(wall_ms), after(start, elapsed_ms));
            assert_eq!(schedule.due(), after(start, next_ms));
        }
        assert_eq!(schedule.overruns(), 0);
    }

    #[test]
    fn ticks_missed_by_a_slow_line_are_counted_and_not_repaid() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(TICK, at(10_000), start);
        schedule.take(at(14_700), after(start, 4_700));
        assert_eq!(schedule.overruns(), 3);
        assert_eq!(schedule.due(), after(start, 5_000));
    }

    #[test]
    fn a_clock_slewed_early_does_not_tick_twice() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(TICK, at(10_000), start);
        schedule.take(at(10_999), after(start, 1_000));
        assert_eq!(schedule.due(), after(start, 2_001));
    }

    #[test]
    fn a_clock_set_back_a_year_delays_the_next_tick_by_at_most_an_interval() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(TICK, at(1_700_000_000_000), start);
        schedule.take(at(1_668_000_000_250), after(start, 1_000));
        assert!(schedule.due() <= after(start, 2_500));
        assert!(schedule.due() > after(start, 1_000));
    }
}
