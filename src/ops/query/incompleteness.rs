//! What the gap ledger says about a period: how much of it can be there at most, and why not all is.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::gap::{Gap, GapCause};
use crate::time::{Interval, UtcTime};

/// What is missing of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Missing {
    /// The share of the period that can be complete at most, 0 to 1.
    pub(super) complete_at_most: f64,
    /// What most of it is missing for.
    pub(super) cause: Option<GapCause>,
}

impl Missing {
    /// What is missing of `period` by the `gaps` of a series, in order of their start, that should have a
    /// reading each `interval`.
    pub(super) fn of(gaps: &[Gap], period: &Range<UtcTime>, interval: Interval) -> Self {
        let mut by_cause: BTreeMap<GapCause, i64> = BTreeMap::new();
        let mut missing_ms = 0;
        let mut told_until = period.start;
        for gap in gaps {
            // One that goes on lacks the reading of its end, too.
            let end = if gap.ongoing { gap.to.plus(interval) } else { gap.to };
            let (from, to) = (gap.from.max(period.start), end.min(period.end));
            if to <= from {
                continue;
            }
            *by_cause.entry(gap.cause).or_default() += to.ms_since(from);
            // How much of a partial one is missing is not known, and one gap can lie in another.
            if !gap.partial && to > told_until {
                missing_ms += whole_intervals_ms(to.ms_since(from.max(told_until)), interval);
                told_until = to;
            }
        }
        let period_ms = period.end.ms_since(period.start).max(1);
        let most = by_cause.into_iter().max_by_key(|(_, ms)| *ms);
        Self {
            complete_at_most: share((period_ms - missing_ms).max(0), period_ms),
            cause: most.map(|(cause, _)| cause),
        }
    }
}

/// Readings come a little early or late, so that the ends of a gap are not exact.
const fn whole_intervals_ms(gap_ms: i64, interval: Interval) -> i64 {
    let interval_ms = interval.as_ms();
    (gap_ms + interval_ms / 2) / interval_ms * interval_ms
}

#[expect(clippy::cast_precision_loss, reason = "a period is far shorter than 2^53 milliseconds")]
const fn share(part_ms: i64, whole_ms: i64) -> f64 {
    part_ms as f64 / whole_ms as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> UtcTime {
        UtcTime::from_ms(minute * 60_000)
    }

    fn gap(from: i64, to: i64, cause: GapCause) -> Gap {
        Gap { from: at(from), to: at(to), cause, missing: 0, ongoing: false, partial: false }
    }

    fn of_an_hour(gaps: &[Gap]) -> (f64, Option<GapCause>) {
        let missing = Missing::of(gaps, &(at(60)..at(120)), Interval::MINUTE);
        (missing.complete_at_most, missing.cause)
    }

    #[test]
    fn the_longest_cause_is_told_and_what_lies_outside_or_twice_does_not_count() {
        assert_eq!(of_an_hour(&[]), (1.0, None));
        assert_eq!(of_an_hour(&[gap(0, 60, GapCause::Power), gap(120, 130, GapCause::Power)]), (1.0, None));
        let gaps =
            [gap(0, 75, GapCause::Power), gap(70, 90, GapCause::Storage), gap(110, 999, GapCause::Clock)];
        assert_eq!(of_an_hour(&gaps), (20.0 / 60.0, Some(GapCause::Storage)));
    }

    #[test]
    fn a_partial_gap_is_told_and_takes_nothing_for_sure_and_one_that_goes_on_lacks_its_last_reading() {
        let partial = Gap { partial: true, ..gap(60, 90, GapCause::Quota) };
        assert_eq!(of_an_hour(&[partial]), (1.0, Some(GapCause::Quota)));
        let ongoing = Gap { ongoing: true, ..gap(90, 104, GapCause::Power) };
        assert_eq!(of_an_hour(&[ongoing]), (0.75, Some(GapCause::Power)));
    }

    proptest! {
        #[test]
        fn as_many_minutes_are_missing_as_a_plain_count_says(
            mut gaps in prop::collection::vec((40_i64..140, 0_i64..40), 0..8)
        ) {
            gaps.sort_unstable();
            let gaps: Vec<Gap> = gaps.iter().map(|(from, length)| gap(*from, from + length, GapCause::Power)).collect();
            let missing = (60..120).filter(|minute| gaps.iter().any(|gap| gap.from <= at(*minute) && at(*minute) < gap.to));
            let expected = 1.0 - f64::from(u32::try_from(missing.count()).unwrap()) / 60.0;
            prop_assert!((of_an_hour(&gaps).0 - expected).abs() < 1e-9);
        }
    }
}
