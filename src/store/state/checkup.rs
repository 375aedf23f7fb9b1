//! Which sealed epochs are still to be looked at, and which cannot be relied on until they were.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::limits;
use crate::store::job::{Job, Pause};

/// The sealed epochs whose blocks may not be what was written. Every one is looked at once after a
/// start; those that do not read back are salvaged, and doubtful until that has been looked at too.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    due: BTreeSet<u32>,
    /// When the next one is looked at.
    at: Option<Instant>,
    /// Those that did not read back, to be salvaged.
    unreadable: BTreeSet<u32>,
    /// Those of which something may be missing that nobody has noted yet.
    doubtful: BTreeSet<u32>,
    /// The one that the writer is at.
    under_way: Option<u32>,
}

impl Checkup {
    /// These epochs are to be looked at.
    pub(super) fn add(&mut self, numbers: impl Iterator<Item = u32>) {
        self.due.extend(numbers);
    }

    /// An epoch did not read back.
    pub(super) fn add_unreadable(&mut self, number: u32) {
        self.unreadable.insert(number);
        self.doubtful.insert(number);
    }

    /// These epochs were rebuilt from what could be salvaged, and are to be looked at.
    pub(super) fn add_rebuilt(&mut self, numbers: impl Iterator<Item = u32> + Clone) {
        self.due.extend(numbers.clone());
        self.doubtful.extend(numbers);
    }

    /// An epoch is whole, or what it lacks is noted, or it has been removed.
    pub(super) fn settle(&mut self, number: u32) {
        self.due.remove(&number);
        self.unreadable.remove(&number);
        self.doubtful.remove(&number);
    }

    /// The epochs of which something may be missing that nobody has noted yet.
    pub(super) fn doubtful(&self) -> impl Iterator<Item = u32> {
        self.doubtful.iter().copied()
    }

    /// How many epochs are not known to be whole, or to lack what is noted.
    pub(super) fn left(&self) -> usize {
        let mut all: BTreeSet<u32> = self.under_way.into_iter().collect();
        all.extend(self.due.iter().chain(&self.unreadable).chain(&self.doubtful));
        all.len()
    }

    /// The writer is at none of them any more.
    pub(super) fn is_idle(&mut self) {
        self.under_way = None;
    }

    /// The next epoch to be salvaged.
    pub(super) fn next_salvage(&mut self) -> Option<Job> {
        let number = self.unreadable.pop_first()?;
        self.under_way = Some(number);
        Some(Job::Salvage { number })
    }

    /// The next epoch to be looked at, a few a second so that nobody notices.
    pub(super) fn next(&mut self, now: Instant) -> Result<Job, Pause> {
        let Some(newest) = self.due.last().copied() else { return Err(Pause::Forever) };
        let pause = Duration::from_millis(limits::STORE_CHECK_PAUSE_MS);
        let at = *self.at.get_or_insert(now + pause);
        if now < at {
            return Err(Pause::Until(at));
        }
        self.at = Some(now + pause);
        self.due.remove(&newest);
        self.under_way = Some(newest);
        Ok(Job::Check { number: newest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next one, its pause waited for.
    fn next(checkup: &mut Checkup) -> Option<u32> {
        checkup.is_idle();
        let job = checkup.next_salvage().map_or_else(|| checkup.next(Instant::now()), Ok);
        let job = match job {
            Err(Pause::Until(at)) => checkup.next(at),
            other => other,
        };
        match job {
            Ok(Job::Check { number } | Job::Salvage { number }) => Some(number),
            _ => None,
        }
    }

    fn started(numbers: std::ops::Range<u32>) -> Checkup {
        let mut checkup = Checkup::default();
        checkup.add(numbers);
        checkup
    }

    #[test]
    fn every_epoch_is_looked_at_once_the_newest_first() {
        let mut checkup = started(0..3);
        assert_eq!([(); 4].map(|()| next(&mut checkup)), [Some(2), Some(1), Some(0), None]);
    }

    #[test]
    fn the_one_that_the_writer_is_at_still_counts() {
        let mut checkup = started(4..5);
        assert_eq!(checkup.left(), 1);
        assert_eq!((next(&mut checkup), checkup.left()), (Some(4), 1));
        checkup.is_idle();
        assert_eq!(checkup.left(), 0);
    }

    #[test]
    fn what_does_not_read_back_goes_first_and_is_doubtful_until_it_is_settled() {
        let mut checkup = started(0..2);
        checkup.add_unreadable(0);
        assert_eq!(next(&mut checkup), Some(0));
        checkup.add_rebuilt(0..2);
        assert_eq!(checkup.doubtful().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(next(&mut checkup), Some(1));
        checkup.settle(1);
        assert_eq!(next(&mut checkup), Some(0));
        assert_eq!((checkup.doubtful().count(), checkup.left()), (1, 1));
        checkup.settle(0);
        checkup.is_idle();
        assert_eq!((checkup.doubtful().count(), checkup.left()), (0, 0));
    }
}
