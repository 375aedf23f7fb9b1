//! What a line puts up with: the share of its time that meters may take which do not answer, and once more that
//! of those which take more than their part. One account each, so that a slow meter keeps nobody from being found
//! when it is back.

use std::time::Duration;

use tokio::time::Instant;

/// One part in so many: 5 %.
const SHARE_OF: u32 = 20;
/// The longest time that is saved up for probes, so that several meters that were dead for long are looked
/// after at once without a pause that anybody would notice.
const SAVED_MAX: Duration = Duration::from_secs(2);

/// What meters of one of these kinds have cost the line, against what they may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    /// Nothing more may be spent before.
    free_from: Instant,
}

impl Tolerance {
    /// A line on which nothing was spent.
    pub(super) fn starting(now: Instant) -> Self {
        Self { free_from: saved_from(now) }
    }

    /// Whether such a meter may be asked at `now`.
    pub(super) fn allows(&self, now: Instant) -> bool {
        now >= self.free_from
    }

    /// From when on one may be asked.
    pub(super) const fn free_from(&self) -> Instant {
        self.free_from
    }

    /// Such a meter has cost the line so much.
    pub(super) fn spend(&mut self, cost: Duration) {
        self.free_from = self.free_from.max(saved_from(Instant::now())) + cost * SHARE_OF;
    }
}

fn saved_from(now: Instant) -> Instant {
    now.checked_sub(SAVED_MAX * SHARE_OF).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn they_take_one_part_in_twenty_in_the_long_run() {
        let began = Instant::now();
        let mut tolerance = Tolerance::starting(began);
        let mut spent = Duration::ZERO;
        while began.elapsed() < Duration::from_hours(1) {
            if tolerance.allows(Instant::now()) {
                tokio::time::sleep(Duration::from_millis(700)).await;
                tolerance.spend(Duration::from_millis(700));
                spent += Duration::from_millis(700);
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let share = spent.saturating_sub(SAVED_MAX).div_duration_f64(began.elapsed());
        assert!((0.048..=0.0505).contains(&share), "{share}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_quiet_time_saves_up_for_a_few_probes_and_no_more() {
        let mut tolerance = Tolerance::starting(Instant::now());
        tokio::time::sleep(Duration::from_hours(5)).await;
        let mut probes = 0;
        while tolerance.allows(Instant::now()) {
            tolerance.spend(Duration::from_secs(1));
            probes += 1;
        }
        assert_eq!(probes, 3, "two seconds are saved, and a probe may overdraw");
    }
}
