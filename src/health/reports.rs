//! Reports: what the supervisor of the service is told, and when. Pure.
//!
//! ```text
//! starting    STATUS, EXTEND_TIMEOUT_USEC    for a while: opening a store after a power cut takes its time
//! running     READY once, WATCHDOG while nothing stands still, STATUS where it changes
//! stopping    STOPPING once, WATCHDOG for as long as a stop may take
//! ```

use std::time::{Duration, Instant};

use super::notify::Message;
use super::watch::{Standstill, names};

/// How long a start is prolonged. One that takes longer hangs.
const START_MAX: Duration = Duration::from_mins(10);
/// By how much it is prolonged each time.
const START_STEP: Duration = Duration::from_secs(30);
/// How often it is prolonged.
const START_PERIOD: Duration = Duration::from_secs(10);
/// How long a stop is waited for with signs of life; `TimeoutStopSec=` of the service is as long.
const STOP_MAX: Duration = Duration::from_secs(30);

/// What is told of one service.
#[derive(Debug)]
pub struct Reports {
    /// How long the supervisor waits for a sign of life.
    watchdog: Option<Duration>,
    started_at: Instant,
    /// When the start was prolonged last.
    prolonged_at: Option<Instant>,
    is_ready: bool,
    /// When a sign of life was given last.
    sign_at: Option<Instant>,
    stopping_since: Option<Instant>,
    status: String,
}

impl Reports {
    /// What is told of a service that starts at `now`, whose supervisor waits for a sign of life for so long as
    /// `watchdog` says.
    #[must_use]
    pub const fn new(watchdog: Option<Duration>, now: Instant) -> Self {
        Self {
            watchdog,
            started_at: now,
            prolonged_at: None,
            is_ready: false,
            sign_at: None,
            stopping_since: None,
            status: String::new(),
        }
    }

    /// Whether the service was said to have started.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// What is told while not all parts are there.
    pub fn starting(&mut self, now: Instant) -> Vec<Message> {
        let mut told = self.status_if_new("starting");
        let is_due = self.prolonged_at.is_none_or(|at| now.saturating_duration_since(at) >= START_PERIOD);
        if is_due && now.saturating_duration_since(self.started_at) < START_MAX {
            self.prolonged_at = Some(now);
            told.push(Message::ExtendTimeout(START_STEP));
        }
        told
    }

    /// What is told once all parts are there, of which `still` stand still; `at_work` says how it goes else.
    pub fn running(&mut self, now: Instant, still: &[Standstill], at_work: &str) -> Vec<Message> {
        let mut told = Vec::new();
        if !self.is_ready {
            self.is_ready = true;
            told.push(Message::Ready);
        }
        if still.is_empty() {
            told.extend(self.sign_if_due(now));
            told.extend(self.status_if_new(at_work));
        } else {
            told.extend(self.status_if_new(&format!("stands still: {}", names(still))));
        }
        told
    }

    /// What is told while the service stops.
    pub fn stopping(&mut self, now: Instant) -> Vec<Message> {
        let mut told = Vec::new();
        let since = *self.stopping_since.get_or_insert_with(|| {
            told.push(Message::Stopping);
            now
        });
        told.extend(self.status_if_new("stopping"));
        if now.saturating_duration_since(since) < STOP_MAX {
            told.extend(self.sign_if_due(now));
        }
        told
    }

    /// Half the time that the supervisor waits lies between two signs, as `sd_watchdog_enabled(3)` advises.
    fn sign_if_due(&mut self, now: Instant) -> Option<Message> {
        let pause = self.watchdog? / 2;
        let is_due = self.sign_at.is_none_or(|at| now.saturating_duration_since(at) >= pause);
        is_due.then(|| {
            self.sign_at = Some(now);
            Message::Watchdog
        })
    }

    fn status_if_new(&mut self, status: &str) -> Vec<Message> {
        if self.status == status {
            return Vec::new();
        }
        status.clone_into(&mut self.status);
        vec![Message::Status(status.to_owned())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::part::Part;

    const MINUTE: Duration = Duration::from_mins(1);

    fn words(messages: &[Message]) -> Vec<String> {
        messages.iter().map(ToString::to_string).collect()
    }

    fn stuck() -> [Standstill; 2] {
        let since = Duration::from_secs(26);
        [Standstill { part: Part::Store, since }, Standstill { part: Part::Line("l".to_owned()), since }]
    }

    #[test]
    fn a_start_is_prolonged_for_a_while_and_then_left_to_its_time_limit() {
        let start = Instant::now();
        let mut reports = Reports::new(Some(MINUTE), start);
        let seconds = |second| start + Duration::from_secs(second);
        assert_eq!(words(&reports.starting(start)), ["STATUS=starting", "EXTEND_TIMEOUT_USEC=30000000"]);
        let told: Vec<u64> =
            (1..3_600).filter(|second| !reports.starting(seconds(*second)).is_empty()).collect();
        assert_eq!(told, (10..600).step_by(10).collect::<Vec<_>>());
    }

    #[test]
    fn signs_of_life_come_in_half_the_time_and_end_while_a_part_stands_still() {
        let start = Instant::now();
        let mut reports = Reports::new(Some(MINUTE), start);
        let mut signs = Vec::new();
        for second in 0..200 {
            let still = if (95..130).contains(&second) { stuck().to_vec() } else { Vec::new() };
            let told = reports.running(start + Duration::from_secs(second), &still, "1 line");
            if told.contains(&Message::Watchdog) {
                signs.push(second);
            }
            match second {
                0 => assert_eq!(words(&told), ["READY=1", "WATCHDOG=1", "STATUS=1 line"]),
                95 => assert_eq!(words(&told), ["STATUS=stands still: store, polling of line 'l'"]),
                130 => assert_eq!(words(&told), ["WATCHDOG=1", "STATUS=1 line"]),
                _ => {}
            }
        }
        assert_eq!(signs, [0, 30, 60, 90, 130, 160, 190]);
        assert!(reports.is_ready());
    }

    #[test]
    fn whoever_wants_no_signs_of_life_gets_none() {
        let start = Instant::now();
        let mut reports = Reports::new(None, start);
        assert_eq!(words(&reports.running(start, &[], "1 line")), ["READY=1", "STATUS=1 line"]);
        assert!(reports.running(start + MINUTE, &[], "1 line").is_empty());
    }

    #[test]
    fn a_stop_is_told_once_and_has_signs_of_life_for_as_long_as_it_may_take() {
        let start = Instant::now();
        let mut reports = Reports::new(Some(Duration::from_secs(10)), start);
        assert_eq!(words(&reports.stopping(start)), ["STOPPING=1", "STATUS=stopping", "WATCHDOG=1"]);
        let signs =
            (1..100).filter(|second| !reports.stopping(start + Duration::from_secs(*second)).is_empty());
        assert_eq!(signs.collect::<Vec<_>>(), [5, 10, 15, 20, 25]);
    }
}
