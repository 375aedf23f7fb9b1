//! Which quarter hours are over and wait to be summed up, and which have changed since they were.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::limits;
use crate::model::reading::GroupId;
use crate::time::{Interval, UtcTime};

/// Late readings come in bursts: one sum for all of a burst.
const LATE_PAUSE: Duration = Duration::from_millis(limits::QUARTER_LATE_PAUSE_MS);

/// A quarter hour of a group by its start.
pub(in crate::store) type Quarter = (UtcTime, GroupId);

/// The quarter hours that have to be summed up.
#[derive(Debug, Default)]
pub(in crate::store) struct Quarters {
    /// For each group the first quarter hour that was not handed out yet.
    open: HashMap<GroupId, UtcTime>,
    due: BTreeSet<Quarter>,
    /// Those that got a reading after they were handed out, and since when.
    late: BTreeSet<Quarter>,
    late_since: Option<Instant>,
    /// Quarter hours that were not summed up because too many waited.
    dropped: u64,
}

impl Quarters {
    /// Notes that everything before `from` is summed up already.
    pub(in crate::store) fn summed_up_to(&mut self, group: GroupId, from: UtcTime) {
        let open = self.open.entry(group).or_insert(from);
        *open = from.max(*open);
    }

    /// Takes note of a scan. A quarter hour is over when two scans have come after it: the second
    /// tells whether the first was right.
    pub(in crate::store) fn see(&mut self, group: GroupId, at: UtcTime, interval: Interval) {
        let quarter = at.floor(Interval::QUARTER_HOUR);
        if quarter == at {
            // What is told at its end is about the quarter hour before.
            self.see_again((UtcTime::from_ms(at.as_ms() - Interval::QUARTER_HOUR.as_ms()), group));
        }
        let open = self.open.entry(group).or_insert(quarter);
        if quarter < *open {
            self.late.insert((quarter, group));
            self.late_since.get_or_insert_with(Instant::now);
            return self.keep_bounded();
        }
        let behind_ms = Interval::QUARTER_HOUR.as_ms() * limits::QUARTERS_BEHIND_MAX;
        if at.ms_since(*open) > behind_ms {
            *open = UtcTime::from_ms(quarter.as_ms() - behind_ms);
        }
        let two_scans_ms = interval.as_ms().saturating_mul(2);
        while at.ms_since(open.plus(Interval::QUARTER_HOUR)) >= two_scans_ms {
            self.due.insert((*open, group));
            *open = open.plus(Interval::QUARTER_HOUR);
        }
        self.keep_bounded();
    }

    /// The next one to be summed up.
    pub(in crate::store) fn next(&mut self, now: Instant) -> Option<Quarter> {
        if self.late_since.is_some_and(|since| now >= since + LATE_PAUSE) {
            self.due.append(&mut self.late);
            self.late_since = None;
        }
        self.due.pop_first()
    }

    /// When late ones are due; `None` when there are none.
    pub(in crate::store) fn late_at(&self) -> Option<Instant> {
        self.late_since.map(|since| since + LATE_PAUSE)
    }

    /// Quarter hours that wait to be summed up.
    pub(in crate::store) fn waiting(&self) -> usize {
        self.due.len() + self.late.len()
    }

    /// Quarter hours that were not summed up because too many waited.
    pub(in crate::store) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether none is due.
    pub(in crate::store) fn is_idle(&self) -> bool {
        self.due.is_empty()
    }

    /// One that could not be summed up is tried again with the next late ones.
    pub(in crate::store) fn put_back(&mut self, quarter: Quarter) {
        self.late.insert(quarter);
        self.late_since.get_or_insert_with(Instant::now);
    }

    /// One that was summed up before is summed up once more with the next late ones; one that was not
    /// is not, before it ends.
    pub(in crate::store) fn see_again(&mut self, (start, group): Quarter) {
        if self.open.get(&group).is_some_and(|open| start < *open) {
            self.put_back((start, group));
            self.keep_bounded();
        }
    }

    fn keep_bounded(&mut self) {
        while self.waiting() > limits::QUARTERS_WAITING_MAX {
            self.dropped += 1;
            if self.due.pop_first().is_none() {
                self.late.pop_first();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId(1);

    fn minute(minute: i64) -> UtcTime {
        UtcTime::from_ms(minute * 60_000)
    }

    fn due(quarters: &mut Quarters) -> Vec<i64> {
        let later = Instant::now() + LATE_PAUSE * 2;
        std::iter::from_fn(|| quarters.next(later)).map(|(at, _)| at.as_ms() / 60_000).collect()
    }

    #[test]
    fn a_quarter_hour_is_due_when_two_scans_have_come_after_it() {
        let mut quarters = Quarters::default();
        for at in 3..=16 {
            quarters.see(GROUP, minute(at), Interval::MINUTE);
        }
        assert_eq!(due(&mut quarters), [] as [i64; 0]);
        quarters.see(GROUP, minute(17), Interval::MINUTE);
        assert_eq!(due(&mut quarters), [0]);
        quarters.see(GROUP, minute(18), Interval::MINUTE);
        assert_eq!(due(&mut quarters), [] as [i64; 0]);
    }

    #[test]
    fn a_late_reading_makes_its_quarter_hour_due_once_more_after_a_while() {
        let mut quarters = Quarters::default();
        quarters.summed_up_to(GROUP, minute(60));
        for at in [5, 6, 7, 31] {
            quarters.see(GROUP, minute(at), Interval::MINUTE);
        }
        assert_eq!(quarters.next(Instant::now()), None);
        assert_eq!(due(&mut quarters), [0, 30]);
    }

    #[test]
    fn after_a_long_pause_only_the_last_days_are_gone_through() {
        let mut quarters = Quarters::default();
        quarters.see(GROUP, minute(0), Interval::MINUTE);
        quarters.see(GROUP, minute(1_000_000), Interval::MINUTE);
        let due = due(&mut quarters);
        let count = i64::try_from(due.len()).unwrap();
        assert!(count <= limits::QUARTERS_BEHIND_MAX + 1 && count > 10, "{count}");
        assert!(due.last().unwrap() + 15 <= 1_000_000);
    }
}
