//! Whether a slot on trial has proved itself; pure.

use std::time::Duration;

use tokio::time::Instant;

/// How long everything has to go well on end.
const FIT_FOR: Duration = Duration::from_mins(1);
/// How long it may take from the start until that is so.
const PROVED_WITHIN: Duration = Duration::from_mins(10);

/// What is to be done about the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again.
    Wait,
    /// It has proved itself.
    Confirm,
    /// It has not, and its time is over.
    GiveUp,
}

/// A trial that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Proving {
    began: Instant,
    fit_since: Option<Instant>,
}

impl Proving {
    /// Begins at `now`.
    #[must_use]
    pub fn begun(now: Instant) -> Self {
        Self { began: now, fit_since: None }
    }

    /// Hears at `now` whether everything goes well.
    pub fn look(&mut self, now: Instant, is_fit: bool) -> Verdict {
        self.fit_since = is_fit.then(|| self.fit_since.unwrap_or(now));
        match self.fit_since {
            Some(since) if now - since >= FIT_FOR => Verdict::Confirm,
            // What has begun to go well near the end may finish its minute.
            None if now - self.began >= PROVED_WITHIN => Verdict::GiveUp,
            _ => Verdict::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes of looking once a second, and after how many seconds.
    fn outcome(is_fit: impl Fn(u64) -> bool) -> (u64, Verdict) {
        let start = Instant::now();
        let mut proving = Proving::begun(start);
        let looks = (0..2_000).map(|second| {
            let now = start + Duration::from_secs(second);
            (second, proving.look(now, is_fit(second)))
        });
        looks.into_iter().find(|(_, verdict)| *verdict != Verdict::Wait).unwrap()
    }

    #[test]
    fn a_minute_on_end_confirms() {
        assert_eq!(outcome(|_| true), (60, Verdict::Confirm));
        assert_eq!(outcome(|second| second >= 100), (160, Verdict::Confirm));
    }

    #[test]
    fn one_bad_look_begins_the_minute_anew() {
        assert_eq!(outcome(|second| second != 59), (120, Verdict::Confirm));
    }

    #[test]
    fn ten_minutes_without_a_good_one_give_up() {
        assert_eq!(outcome(|_| false), (600, Verdict::GiveUp));
        assert_eq!(outcome(|second| second % 60 != 0), (600, Verdict::GiveUp));
    }

    #[test]
    fn a_minute_that_began_in_time_may_end() {
        assert_eq!(outcome(|second| second >= 599), (659, Verdict::Confirm));
        assert_eq!(outcome(|second| (599..640).contains(&second)), (640, Verdict::GiveUp));
    }

    proptest! {
        #[test]
        fn the_naive_count_of_good_seconds_says_the_same(bad in prop::collection::btree_set(0_u64..700, 0..40)) {
            let (mut good, mut expected) = (0_i32, None);
            for second in 0..2_000 {
                good = if bad.contains(&second) { 0 } else { good + 1 };
                if good == 61 {
                    expected = Some((second, Verdict::Confirm));
                } else if good == 0 && second >= 600 {
                    expected = Some((second, Verdict::GiveUp));
                }
                if expected.is_some() {
                    break;
                }
            }
            prop_assert_eq!(Some(outcome(|second| !bad.contains(&second))), expected);
        }
    }
}
