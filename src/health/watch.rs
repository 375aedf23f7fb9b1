//! Watch: tells which parts stand still. Pure: time and signs are handed in.
//!
//! A part moves as long as its count does. One whose count has not moved for longer than its patience stands
//! still. Only time in which the watch itself was awake counts, so that a process that was stopped for an
//! hour, or a machine that had no time for anybody, finds all its parts waiting and none of them late.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use crate::model::part::Part;

/// How long most parts may take for one step: a database may compact for 20 s.
pub const PATIENCE: Duration = Duration::from_secs(25);
/// The most that counts of the time between two looks.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What a part shows of its progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Whose it is.
    pub part: Part,
    /// What it has done so far.
    pub count: u64,
    /// How long it may take for its next step.
    pub patience: Duration,
}

/// A part that does not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standstill {
    /// Which.
    pub part: Part,
    /// For how long.
    pub since: Duration,
}

impl fmt::Display for Standstill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has not moved for {} s", self.part, self.since.as_secs())
    }
}

/// The names of all that stand still, in one line; empty where none does.
#[must_use]
pub fn names(still: &[Standstill]) -> String {
    still.iter().map(|still| still.part.to_string()).collect::<Vec<_>>().join(", ")
}

/// What was seen of a part last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    count: u64,
    /// On the clock of the watch.
    moved_at: Duration,
    has_moved: bool,
}

/// Looks at all parts now and then.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeMap<Part, Seen>,
    looked_at: Option<Instant>,
    /// How long the watch was awake.
    awake: Duration,
}

impl Watch {
    /// Takes in the signs of all parts at `now`; gives those that stand still. A part that is new has all its
    /// patience before it, and one without a sign is watched no more.
    pub fn look(&mut self, now: Instant, signs: &[Sign]) -> Vec<Standstill> {
        let before = self.looked_at.replace(now).unwrap_or(now);
        self.awake += now.saturating_duration_since(before).min(LOOK_MAX);
        self.seen.retain(|part, _| signs.iter().any(|sign| sign.part == *part));
        signs.iter().filter_map(|sign| self.take(sign)).collect()
    }

    fn take(&mut self, sign: &Sign) -> Option<Standstill> {
        let now = self.awake;
        let seen = self.seen.entry(sign.part.clone());
        let seen = seen.or_insert(Seen { count: sign.count, moved_at: now, has_moved: false });
        if seen.count != sign.count {
            *seen = Seen { count: sign.count, moved_at: now, has_moved: true };
        }
        let since = now.saturating_sub(seen.moved_at);
        (since > sign.patience).then(|| Standstill { part: sign.part.clone(), since })
    }

    /// Whether every part has moved since it was seen first: then all of them are there.
    #[must_use]
    pub fn all_have_moved(&self) -> bool {
        self.seen.values().all(|seen| seen.has_moved)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sign(part: Part, count: u64) -> Sign {
        Sign { part, count, patience: PATIENCE }
    }

    /// Looks once a second at a store that has counted `counts`; gives the seconds at which it stood still.
    fn seconds_of_standstill(counts: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let looks = (0..).zip(counts).filter(|(second, count)| {
            let now = start + Duration::from_secs(*second);
            !watch.look(now, &[sign(Part::Store, *count)]).is_empty()
        });
        looks.map(|(second, _)| second).collect()
    }

    #[test]
    fn a_part_that_moves_slowly_is_not_told_and_one_that_stands_is_within_thirty_seconds() {
        assert_eq!(seconds_of_standstill((0..600).map(|second| second / 25)), [0; 0]);
        let hangs_at_100 = (0..140).map(|second: u64| second.min(100));
        assert_eq!(seconds_of_standstill(hangs_at_100).first(), Some(&126));
        let never_begins = (0..40).map(|_| 0);
        assert_eq!(seconds_of_standstill(never_begins).first(), Some(&26));
    }

    #[test]
    fn a_part_that_moves_again_is_told_no_more() {
        let compacts_for_40_s =
            (0..100).map(|second: u64| if (10..50).contains(&second) { 10 } else { second });
        assert_eq!(seconds_of_standstill(compacts_for_40_s), (36..50).collect::<Vec<_>>());
    }

    #[test]
    fn each_part_has_its_own_patience_and_its_own_name() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let slow = Sign { patience: Duration::from_secs(130), ..sign(Part::Line("slow".to_owned()), 1) };
        let signs = [slow, sign(Part::Line("l".to_owned()), 1), sign(Part::Interface, 1)];
        let mut told = Vec::new();
        for second in 0..=131 {
            told = watch.look(start + Duration::from_secs(second), &signs);
            assert!(second != 30 || told.len() == 2, "{told:?}");
        }
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "polling of line 'slow' has not moved for 131 s",
                "polling of line 'l' has not moved for 131 s",
                "interface has not moved for 131 s"
            ]
        );
    }

    #[test]
    fn a_process_that_was_stopped_finds_nobody_late() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let hour_later = start + Duration::from_hours(1);
        assert!(watch.look(start, &[sign(Part::Store, 1)]).is_empty());
        assert!(watch.look(hour_later, &[sign(Part::Store, 1)]).is_empty());
        let looks = (0..=21).map(|second| hour_later + Duration::from_secs(second));
        let late: Vec<_> = looks.filter_map(|now| watch.look(now, &[sign(Part::Store, 1)]).pop()).collect();
        assert_eq!(late.len(), 1, "awake for 5 s and 21 s: {late:?}");
    }

    #[test]
    fn a_line_that_was_taken_away_is_not_missed_and_a_new_one_has_its_time() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let line = || sign(Part::Line("l".to_owned()), 7);
        let at = |second| start + Duration::from_secs(second);
        for second in 0..=20 {
            assert_eq!(watch.look(at(second), &[line()]), []);
        }
        assert_eq!(watch.look(at(21), &[]), []);
        for second in 22..=47 {
            assert_eq!(watch.look(at(second), &[line()]), []);
        }
        assert_eq!(watch.look(at(48), &[line()]).len(), 1);
    }

    #[test]
    fn all_are_there_once_each_has_moved() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.look(now, &[sign(Part::Store, 0), sign(Part::Interface, 0)]);
        watch.look(now, &[sign(Part::Store, 1), sign(Part::Interface, 0)]);
        assert!(!watch.all_have_moved());
        watch.look(now, &[sign(Part::Store, 1), sign(Part::Interface, 3)]);
        assert!(watch.all_have_moved());
    }

    proptest! {
        #[test]
        fn a_part_stands_still_when_the_plain_model_says_so(
            steps in prop::collection::vec((0_u64..9, any::<bool>()), 1..60),
        ) {
            let (mut watch, start) = (Watch::default(), Instant::now());
            let (mut at, mut count) = (0, 0);
            // The plain model: seconds awake since the count moved.
            let mut still = 0;
            for (number, (seconds, moves)) in steps.into_iter().enumerate() {
                at += seconds;
                still += if number == 0 { 0 } else { seconds.min(5) };
                if moves {
                    count += 1;
                    still = 0;
                }
                let told = watch.look(start + Duration::from_secs(at), &[sign(Part::Store, count)]);
                prop_assert_eq!(told.first().map(|told| told.since.as_secs()), (still > 25).then_some(still));
            }
        }
    }
}
