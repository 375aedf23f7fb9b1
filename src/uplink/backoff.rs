//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// Never sooner after a failure.
const WAIT_MIN_S: f64 = 1.0;
/// Never later.
const WAIT_MAX_S: f64 = 60.0;

/// The wait after `failures` in a row: anything from one second to twice the span of the failure
/// before, at most a minute. `jitter`, from 0 to 1, says where in that range, so that a thousand
/// gateways do not come back to a restarted broker at the same instant.
pub(super) fn wait_before_attempt(failures: u32, jitter: f64) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let span_s = 2_f64.powi(i32::try_from(failures.min(6)).unwrap_or(6)).min(WAIT_MAX_S);
    Duration::from_secs_f64(WAIT_MIN_S + (span_s - WAIT_MIN_S) * jitter.clamp(0.0, 1.0))
}

/// A number from 0 to 1 out of the system's randomness; the middle where there is none.
pub(super) fn system_jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_a_minute_and_stay_there() {
        let longest: Vec<u64> = (0..9).map(|failures| wait_before_attempt(failures, 1.0).as_secs()).collect();
        assert_eq!(longest, [0, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!((1..9).all(|failures| wait_before_attempt(failures, 0.0) == Duration::from_secs(1)));
        assert_eq!(wait_before_attempt(u32::MAX, 0.5), Duration::from_millis(30_500));
    }

    #[test]
    fn jitter_stays_between_nothing_and_all() {
        assert!((0..100).all(|_| (0.0..=1.0).contains(&system_jitter())));
    }
}
