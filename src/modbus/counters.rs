//! What every unit of a line has answered so far, and how busy that keeps the line.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::brought::Answered;
use super::busy::BusyTime;
use super::exceptions::ExceptionCounts;
use super::turnaround::Turnarounds;
use super::wire::Failure;
use crate::model::register::UnitId;

/// Exchanges with one unit since the line was started. A request that was tried twice counts twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitCounters {
    /// The unit.
    pub unit: UnitId,
    /// Requests that were answered with values or a confirmation.
    pub ok: u64,
    /// Requests that nothing was heard after.
    pub timeouts: u64,
    /// Requests after which only damaged bytes were heard.
    pub garbled: u64,
    /// Requests after which only whole frames that answer another question were heard.
    pub mismatches: u64,
    /// Late replies to requests that had been given up, recognised and thrown away.
    pub late: u64,
    /// Requests that the meter refused with an exception code.
    pub exceptions: ExceptionCounts,
    /// The newest exception code.
    pub last_exception: Option<u8>,
    /// From the end of the newest answered request to the start of its reply.
    pub last_turnaround: Option<Duration>,
    /// The same of all requests that were answered or refused in time.
    pub turnarounds: Turnarounds,
}

impl UnitCounters {
    /// A unit that was asked nothing yet.
    #[must_use]
    pub fn new(unit: UnitId) -> Self {
        Self {
            unit,
            ok: 0,
            timeouts: 0,
            garbled: 0,
            mismatches: 0,
            late: 0,
            exceptions: ExceptionCounts::default(),
            last_exception: None,
            last_turnaround: None,
            turnarounds: Turnarounds::default(),
        }
    }

    /// Counts one exchange. One that never was, because of the request or the line, counts nowhere.
    pub(super) fn count(&mut self, result: &Result<Answered, Failure>) {
        match result {
            Ok(Ok(_)) => self.ok += 1,
            Ok(Err(code)) => {
                self.exceptions.add(u8::from(*code));
                self.last_exception = Some(u8::from(*code));
            }
            Err(Failure::Timeout) => self.timeouts += 1,
            Err(Failure::Garbled) => self.garbled += 1,
            Err(Failure::Mismatch) => self.mismatches += 1,
            Err(Failure::Request(_) | Failure::LineDown(_)) => {}
        }
    }

    /// A reply began this long after the end of its request.
    pub(super) fn replied_after(&mut self, turnaround: Duration) {
        self.last_turnaround = Some(turnaround);
        self.turnarounds.add(turnaround);
    }
}

/// Replies after which a unit is known well enough to be waited for no longer than it takes.
const KNOWN_REPLIES_MIN: u64 = 20;

/// The counters of a line, shared between the task that owns it and those who look. There are at
/// most 256 units.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    units: Arc<Mutex<BTreeMap<UnitId, UnitCounters>>>,
    busy: Arc<Mutex<BusyTime>>,
}

impl Tally {
    /// The counters of a line that begins now.
    pub(super) fn new() -> Self {
        Self { units: Arc::default(), busy: Arc::new(Mutex::new(BusyTime::starting(Instant::now()))) }
    }

    pub(super) fn note(&self, unit: UnitId, change: impl FnOnce(&mut UnitCounters)) {
        let mut units = self.lock();
        change(units.entry(unit).or_insert_with(|| UnitCounters::new(unit)));
    }

    /// The line is taken by an exchange, or free again, from now on.
    pub(super) fn set_taken(&self, taken: bool) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).set_taken(taken, Instant::now());
    }

    pub(super) fn busy_share(&self) -> f64 {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).share(Instant::now())
    }

    /// What 99 of 100 replies of a unit did not exceed; `None` while too few are known.
    pub(super) fn known_p99(&self, unit: UnitId) -> Option<Duration> {
        let units = self.lock();
        let known = &units.get(&unit)?.turnarounds;
        if known.total() < KNOWN_REPLIES_MIN { None } else { known.p99() }
    }

    pub(super) fn turnarounds(&self, unit: UnitId) -> Option<Turnarounds> {
        self.lock().get(&unit).map(|counters| counters.turnarounds)
    }

    pub(super) fn all(&self) -> Vec<UnitCounters> {
        self.lock().values().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<UnitId, UnitCounters>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
