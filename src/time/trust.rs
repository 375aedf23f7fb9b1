//! May the clock be trusted: what is seen of it, and whether it was set.
//!
//! A box without a battery comes up in 1970 and gets the time from the network a minute later, or never.
//! What is read before that is kept with the time that was shown, and marked; once the clock is set,
//! the difference is known, because another clock that nobody sets has run all along.

use super::{Interval, UtcTime};

/// Nothing was ever read before this program was written: 2026-01-01.
const EARLIEST: UtcTime = UtcTime::from_ms(1_767_225_600_000);
/// The clock may drift this far against the one that nobody sets before that is taken for a step: a
/// crystal of 100 ppm drifts 0.1 ms a second, and time services slew by up to 0.5 ms a second.
const STEP_MS_MIN: i64 = 1_000;

/// How far the clock may be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockState {
    /// It shows a time that cannot be.
    Unset,
    /// It may be right, and nobody has compared it with others lately.
    Holdover,
    /// A time service keeps it right.
    #[default]
    Synchronised,
}

impl ClockState {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Holdover => "holdover",
            Self::Synchronised => "synchronised",
        }
    }

    /// One byte for the store; fixed for ever.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unset => 0,
            Self::Holdover => 1,
            Self::Synchronised => 2,
        }
    }

    /// The state of a stored byte.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unset,
            1 => Self::Holdover,
            2 => Self::Synchronised,
            _ => return None,
        })
    }

    /// What a clock that shows `now` is worth.
    #[must_use]
    pub fn of(now: UtcTime, is_synchronised: bool) -> Self {
        match (now < EARLIEST, is_synchronised) {
            (true, _) => Self::Unset,
            (false, true) => Self::Synchronised,
            (false, false) => Self::Holdover,
        }
    }
}

/// The clock as it was seen at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sight {
    /// What it showed.
    pub shown: UtcTime,
    /// How far it may be trusted.
    pub state: ClockState,
    /// Milliseconds on a clock that nobody sets.
    pub steady_ms: i64,
}

/// The clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// By how much; forward is positive.
    pub by_ms: i64,
    /// Whether it was unset before and is not any more: then what was read before can be re-dated.
    pub found_the_time: bool,
}

/// Watches the clock.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    last: Sight,
}

impl ClockWatch {
    /// Begins with what is seen now.
    #[must_use]
    pub const fn starting(sight: Sight) -> Self {
        Self { last: sight }
    }

    /// What it was when it was seen last.
    #[must_use]
    pub const fn last(&self) -> Sight {
        self.last
    }

    /// Looks again; tells whether the clock was set since the last look.
    pub fn look(&mut self, now: Sight) -> Option<Step> {
        let before = std::mem::replace(&mut self.last, now);
        let expected_ms = before.shown.as_ms().saturating_add(now.steady_ms.saturating_sub(before.steady_ms));
        let by_ms = now.shown.as_ms().saturating_sub(expected_ms);
        let found_the_time = before.state == ClockState::Unset && now.state != ClockState::Unset;
        (by_ms.abs() >= STEP_MS_MIN || found_the_time).then_some(Step { by_ms, found_the_time })
    }
}

/// How often the clock is looked at; between two looks a step must not hide in drift.
pub const LOOK_INTERVAL: Interval = Interval::SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY_MS: i64 = 1_790_000_000_000;

    fn sight(shown_ms: i64, steady_ms: i64, is_synchronised: bool) -> Sight {
        let shown = UtcTime::from_ms(shown_ms);
        Sight { shown, state: ClockState::of(shown, is_synchronised), steady_ms }
    }

    #[test]
    fn a_clock_that_shows_the_past_is_unset_whatever_the_time_service_says() {
        for (shown_ms, is_synchronised, state) in [
            (0, false, ClockState::Unset),
            (0, true, ClockState::Unset),
            (TODAY_MS, false, ClockState::Holdover),
            (TODAY_MS, true, ClockState::Synchronised),
        ] {
            assert_eq!(ClockState::of(UtcTime::from_ms(shown_ms), is_synchronised), state);
            assert_eq!(ClockState::from_code(state.code()), Some(state));
        }
    }

    #[test]
    fn a_clock_that_finds_the_time_tells_by_how_much_it_was_off() {
        let mut watch = ClockWatch::starting(sight(60_000, 5_000, false));
        assert_eq!(watch.look(sight(61_000, 6_000, false)), None);
        let step = watch.look(sight(TODAY_MS, 7_000, true)).unwrap();
        assert_eq!(step, Step { by_ms: TODAY_MS - 62_000, found_the_time: true });
        assert_eq!(watch.look(sight(TODAY_MS + 1_000, 8_000, true)), None);
    }

    #[test]
    fn a_step_back_is_a_step_and_drift_is_none() {
        let mut watch = ClockWatch::starting(sight(TODAY_MS, 0, true));
        assert_eq!(watch.look(sight(TODAY_MS + 1_300, 1_000, true)), None);
        let back = watch.look(sight(TODAY_MS - 3_600_000, 2_000, true)).unwrap();
        assert!(back.by_ms < -3_500_000 && !back.found_the_time);
    }

    #[test]
    fn a_second_synchronisation_finds_nothing_new() {
        let mut watch = ClockWatch::starting(sight(TODAY_MS, 0, false));
        assert_eq!(watch.look(sight(TODAY_MS + 1_000, 1_000, true)), None);
        assert_eq!(watch.look(sight(TODAY_MS + 2_000, 2_000, false)), None);
    }
}
