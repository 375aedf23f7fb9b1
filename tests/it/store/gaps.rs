//! What is missing is told with its cause, whatever took it.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::gap::{Gap, GapCause};
use cems_gateway::model::quality::Cause;
use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::model::tou::Tou;
use cems_gateway::stats::SeriesKind;
use cems_gateway::store::{SeriesProfile, Store};
use cems_gateway::time::trust::{ClockState, Sight};
use cems_gateway::time::{Interval, UtcOffset, UtcTime};

use super::plant::{START_MS, copy_dir, settings};

const ALWAYS: Range<UtcTime> = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);

/// A meter with two values that is read once a minute.
struct Meter {
    store: Store,
    series: [SeriesId; 2],
    group: GroupId,
}

impl Meter {
    fn open(dir: &Path, settings: &StoreSettings) -> Self {
        let store = Store::open(dir, settings).unwrap();
        let series = ["P", "EPI"].map(|parameter| store.series("PT-1", parameter).unwrap());
        let group = store.group(&series).unwrap();
        let meter = Self { store, series, group };
        meter.describe(&series);
        meter
    }

    fn describe(&self, series: &[SeriesId]) {
        let profile = SeriesProfile { kind: SeriesKind::Level, interval: Interval::MINUTE, modulus: None };
        self.store.describe(series.iter().map(|series| (*series, profile)), UtcOffset::UTC, Tou::default());
    }

    fn read(&self, minutes: Range<u32>) {
        for minute in minutes {
            let noise = minute.wrapping_mul(0x9e37_79b9);
            let value = |turn| Sample::good(Value::Number(f64::from(noise.rotate_left(turn))));
            self.scan(minute, &[value(0), value(7)]);
        }
    }

    fn scan(&self, minute: u32, samples: &[Sample]) {
        let scan = Scan { group: self.group, at: at(minute), samples: samples.to_vec() };
        self.store.append_blocking(scan).unwrap();
    }

    /// Every sealed epoch is looked at once, whether somebody asks for it or not.
    fn wait_until_checked(&self) {
        let mut waits = 0;
        while self.store.status().unchecked_epochs > 0 {
            std::thread::sleep(Duration::from_millis(20));
            waits += 1;
            assert!(waits < 1_000, "{:?}", self.store.status());
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    /// Start, end and cause of what is missing of a series.
    fn missing(&self, series: SeriesId) -> Vec<(UtcTime, UtcTime, GapCause)> {
        let gaps = self.store.gaps(series, &ALWAYS).unwrap();
        gaps.iter().map(|gap| (gap.from, gap.to, gap.cause)).collect()
    }

    /// Every minute in which there is no reading lies in a gap of this cause; gives how many there are.
    fn assert_told(&self, minutes: Range<u32>, cause: GapCause) -> usize {
        let mut missing = 0;
        for series in self.series {
            let history = self.store.history(series, ALWAYS).unwrap();
            let read: BTreeSet<UtcTime> = history.map(|reading| reading.unwrap().at).collect();
            let gaps = self.store.gaps(series, &ALWAYS).unwrap();
            for at in minutes.clone().map(at).filter(|at| !read.contains(at)) {
                let covers = |gap: &&Gap| gap.from <= at && (at < gap.to || at == gap.from);
                let told: Vec<GapCause> = gaps.iter().filter(covers).map(|gap| gap.cause).collect();
                assert_eq!(told, [cause], "{at:?} is missing, and told are {gaps:?}");
                missing += 1;
            }
        }
        missing
    }
}

fn at(minute: u32) -> UtcTime {
    UtcTime::from_ms(START_MS + i64::from(minute) * 60_000)
}

fn small() -> StoreSettings {
    StoreSettings { size_max_mib: 16, ..settings() }
}

#[test]
fn the_time_in_which_the_gateway_was_stopped_is_told_apart_from_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let meter = Meter::open(dir.path(), &settings());
    meter.read(0..10);
    meter.store.close().unwrap();
    let meter = Meter::open(dir.path(), &settings());
    meter.read(20..30);
    meter.store.flush().unwrap();
    let stopped = (at(10), at(20), GapCause::Stopped);
    assert_eq!(meter.missing(meter.series[0]), [stopped]);

    // What lies in the files while the store runs is what a power cut leaves; another boot reads it.
    let left = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), left.path());
    fs::write(left.path().join("running"), "the boot before").unwrap();
    let after = Meter::open(left.path(), &settings());
    after.read(40..41);
    let power = (at(30), at(40), GapCause::Power);
    assert_eq!(after.missing(after.series[1]), [stopped, power]);
}

#[test]
fn a_gap_that_went_on_at_the_end_is_there_again_and_ends_with_the_next_reading() {
    let dir = tempfile::tempdir().unwrap();
    let meter = Meter::open(dir.path(), &settings());
    meter.read(0..10);
    for minute in 10..100 {
        meter.scan(minute, &[Sample::missing(Cause::Timeout), Sample::missing(Cause::Timeout)]);
    }
    meter.store.close().unwrap();
    let meter = Meter::open(dir.path(), &settings());
    let gaps = meter.store.gaps(meter.series[0], &ALWAYS).unwrap();
    assert!(gaps.len() == 1 && gaps[0].ongoing && gaps[0].from == at(10), "{gaps:?}");
    meter.scan(100, &[Sample::missing(Cause::Timeout), Sample::missing(Cause::Timeout)]);
    meter.read(101..110);
    let gaps = meter.store.gaps(meter.series[0], &ALWAYS).unwrap();
    let timeout = GapCause::Read(Cause::Timeout);
    let one = Gap { from: at(10), to: at(101), cause: timeout, missing: 91, ongoing: false, partial: false };
    assert_eq!(gaps, [one]);
}

#[test]
fn silence_at_an_unset_clock_makes_no_gap_since_1970() {
    let dir = tempfile::tempdir().unwrap();
    let meter = Meter::open(dir.path(), &settings());
    meter.read(0..10);
    meter.store.close().unwrap();
    let meter = Meter::open(dir.path(), &settings());
    let sight = |shown, state, steady_ms| Sight { shown, state, steady_ms };
    meter.store.begin_run(&sight(UtcTime::from_ms(0), ClockState::Unset, 0), "boot");
    let silent = vec![Sample::missing(Cause::Timeout), Sample::missing(Cause::Timeout)];
    meter
        .store
        .append_blocking(Scan { group: meter.group, at: UtcTime::from_ms(0), samples: silent })
        .unwrap();
    meter.store.note_clock(&sight(at(20), ClockState::Synchronised, 60_000));
    meter.read(20..30);
    assert_eq!(meter.missing(meter.series[0]), [(at(10), at(20), GapCause::Stopped)]);
}

#[test]
fn a_value_that_the_site_does_not_have_for_a_while_is_not_configured_for_so_long() {
    let dir = tempfile::tempdir().unwrap();
    let mut meter = Meter::open(dir.path(), &settings());
    meter.read(0..10);
    let [power, energy] = meter.series;
    let (both, alone) = (meter.group, meter.store.group(&[power]).unwrap());
    meter.describe(&[power]);
    // The poll that is just being stopped may give one more scan.
    meter.read(10..11);
    for minute in 11..20 {
        let samples = vec![Sample::good(Value::Number(1.0))];
        meter.store.append_blocking(Scan { group: alone, at: at(minute), samples }).unwrap();
    }
    meter.describe(&[power, energy]);
    meter.group = both;
    meter.read(20..30);
    assert_eq!(meter.missing(power), []);
    assert_eq!(meter.missing(energy), [(at(10), at(20), GapCause::Configuration)]);
}

#[test]
fn readings_that_had_to_go_for_want_of_space_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut meter = Meter::open(dir.path(), &small());
    // Many values that do not compress, so that few scans fill the store.
    let more = (0..120).map(|number| meter.store.series("PT-2", &format!("P{number}")).unwrap());
    let series: Vec<SeriesId> = meter.series.into_iter().chain(more).collect();
    meter.group = meter.store.group(&series).unwrap();
    meter.describe(&series);
    for minute in 0..24_000 {
        let mut noise = u64::from(minute + 1);
        let mut value = |_: &SeriesId| {
            noise = noise.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ 0x1234_5678;
            Sample::good(Value::Number(f64::from_bits(noise >> 2)))
        };
        let samples: Vec<Sample> = series.iter().map(&mut value).collect();
        meter.scan(minute, &samples);
    }
    meter.store.flush().unwrap();
    assert!(meter.store.status().expired_epochs > 0, "{:?}", meter.store.status());
    assert!(meter.assert_told(0..24_000, GapCause::Quota) > 1_000);
    assert_eq!(meter.store.status().gaps, 1);
}

#[test]
fn readings_of_a_period_that_is_gone_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let meter = Meter::open(dir.path(), &small());
    meter.read(0..100_000);
    meter.store.close().unwrap();
    let mut periods: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    periods.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("raw-"));
    periods.sort();
    fs::remove_dir_all(&periods[1]).unwrap();
    let meter = Meter::open(dir.path(), &small());
    meter.wait_until_checked();
    assert!(meter.assert_told(0..100_000, GapCause::Storage) > 1_000);
    drop(meter);
    let again = Meter::open(dir.path(), &small());
    assert!(again.assert_told(0..100_000, GapCause::Storage) > 1_000);
}

#[test]
fn readings_of_a_main_database_that_is_gone_are_told_with_the_next_scan() {
    let dir = tempfile::tempdir().unwrap();
    let meter = Meter::open(dir.path(), &small());
    meter.read(0..30_000);
    meter.store.close().unwrap();
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    let meter = Meter::open(dir.path(), &small());
    meter.read(30_000..30_010);
    assert!(meter.assert_told(0..30_010, GapCause::Storage) > 1_000);
}
