//! Failures: whoever shows wrong credentials again and again is told to wait, longer each time.
//!
//! Only wrong ones: a right credential opens in the meantime too, from the same address as well, so that
//! nobody can lock a platform out by failing in its place.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::gate::seats::Neighbourhood;

/// Failures that are answered without delay.
const FREE: u32 = 5;
/// The longest that somebody is told to wait, in seconds.
const WAIT_MAX_S: u32 = 300;
/// Without a failure for so long, all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(15);
/// Addresses that are remembered; the one that failed longest ago is forgotten first.
const ADDRESSES_MAX: usize = 256;
/// Failures of all addresses together in [`FORGOTTEN_AFTER`] that are answered without delay: somebody
/// who has many addresses is slowed down too.
const FREE_FOR_ALL: u32 = 500;

#[derive(Clone, Copy, Debug)]
struct Failed {
    from: Neighbourhood,
    times: u32,
    last: Instant,
}

/// Who failed how often.
#[derive(Debug, Default)]
pub(super) struct Failures {
    failed: Vec<Failed>,
    all: u32,
    all_since: Option<Instant>,
}

impl Failures {
    /// Somebody failed again. Gives the seconds that they are told to wait, if any.
    pub(super) fn note(&mut self, from: Neighbourhood, now: Instant) -> Option<u32> {
        self.failed.retain(|failed| now.saturating_duration_since(failed.last) < FORGOTTEN_AFTER);
        let known = self.failed.iter().position(|failed| failed.from == from);
        let before = known.map_or(0, |at| self.failed.remove(at).times);
        if self.failed.len() >= ADDRESSES_MAX {
            self.failed.remove(0);
        }
        let times = before.saturating_add(1);
        self.failed.push(Failed { from, times, last: now });
        let beyond = times.saturating_sub(FREE).max(u32::from(self.is_beyond_all(now)));
        (beyond > 0).then(|| 2_u32.saturating_pow(beyond - 1).min(WAIT_MAX_S))
    }

    fn is_beyond_all(&mut self, now: Instant) -> bool {
        let begun = self.all_since.filter(|since| now.saturating_duration_since(*since) < FORGOTTEN_AFTER);
        if begun.is_none() {
            (self.all_since, self.all) = (Some(now), 0);
        }
        self.all = self.all.saturating_add(1);
        self.all > FREE_FOR_ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(number: u32) -> Neighbourhood {
        Neighbourhood::of(std::net::IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn from_the_sixth_time_on_the_wait_doubles_up_to_a_bound() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        let waits: Vec<_> = (0..20).map(|_| failures.note(from(1), now)).collect();
        assert_eq!(waits[..8], [None, None, None, None, None, Some(1), Some(2), Some(4)]);
        assert_eq!(waits[19], Some(WAIT_MAX_S));
        assert_eq!(failures.note(from(2), now), None, "another address");
        assert_eq!(failures.note(from(1), now + FORGOTTEN_AFTER), None, "after a while");
    }

    #[test]
    fn many_addresses_together_are_slowed_down_and_the_table_stays_small() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        let free = (0..2_000).filter(|number| failures.note(from(*number), now).is_none()).count();
        assert_eq!(free, FREE_FOR_ALL as usize);
        assert_eq!(failures.failed.len(), ADDRESSES_MAX);
    }
}
