//! How much of its time a line is taken.

use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// The time in which a line was taken, in the minute that is running and the one before it: long
/// enough to hold several rounds of a poll, short enough to show a change while someone watches.
#[derive(Clone, Debug)]
pub(super) struct BusyTime {
    taken: bool,
    /// All times up to here are accounted for.
    known_until: Instant,
    minute_began: Instant,
    in_this_minute: Duration,
    /// `None` in the first minute.
    in_last_minute: Option<Duration>,
}

impl BusyTime {
    /// A line that is free from `now` on.
    pub(super) const fn starting(now: Instant) -> Self {
        Self {
            taken: false,
            known_until: now,
            minute_began: now,
            in_this_minute: Duration::ZERO,
            in_last_minute: None,
        }
    }

    /// The line is taken, or free, from `now` on.
    pub(super) fn set_taken(&mut self, taken: bool, now: Instant) {
        self.advance(now);
        self.taken = taken;
    }

    /// The share of the time in which the line was taken, 0 to 1; 0 before any time has passed.
    pub(super) fn share(&mut self, now: Instant) -> f64 {
        self.advance(now);
        let before = self.in_last_minute.map_or(Duration::ZERO, |_| MINUTE);
        let watched = before + self.known_until.saturating_duration_since(self.minute_began);
        if watched.is_zero() {
            return 0.0;
        }
        (self.in_last_minute.unwrap_or_default() + self.in_this_minute).div_duration_f64(watched)
    }

    fn advance(&mut self, now: Instant) {
        let mut minute_ends = self.minute_began + MINUTE;
        while now >= minute_ends {
            self.account_until(minute_ends);
            self.in_last_minute = Some(std::mem::take(&mut self.in_this_minute));
            self.minute_began = minute_ends;
            minute_ends += MINUTE;
        }
        self.account_until(now);
    }

    fn account_until(&mut self, until: Instant) {
        if until <= self.known_until {
            return;
        }
        if self.taken {
            self.in_this_minute += until - self.known_until;
        }
        self.known_until = until;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_that_has_just_begun_is_free() {
        let now = Instant::now();
        assert!(BusyTime::starting(now).share(now).abs() < f64::EPSILON);
    }

    #[test]
    fn the_minute_before_the_last_is_forgotten() {
        let start = Instant::now();
        let mut busy = BusyTime::starting(start);
        busy.set_taken(true, start);
        busy.set_taken(false, start + MINUTE);
        for (seconds, share) in
            [(60, 1.0), (90, 60.0 / 90.0), (119, 60.0 / 119.0), (120, 0.0), (999_999, 0.0)]
        {
            let found = busy.share(start + Duration::from_secs(seconds));
            assert!((found - share).abs() < 1e-9, "{found} after {seconds} s");
        }
    }

    proptest! {
        #[test]
        fn the_share_is_that_of_the_running_minute_and_the_one_before_second_by_second(
            changes in prop::collection::vec((any::<bool>(), 0..70_u64), 1..30),
        ) {
            let start = Instant::now();
            let mut busy = BusyTime::starting(start);
            let mut seconds: Vec<bool> = Vec::new();
            for (taken, lasting) in changes {
                let at = |seconds: &[bool]| start + Duration::from_secs(seconds.len() as u64);
                busy.set_taken(taken, at(&seconds));
                seconds.extend(std::iter::repeat_n(taken, usize::try_from(lasting).unwrap()));
                let watched = &seconds[(seconds.len() / 60).saturating_sub(1) * 60..];
                let taken_s = u32::try_from(watched.iter().filter(|taken| **taken).count()).unwrap();
                let share = f64::from(taken_s) / f64::from(u32::try_from(watched.len().max(1)).unwrap());
                prop_assert!((busy.share(at(&seconds)) - share).abs() < 1e-9);
            }
        }
    }
}
