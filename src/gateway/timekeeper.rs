//! Watches the clock while the gateway runs: tells the store when it was set, and has what was read
//! before it was set for the first time re-dated, once.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::store::Store;
use crate::time::trust::{ClockState, ClockWatch, LOOK_INTERVAL, Sight, Step};
use crate::time::{Clock, UtcOffset};

/// How long a scan may be under way that began before the clock was set, and has that time: a meter that
/// answers one read and then none is given up after a few seconds.
const UNDER_WAY_MAX: Duration = Duration::from_secs(5);

/// The task that watches; it ends when this goes.
pub(super) struct Timekeeper(JoinHandle<()>);

impl Drop for Timekeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Timekeeper {
    /// Notes that a new run of `store` begins, and watches `clock` from now on.
    pub(super) fn start(store: Store, clock: Arc<dyn Clock>) -> Self {
        store.begin_run(clock.now(), clock.state());
        let first_sequence = store.last_sequence() + 1;
        Self(tokio::spawn(watch(store, clock, first_sequence)))
    }
}

async fn watch(store: Store, clock: Arc<dyn Clock>, mut unset_from: u64) {
    let started = Instant::now();
    let steady_ms = || i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let sight = || Sight { shown: clock.now(), state: clock.state(), steady_ms: steady_ms() };
    let mut watch = ClockWatch::starting(sight());
    if watch.last().state == ClockState::Unset {
        let shown = watch.last().shown.iso(UtcOffset::UTC);
        log::warn!("the clock shows {shown}: readings are marked until it is set");
    }
    loop {
        tokio::time::sleep(Duration::from_millis(LOOK_INTERVAL.as_ms().unsigned_abs())).await;
        let Some(step) = watch.look(sight()) else { continue };
        log::warn!("the clock was set by {} ms", step.by_ms);
        store.clock_was_set();
        if step.found_the_time {
            tokio::time::sleep(UNDER_WAY_MAX).await;
            let unset = unset_from..store.last_sequence() + 1;
            // What was re-dated is not looked at again, should the clock ever lose the time.
            unset_from = unset.end;
            redate(&store, unset, step).await;
        }
    }
}

async fn redate(store: &Store, sequences: Range<u64>, step: Step) {
    let store = store.clone();
    match tokio::task::spawn_blocking(move || store.redate(sequences, step.by_ms)).await {
        Ok(Ok(scans)) => log::info!("{scans} scans from before the clock was set are re-dated"),
        Ok(Err(error)) => log::error!("readings from before the clock was set keep their time: {error}"),
        Err(error) => log::error!("readings from before the clock was set keep their time: {error}"),
    }
}
