//! Supervision: when the watchdog may be fed, and what becomes of a service that ends. Pure: time comes in as an argument.
//!
//! The service tells of itself as `sd_notify(3)` has it.

use std::collections::VecDeque;
use std::time::Duration;

/// How long the service may take until it says anything.
const START_MAX: Duration = Duration::from_mins(1);
/// How much longer it may ask for at a time: a database of a full medium is looked through.
const EXTENSION_MAX: Duration = Duration::from_mins(3);
/// How long the service may be silent once it is ready.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);
/// So many ends in [`CRASH_WINDOW`] are a loop.
const CRASHES_MAX: usize = 5;
/// The time that ends are counted in.
const CRASH_WINDOW: Duration = Duration::from_mins(10);
/// Waited before the first new start of a service; twice as long each time after that.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Waited at most.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The service asks for a new start of the machine.
const EXIT_RESTART: i32 = 100;
/// The site file was mended at the desk of repair, and the service is to run it.
const EXIT_MENDED: i32 = 102;
/// The description of the board has faults, or a site file where no serial console could mend it (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: i32 = 78;

/// What to do after the service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Start it again after this time.
    Again(Duration),
    /// Start the machine anew: the service wants it.
    Restart,
    /// It dies again and again.
    CrashLoop,
}

/// What is known of the service.
#[derive(Debug)]
pub(super) struct Supervision {
    started: Duration,
    /// Until when a start may take, where the service has asked for longer.
    start_until: Duration,
    /// The last sign of life since it was ready.
    sign: Option<Duration>,
    crashes: VecDeque<Duration>,
}

impl Supervision {
    /// A service that is started at `now`.
    pub(super) fn new(now: Duration) -> Self {
        Self { started: now, start_until: now + START_MAX, sign: None, crashes: VecDeque::new() }
    }

    /// The service has been started again.
    pub(super) fn started(&mut self, now: Duration) {
        self.started = now;
        self.start_until = now + START_MAX;
        self.sign = None;
    }

    /// The service says something, a `NAME=value` a line.
    pub(super) fn hear(&mut self, now: Duration, message: &str) {
        for line in message.lines() {
            match line.split_once('=') {
                Some(("READY" | "WATCHDOG", "1")) => self.sign = Some(now),
                Some(("EXTEND_TIMEOUT_USEC", us)) if self.sign.is_none() => {
                    let more = us.parse().map_or(Duration::ZERO, Duration::from_micros).min(EXTENSION_MAX);
                    self.start_until = self.start_until.max(now + more);
                }
                _ => {}
            }
        }
    }

    /// Whether the service goes on, as far as is known.
    pub(super) fn is_alive(&self, now: Duration) -> bool {
        match self.sign {
            Some(sign) => now.saturating_sub(sign) <= SILENCE_MAX,
            None => now <= self.start_until,
        }
    }

    /// The service has ended with this exit code, or by a signal.
    pub(super) fn ended(&mut self, now: Duration, code: Option<i32>) -> Next {
        match code {
            Some(EXIT_RESTART) => return Next::Restart,
            Some(EXIT_MENDED) => return Next::Again(Duration::ZERO),
            Some(EXIT_CONFIG) => return Next::Again(PAUSE_MAX),
            _ => {}
        }
        self.crashes.push_back(now);
        while self.crashes.front().is_some_and(|crash| now.saturating_sub(*crash) > CRASH_WINDOW) {
            self.crashes.pop_front();
        }
        if self.crashes.len() >= CRASHES_MAX {
            self.crashes.clear();
            return Next::CrashLoop;
        }
        let doublings = u32::try_from(self.crashes.len().saturating_sub(1)).unwrap_or(u32::MAX);
        Next::Again(PAUSE_MIN.saturating_mul(2_u32.saturating_pow(doublings)).min(PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_service_that_starts_may_take_its_time_and_ask_for_more() {
        let mut service = Supervision::new(s(0));
        assert!(service.is_alive(s(60)));
        assert!(!service.is_alive(s(61)));
        service.hear(s(50), "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=looking through the database");
        assert!(service.is_alive(s(110)));
        assert!(!service.is_alive(s(111)));
        service.hear(s(110), "EXTEND_TIMEOUT_USEC=9000000000");
        assert!(service.is_alive(s(290)));
        assert!(!service.is_alive(s(291)));
    }

    #[test]
    fn a_service_that_is_ready_has_to_give_signs_of_life() {
        let mut service = Supervision::new(s(0));
        service.hear(s(5), "READY=1");
        assert!(service.is_alive(s(35)));
        assert!(!service.is_alive(s(36)));
        service.hear(s(36), "WATCHDOG=1");
        assert!(service.is_alive(s(66)));
    }

    #[test]
    fn what_is_no_sign_of_life_is_none() {
        let mut service = Supervision::new(s(0));
        service.hear(s(5), "READY=1");
        for words in ["WATCHDOG=trigger", "STATUS=well", "WATCHDOG", "", "EXTEND_TIMEOUT_USEC=9000000000"] {
            service.hear(s(30), words);
        }
        assert!(!service.is_alive(s(36)));
    }

    #[test]
    fn a_service_that_dies_again_and_again_is_in_a_loop() {
        let mut service = Supervision::new(s(0));
        let nexts: Vec<Next> =
            (0..5).map(|number| service.ended(s(number * 20), (number % 2 == 0).then_some(101))).collect();
        let again = |seconds| Next::Again(s(seconds));
        assert_eq!(nexts, [again(1), again(2), again(4), again(8), Next::CrashLoop]);
    }

    #[test]
    fn ends_that_lie_far_apart_are_no_loop() {
        let mut service = Supervision::new(s(0));
        for number in 0..50 {
            assert_eq!(service.ended(s(number * 601), None), Next::Again(s(1)), "{number}");
        }
    }

    #[test]
    fn a_faulty_site_file_is_no_crash_and_a_wished_restart_is_granted() {
        let mut service = Supervision::new(s(0));
        for number in 0..20 {
            assert_eq!(service.ended(s(number), Some(102)), Next::Again(Duration::ZERO), "mended");
        }
        for number in 0..20 {
            assert_eq!(service.ended(s(number * 30), Some(78)), Next::Again(s(30)));
        }
        assert_eq!(service.ended(s(900), Some(100)), Next::Restart);
    }
}
