//! A box from its start to long after its clock was set, in virtual time.

use std::sync::Mutex;

use tempfile::TempDir;

use super::*;
use crate::config::site::StoreSettings;
use crate::model::quality::{Doubt, Quality};
use crate::model::reading::{GroupId, Reading, Sample, Scan, SeriesId, Value};
use crate::store::Boot;

/// When the machine was started.
const BOOTED_MS: i64 = 1_790_000_000_000;
const HOUR_MS: i64 = 3_600_000;

const UNSET: Quality = Quality::Suspect(Doubt::ClockUnset);
const REDATED: Quality = Quality::Suspect(Doubt::Redated);

/// A clock that is set by hand, beside one that runs with the virtual time.
struct BoxClock {
    started: tokio::time::Instant,
    shows: Mutex<(i64, ClockState)>,
}

impl BoxClock {
    /// Shows the time of the last shutdown, which was `behind_ms` before the start.
    fn restored(behind_ms: i64) -> Arc<Self> {
        let shows = Mutex::new((BOOTED_MS - behind_ms, ClockState::Unset));
        Arc::new(Self { started: tokio::time::Instant::now(), shows })
    }

    fn set(&self, lead_ms: i64, state: ClockState) {
        *self.shows.lock().unwrap() = (lead_ms, state);
    }

    fn synchronise(&self) {
        self.set(BOOTED_MS, ClockState::Synchronised);
    }
}

impl Clock for BoxClock {
    fn now(&self) -> UtcTime {
        UtcTime::from_ms(self.shows.lock().unwrap().0 + self.steady_ms())
    }

    fn state_showing(&self, _: UtcTime) -> ClockState {
        self.shows.lock().unwrap().1
    }

    fn steady_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    fn boot_id(&self) -> String {
        "boot".to_owned()
    }
}

/// A box that reads one value each second.
struct Bench {
    dir: TempDir,
    clock: Arc<BoxClock>,
    store: Store,
    timekeeper: Timekeeper,
    series: SeriesId,
    group: GroupId,
}

impl Bench {
    fn start(clock: Arc<BoxClock>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), clock)
    }

    fn start_in(dir: TempDir, clock: Arc<BoxClock>) -> Self {
        let settings = StoreSettings { durability_window_ms: 20, ..StoreSettings::default() };
        let store = Store::open(dir.path(), &settings).unwrap();
        let series = store.series("PT", "P").unwrap();
        let group = store.group(&[series]).unwrap();
        let timekeeper = Timekeeper::start(store.clone(), Arc::clone(&clock) as Arc<dyn Clock>);
        Self { dir, clock, store, timekeeper, series, group }
    }

    fn restart(self) -> Self {
        drop(self.timekeeper);
        self.store.close().unwrap();
        drop(self.store);
        Self::start_in(self.dir, self.clock)
    }

    fn take(&self, at: UtcTime, state: ClockState) {
        let quality = if state == ClockState::Unset { UNSET } else { Quality::Good };
        let samples = vec![Sample { value: Some(Value::Number(1.0)), quality }];
        self.store.append_now(Scan { group: self.group, at, samples }).unwrap();
    }

    /// Reads `count` times; at the end of each second, so that the last is looked at.
    async fn read(&self, count: usize) {
        for _ in 0..count {
            tokio::time::sleep(Duration::from_millis(900)).await;
            self.take(self.clock.now(), self.clock.state());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until nothing is left to be re-dated, not even a scan under way.
    async fn settle(&self) {
        for _ in 0..1_200 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if !self.store.is_redating() {
                return;
            }
        }
        panic!("it is re-dating for ever");
    }

    fn readings(&self, from_ms: i64, to_ms: i64) -> Vec<Reading> {
        let range = UtcTime::from_ms(from_ms)..UtcTime::from_ms(to_ms);
        self.store.history(self.series, range).unwrap().map(Result::unwrap).collect()
    }

    /// The quality of each reading and its time, in seconds after the start of the machine.
    fn since_start(&self) -> Vec<(i64, Quality)> {
        let readings = self.readings(BOOTED_MS, BOOTED_MS + HOUR_MS);
        readings.iter().map(|reading| ((reading.at.as_ms() - BOOTED_MS) / 1_000, reading.quality)).collect()
    }

    fn run(&self) -> Boot {
        self.store.run_of(u64::MAX).unwrap().1
    }
}

fn seconds(of: std::ops::Range<i64>, quality: Quality) -> impl Iterator<Item = (i64, Quality)> {
    of.map(move |second| (second, quality))
}

#[tokio::test(start_paused = true)]
async fn a_box_that_comes_up_with_the_time_of_its_last_shutdown_has_its_readings_re_dated_and_marked() {
    let bench = Bench::start(BoxClock::restored(2 * HOUR_MS));
    bench.read(20).await;
    bench.clock.synchronise();
    bench.read(10).await;
    bench.settle().await;
    let expected: Vec<_> = seconds(0..20, REDATED).chain(seconds(20..30, Quality::Good)).collect();
    assert_eq!(bench.since_start(), expected);
    // Nothing is overwritten.
    let shown = bench.readings(BOOTED_MS - 2 * HOUR_MS, BOOTED_MS - HOUR_MS);
    assert_eq!(shown.iter().map(|reading| reading.quality).collect::<Vec<_>>(), [UNSET; 20]);
}

#[tokio::test(start_paused = true)]
async fn readings_from_before_and_after_a_useless_step_find_the_same_true_time() {
    let clock = BoxClock::restored(BOOTED_MS);
    let bench = Bench::start(Arc::clone(&clock));
    bench.read(10).await;
    // 1970 at first; then the time service brings back that of the last shutdown.
    clock.set(BOOTED_MS - 5 * HOUR_MS, ClockState::Unset);
    bench.read(10).await;
    clock.synchronise();
    bench.settle().await;
    assert_eq!(bench.since_start(), seconds(0..20, REDATED).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_anew_before_the_clock_is_set_leaves_its_readings_to_the_next() {
    let bench = Bench::start(BoxClock::restored(2 * HOUR_MS));
    bench.read(10).await;
    let bench = bench.restart();
    bench.read(10).await;
    bench.clock.synchronise();
    bench.settle().await;
    assert_eq!(bench.since_start(), seconds(0..20, REDATED).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_while_no_process_runs_is_set_for_what_was_read_before() {
    let bench = Bench::start(BoxClock::restored(2 * HOUR_MS));
    bench.read(10).await;
    bench.clock.synchronise();
    let bench = bench.restart();
    bench.settle().await;
    assert_eq!(bench.since_start(), seconds(0..10, REDATED).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_just_after_the_clock_was_set_leaves_the_re_dating_to_the_next() {
    let bench = Bench::start(BoxClock::restored(2 * HOUR_MS));
    bench.read(10).await;
    bench.clock.synchronise();
    // Seen by the look, and not yet re-dated.
    tokio::time::sleep(LOOK_INTERVAL.as_duration()).await;
    let bench = bench.restart();
    bench.settle().await;
    assert_eq!(bench.since_start(), seconds(0..10, REDATED).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_was_under_way_for_minutes_is_re_dated_when_it_comes() {
    let bench = Bench::start(BoxClock::restored(2 * HOUR_MS));
    bench.read(3).await;
    let first_answer = bench.clock.now();
    bench.clock.synchronise();
    tokio::time::sleep(Duration::from_secs(200)).await;
    bench.take(first_answer, ClockState::Unset);
    bench.settle().await;
    assert_eq!(
        bench.since_start(),
        seconds(0..4, REDATED).map(|(second, quality)| (second.min(3), quality)).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_overwrites_nothing_and_the_run_tells_from_where_to_where() {
    let clock = BoxClock::restored(0);
    clock.synchronise();
    let bench = Bench::start(Arc::clone(&clock));
    bench.read(10).await;
    clock.set(BOOTED_MS - 5_000, ClockState::Synchronised);
    bench.read(10).await;
    let readings = bench.readings(BOOTED_MS, BOOTED_MS + HOUR_MS);
    assert_eq!(readings.len(), 20);
    assert!(readings.iter().all(|reading| reading.quality == Quality::Good));
    assert!(!bench.store.is_redating());
    let run = bench.run();
    let change = run.last_change.unwrap();
    assert_eq!((run.clock_changes, change.before.ms_since(change.after)), (1, 5_000));
}

#[tokio::test(start_paused = true)]
async fn losing_the_time_service_changes_neither_readings_nor_runs() {
    let clock = BoxClock::restored(0);
    clock.synchronise();
    let bench = Bench::start(Arc::clone(&clock));
    bench.read(3).await;
    clock.set(BOOTED_MS, ClockState::Holdover);
    bench.read(3).await;
    assert_eq!(bench.since_start(), seconds(0..6, Quality::Good).collect::<Vec<_>>());
    assert_eq!((bench.run().clock_changes, bench.store.is_redating()), (0, false));
}
