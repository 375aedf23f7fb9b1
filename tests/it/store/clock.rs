//! Readings of a gateway whose clock was not set, was set, and was set back.

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::{Doubt, Quality};
use cems_gateway::model::reading::{Reading, Sample, Scan, Value};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;
use cems_gateway::time::trust::ClockState;

use super::plant::{Plant, START_MS, settings};

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

#[test]
fn what_was_read_in_1970_is_re_dated_once_when_the_clock_is_set_and_marked() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let first = plant.store.last_sequence() + 1;
    for second in 0..5 {
        plant.store.append_blocking(scan(&plant, second * 1_000, 1.0, UNSET)).unwrap();
    }
    let unset = first..plant.store.last_sequence() + 1;
    plant.store.append_blocking(scan(&plant, START_MS + 5_000, 2.0, Quality::Good)).unwrap();
    assert_eq!(plant.store.redate(unset, START_MS), Ok(5));

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
fn a_clock_that_is_set_back_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    for (from_ms, value) in [(START_MS, 1.0), (START_MS, 2.0)] {
        for minute in 0..60 {
            let scan = scan(&plant, from_ms + minute * 60_000, value, Quality::Good);
            plant.store.append_blocking(scan).unwrap();
        }
        plant.store.clock_was_set();
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
        assert_eq!(plant.store.begin_run(at(START_MS), state), run);
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
