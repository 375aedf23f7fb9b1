//! Which periods are over and have no contents yet.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::limits;
use crate::store::job::{Job, Pause};

/// The periods, by their first epoch, that are to be searched for their contents.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    firsts: BTreeSet<u32>,
    /// When the next step is taken.
    at: Option<Instant>,
}

impl Unlisted {
    /// These periods are written no more.
    pub(super) fn add(&mut self, firsts: impl IntoIterator<Item = u32>) {
        self.firsts.extend(firsts);
    }

    /// The contents of a period are there, or it has none.
    pub(super) fn settle(&mut self, first: u32) {
        self.firsts.remove(&first);
    }

    /// The next step: of the newest period, which is asked for the most. A few a second, so that nobody
    /// notices.
    pub(super) fn next(&mut self, now: Instant) -> Result<Job, Pause> {
        let Some(first) = self.firsts.last().copied() else { return Err(Pause::Forever) };
        let pause = Duration::from_millis(limits::STORE_CHECK_PAUSE_MS);
        let at = *self.at.get_or_insert(now + pause);
        if now < at {
            return Err(Pause::Until(at));
        }
        self.at = Some(now + pause);
        Ok(Job::List { first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_period_is_searched_first_and_none_without_a_pause() {
        let (mut unlisted, now) = (Unlisted::default(), Instant::now());
        assert!(matches!(unlisted.next(now), Err(Pause::Forever)));
        unlisted.add([0, 87]);
        let Err(Pause::Until(at)) = unlisted.next(now) else { panic!("a step without a pause") };
        assert!(matches!(unlisted.next(at), Ok(Job::List { first: 87 })));
        let Err(Pause::Until(at)) = unlisted.next(at) else { panic!("a step without a pause") };
        unlisted.settle(87);
        assert!(matches!(unlisted.next(at), Ok(Job::List { first: 0 })));
    }
}
