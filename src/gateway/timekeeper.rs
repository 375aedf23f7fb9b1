//! Watches the clock while the gateway runs: tells the store when it was set, and has what was read
//! before it was set for the first time re-dated, once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::store::{ClockChange, Store, StoreError};
use crate::time::trust::{ClockEvent, ClockState, ClockWatch, LOOK_INTERVAL, Sight};
use crate::time::{Clock, UtcOffset, UtcTime};

/// Pauses before it is looked again for scans that were under way when the clock was set: most end within
/// a second, and one of many single reads on a slow line may take minutes.
const LATE_SCAN_PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
    Duration::from_secs(80),
    Duration::from_secs(160),
    Duration::from_secs(320),
];
/// Pause after the medium took nothing.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// The tasks that watch and re-date; they end when this goes.
pub(super) struct Timekeeper {
    watching: JoinHandle<()>,
    redating: JoinHandle<()>,
}

impl Drop for Timekeeper {
    fn drop(&mut self) {
        self.watching.abort();
        self.redating.abort();
    }
}

impl Timekeeper {
    /// Notes that a new run of `store` begins, goes on with what the one before did not re-date, and
    /// watches `clock` from now on.
    pub(super) fn start(store: Store, clock: Arc<dyn Clock>) -> Self {
        let first = clock.sight();
        store.begin_run(&first, &clock.boot_id());
        let found = Arc::new(Notify::new());
        let redating = tokio::spawn(redate_whenever(store.clone(), Arc::clone(&found)));
        Self { watching: tokio::spawn(watch(store, clock, first, found)), redating }
    }
}

async fn watch(store: Store, clock: Arc<dyn Clock>, first: Sight, found: Arc<Notify>) {
    tell_doubt(&first);
    let mut watch = ClockWatch::starting(first);
    loop {
        tokio::time::sleep(LOOK_INTERVAL.as_duration()).await;
        let now = clock.sight();
        let Some(event) = watch.look(now) else { continue };
        tell(&event, &now);
        if event.is_step() {
            let before = UtcTime::from_ms(now.shown.as_ms().saturating_sub(event.by_ms));
            store.clock_was_set(ClockChange { before, after: now.shown });
        }
        if event.divides_the_unset() {
            store.note_clock(&now);
        }
        if event.found_the_time() {
            found.notify_one();
        }
    }
}

fn tell(event: &ClockEvent, now: &Sight) {
    if event.is_step() {
        log::warn!("the clock was set by {} ms", event.by_ms);
    }
    match event.now {
        _ if event.before == event.now => {}
        ClockState::Unset => tell_doubt(now),
        ClockState::Holdover => log::warn!("the clock is not compared with a time service any more"),
        ClockState::Synchronised => log::info!("the clock is synchronised"),
    }
}

fn tell_doubt(sight: &Sight) {
    if sight.state == ClockState::Unset {
        let shown = sight.shown.iso(UtcOffset::UTC);
        log::warn!(
            "the clock shows {shown}, and nothing speaks for that: readings are marked until it is set"
        );
    }
}

/// Re-dates what the run before left undone, and then whenever the clock `found` the time.
async fn redate_whenever(store: Store, found: Arc<Notify>) {
    loop {
        redate_all(&store).await;
        found.notified().await;
    }
}

async fn redate_all(store: &Store) {
    for pause in LATE_SCAN_PAUSES {
        redate(store).await;
        if !store.is_redating() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
    redate(store).await;
    store.has_redated();
}

/// Re-dates what there is now, however long the medium takes nothing.
async fn redate(store: &Store) {
    while store.is_redating() {
        let working = store.clone();
        match tokio::task::spawn_blocking(move || working.redate()).await {
            Ok(Ok(0) | Err(StoreError::Closed)) => return,
            Ok(Ok(scans)) => return log::info!("{scans} scans from before the clock was set are re-dated"),
            Ok(Err(error)) => {
                log::error!("readings from before the clock was set wait for their time: {error}");
            }
            Err(error) => return log::error!("readings keep the time of a clock that was not set: {error}"),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests;
