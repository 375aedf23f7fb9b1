//! Readings of a gateway whose clock was not set, was set, and was set back.

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::{Reading, Sample, Scan, Value};
use cems_gateway::store::{ClockChange, Store, StoreError};
use cems_gateway::time::UtcTime;
use cems_gateway::time::trust::{ClockState, ClockWatch, Sight};
use proptest::prelude::*;

use super::plant::{Plant, START_MS, copy_dir, settings};

fn at(ms: i64) -> UtcTime {
    UtcTime::from_ms(ms)
}

/// A scan of the single-series group.
fn scan(plant: &Plant, at_ms: i64, value: f64, quality: Quality) -> Scan {
    let sample = Sample { value: Some(Value::Number(value)), quality };
    Scan { group: plant.groups[1], at: at(at_ms), samples: vec![sample] }
}

fn history(plant: &Plant, from_ms: i64, to_ms: i64) -> Vec<Reading> {
    plant.store.history(plant.series[0], at(from_ms)..at(to_ms)).unwrap().map(Result::unwrap).collect()
}

const UNSET: Quality = Quality::Suspect(Doubt::ClockUnset);
const REDATED: Quality = Quality::Suspect(Doubt::Redated);

fn sight(shown_ms: i64, steady_ms: i64, state: ClockState) -> Sight {
    Sight { shown: at(shown_ms), state, steady_ms }
}

/// Has the clock set after `scans` scans, one a second, that were taken while it was unset.
fn set_after(plant: &Plant, scans: i64) {
    plant.store.begin_run(&sight(0, 0, ClockState::Unset), "boot");
    for second in 0..scans {
        plant.store.append_blocking(scan(plant, second * 1_000, 1.0, UNSET)).unwrap();
    }
    plant.store.note_clock(&sight(START_MS + scans * 1_000, scans * 1_000, ClockState::Synchronised));
}

/// How often there is a re-dated reading for each second from `START_MS` on.
fn redated_each_second(plant: &Plant, seconds: i64) -> Vec<usize> {
    let mut times = vec![0; usize::try_from(seconds).unwrap()];
    for reading in history(plant, START_MS, START_MS + seconds * 1_000) {
        assert_eq!(reading.quality, REDATED);
        times[usize::try_from(reading.at.ms_since(at(START_MS)) / 1_000).unwrap()] += 1;
    }
    times
}

#[test]
fn what_was_read_in_1970_is_re_dated_once_when_the_clock_is_set_and_marked() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    set_after(&plant, 5);
    plant.store.append_blocking(scan(&plant, START_MS + 5_000, 2.0, Quality::Good)).unwrap();
    assert_eq!(plant.store.redate(), Ok(5));
    assert_eq!(plant.store.redate(), Ok(0));

    let found = history(&plant, START_MS, START_MS + 60_000);
    assert_eq!(found.iter().map(|reading| reading.quality).collect::<Vec<_>>(), {
        let mut expected = vec![REDATED; 5];
        expected.push(Quality::Good);
        expected
    });
    assert_eq!(found[3].at, at(START_MS + 3_000));
    // What was shown then is kept as well.
    assert_eq!(history(&plant, 0, 60_000).len(), 5);
    // The newest reading is the one that was taken last, not the one that was re-dated last.
    assert_eq!(plant.store.latest(plant.series[0]).unwrap().reading.unwrap().at, at(START_MS + 5_000));
    plant.store.close().unwrap();
    drop(plant);
    let plant = Plant::open(dir.path());
    assert_eq!(history(&plant, START_MS, START_MS + 60_000), found);
}

#[test]
fn what_is_doubted_for_its_time_alone_is_marked_as_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    plant.store.begin_run(&sight(0, 0, ClockState::Unset), "boot");
    let silent = Sample::missing(Cause::Timeout);
    let outside = Sample { value: Some(Value::Number(9.0)), quality: Quality::Suspect(Doubt::OutOfRange) };
    let marked = Sample { value: Some(Value::Number(1.0)), quality: UNSET };
    for samples in [vec![marked, outside, silent.clone()], vec![silent.clone(), silent.clone(), silent]] {
        plant.store.append_blocking(Scan { group: plant.groups[0], at: at(500), samples }).unwrap();
    }
    plant.store.note_clock(&sight(START_MS + 1_000, 1_000, ClockState::Synchronised));
    assert_eq!(plant.store.redate(), Ok(2), "one that gave nothing is re-dated too");
    let redated: Vec<Vec<Quality>> = plant
        .series
        .iter()
        .map(|series| {
            let found = plant.store.history(*series, at(START_MS)..at(START_MS + 1_000)).unwrap();
            found.map(|reading| reading.unwrap().quality).collect()
        })
        .collect();
    let missing = Quality::Missing(Cause::Timeout);
    assert_eq!(
        redated,
        [vec![REDATED, missing], vec![Quality::Suspect(Doubt::OutOfRange), missing], vec![missing, missing],]
    );
}

#[test]
fn a_scan_that_was_under_way_when_the_clock_was_set_is_re_dated_when_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    set_after(&plant, 5);
    assert_eq!(plant.store.redate(), Ok(5));
    assert!(plant.store.is_redating());
    plant.store.append_blocking(scan(&plant, START_MS + 60_000, 2.0, Quality::Good)).unwrap();
    plant.store.append_blocking(scan(&plant, 4_500, 1.0, UNSET)).unwrap();
    assert_eq!(plant.store.redate(), Ok(1));
    plant.store.has_redated();
    assert!(!plant.store.is_redating());
    assert_eq!(redated_each_second(&plant, 5), [1, 1, 1, 1, 2]);
}

#[test]
fn what_was_written_and_not_noted_as_re_dated_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    set_after(&plant, 3_000);
    // What a power cut leaves of the first two lots, among what was polled meanwhile.
    for second in 0..2_048 {
        plant.store.append_blocking(scan(&plant, START_MS + second * 1_000, 1.0, REDATED)).unwrap();
        if second % 10 == 0 {
            let polled_ms = START_MS + 3_000_000 + second * 100;
            plant.store.append_blocking(scan(&plant, polled_ms, 2.0, Quality::Good)).unwrap();
        }
    }
    plant.store.close().unwrap();
    drop(plant);
    let plant = Plant::open(dir.path());
    plant.store.begin_run(&sight(START_MS + 9_000_000, 9_000_000, ClockState::Synchronised), "boot");
    assert_eq!(plant.store.redate(), Ok(3_000 - 2_048));
    assert_eq!(redated_each_second(&plant, 3_000), vec![1; 3_000]);
}

#[test]
fn re_dating_that_a_stop_cut_short_is_ended_by_the_next_run_and_nothing_comes_twice() {
    const SCANS: i64 = 6_000;
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    set_after(&plant, SCANS);
    let store = plant.store.clone();
    let before = store.last_sequence();
    let working = std::thread::spawn(move || store.redate());
    while plant.store.last_sequence() < before + 1_500 {
        std::thread::yield_now();
    }
    plant.store.close().unwrap();
    // Where it is cut short, if the close does not come too late, differs from time to time.
    assert!(matches!(working.join().unwrap(), Ok(_) | Err(StoreError::Closed)));
    drop(plant);

    let plant = Plant::open(dir.path());
    // Another start of the machine: what is to be done does not depend on its steady clock.
    plant.store.begin_run(&sight(START_MS + 9_000_000, 0, ClockState::Synchronised), "another boot");
    plant.store.redate().unwrap();
    assert!(!plant.store.is_redating());
    assert_eq!(redated_each_second(&plant, SCANS), vec![1; 6_000]);
}

#[test]
fn re_dating_that_a_power_cut_cut_short_is_ended_by_the_next_run_and_nothing_comes_twice() {
    const SCANS: i64 = 6_000;
    let (dir, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plant = Plant::open(dir.path());
    set_after(&plant, SCANS);
    let before = plant.store.last_sequence();
    std::thread::scope(|scope| {
        scope.spawn(|| plant.store.redate().unwrap());
        while plant.store.durable().sequence < before + 1_024 {
            std::thread::yield_now();
        }
        copy_dir(dir.path(), cut.path());
    });

    let plant = Plant::open(cut.path());
    plant.store.begin_run(&sight(START_MS + 9_000_000, 9_000_000, ClockState::Synchronised), "boot");
    plant.store.redate().unwrap();
    assert!(!plant.store.is_redating());
    assert_eq!(redated_each_second(&plant, SCANS), vec![1; 6_000]);
}

#[test]
fn a_clock_that_is_set_back_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    for (from_ms, value) in [(START_MS, 1.0), (START_MS, 2.0)] {
        for minute in 0..60 {
            let scan = scan(&plant, from_ms + minute * 60_000, value, Quality::Good);
            plant.store.append_blocking(scan).unwrap();
        }
        plant.store.clock_was_set(ClockChange { before: at(START_MS + 3_600_000), after: at(START_MS) });
    }
    let found = history(&plant, START_MS, START_MS + 3_600_000);
    assert_eq!(found.len(), 120);
    // Of equal times the one that was taken first comes first.
    assert!(found.chunks(2).all(|pair| pair[0].at == pair[1].at && pair[0].number() < pair[1].number()));
}

#[test]
fn a_reading_knows_the_run_that_it_was_taken_in_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    for run in 1..=3_u32 {
        let plant = Plant::named(Store::open(dir.path(), &settings()).unwrap());
        let state = if run == 1 { ClockState::Unset } else { ClockState::Synchronised };
        assert_eq!(plant.store.begin_run(&sight(START_MS, 0, state), &format!("boot {run}")), run);
        for second in 0..10 {
            let scan = scan(&plant, START_MS + second * 1_000, 1.0, Quality::Good);
            plant.store.append_blocking(scan).unwrap();
        }
        plant.store.close().unwrap();
    }
    let plant = Plant::open(dir.path());
    for (sequence, _) in plant.durable_scans() {
        let (run, boot) = plant.store.run_of(sequence).unwrap();
        assert_eq!(u64::from(run), (sequence - 1) / 10 + 1);
        assert_eq!(boot.clock == ClockState::Unset, run == 1);
    }
}

#[test]
fn a_clock_that_runs_years_ahead_for_a_moment_does_not_cost_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings { raw_days: 30, size_max_mib: 16, ..settings() };
    let plant = Plant::named(Store::open(dir.path(), &settings).unwrap());
    let append = |from_ms: i64, scans: i64| {
        for minute in 0..scans {
            let scan = scan(&plant, from_ms + minute * 60_000, 1.0, Quality::Good);
            plant.store.append_blocking(scan).unwrap();
        }
    };
    // Four weeks in several periods, then enough at a wrong time for an epoch to be sealed.
    append(START_MS, 40_000);
    let before = plant.store.status();
    assert_eq!(before.expired_scans, 0);
    append(START_MS + 20 * 365 * 86_400_000, 4_200);
    append(START_MS + 40_000 * 60_000, 4_200);
    while plant.store.status().waiting_epochs > 0 {
        plant.store.flush().unwrap();
    }
    let gone = plant.store.status().expired_scans;
    assert!(gone < 25_000, "{gone} of 40000 scans are gone");
}

/// What happens to a box.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// So many scans, one a second.
    Read(i64),
    /// Somebody sets the clock, and nothing speaks for it.
    Set(i64),
    /// A time service sets it right.
    Synchronise,
    /// The process ends and starts again.
    Restart,
    /// The power goes for a while; the clock starts with the time of the shutdown.
    Reboot,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..40_i64).prop_map(Event::Read),
        // Less than a second is no step.
        1 => (1_000..86_400_000_i64, any::<bool>())
            .prop_map(|(by_ms, is_back)| Event::Set(if is_back { -by_ms } else { by_ms })),
        2 => Just(Event::Synchronise),
        2 => Just(Event::Restart),
        1 => Just(Event::Reboot),
    ]
}

/// One scan as a plain list has it.
#[derive(Clone, Copy, Debug)]
struct Kept {
    index: usize,
    value: f64,
    at_ms: i64,
    true_ms: i64,
    boot: u32,
    is_unset: bool,
}

/// A box without a hardware clock, and a plain list of what was read.
struct Machine {
    dir: tempfile::TempDir,
    plant: Plant,
    watch: ClockWatch,
    boot: u32,
    true_ms: i64,
    booted_ms: i64,
    lead_ms: i64,
    state: ClockState,
    /// Starts of the machine in which the clock was set at some time, each with how many scans there were
    /// when it was the last time.
    found: std::collections::HashMap<u32, usize>,
    kept: Vec<Kept>,
}

impl Machine {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plant = Plant::open(dir.path());
        let watch = ClockWatch::starting(sight(0, 0, ClockState::Unset));
        let mut machine = Self {
            dir,
            plant,
            watch,
            boot: 1,
            true_ms: START_MS,
            booted_ms: START_MS,
            lead_ms: 5,
            state: ClockState::Unset,
            found: std::collections::HashMap::new(),
            kept: Vec::new(),
        };
        machine.begin();
        machine
    }

    fn steady_ms(&self) -> i64 {
        self.true_ms - self.booted_ms
    }

    fn sight(&self) -> Sight {
        sight(self.steady_ms() + self.lead_ms, self.steady_ms(), self.state)
    }

    fn begin(&mut self) {
        self.watch = ClockWatch::starting(self.sight());
        self.plant.store.begin_run(&self.sight(), &self.boot.to_string());
        self.plant.store.redate().unwrap();
    }

    fn look(&mut self) {
        let now = self.sight();
        let Some(event) = self.watch.look(now) else { return };
        if event.divides_the_unset() {
            self.plant.store.note_clock(&now);
        }
        if event.found_the_time() {
            self.found.insert(self.boot, self.kept.len());
            self.plant.store.redate().unwrap();
        }
    }

    fn read(&mut self) {
        let is_unset = self.state == ClockState::Unset;
        let quality = if is_unset { UNSET } else { Quality::Good };
        let index = self.kept.len();
        let value = f64::from(u32::try_from(index).unwrap());
        let at_ms = self.sight().shown.as_ms();
        self.plant.store.append_blocking(scan(&self.plant, at_ms, value, quality)).unwrap();
        self.kept.push(Kept { index, value, at_ms, true_ms: self.true_ms, boot: self.boot, is_unset });
        self.true_ms += 1_000;
        self.look();
    }

    fn restart(mut self) -> Self {
        self.plant.store.end_run();
        self.plant.store.close().unwrap();
        let Self { dir, plant, .. } = self;
        drop(plant);
        self = Self { plant: Plant::open(dir.path()), dir, ..self };
        self.true_ms += 7_000;
        self.begin();
        self
    }

    fn after(mut self, event: Event) -> Self {
        match event {
            Event::Read(scans) => (0..scans).for_each(|_| self.read()),
            Event::Set(by_ms) => {
                self.lead_ms += by_ms;
                self.look();
            }
            Event::Synchronise => {
                (self.lead_ms, self.state) = (self.booted_ms, ClockState::Synchronised);
                self.look();
            }
            Event::Restart => return self.restart(),
            Event::Reboot => {
                let shutdown_ms = self.sight().shown.as_ms();
                self.true_ms += 7_200_000;
                (self.booted_ms, self.lead_ms) = (self.true_ms, shutdown_ms);
                (self.boot, self.state) = (self.boot + 1, ClockState::Unset);
                return self.restart();
            }
        }
        self
    }

    /// Every reading is there as it was taken, and once more at its true time where the clock was set
    /// later in the same start of the machine.
    fn assert_holds(&self) {
        let all = history(&self.plant, i64::MIN, i64::MAX);
        let is_redated = |kept: &&Kept| {
            kept.is_unset && self.found.get(&kept.boot).is_some_and(|found| kept.index < *found)
        };
        let mut expected: Vec<(i64, u64, bool)> =
            self.kept.iter().map(|kept| (kept.at_ms, kept.value.to_bits(), false)).collect();
        expected.extend(
            self.kept.iter().filter(is_redated).map(|kept| (kept.true_ms, kept.value.to_bits(), true)),
        );
        expected.sort_unstable();
        let mut found: Vec<(i64, u64, bool)> = all
            .iter()
            .map(|reading| {
                let value = reading.number().unwrap();
                (reading.at.as_ms(), value.to_bits(), reading.quality == REDATED)
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected);
        self.plant.store.flush().unwrap();
        let as_taken = self.plant.durable_scans().into_iter().map(|(_, scan)| scan.samples[0].clone());
        let as_taken = as_taken.filter(|sample| sample.quality != REDATED).map(|sample| sample.value);
        assert!(as_taken.eq(self.kept.iter().map(|kept| Some(Value::Number(kept.value)))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_becomes_of_the_clock_nothing_is_overwritten_and_each_reading_finds_its_true_time_once(
        events in prop::collection::vec(any_event(), 1..16),
    ) {
        let mut machine = Machine::start();
        for event in events {
            machine = machine.after(event);
        }
        machine.assert_holds();
    }
}
