//! What the handles and the writer thread hold together: the state, the database, and the ways to
//! wait for each other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::health::Beat;
use crate::model::reading::Scan;
use crate::store::columns::Columns;
use crate::store::disk::database::Database;
use crate::store::disk::engine;
use crate::store::error::StoreError;
use crate::store::job::{Job, Pause};
use crate::store::periods::Periods;
use crate::store::periods::contents::ListedEpoch;
use crate::store::periods::sealed::SealedEpoch;
use crate::store::state::{Phase, State};
use crate::store::status::Durable;

/// What the handles and the writer share. The state is never locked while waiting for the database.
pub(super) struct Shared {
    state: Mutex<State>,
    /// `None` while it cannot be opened, and after closing.
    database: RwLock<Option<Database>>,
    /// The sealed epochs.
    pub(super) periods: Periods,
    /// The rows of quarter hours.
    pub(super) quarters: Periods,
    window: Duration,
    /// The writer has something to do.
    wake: Condvar,
    /// The writer has done something; for those who wait on a thread and those who wait on a task.
    progress: Condvar,
    progress_tasks: Notify,
    /// What the writer does, step by step.
    pub(super) steps: Beat,
    durable: watch::Sender<u64>,
}

impl Shared {
    /// Shares `database` and the periods of both tiers; what is taken becomes durable within `window`.
    pub(super) fn new(
        state: State,
        database: Option<Database>,
        (periods, quarters): (Periods, Periods),
        window: Duration,
    ) -> Self {
        Self {
            durable: watch::Sender::new(state.durable.sequence),
            state: Mutex::new(state),
            database: RwLock::new(database),
            periods,
            quarters,
            window,
            wake: Condvar::new(),
            progress: Condvar::new(),
            progress_tasks: Notify::new(),
            steps: Beat::default(),
        }
    }

    /// The state, for a moment.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No step leaves the state half done, so one that panicked elsewhere does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `act` with the database.
    pub(super) fn with_database<T>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*database {
            return act(database);
        }
        drop(database);
        let state = self.state();
        Err(state
            .failing()
            .map_or(StoreError::Closed, |reason| StoreError::Failing { reason: reason.to_owned() }))
    }

    /// Puts a database in place that was opened again.
    pub(super) fn open_database(&self, database: Database) {
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
    }

    /// Lets go of all databases.
    pub(super) fn close_databases(&self) {
        engine::close(self.database.write().unwrap_or_else(PoisonError::into_inner).take());
        self.periods.close();
        self.quarters.close();
    }

    /// Calls `read` with the columns of a sealed epoch; `None` when it has been removed, or when it is
    /// damaged: then the writer looks after it, and what comes after it need not wait.
    ///
    /// # Errors
    /// When its database cannot be opened at present.
    pub(super) fn read_sealed<T>(
        &self,
        number: u32,
        read: impl Fn(&dyn Columns) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if let Some(contents) = self.periods.contents(number) {
            match read(&ListedEpoch { contents, number }) {
                Ok(found) => return Ok(Some(found)),
                Err(error) => {
                    log::warn!("store: {error}; epoch {number} is read through its database");
                    self.periods.distrust_contents(number);
                }
            }
        }
        let period = self.periods.holding(number);
        let outcome = period.and_then(|period| read(&SealedEpoch { period, number }));
        self.note_rebuilt();
        match outcome {
            Ok(found) => Ok(Some(found)),
            Err(error @ StoreError::Damaged { .. }) => {
                let mut state = self.state();
                if state.failing().is_some() {
                    return Err(error);
                }
                state.suspect(number);
                drop(state);
                self.wake_writer();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes what was rebuilt when a period was opened.
    pub(super) fn note_rebuilt(&self) {
        let (periods, quarters) = (self.periods.take_rebuilt(), self.quarters.take_rebuilt());
        if periods.is_empty() && quarters.is_empty() {
            return;
        }
        let unlisted = self.periods.unlisted();
        let mut state = self.state();
        for rebuilt in periods {
            state.rebuilt(rebuilt);
        }
        state.are_over(unlisted);
        for rebuilt in quarters {
            state.note_damage(rebuilt.note);
        }
        drop(state);
        self.wake_writer();
    }

    /// The writer's next job, as soon as there is one.
    pub(super) fn next_job(&self) -> Job {
        let mut state = self.state();
        loop {
            self.steps.give();
            let now = Instant::now();
            let pause = match state.next_job(now, self.window) {
                Ok(job) => return job,
                Err(pause) => pause,
            };
            state = match pause {
                Pause::Forever => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Pause::Until(at) => {
                    let waited = self.wake.wait_timeout(state, at.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Tells all who wait that the writer has done something.
    pub(super) fn tell(&self) {
        let sequence = self.state().durable.sequence;
        self.durable.send_if_modified(|known| std::mem::replace(known, sequence) != sequence);
        self.progress.notify_all();
        self.progress_tasks.notify_waiters();
    }

    /// Wakes the writer.
    pub(super) fn wake_writer(&self) {
        self.wake.notify_one();
    }

    /// Takes a scan, whether the writer keeps up or not.
    pub(super) fn append_now(&self, scan: Scan) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.has_room() {
            state.fall_behind();
        }
        if state.take(scan)? {
            self.wake_writer();
        }
        Ok(())
    }

    /// Takes a scan as soon as there is room, without blocking the thread.
    pub(super) async fn append(&self, mut scan: Scan) -> Result<(), StoreError> {
        loop {
            let progress = self.progress_tasks.notified();
            tokio::pin!(progress);
            // From here on no progress is missed.
            progress.as_mut().enable();
            match self.try_append(scan)? {
                None => return Ok(()),
                Some(refused) => scan = refused,
            }
            progress.await;
        }
    }

    /// Takes a scan if there is room; gives it back if there is none.
    fn try_append(&self, scan: Scan) -> Result<Option<Scan>, StoreError> {
        let mut state = self.state();
        if !state.has_room() && !state.is_closing() {
            return Ok(Some(scan));
        }
        if state.take(scan)? {
            self.wake_writer();
        }
        Ok(None)
    }

    /// Takes a scan as soon as there is room.
    pub(super) fn append_blocking(&self, scan: Scan) -> Result<(), StoreError> {
        self.take_blocking(|state| state.take(scan))
    }

    /// Takes a scan that may be older than what is known already as soon as there is room.
    pub(super) fn append_late_blocking(&self, scan: Scan) -> Result<(), StoreError> {
        self.take_blocking(|state| state.take_late(scan))
    }

    fn take_blocking(
        &self,
        take: impl FnOnce(&mut State) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        while !state.has_room() && !state.is_closing() {
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if take(&mut state)? {
            self.wake_writer();
        }
        Ok(())
    }

    /// Waits until everything taken before is on the medium.
    pub(super) fn flush(&self) -> Result<Durable, StoreError> {
        let mut state = self.state();
        if state.is_closing() {
            return Err(StoreError::Closed);
        }
        let flush = state.ask_flush();
        self.wake_writer();
        loop {
            if let Some(reason) = state.failing() {
                return Err(StoreError::Failing { reason: reason.to_owned() });
            }
            if state.is_flushed(flush) {
                return Ok(state.durable);
            }
            if state.phase == Phase::Closed {
                return Err(StoreError::Closed);
            }
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Asks the writer to make everything durable and stop.
    pub(super) fn ask_close(&self) {
        self.state().close();
        self.wake_writer();
        self.tell();
    }

    /// Tells whenever more scans are durable.
    pub(super) fn watch_durable(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }
}
