//! Stretches in which the clock ran on undisturbed, and by how much what it showed then was wrong.

use crate::time::UtcTime;
use crate::time::trust::{ClockState, STEP_MS_MIN, Sight};

/// A stretch in which nobody set the clock, up to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Stretch {
    /// The sequence number of the next scan when it began; one that was under way then comes later.
    pub(in crate::store) first_sequence: u64,
    /// What the clock showed when it began.
    pub(in crate::store) shown_from: UtcTime,
    /// How far the clock is ahead of the one that nobody sets, in milliseconds.
    pub(in crate::store) lead_ms: i64,
    /// Whether the clock was unset.
    pub(in crate::store) is_unset: bool,
}

impl Stretch {
    /// Begins with what is seen of the clock.
    pub(in crate::store) fn beginning(first_sequence: u64, sight: &Sight) -> Self {
        Self {
            first_sequence,
            shown_from: sight.shown,
            lead_ms: sight.shown.as_ms().saturating_sub(sight.steady_ms),
            is_unset: sight.state == ClockState::Unset,
        }
    }

    /// What the clock would have shown when `next` began.
    fn shown_to(&self, next: &Self) -> UtcTime {
        let behind_ms = next.lead_ms.saturating_sub(self.lead_ms);
        UtcTime::from_ms(next.shown_from.as_ms().saturating_sub(behind_ms))
    }
}

/// All stretches of one start of the machine, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Stretches(pub(in crate::store) Vec<Stretch>);

/// By how much a scan is to be re-dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Correction {
    /// Forward is positive.
    pub(in crate::store) by_ms: i64,
    /// Whether the clock was set before the scan was taken in: then only its marks tell it from others.
    pub(in crate::store) came_late: bool,
}

impl Stretches {
    /// The correction for the scan of this number that has this time; `None` where the clock was set, and
    /// where nothing tells what was wrong with it.
    pub(in crate::store) fn correction(&self, sequence: u64, at: UtcTime) -> Option<Correction> {
        let by_number = self.0.iter().rposition(|stretch| stretch.first_sequence <= sequence)?;
        let is_after_begin = |index: &usize| at.ms_since(self.0[*index].shown_from) >= -STEP_MS_MIN;
        // It may have been under way when the clock was set, or taken in before that was seen.
        let mut index = Some(by_number).filter(is_after_begin).or(by_number.checked_sub(1))?;
        let is_over = |index: usize| {
            let next = self.0.get(index + 1)?;
            Some(at.ms_since(self.0[index].shown_to(next)) > STEP_MS_MIN)
        };
        if index == by_number && is_over(index)? {
            index += 1;
        }
        let stretch = self.0.get(index).filter(|stretch| stretch.is_unset && is_after_begin(&index))?;
        let truth = self.0[index..].iter().find(|stretch| !stretch.is_unset)?;
        if is_over(index)? {
            return None;
        }
        let by_ms = truth.lead_ms.saturating_sub(stretch.lead_ms);
        Some(Correction { by_ms, came_late: !self.0[by_number].is_unset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE_MS: i64 = 1_790_000_000_000;
    const RESTORED_MS: i64 = TRUE_MS - 7_200_000;

    fn stretch(first_sequence: u64, shown_ms: i64, steady_ms: i64, state: ClockState) -> Stretch {
        let sight = Sight { shown: UtcTime::from_ms(shown_ms), state, steady_ms };
        Stretch::beginning(first_sequence, &sight)
    }

    /// 1970 for ten seconds, then the time of the last shutdown for ten, then the truth.
    fn started_cold() -> Stretches {
        Stretches(vec![
            stretch(1, 5_000, 5_000, ClockState::Unset),
            stretch(11, RESTORED_MS, 15_000, ClockState::Unset),
            stretch(21, TRUE_MS, 25_000, ClockState::Synchronised),
        ])
    }

    /// The true time at which a scan was taken, by its number and the time that it has.
    fn true_time(stretches: &Stretches, sequence: u64, at_ms: i64) -> Option<i64> {
        let correction = stretches.correction(sequence, UtcTime::from_ms(at_ms))?;
        Some(at_ms + correction.by_ms)
    }

    #[test]
    fn each_scan_is_corrected_by_what_was_wrong_with_the_clock_that_it_was_read_by() {
        let stretches = started_cold();
        assert_eq!(true_time(&stretches, 1, 5_000), Some(TRUE_MS - 20_000));
        assert_eq!(true_time(&stretches, 10, 14_900), Some(TRUE_MS - 10_100));
        assert_eq!(true_time(&stretches, 11, RESTORED_MS), Some(TRUE_MS - 10_000));
        assert_eq!(true_time(&stretches, 20, RESTORED_MS + 9_900), Some(TRUE_MS - 100));
        assert_eq!(true_time(&stretches, 21, TRUE_MS), None);
    }

    #[test]
    fn a_scan_that_was_under_way_at_a_step_goes_by_its_own_time() {
        let stretches = started_cold();
        assert_eq!(true_time(&stretches, 12, 14_000), Some(TRUE_MS - 11_000));
        assert_eq!(true_time(&stretches, 40, RESTORED_MS + 9_000), Some(TRUE_MS - 1_000));
        let late = stretches.correction(40, UtcTime::from_ms(RESTORED_MS + 9_000)).unwrap();
        let early = stretches.correction(20, UtcTime::from_ms(RESTORED_MS + 9_000)).unwrap();
        assert!(late.came_late && !early.came_late);
    }

    #[test]
    fn a_scan_that_was_taken_in_before_the_step_was_seen_goes_by_its_own_time() {
        let stretches = started_cold();
        assert_eq!(true_time(&stretches, 10, RESTORED_MS + 500), Some(TRUE_MS - 9_500));
        assert_eq!(true_time(&stretches, 20, TRUE_MS + 500), None, "the clock was set when it was read");
    }

    #[test]
    fn nothing_is_corrected_before_the_truth_is_known_or_at_a_time_that_was_never_shown() {
        let mut stretches = started_cold();
        assert_eq!(true_time(&stretches, 1, RESTORED_MS - 60_000), None);
        assert_eq!(true_time(&stretches, 0, 5_000), None);
        stretches.0.truncate(2);
        assert_eq!(true_time(&stretches, 1, 5_000), None);
        assert_eq!(Stretches::default().correction(1, UtcTime::default()), None);
    }

    #[test]
    fn a_clock_that_was_ahead_is_set_back() {
        let ahead_ms = TRUE_MS + 3_600_000;
        let stretches = Stretches(vec![
            stretch(1, ahead_ms, 0, ClockState::Unset),
            stretch(11, TRUE_MS + 10_000, 10_000, ClockState::Synchronised),
        ]);
        assert_eq!(true_time(&stretches, 3, ahead_ms + 3_000), Some(TRUE_MS + 3_000));
    }
}
