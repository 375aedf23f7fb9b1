//! Counts: how many readings a stretch of the past gives, remembered between the pages of an answer.
//!
//! Every page tells how many readings there are on all of them. Without this, whoever asks for three
//! hundred pages would have them all counted three hundred times.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use crate::limits;
use crate::model::reading::SeriesId;
use crate::time::{Interval, UtcTime};

/// What was counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::ops) struct Counted {
    pub(super) series: SeriesId,
    pub(super) range: Range<UtcTime>,
    /// Only the last reading of each was counted.
    pub(super) interval: Option<Interval>,
}

/// The newest counts, a bounded number of them.
#[derive(Debug, Default)]
pub(in crate::ops) struct Counts {
    known: HashMap<Counted, (u64, u64)>,
    oldest_first: VecDeque<Counted>,
}

impl Counts {
    /// The count that was found when the past stood at this `revision`.
    pub(super) fn get(&self, counted: &Counted, revision: u64) -> Option<u64> {
        self.known.get(counted).filter(|(known, _)| *known == revision).map(|(_, count)| *count)
    }

    /// Remembers a count of a stretch that is past.
    pub(super) fn put(&mut self, counted: Counted, revision: u64, count: u64) {
        if self.known.insert(counted.clone(), (revision, count)).is_none() {
            self.oldest_first.push_back(counted);
        }
        while self.oldest_first.len() > limits::QUERY_COUNTS_MAX {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(series: u32) -> Counted {
        Counted { series: SeriesId(series), range: UtcTime::from_ms(0)..UtcTime::from_ms(9), interval: None }
    }

    #[test]
    fn a_count_is_known_as_long_as_the_past_is_what_it_was() {
        let mut counts = Counts::default();
        counts.put(counted(1), 7, 100);
        assert_eq!(counts.get(&counted(1), 7), Some(100));
        assert_eq!((counts.get(&counted(1), 8), counts.get(&counted(2), 7)), (None, None));
        counts.put(counted(1), 8, 101);
        assert_eq!(counts.get(&counted(1), 8), Some(101));
        assert_eq!(counts.get(&Counted { interval: Some(Interval::MINUTE), ..counted(1) }, 8), None);
    }

    #[test]
    fn only_so_many_counts_are_remembered() {
        let mut counts = Counts::default();
        for series in 0..2 * u32::try_from(limits::QUERY_COUNTS_MAX).unwrap() {
            counts.put(counted(series), 1, 1);
        }
        assert_eq!(
            (counts.known.len(), counts.oldest_first.len()),
            (limits::QUERY_COUNTS_MAX, limits::QUERY_COUNTS_MAX)
        );
        assert_eq!(counts.get(&counted(0), 1), None);
    }
}
