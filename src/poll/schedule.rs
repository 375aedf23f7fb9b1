//! When a group is due: ticks on the grid of its interval, missed ones delayed and counted.

use std::time::Duration;

use tokio::time::Instant;

use crate::time::{Interval, UtcOffset, UtcTime};

/// The ticks of one group.
///
/// The first one is at once, because whoever adds a meter wants to know whether it answers. The
/// others lie on whole multiples of the interval in local time, so that a quarter-hour register is
/// read at the quarter hour and a daily one at midnight. What is waited for is always the runtime's
/// monotonic time, at most one interval ahead: a clock that is set, forwards or back, neither stops
/// the scans nor bunches them.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Interval,
    offset: UtcOffset,
    due: Instant,
    /// Whether the tick that is due lies on the grid; only the first one does not.
    on_grid: bool,
    overruns: u64,
}

impl Schedule {
    /// Ticks at `now`, then on the grid of `interval` in the local time of `offset`.
    #[must_use]
    pub const fn starting(interval: Interval, offset: UtcOffset, now: Instant) -> Self {
        Self { interval, offset, due: now, on_grid: false, overruns: 0 }
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
        // A clock that is being slewed may show a tick of the grid a little early; half an interval
        // settles which one it is.
        let half_ms = self.interval.as_ms() / 2;
        let on_time = self.on_grid && late_ms < half_ms;
        let settled = if on_time { UtcTime::from_ms(wall.as_ms().saturating_add(half_ms)) } else { wall };
        let next = settled.floor_local(self.interval, self.offset).plus(self.interval);
        self.due = now + until(next, wall);
        self.on_grid = true;
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

    /// A schedule that has taken its first tick when the wall clock showed `wall_ms`.
    fn begun(wall_ms: i64, start: Instant) -> Schedule {
        let mut schedule = Schedule::starting(TICK, UtcOffset::UTC, start);
        schedule.take(at(wall_ms), start);
        schedule
    }

    #[test]
    fn the_first_tick_is_at_once_and_the_second_on_the_grid() {
        let start = Instant::now();
        assert_eq!(Schedule::starting(TICK, UtcOffset::UTC, start).due(), start);
        for (wall_ms, next_ms) in [(10_000, 1_000), (10_400, 600), (10_900, 100)] {
            assert_eq!(begun(wall_ms, start).due(), after(start, next_ms), "{wall_ms}");
        }
    }

    #[test]
    fn a_daily_tick_is_at_local_midnight() {
        let start = Instant::now();
        let shanghai = UtcOffset::from_minutes(480).unwrap();
        let mut schedule = Schedule::starting(Interval::DAY, shanghai, start);
        let noon_of_shanghai = at(1_711_900_800_000 + 12 * 3_600_000);
        schedule.take(noon_of_shanghai, start);
        assert_eq!(schedule.due(), after(start, 12 * 3_600_000));
    }

    #[test]
    fn ticks_stay_on_the_grid_however_late_each_is_taken() {
        let start = Instant::now();
        let mut schedule = begun(10_000, start);
        for (wall_ms, elapsed_ms, next_ms) in
            [(11_000, 1_000, 2_000), (12_003, 2_003, 3_000), (13_400, 3_400, 4_000)]
        {
            schedule.take(at(wall_ms), after(start, elapsed_ms));
            assert_eq!(schedule.due(), after(start, next_ms));
        }
        assert_eq!(schedule.overruns(), 0);
    }

    #[test]
    fn a_tick_loses_no_other_one_however_much_of_its_interval_it_is_late() {
        let start = Instant::now();
        for late_ms in 0..1_000 {
            let mut schedule = begun(10_000, start);
            schedule.take(at(11_000 + i64::try_from(late_ms).unwrap()), after(start, 1_000 + late_ms));
            assert_eq!((schedule.due(), schedule.overruns()), (after(start, 2_000), 0), "{late_ms}");
        }
    }

    #[test]
    fn ticks_missed_by_a_slow_line_are_counted_and_not_repaid() {
        let start = Instant::now();
        let mut schedule = begun(10_000, start);
        schedule.take(at(14_700), after(start, 4_700));
        assert_eq!(schedule.overruns(), 3);
        assert_eq!(schedule.due(), after(start, 5_000));
    }

    #[test]
    fn a_clock_slewed_early_does_not_tick_twice() {
        let start = Instant::now();
        let mut schedule = begun(10_000, start);
        schedule.take(at(10_999), after(start, 1_000));
        assert_eq!(schedule.due(), after(start, 2_001));
    }

    #[test]
    fn a_clock_set_back_a_year_delays_the_next_tick_by_at_most_an_interval() {
        let start = Instant::now();
        let mut schedule = begun(1_700_000_000_000, start);
        schedule.take(at(1_668_000_000_250), after(start, 1_000));
        assert!(schedule.due() <= after(start, 2_500));
        assert!(schedule.due() > after(start, 1_000));
    }
}
