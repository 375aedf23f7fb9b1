//! Rows of quarter hours, days and months: they are what the readings come to, they outlive them, and
//! late readings change them together with their revision.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::counter::{Assumption, Event, Rulings};
use cems_gateway::model::quality::Cause;
use cems_gateway::model::reading::{GroupId, Reading, Sample, Scan, SeriesId, Value};
use cems_gateway::model::tou::{Rate, Tou, TouDay};
use cems_gateway::ops::archive::{NewFile, backup, open_backup, restore};
use cems_gateway::stats::SeriesKind;
use cems_gateway::stats::quarter::Row;
use cems_gateway::store::{Ruled, SeriesProfile, Store, Summed};
use cems_gateway::time::{Interval, UtcOffset, UtcTime};

/// 2024-04-01 in Shanghai.
const START_MS: i64 = 1_711_900_800_000;
const DAY_MS: i64 = 86_400_000;

struct Site {
    store: Store,
    series: Vec<SeriesId>,
    group: GroupId,
}

fn profile(kind: SeriesKind) -> SeriesProfile {
    SeriesProfile { kind, interval: Interval::MINUTE, modulus: None }
}

/// Valley at night, peak from a time that is no edge of a quarter hour, flat in the evening.
fn tou() -> Tou {
    let edges = vec![(0, Rate::Valley), (8 * 60 + 7, Rate::Peak), (20 * 60, Rate::Flat)];
    Tou { days: vec![TouDay { edges, ..TouDay::default() }] }
}

fn open(dir: &Path) -> Site {
    let settings = StoreSettings { durability_window_ms: 100, size_max_mib: 64, ..StoreSettings::default() };
    let store = Store::open(dir, &settings).unwrap();
    let series = ["EPI", "P"].map(|id| store.series("PT-1", id).unwrap()).to_vec();
    let group = store.group(&series).unwrap();
    let profiles = [(series[0], profile(SeriesKind::Register)), (series[1], profile(SeriesKind::Level))];
    store.describe(profiles, UtcOffset::from_minutes(480).unwrap(), tou());
    Site { store, series, group }
}

impl Site {
    fn scan(&self, minute: i64) -> Scan {
        let at = UtcTime::from_ms(START_MS + minute * 60_000 + 20_000);
        let energy = f64::from(i32::try_from(100_000 + minute * 3 + minute % 7).unwrap()) / 10.0;
        let power = f64::from(i32::try_from(5_000 + (minute * 37) % 911).unwrap()) / 100.0;
        let samples = [energy, power].map(|value| Sample::good(Value::Number(value))).to_vec();
        Scan { group: self.group, at, samples }
    }

    fn append(&self, minutes: Range<i64>) {
        minutes.for_each(|minute| self.store.append_blocking(self.scan(minute)).unwrap());
    }

    /// The row of `period` once it satisfies `is_it`; the writer sums up when it has time.
    fn summed(&self, series: usize, period: &Range<UtcTime>, is_it: impl Fn(&Summed) -> bool) -> Summed {
        while self.store.status().waiting_quarters > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        for _ in 0..2_000 {
            let summed = self.store.summed(self.series[series], period).unwrap();
            if is_it(&summed) {
                return summed;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("never so: {:?}", self.store.summed(self.series[series], period))
    }

    /// What one walk over the readings gives.
    fn walked(&self, series: usize, period: &Range<UtcTime>) -> Row {
        let profile = profile([SeriesKind::Register, SeriesKind::Level][series]);
        let around =
            UtcTime::from_ms(period.start.as_ms() - DAY_MS)..UtcTime::from_ms(period.end.as_ms() + DAY_MS);
        let readings: Vec<Reading> =
            self.store.history(self.series[series], around).unwrap().map(Result::unwrap).collect();
        Row::of(&profile, &Rulings::default(), period, &[], &readings)
    }
}

fn days(from: i64, to: i64) -> Range<UtcTime> {
    UtcTime::from_ms(START_MS + from * DAY_MS)..UtcTime::from_ms(START_MS + to * DAY_MS)
}

fn quarter(number: i64) -> Range<UtcTime> {
    UtcTime::from_ms(START_MS + number * 900_000)..UtcTime::from_ms(START_MS + (number + 1) * 900_000)
}

fn assert_same(found: &Row, expected: &Row, what: &str) {
    let (left, right) = (&found.summary, &expected.summary);
    assert_eq!(left.readings, right.readings, "{what}");
    assert_eq!((left.max, left.min, left.last), (right.max, right.min, right.last), "{what}");
    assert_eq!(found.boundary, expected.boundary, "{what}");
    for (left, right) in
        [(left.total, right.total), (left.growth, right.growth), (left.covered_ms, right.covered_ms)]
    {
        assert!((left - right).abs() < 1e-6, "{what}: {left} is not {right}");
    }
}

#[test]
fn rows_come_to_what_the_readings_do_over_a_quarter_hour_a_day_and_a_month() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    let minutes = 31 * 1_440;
    site.append(0..minutes);
    for series in 0..2 {
        for (what, period, readings) in [
            ("a quarter hour", quarter(5), 15),
            ("a day", days(3, 4), 1_440),
            ("a month", days(0, 30), 43_200),
            ("some days and hours", days(2, 5).start..quarter(5 * 96 + 7).end, 4_320 + 120),
        ] {
            let found = site.summed(series, &period, |summed| summed.row.summary.readings >= readings);
            assert_same(&found.row, &site.walked(series, &period), what);
            assert_eq!(found.revision, 0, "{what}");
        }
    }
    assert_eq!(site.store.status().damage, Vec::<String>::new());
}

#[test]
fn what_flowed_is_told_apart_by_rate_in_every_row() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    let silent = 2 * 1_440 + 6 * 60..2 * 1_440 + 21 * 60;
    append_register(&site, 0..31 * 1_440 + 60, |minute| {
        (!silent.contains(&minute)).then(|| 1_000.0 + minute_of(minute))
    });
    let (valley, peak, flat) = (487.0, 713.0, 240.0);
    for (what, period, expected) in [
        ("a quarter hour of one rate", quarter(96 + 3), [15.0, 0.0, 0.0]),
        ("a quarter hour in which the rate changes", quarter(96 + 8 * 4), [7.0, 8.0, 0.0]),
        ("a day", days(1, 2), [valley, peak, flat]),
        ("a day with an outage", days(2, 3), [valley, peak, flat]),
        // Before the first reading of all nothing is known.
        ("a month", days(0, 30), [30.0 * valley - 1.0 / 3.0, 30.0 * peak, 30.0 * flat]),
    ] {
        let rates = [Rate::Valley, Rate::Peak, Rate::Flat];
        let is_it = |summed: &Summed| {
            let found = rates.map(|rate| summed.row.rates.of(rate));
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6)
        };
        let found = site.summed(0, &period, is_it);
        let total: f64 = expected.iter().sum();
        assert!((found.row.summary.growth - total).abs() < 1e-6, "{what}: {found:?}");
        assert_eq!(
            found.row.rates.present().count(),
            expected.iter().filter(|e| **e > 0.0).count(),
            "{what}"
        );
    }
    let level = site.store.summed(site.series[1], &days(1, 2)).unwrap();
    assert_eq!(level.row.rates.present().count(), 0, "a power does not flow");
}

/// Removes the sealed readings, as retention does.
fn remove_readings(data: &Path) {
    for entry in fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_str().unwrap().starts_with("raw-") {
            fs::remove_dir_all(entry).unwrap();
        }
    }
}

#[test]
fn rows_outlive_the_readings() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    site.append(0..4 * 1_440);
    let day = days(1, 2);
    let before = site.summed(0, &day, |summed| summed.row.summary.readings == 1_440);
    while site.store.status().waiting_epochs > 0 {
        site.store.flush().unwrap();
    }
    site.store.close().unwrap();
    drop(site);
    remove_readings(dir.path());
    let site = open(dir.path());
    assert!(site.store.readings_from().unwrap() > day.start);
    assert_eq!(site.store.summed(site.series[0], &day).unwrap(), before);
    // One reading that comes as late as that is not all that there was.
    site.append(1_500..1_501);
    while site.store.status().waiting_quarters > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(site.store.summed(site.series[0], &day).unwrap(), before);
}

#[test]
fn a_late_reading_changes_a_row_only_together_with_its_revision() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    let late = 1_500..1_504;
    site.append(0..late.start);
    site.append(late.end..3 * 1_440);
    let (period, day) = (quarter(100), days(1, 2));
    let first = site.summed(1, &day, |summed| summed.row.summary.readings == 1_436);
    assert_eq!(first.revision, 0);
    site.append(late);
    let second = site.summed(1, &day, |summed| summed.row.summary.readings == 1_440);
    assert!(second.revision > first.revision);
    assert_same(&second.row, &site.walked(1, &day), "the day");
    let of_quarter = site.summed(1, &period, |summed| summed.revision > 0);
    assert_same(&of_quarter.row, &site.walked(1, &period), "the quarter hour");
    // Nobody else's row has a new revision.
    assert_eq!(site.store.summed(site.series[1], &quarter(101)).unwrap().revision, 0);
}

#[test]
fn after_a_restart_the_quarter_hours_that_were_under_way_are_summed_up() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    site.append(0..1_000);
    site.summed(1, &quarter(30), |summed| summed.row.summary.readings == 15);
    site.store.close().unwrap();
    drop(site);
    let site = open(dir.path());
    site.append(1_000..3_000);
    for number in [40, 65, 66, 67, 100] {
        let found = site.summed(1, &quarter(number), |summed| summed.row.summary.readings == 15);
        assert_same(&found.row, &site.walked(1, &quarter(number)), "a quarter hour");
    }
}

#[test]
fn a_row_that_was_computed_anew_stays_so_when_its_period_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    let append = |minutes: Range<i64>| {
        for minute in minutes.step_by(5) {
            site.store.append_blocking(site.scan(minute)).unwrap();
        }
    };
    let late = 1_500..1_515;
    append(0..late.start);
    append(late.end..33 * 1_440);
    let (period, day) = (quarter(100), days(1, 2));
    let readings = |count: u64| move |summed: &Summed| summed.row.summary.readings == count;
    site.summed(1, &day, readings(285));
    append(late);
    let anew = site.summed(1, &period, readings(3));
    let day_anew = site.summed(1, &day, readings(288));
    let is_kept = |store: &Store, period: &Range<UtcTime>, before: &Summed| {
        let now = store.summed(SeriesId(1), period).unwrap();
        assert_eq!(now.row, before.row);
        assert!(now.revision >= before.revision && now.revision > 0, "{now:?}");
    };
    append(33 * 1_440..66 * 1_440);
    site.summed(1, &days(64, 65), readings(288));
    is_kept(&site.store, &period, &anew);
    is_kept(&site.store, &day, &day_anew);
    site.store.close().unwrap();
    drop(site);
    is_kept(&open(dir.path()).store, &period, &anew);
}

#[test]
fn rows_of_readings_that_have_gone_are_in_a_backup_too() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(&dir.path().join("data"));
    site.append(0..6 * 1_440);
    let (day, hour) = (days(1, 2), quarter(100));
    let before = site.summed(0, &day, |summed| summed.row.summary.readings == 1_440);
    let before_hour = site.store.summed(site.series[0], &hour).unwrap();
    while site.store.status().waiting_epochs > 0 {
        site.store.flush().unwrap();
    }
    site.store.close().unwrap();
    drop(site);
    remove_readings(&dir.path().join("data"));
    let site = open(&dir.path().join("data"));
    let file = dir.path().join("store.backup");
    let new = NewFile::begin(&file).unwrap();
    backup(&site.store, UtcTime::from_ms(START_MS), new.file(), &mut |_, _| {}).unwrap();
    new.keep().unwrap();

    let other = open(&dir.path().join("other"));
    let bring_back = || restore(&other.store, &open_backup(&file).unwrap(), &file, &mut |_, _| {}).unwrap();
    let report = bring_back();
    assert!(report.records_added > 5 * 96, "{report:?}");
    let found = other.summed(0, &day, |summed| summed.row.summary.readings == 1_440);
    assert_eq!(found.row, before.row);
    assert_eq!(other.store.summed(other.series[0], &hour).unwrap().row, before_hour.row);
    assert_eq!(bring_back().records_added, 0, "everything is there already");
}

/// A site whose register is read when `is_read` says so, and shows what `shows` says.
fn append_register(site: &Site, minutes: Range<i64>, shows: impl Fn(i64) -> Option<f64>) {
    for minute in minutes {
        let mut scan = site.scan(minute);
        scan.samples[0] = match shows(minute) {
            Some(value) => Sample::good(Value::Number(value)),
            None => Sample::missing(Cause::Timeout),
        };
        site.store.append_blocking(scan).unwrap();
    }
}

fn minute_of(minute: i64) -> f64 {
    f64::from(i32::try_from(minute).unwrap())
}

#[test]
fn what_flowed_while_a_register_was_not_read_is_in_its_rows_too() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    // The meter is silent from the morning of the first day to the afternoon of the fifth.
    let silent = 9 * 60 + 7..4 * 1_440 + 15 * 60 + 3;
    append_register(&site, 0..6 * 1_440, |minute| {
        (!silent.contains(&minute)).then(|| 1_000.0 + minute_of(minute))
    });
    for (what, period, flowed) in [
        ("the quarter hour in which it began", quarter(9 * 4), 15.0),
        ("a quarter hour in its midst", quarter(10 * 4), 15.0),
        ("a whole day in its midst", days(2, 3), 1_440.0),
        ("the quarter hour in which it ended", quarter(4 * 96 + 15 * 4), 15.0),
        ("the day in which it ended", days(4, 5), 1_440.0),
        ("all of it", days(0, 5).start..quarter(6 * 96 - 2).end, 6.0 * 1_440.0 - 15.0 - 1.0 / 3.0),
    ] {
        let is_it = |summed: &Summed| (summed.row.summary.growth - flowed).abs() < 1e-6;
        let found = site.summed(0, &period, is_it);
        assert!(found.row.summary.covered_ms > 0.0, "{what}");
    }
    let inside = site.store.summed(site.series[0], &quarter(10 * 4)).unwrap();
    let shown = 1_000.0 + 600.0 - 1.0 / 3.0;
    let boundary = inside.row.boundary.unwrap();
    assert!(boundary.interpolated && (boundary.value - shown).abs() < 1e-6, "{boundary:?}");
    // The power of the same group was read all the time.
    assert_eq!(site.store.summed(site.series[1], &days(2, 3)).unwrap().row.summary.readings, 1_440);
    assert_eq!(site.store.counter_events(&site.series, &UtcTime::ALWAYS), []);
}

#[test]
fn what_a_register_did_is_an_event_that_can_be_confirmed_or_corrected_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let site = open(dir.path());
    let shows = |minute: i64| match minute {
        40 => Some(0.0),
        ..200 => Some(9_000.0 + minute_of(minute)),
        // Another meter, which began at 500.
        _ => Some(500.0 + minute_of(minute - 200)),
    };
    append_register(&site, 0..1_500, shows);
    let events = loop {
        let events = site.store.counter_events(&site.series, &UtcTime::ALWAYS);
        if events.len() == 2 {
            break events;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let told = events.iter().map(|known| {
        let Event { before, after, assumption, counted, .. } = known.event;
        (known.number, before, after, assumption, counted)
    });
    let expected =
        [(0, 9_039.0, 0.0, Assumption::Glitch, 0.0), (1, 9_199.0, 500.0, Assumption::Reset, 500.0)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let (swap, day) = (quarter(13), days(0, 1));
    let of_day = |flowed: f64| move |summed: &Summed| (summed.row.summary.growth - flowed).abs() < 1e-6;
    let flowed = 199.0 + 500.0 + 1_239.0 + 2.0 / 3.0;
    let first = site.summed(0, &day, of_day(flowed));
    // The old meter was taken down at 9 199.5, the new one began at 500.
    let ruled = Ruled { at: UtcTime::from_ms(START_MS), verdict: Assumption::Replaced, counted: 0.5 };
    let corrected = site.store.rule(1, Some(ruled)).unwrap();
    assert_eq!(corrected.verdict(), (Assumption::Replaced, 0.5));
    let second = site.summed(0, &day, of_day(flowed - 499.5));
    assert!(second.revision > first.revision, "{} {}", first.revision, second.revision);
    let rulings = site.store.rulings(site.series[0]);
    let profile = profile(SeriesKind::Register);
    let readings: Vec<Reading> =
        site.store.history(site.series[0], UtcTime::ALWAYS).unwrap().map(Result::unwrap).collect();
    let row = Row::of(&profile, &rulings, &swap, &[], &readings);
    assert_same(&site.store.summed(site.series[0], &swap).unwrap().row, &row, "the quarter hour of the swap");
    site.store.close().unwrap();
    drop(site);
    let site = open(dir.path());
    assert_eq!(site.store.counter_event(1), Some(corrected));
    assert_eq!(site.store.status().counter_events_open, 1);
    site.store.rule(1, None);
    site.summed(0, &day, of_day(flowed));
    assert_eq!(site.store.rule(7, None), None);
}
