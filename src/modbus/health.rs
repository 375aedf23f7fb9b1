//! Whether a unit that has been silent is asked again.
//!
//! A unit that is gone costs the line a whole timeout for each request. After a few silent scans it is
//! asked only now and then, so that the others keep their pace; its first sign of life ends that.

use std::time::Duration;

use tokio::time::Instant;

/// Silent scans in a row after which a unit is asked less often.
const SILENT_SCANS_MAX: u32 = 3;
/// The first pause; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause: a unit that is back is seen within a minute.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// What is known of one unit's silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    silent_scans: u32,
    ask_from: Option<Instant>,
}

impl Health {
    /// Whether the unit is asked at `now`.
    #[must_use]
    pub fn may_ask(&self, now: Instant) -> bool {
        self.ask_from.is_none_or(|ask_from| now >= ask_from)
    }

    /// Whether the unit is asked less often. It is then probed with one request, tried once, before
    /// anything else is asked of it.
    #[must_use]
    pub const fn is_backed_off(&self) -> bool {
        self.ask_from.is_some()
    }

    /// Whether the last scan was not answered at all.
    #[must_use]
    pub const fn was_silent(&self) -> bool {
        self.silent_scans > 0
    }

    /// The unit has said something, be it an exception.
    pub const fn answered(&mut self) {
        *self = Self { silent_scans: 0, ask_from: None };
    }

    /// A scan (or a probe) that ended at `now` was not answered at all.
    pub fn silent(&mut self, now: Instant) {
        self.silent_scans = self.silent_scans.saturating_add(1);
        if let Some(doublings) = self.silent_scans.checked_sub(SILENT_SCANS_MAX) {
            let pause = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(doublings)).min(PAUSE_MAX);
            self.ask_from = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_asked_as_usual_until_three_scans_were_silent() {
        let now = Instant::now();
        let mut health = Health::default();
        for _ in 0..2 {
            health.silent(now);
            assert!(health.may_ask(now) && !health.is_backed_off());
        }
        health.silent(now);
        assert!(!health.may_ask(now) && health.is_backed_off());
        assert!(health.may_ask(now + PAUSE_MIN));
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let mut now = Instant::now();
        let mut health = Health { silent_scans: 2, ask_from: None };
        for pause_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            health.silent(now);
            let pause = Duration::from_secs(pause_s);
            assert!(!health.may_ask(now + pause - Duration::from_millis(1)), "{pause_s}");
            assert!(health.may_ask(now + pause), "{pause_s}");
            now += pause;
        }
        let mut long_gone = Health { silent_scans: u32::MAX, ask_from: None };
        long_gone.silent(now);
        assert!(long_gone.may_ask(now + PAUSE_MAX));
    }

    #[test]
    fn any_answer_ends_the_back_off_at_once() {
        let now = Instant::now();
        let mut health = Health { silent_scans: 9, ask_from: None };
        health.silent(now);
        health.answered();
        assert_eq!(health, Health::default());
        assert!(health.may_ask(now));
    }
}
