//! How long to wait before a port is opened again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);

/// Pauses that double from 0.2 s to a longest one, each up to a quarter longer, so that many gateways do not
/// return to one server in step.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    most: Duration,
    failures: u32,
    noise: u64,
}

impl Backoff {
    pub(super) const fn new(most: Duration, seed: u64) -> Self {
        Self { most, failures: 0, noise: seed }
    }

    /// The pause after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = FIRST * 2_u32.saturating_pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(self.most);
        pause + pause / 4 * self.next_noise() / 255
    }

    /// The port is good: the next failure is a first one again.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether nothing has failed since the port was last good.
    pub(super) const fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// 0 to 255 (an xorshift; it only has to differ between gateways).
    fn next_noise(&mut self) -> u32 {
        self.noise = self.noise.max(1);
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        u32::from(self.noise.to_le_bytes()[5])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Duration = Duration::from_secs(5);

    #[test]
    fn pauses_double_up_to_the_longest_and_start_again_after_success() {
        let mut backoff = Backoff::new(FIVE, 7);
        for base_ms in [200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            let pause = backoff.next();
            let base = Duration::from_millis(base_ms);
            assert!(pause >= base && pause <= base * 5 / 4, "{pause:?} for {base:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(250));
    }

    #[test]
    fn two_gateways_do_not_return_in_step() {
        let [mut one, mut other] = [Backoff::new(FIVE, 7), Backoff::new(FIVE, 8 << 32)];
        let pauses = |backoff: &mut Backoff| (0..5).map(|_| backoff.next()).collect::<Vec<_>>();
        assert_ne!(pauses(&mut one), pauses(&mut other));
    }
}
