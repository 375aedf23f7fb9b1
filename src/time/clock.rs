//! Clocks: where the time of day comes from.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::UtcTime;
use super::trust::{ClockState, Sight};

/// Where the time of day comes from.
pub trait Clock: Send + Sync {
    /// The time of day now.
    fn now(&self) -> UtcTime;

    /// How far it may be trusted now.
    fn state(&self) -> ClockState {
        self.state_showing(self.now())
    }

    /// How far it may be trusted where it shows, or showed a moment ago, `shown`. One that is handed in
    /// shows what it should.
    fn state_showing(&self, shown: UtcTime) -> ClockState {
        let _ = shown;
        ClockState::Synchronised
    }

    /// Milliseconds on a clock that nobody sets; it runs on while the program is restarted, until the
    /// machine is. One that is handed in is itself never set.
    fn steady_ms(&self) -> i64 {
        self.now().as_ms()
    }

    /// The clock as it is seen now.
    fn sight(&self) -> Sight {
        let shown = self.now();
        Sight { shown, state: self.state_showing(shown), steady_ms: self.steady_ms() }
    }

    /// Which start of the machine this is, so that two times of the steady clock can be compared; empty
    /// where that is not known.
    fn boot_id(&self) -> String {
        String::new()
    }
}

/// The time of day of the machine, taken as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcTime {
        UtcTime::from_ms(Timestamp::now().as_millisecond())
    }
}

/// A clock that shows `origin` when it is started and then runs with the runtime's own time, so that
/// it stands still when a test has paused that time.
#[derive(Debug)]
pub struct RunningClock {
    origin: UtcTime,
    started: OnceLock<tokio::time::Instant>,
}

impl RunningClock {
    /// A clock that shows `origin` now.
    #[must_use]
    pub fn starting_at(origin: UtcTime) -> Self {
        let clock = Self::waiting_at(origin);
        clock.start();
        clock
    }

    /// A clock that shows `origin` until it is started.
    #[must_use]
    pub const fn waiting_at(origin: UtcTime) -> Self {
        Self { origin, started: OnceLock::new() }
    }

    /// Lets the clock run; one that runs goes on.
    pub fn start(&self) {
        self.started.get_or_init(tokio::time::Instant::now);
    }
}

impl Clock for RunningClock {
    fn now(&self) -> UtcTime {
        let elapsed = self.started.get().map(tokio::time::Instant::elapsed).unwrap_or_default();
        let elapsed_ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        UtcTime::from_ms(self.origin.as_ms().saturating_add(elapsed_ms))
    }
}

/// A clock that shows what it is set to.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at` until it is set again.
    #[must_use]
    pub fn showing(at: UtcTime) -> Self {
        Self(AtomicI64::new(at.as_ms()))
    }

    /// Makes the clock show `at`.
    pub fn set(&self, at: UtcTime) {
        self.0.store(at.as_ms(), Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcTime {
        UtcTime::from_ms(self.0.load(Ordering::Acquire))
    }
}
