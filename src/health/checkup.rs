//! Checkup: everything that one may ask about the health of the gateway and its machine.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::last_panic::LastPanic;
use super::last_run::{Ending, LastRun};
use super::machine::{Machine, Places};
use super::watch::Standstill;
use crate::time::UtcTime;

/// How the gateway and its machine are at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The machine.
    pub machine: Machine,
    /// How the run before this one ended.
    pub last_ending: Ending,
    /// How often in the last hour a run ended that nobody had told to.
    pub bad_ends: usize,
    /// The last panic, of whichever run.
    pub last_panic: Option<LastPanic>,
    /// The parts of the gateway that stand still.
    pub still: Vec<Standstill>,
}

/// Whoever looks.
#[derive(Debug)]
pub struct Checkup {
    places: Places,
    data: PathBuf,
    run: LastRun,
    still: Mutex<Vec<Standstill>>,
}

impl Checkup {
    /// Begins with a run of `version` that keeps its data in `data`, on the machine that tells of itself in
    /// `places`.
    #[must_use]
    pub fn begin(data: &Path, places: Places, now: UtcTime, version: &str) -> Self {
        let run = LastRun::begin(data, &places, now, version);
        Self { places, data: data.to_owned(), run, still: Mutex::default() }
    }

    /// This run, which ends some day.
    #[must_use]
    pub const fn run(&self) -> &LastRun {
        &self.run
    }

    /// From now on these parts stand still.
    pub fn stand_still(&self, still: Vec<Standstill>) {
        *self.lock() = still;
    }

    /// The parts that stand still. Never waits for anything.
    #[must_use]
    pub fn still(&self) -> Vec<Standstill> {
        self.lock().clone()
    }

    /// Held only to copy or to swap a short list.
    fn lock(&self) -> MutexGuard<'_, Vec<Standstill>> {
        self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How everything is at `now`.
    #[must_use]
    pub fn look(&self, now: UtcTime) -> Condition {
        Condition {
            machine: Machine::look(&self.places, &self.data),
            last_ending: self.run.ending().clone(),
            bad_ends: self.run.bad_ends_within_an_hour(now),
            last_panic: LastPanic::read(&self.data),
            still: self.still(),
        }
    }
}
