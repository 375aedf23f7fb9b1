//! How long a unit takes to begin its replies, over all of them, in little memory of fixed size.
//!
//! Turnarounds are counted in buckets that grow with them: 64 µs wide up to 512 µs, and from there a
//! quarter of the power of two below, so that a millisecond and a second are told as sharply.

use std::time::Duration;

/// Finer than the wake-ups of any operating system that this runs on.
const STEP_US: u64 = 64;
/// Buckets between one power of two and the next, as a power of two.
const PARTS_LOG2: u32 = 2;
const PARTS: usize = 1 << PARTS_LOG2;
/// The last bucket ends at 2^20 steps, 67 s, and also takes what is longer; no response timeout is.
const BUCKETS: usize = 19 * PARTS;

/// Turnarounds by their size.
///
/// A quantile of them is off by an eighth at most, or by 32 µs where that is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turnarounds {
    counts: [u32; BUCKETS],
    /// Of all buckets together.
    total: u64,
}

impl Default for Turnarounds {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl Turnarounds {
    /// Takes in one more.
    pub fn add(&mut self, turnaround: Duration) {
        let bucket = bucket_of(turnaround);
        if self.counts[bucket] == u32::MAX {
            // After years of replies: the shares stay, and the newer ones count for more.
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|count| u64::from(*count)).sum();
        }
        self.counts[bucket] += 1;
        self.total += 1;
    }

    /// How many there are; less than there were after billions of replies.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The turnaround that half of the replies did not exceed; `None` before the first.
    #[must_use]
    pub fn p50(&self) -> Option<Duration> {
        self.percentile(50)
    }

    /// The turnaround that 99 of 100 replies did not exceed; `None` before the first.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        self.percentile(99)
    }

    /// The middle of the bucket in which the reply of this rank lies (nearest rank).
    fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut passed = 0;
        let bucket = self.counts.iter().position(|count| {
            passed += u64::from(*count);
            passed >= rank
        })?;
        Some((start_of(bucket) + start_of(bucket + 1)) / 2)
    }
}

/// The first buckets hold one step each; from then on the highest bits of the steps tell the bucket.
fn bucket_of(turnaround: Duration) -> usize {
    let steps = usize::try_from(turnaround.as_micros() / u128::from(STEP_US)).unwrap_or(usize::MAX);
    let bucket = match steps.checked_ilog2() {
        Some(log2) if log2 >= PARTS_LOG2 => {
            let shift = log2 - PARTS_LOG2;
            shift as usize * PARTS + (steps >> shift)
        }
        _ => steps,
    };
    bucket.min(BUCKETS - 1)
}

/// The shortest turnaround of a bucket.
fn start_of(bucket: usize) -> Duration {
    let shift = (bucket / PARTS).saturating_sub(1);
    let steps = (bucket - shift * PARTS) << shift;
    Duration::from_micros(steps as u64 * STEP_US)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turnarounds(all_us: &[u64]) -> Turnarounds {
        let mut turnarounds = Turnarounds::default();
        for us in all_us {
            turnarounds.add(Duration::from_micros(*us));
        }
        turnarounds
    }

    #[test]
    fn before_the_first_reply_nothing_is_known() {
        assert_eq!((Turnarounds::default().p50(), Turnarounds::default().p99()), (None, None));
    }

    #[test]
    fn one_slow_reply_in_a_hundred_is_left_out_of_the_99_and_two_are_not() {
        let mut all_us = vec![20_000; 99];
        all_us.push(400_000);
        let near = |found: Option<Duration>, ms: u64| {
            let found = found.unwrap().as_micros();
            found.abs_diff(u128::from(ms) * 1_000) * 8 <= u128::from(ms) * 1_000
        };
        assert!(near(turnarounds(&all_us).p50(), 20) && near(turnarounds(&all_us).p99(), 20));
        all_us[0] = 400_000;
        assert!(near(turnarounds(&all_us).p50(), 20) && near(turnarounds(&all_us).p99(), 400));
    }

    #[test]
    fn a_full_bucket_halves_all_and_the_shares_stay() {
        let mut turnarounds = turnarounds(&[20_000, 400_000]);
        let (fast, slow) = (bucket_of(Duration::from_millis(20)), bucket_of(Duration::from_millis(400)));
        turnarounds.counts[fast] = u32::MAX;
        turnarounds.counts[slow] = 1 << 30;
        turnarounds.total = u64::from(u32::MAX) + (1 << 30);
        let before = (turnarounds.p50(), turnarounds.p99());
        turnarounds.add(Duration::from_millis(20));
        assert_eq!(turnarounds.counts[slow], 1 << 29);
        assert_eq!((turnarounds.p50(), turnarounds.p99()), before);
    }

    #[test]
    fn every_bucket_begins_where_the_one_before_it_ends() {
        for bucket in 0..BUCKETS {
            let (start, end) = (start_of(bucket), start_of(bucket + 1));
            assert_eq!(bucket_of(start), bucket);
            assert_eq!(bucket_of(end.saturating_sub(Duration::from_nanos(1))), bucket);
        }
        assert_eq!(start_of(BUCKETS), Duration::from_micros(64 << 20));
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_an_eighth_of_that_of_a_sorted_list(
            mut all_us in prop::collection::vec((0..26_u32, any::<u64>()).prop_map(|(log2, us)| us % (1 << log2)), 1..400),
        ) {
            let turnarounds = turnarounds(&all_us);
            all_us.sort_unstable();
            for (percent, found) in [(50, turnarounds.p50()), (99, turnarounds.p99())] {
                let exact = all_us[(all_us.len() * percent).div_ceil(100) - 1];
                let off = u64::try_from(found.unwrap().as_micros()).unwrap().abs_diff(exact);
                prop_assert!(off <= (exact / 8).max(32), "{found:?} for {exact} us");
            }
        }
    }
}
