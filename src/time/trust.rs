//! May the clock be trusted: what is seen of it, and whether it was set.
//!
//! A box without a battery comes up in 1970, or with the time of its last shutdown, and gets the time from
//! the network a minute later, or never. What is read before that is kept with the time that was shown, and
//! marked; once the clock is set, the difference is known, because another clock that nobody sets has run
//! all along.

use super::{Interval, UtcTime};

/// Nothing was ever read before this program was written: 2026-01-01.
const EARLIEST: UtcTime = UtcTime::from_ms(1_767_225_600_000);
/// The clock may drift this far against the one that nobody sets before that is taken for a step: a
/// crystal of 100 ppm drifts 0.1 ms a second, and time services slew by up to 0.5 ms a second.
pub const STEP_MS_MIN: i64 = 1_000;
/// A comparison with a time service counts this long: it asks at least every 34 minutes (`PollIntervalMaxSec`
/// of `timesyncd.conf`), so three went wrong in a row. Within it a crystal of 100 ppm drifts 0.7 s.
const COMPARISON_MS_MAX: i64 = 2 * 3_600_000;

/// How far the clock may be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockState {
    /// It shows a time that cannot be, or nothing speaks for the time that it shows.
    Unset,
    /// It was right once and ran on since; nobody has compared it with others lately.
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

    /// What a clock that shows `shown` is worth, by what speaks for it.
    #[must_use]
    pub fn of(shown: UtcTime, evidence: &Evidence) -> Self {
        if is_impossible(shown) {
            return Self::Unset;
        }
        // Far from it on either side: somebody else has set the clock since.
        let is_near = |compared: UtcTime| shown.ms_since(compared).abs() <= COMPARISON_MS_MAX;
        if evidence.compared_at.is_some_and(is_near) {
            return Self::Synchronised;
        }
        if evidence.was_set || evidence.compared_at.is_some() {
            return Self::Holdover;
        }
        let has_run_on = evidence.newest_kept.is_none_or(|newest| shown >= newest);
        if evidence.kept_by_hardware && has_run_on { Self::Holdover } else { Self::Unset }
    }
}

/// Whether a time lies before this program was written, so that nothing can have been read at it.
#[must_use]
pub fn is_impossible(at: UtcTime) -> bool {
    at < EARLIEST
}

/// What speaks for the time that a clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When a time service compared it last, on itself, since the machine was started.
    pub compared_at: Option<UtcTime>,
    /// It is known to have been set since the machine was started.
    pub was_set: bool,
    /// A hardware clock, which ran on without power, gave it its time.
    pub kept_by_hardware: bool,
    /// The time of the last reading that is kept from before: no clock that runs on shows an earlier one.
    pub newest_kept: Option<UtcTime>,
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

/// What became of the clock between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockEvent {
    /// How far it moved away from the one that nobody sets; forward is positive.
    pub by_ms: i64,
    /// How far it could be trusted before.
    pub before: ClockState,
    /// How far it can be trusted now.
    pub now: ClockState,
}

impl ClockEvent {
    /// Whether somebody set it.
    #[must_use]
    pub const fn is_step(self) -> bool {
        self.by_ms.abs() >= STEP_MS_MIN
    }

    /// Whether it was unset and is not any more: then what was read before can be re-dated.
    #[must_use]
    pub fn found_the_time(self) -> bool {
        self.before == ClockState::Unset && self.now != ClockState::Unset
    }

    /// Whether what was and what comes are wrong by something else: it is unset since, or stands
    /// elsewhere, or is not unset any more.
    #[must_use]
    pub fn divides_the_unset(self) -> bool {
        let is_unset = self.now == ClockState::Unset;
        self.found_the_time() || (is_unset && (self.is_step() || self.before != ClockState::Unset))
    }
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

    /// Looks again; tells whether the clock was set since the last look, or is worth more or less.
    pub fn look(&mut self, now: Sight) -> Option<ClockEvent> {
        let before = std::mem::replace(&mut self.last, now);
        let expected_ms = before.shown.as_ms().saturating_add(now.steady_ms.saturating_sub(before.steady_ms));
        let by_ms = now.shown.as_ms().saturating_sub(expected_ms);
        let event = ClockEvent { by_ms, before: before.state, now: now.state };
        (event.is_step() || event.before != event.now).then_some(event)
    }
}

/// How often the clock is looked at; between two looks a step must not hide in drift.
pub const LOOK_INTERVAL: Interval = Interval::SECOND;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY_MS: i64 = 1_790_000_000_000;
    const HOUR_MS: i64 = 3_600_000;

    fn at(ms: i64) -> UtcTime {
        UtcTime::from_ms(ms)
    }

    fn compared(at_ms: i64) -> Evidence {
        Evidence { compared_at: Some(at(at_ms)), ..Evidence::default() }
    }

    fn sight(shown_ms: i64, steady_ms: i64, state: ClockState) -> Sight {
        Sight { shown: at(shown_ms), state, steady_ms }
    }

    #[test]
    fn a_clock_is_worth_what_speaks_for_it() {
        use ClockState::{Holdover, Synchronised, Unset};
        let nothing = Evidence::default();
        let kept = Evidence { kept_by_hardware: true, ..nothing };
        let kept_after = |ms| Evidence { newest_kept: Some(at(ms)), ..kept };
        let was_set = Evidence { was_set: true, ..nothing };
        for (shown_ms, evidence, state) in [
            // The time of the last shutdown, brought back by systemd.
            (TODAY_MS, nothing, Unset),
            (TODAY_MS, kept, Holdover),
            (TODAY_MS, kept_after(TODAY_MS), Holdover),
            (TODAY_MS, kept_after(TODAY_MS + 1), Unset),
            (TODAY_MS, was_set, Holdover),
            (TODAY_MS, compared(TODAY_MS - 2 * HOUR_MS), Synchronised),
            (TODAY_MS, compared(TODAY_MS - 2 * HOUR_MS - 1), Holdover),
            // Set back by hand.
            (TODAY_MS, compared(TODAY_MS + 3 * HOUR_MS), Holdover),
            // 1970, whatever the time service says.
            (0, compared(0), Unset),
            (0, kept, Unset),
            (0, was_set, Unset),
        ] {
            assert_eq!(ClockState::of(at(shown_ms), &evidence), state, "{shown_ms} {evidence:?}");
            assert_eq!(ClockState::from_code(state.code()), Some(state));
        }
    }

    #[test]
    fn a_clock_that_finds_the_time_tells_by_how_much_it_was_off() {
        let mut watch = ClockWatch::starting(sight(60_000, 5_000, ClockState::Unset));
        assert_eq!(watch.look(sight(61_000, 6_000, ClockState::Unset)), None);
        let event = watch.look(sight(TODAY_MS, 7_000, ClockState::Synchronised)).unwrap();
        assert_eq!(event.by_ms, TODAY_MS - 62_000);
        assert!(event.is_step() && event.found_the_time() && event.divides_the_unset());
        assert_eq!(watch.look(sight(TODAY_MS + 1_000, 8_000, ClockState::Synchronised)), None);
    }

    #[test]
    fn a_step_back_is_a_step_and_drift_is_none() {
        let mut watch = ClockWatch::starting(sight(TODAY_MS, 0, ClockState::Synchronised));
        assert_eq!(watch.look(sight(TODAY_MS + 1_300, 1_000, ClockState::Synchronised)), None);
        let back = watch.look(sight(TODAY_MS - HOUR_MS, 2_000, ClockState::Synchronised)).unwrap();
        assert!(back.is_step() && back.by_ms < -3_500_000);
        assert!(!back.found_the_time() && !back.divides_the_unset());
    }

    #[test]
    fn a_clock_that_nobody_compares_any_more_is_told_and_finds_nothing_new_when_somebody_does() {
        let mut watch = ClockWatch::starting(sight(TODAY_MS, 0, ClockState::Synchronised));
        let lost = watch.look(sight(TODAY_MS + 1_000, 1_000, ClockState::Holdover)).unwrap();
        assert!(!lost.is_step() && !lost.found_the_time() && !lost.divides_the_unset());
        let back = watch.look(sight(TODAY_MS + 2_000, 2_000, ClockState::Synchronised)).unwrap();
        assert!(!back.is_step() && !back.found_the_time() && !back.divides_the_unset());
    }

    #[test]
    fn a_clock_that_is_set_and_still_in_doubt_is_wrong_by_something_else_from_there() {
        let mut watch = ClockWatch::starting(sight(0, 0, ClockState::Unset));
        let restored = watch.look(sight(TODAY_MS, 1_000, ClockState::Unset)).unwrap();
        assert!(restored.divides_the_unset() && !restored.found_the_time());
        let set = watch.look(sight(TODAY_MS + 1_500, 2_500, ClockState::Synchronised)).unwrap();
        assert!(set.divides_the_unset() && set.found_the_time());
        let lost = watch.look(sight(1_000, 3_500, ClockState::Unset)).unwrap();
        assert!(lost.divides_the_unset() && !lost.found_the_time());
    }

    /// Any time of some days, and 1970.
    fn any_time() -> impl Strategy<Value = UtcTime> {
        prop_oneof![1 => Just(0), 9 => TODAY_MS..TODAY_MS + 96 * HOUR_MS].prop_map(at)
    }

    prop_compose! {
        fn any_evidence()(
            compared_at in prop::option::of(any_time()),
            was_set in any::<bool>(),
            kept_by_hardware in any::<bool>(),
            newest_kept in prop::option::of(any_time()),
        ) -> Evidence {
            Evidence { compared_at, was_set, kept_by_hardware, newest_kept }
        }
    }

    proptest! {
        #[test]
        fn nothing_is_synchronised_without_a_comparison(shown in any_time(), evidence in any_evidence()) {
            let alone = Evidence { compared_at: None, ..evidence };
            prop_assert_ne!(ClockState::of(shown, &alone), ClockState::Synchronised);
            if ClockState::of(shown, &evidence) == ClockState::Synchronised {
                let compared = evidence.compared_at.unwrap();
                prop_assert!(shown.ms_since(compared).abs() <= 2 * HOUR_MS);
            }
        }

        #[test]
        fn nothing_is_believed_that_nothing_speaks_for(shown in any_time(), newest in any_time()) {
            let evidence = Evidence { newest_kept: Some(newest), ..Evidence::default() };
            prop_assert_eq!(ClockState::of(shown, &evidence), ClockState::Unset);
        }

        #[test]
        fn more_evidence_never_makes_a_clock_worth_less(shown in any_time(), evidence in any_evidence()) {
            let worth = |evidence: Evidence| ClockState::of(shown, &evidence).code();
            for more in [
                Evidence { was_set: true, ..evidence },
                Evidence { kept_by_hardware: true, ..evidence },
                Evidence { newest_kept: None, ..evidence },
                Evidence { compared_at: Some(shown), ..evidence },
            ] {
                prop_assert!(worth(more) >= worth(evidence), "{:?}", more);
            }
        }
    }
}
