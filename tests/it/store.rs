//! The store against a plain list: random operations, crashes, kills, a damaged file, a full disk.

#![expect(clippy::unwrap_used, reason = "what is unexpected in a test ends it")]

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::{GroupId, Reading, Sample, Scan, SeriesId, Value};
use cems_gateway::store::{Store, StoreError};
use cems_gateway::time::UtcTime;
use proptest::prelude::*;

const START_MS: i64 = 1_711_900_800_000;

fn settings() -> StoreSettings {
    StoreSettings { durability_window_ms: 100, history_days: 400, size_max_mib: 64 }
}

/// The store with its two groups: one of three series, one of a single series that lies in both.
struct Plant {
    store: Store,
    series: [SeriesId; 3],
    groups: [GroupId; 2],
}

impl Plant {
    fn open(dir: &Path) -> Self {
        Self::named(Store::open(dir, &settings()).unwrap())
    }

    fn named(store: Store) -> Self {
        let series = ["P", "EPI", "SN"].map(|parameter| store.series("PT-1", parameter).unwrap());
        let groups = [store.group(&series).unwrap(), store.group(&series[..1]).unwrap()];
        Self { store, series, groups }
    }

    /// The scan of this sequence number: always the same, so that it can be checked after a kill.
    fn scan(&self, sequence: u64) -> Scan {
        let at = UtcTime::from_ms(START_MS + i64::try_from(sequence).unwrap() * 250);
        let noise = sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let power = Sample::good(Value::Number(f64::from(u32::try_from(noise % 5_000).unwrap()) / 10.0));
        if noise.is_multiple_of(5) {
            return Scan { group: self.groups[1], at, samples: vec![power] };
        }
        let energy = match noise % 7 {
            0 => Sample::missing(Cause::Exception(2)),
            1 => Sample {
                value: Some(Value::Number(f64::from_bits(0x3fe0_0000_0000_0000 | noise))),
                quality: Quality::Suspect(Doubt::OutOfRange),
            },
            _ => Sample::good(Value::Number(f64::from(u32::try_from(sequence).unwrap()) / 100.0)),
        };
        let serial = Sample::good(Value::Text(format!("SN-{}", noise % 3).into()));
        Scan { group: self.groups[0], at, samples: vec![power, energy, serial] }
    }

    /// Every durable scan, read the way the uplink does.
    fn durable_scans(&self) -> Vec<(u64, Scan)> {
        let mut scans: Vec<(u64, Scan)> = Vec::new();
        loop {
            let from = scans.last().map_or(0, |(sequence, _)| *sequence);
            let more = self.store.scans_after(from, 700).unwrap();
            if more.is_empty() {
                return scans;
            }
            scans.extend(more);
        }
    }

    /// What a plain list says that the history of the series at `place` is.
    fn expected(scans: &[Scan], place: usize, range: &Range<UtcTime>) -> Vec<Reading> {
        let mut readings: Vec<Reading> = scans
            .iter()
            .filter(|scan| range.contains(&scan.at))
            .filter_map(|scan| Some(Reading::new(scan.at, scan.samples.get(place)?.clone())))
            .collect();
        readings.sort_by_key(|reading| reading.at);
        readings
    }

    fn assert_holds(&self, scans: &[Scan]) {
        let all = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
        let middle = scans.get(scans.len() / 3).map_or(START_MS, |scan| scan.at.as_ms());
        let part = UtcTime::from_ms(middle)..UtcTime::from_ms(middle + 100_000);
        for range in [all, part] {
            for (place, series) in self.series.iter().enumerate() {
                let expected = Self::expected(scans, place, &range);
                let history = self.store.history(*series, range.clone()).unwrap();
                let found: Vec<Reading> = history.map(Result::unwrap).collect();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(found, expected);
                }
                assert_eq!(self.store.count(*series, range.clone()), Ok(expected.len() as u64));
            }
        }
    }

    fn assert_latest(&self, scans: &[Scan]) {
        for (place, series) in self.series.iter().enumerate() {
            let of_series =
                || scans.iter().rev().filter_map(|scan| Some((scan.at, scan.samples.get(place)?)));
            let latest = self.store.latest(*series);
            let value = of_series().find(|(_, sample)| sample.value.is_some());
            let value = value.map(|(at, sample)| Reading::new(at, sample.clone()));
            assert_eq!(latest.clone().and_then(|latest| latest.reading), value);
            let failing = of_series().next().and_then(|(at, sample)| match sample.quality {
                Quality::Missing(cause) => Some((at, cause)),
                _ => None,
            });
            assert_eq!(latest.and_then(|latest| latest.failing), failing);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append { scans: usize, clock_step_ms: i64 },
    Flush,
    Restart,
    Crash,
    Cursor(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..900, prop_oneof![4 => Just(0_i64), 1 => -400_000_i64..400_000])
            .prop_map(|(scans, clock_step_ms)| Step::Append { scans, clock_step_ms }),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
        1 => (0_u64..1_000).prop_map(Step::Cursor),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_a_plain_list_holds(steps in prop::collection::vec(any_step(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut home = dir.path().join("0");
        let mut plant = Plant::open(&home);
        let (mut scans, mut cursor, mut clock_ms): (Vec<Scan>, u64, i64) = (Vec::new(), 0, 0);
        for (number, step) in (1..).zip(steps) {
            match step {
                Step::Append { scans: count, clock_step_ms } => {
                    clock_ms += clock_step_ms;
                    for _ in 0..count {
                        let mut scan = plant.scan(scans.len() as u64 + 1);
                        scan.at = UtcTime::from_ms(scan.at.as_ms() + clock_ms);
                        plant.store.append_blocking(scan.clone()).unwrap();
                        scans.push(scan);
                    }
                }
                Step::Flush => {
                    let durable = plant.store.flush().unwrap();
                    prop_assert_eq!(durable.sequence, scans.len() as u64);
                    prop_assert_eq!(durable.through, scans.last().map(|scan| scan.at));
                }
                Step::Restart => {
                    drop(plant);
                    plant = Plant::open(&home);
                    prop_assert_eq!(plant.store.durable().sequence, scans.len() as u64);
                    prop_assert_eq!(plant.store.cursor("uplink"), cursor);
                }
                Step::Crash => {
                    // What lies in the files while the store runs is what a kill leaves behind.
                    let acknowledged = plant.store.durable().sequence;
                    let left = dir.path().join(number.to_string());
                    copy_dir(&home, &left);
                    drop(plant);
                    home = left;
                    plant = Plant::open(&home);
                    prop_assert!(plant.store.durable().sequence >= acknowledged);
                    scans.truncate(usize::try_from(plant.store.durable().sequence).unwrap());
                    cursor = plant.store.cursor("uplink");
                }
                Step::Cursor(to) => {
                    plant.store.move_cursor("uplink", to).unwrap();
                    cursor = to;
                }
            }
            plant.assert_holds(&scans);
            plant.assert_latest(&scans);
            let status = plant.store.status();
            prop_assert_eq!(status.damage, Vec::<String>::new());
            prop_assert_eq!(status.failing, None);
            prop_assert_eq!(status.blob_files, 0);
        }
        plant.store.flush().unwrap();
        let expected: Vec<(u64, Scan)> = (1..).zip(scans).collect();
        prop_assert_eq!(plant.durable_scans(), expected);
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn names_stay_and_are_never_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let (series, groups) = (plant.series, plant.groups);
    plant.store.close().unwrap();
    assert_eq!(plant.store.flush(), Err(StoreError::Closed));

    let again = Store::open(dir.path(), &settings()).unwrap();
    let other = again.series("PT-2", "P").unwrap();
    assert!(!series.contains(&other));
    let again = Plant::named(again);
    assert_eq!((again.series, again.groups), (series, groups));
    assert_eq!(again.store.series_name(other), Some(("PT-2".to_owned(), "P".to_owned())));
}

#[test]
fn a_scan_that_does_not_fit_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let good = plant.scan(1);
    let contradiction = Sample { value: None, quality: Quality::Good };
    let text = Sample::good(Value::Text("x".repeat(65).into()));
    for (group, samples) in [
        (GroupId(9), good.samples.clone()),
        (plant.groups[0], Vec::new()),
        (plant.groups[1], vec![contradiction]),
        (plant.groups[1], vec![text]),
    ] {
        assert!(plant.store.append_blocking(Scan { group, at: good.at, samples }).is_err());
    }
    assert_eq!(plant.store.flush().unwrap().sequence, 0);
    assert_eq!(plant.store.latest(plant.series[0]), None);
}

#[tokio::test]
async fn everything_appended_becomes_durable_without_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let mut durable = plant.store.watch_durable();
    for sequence in 1..=3_000 {
        plant.store.append(plant.scan(sequence)).await.unwrap();
    }
    durable.wait_for(|sequence| *sequence == 3_000).await.unwrap();
    assert_eq!(plant.store.durable().through, Some(plant.scan(3_000).at));
}

/// Set for the process that is killed.
const CHILD_DIR: &str = "CEMS_STORE_CHILD_DIR";

fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(CHILD_DIR, dir).stdout(Stdio::piped());
    command
}

#[test]
fn child_appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let plant = Plant::open(Path::new(&dir));
    let mut acknowledged = plant.store.durable().sequence;
    for sequence in acknowledged + 1.. {
        plant.store.append_blocking(plant.scan(sequence)).unwrap();
        let durable = plant.store.durable().sequence;
        if durable > acknowledged {
            acknowledged = durable;
            println!("\nacknowledged {acknowledged}");
        }
    }
}

/// Reads what the child says until it has acknowledged often enough, kills it, and gives the last
/// sequence number that it acknowledged.
fn kill_after(mut child: Child, acknowledgements: u64) -> u64 {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    let mut seen = 0;
    for line in lines.map_while(Result::ok) {
        let Some(sequence) = line.strip_prefix("acknowledged ") else { continue };
        // The last line may be cut short by the kill, so it is not believed.
        if seen == acknowledgements {
            child.kill().unwrap();
            break;
        }
        acknowledged = sequence.parse().unwrap();
        seen += 1;
    }
    child.wait().unwrap();
    acknowledged
}

#[test]
fn ten_kills_at_full_speed_lose_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = 35_031_u64;
    let mut before = 0;
    for round in 0..10 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let child = child("store::child_appends_until_it_is_killed", dir.path()).spawn().unwrap();
        let acknowledged = kill_after(child, 1 + (seed >> 60));
        assert!(acknowledged > before, "round {round} made no progress");

        let plant = Plant::open(dir.path());
        assert_eq!(plant.store.status().damage, Vec::<String>::new());
        let durable = plant.store.durable().sequence;
        assert!(durable >= acknowledged, "round {round}: {durable} of {acknowledged}");
        let mut expected = 1;
        for (sequence, scan) in plant.durable_scans() {
            assert_eq!(sequence, expected);
            assert_eq!(scan, plant.scan(sequence), "round {round}");
            expected += 1;
        }
        assert_eq!(expected, durable + 1);
        before = durable;
    }
}

/// Damages a copy of the database file in one of the ways that a worn medium does.
fn damage(file: &Path, way: u64, at: u64) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = usize::try_from(at).unwrap() % bytes.len();
    match way % 3 {
        0 => bytes[at] ^= 0x10,
        1 => {
            let end = (at + 4_096).min(bytes.len());
            bytes[at..end].fill(0);
        }
        _ => bytes.truncate(at),
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_damaged_file_neither_stops_the_gateway_nor_gives_a_wrong_reading() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    let plant = Plant::open(&closed);
    let scans: Vec<Scan> = (1..=5_000).map(|sequence| plant.scan(sequence)).collect();
    for scan in &scans {
        plant.store.append_blocking(scan.clone()).unwrap();
    }
    plant.store.flush().unwrap();
    let running = dir.path().join("running");
    copy_dir(&closed, &running);
    plant.store.close().unwrap();
    drop(plant);

    let mut seed = 11_u64;
    for round in 0..24 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let copy = dir.path().join("copy");
        copy_dir(if round % 2 == 0 { &closed } else { &running }, &copy);
        damage(&copy.join("db/db"), round, seed >> 33);
        let plant = Plant::open(&copy);
        let all = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
        let mut is_whole = true;
        for (place, series) in plant.series.iter().enumerate() {
            let expected = Plant::expected(&scans, place, &all);
            let mut left = expected.iter();
            for reading in plant.store.history(*series, all.clone()).unwrap().flatten() {
                assert!(left.any(|expected| *expected == reading), "round {round}: {reading:?}");
            }
            is_whole &= left.next().is_none();
        }
        let status = plant.store.status();
        let was_closed = round % 2 == 0;
        assert!(is_whole || !was_closed || !status.damage.is_empty(), "round {round}: an unseen loss");
        assert!(!was_closed || status.last_sequence == 5_000, "round {round}: numbers are given twice");
        plant.store.append_blocking(plant.scan(status.last_sequence + 1)).unwrap();
        plant.store.flush().unwrap();
        drop(plant);
        std::fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn child_fills_its_disk_and_then_gets_more_space() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let plant = Plant::open(Path::new(&dir));
    let mut sequence = 0;
    let mut append = |count: u64| {
        for _ in 0..count {
            sequence += 1;
            plant.store.append_blocking(plant.scan(sequence)).unwrap();
        }
        sequence
    };
    while plant.store.status().failing.is_none() {
        append(1_000);
        // The flush is what fills the disk; that it fails in the end is what this waits for.
        let _ = plant.store.flush();
    }
    let acknowledged = plant.store.durable().sequence;
    println!("\nfull {acknowledged}");
    let taken = append(5_000);
    assert!(matches!(plant.store.flush(), Err(StoreError::Failing { .. })));
    plant.assert_latest(&[plant.scan(taken - 1), plant.scan(taken)]);

    let unlimited = rustix::process::Rlimit { current: None, maximum: None };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, unlimited).unwrap();
    while plant.store.flush().is_err() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    println!("\nkept {}", plant.store.durable().sequence);
}

#[test]
fn a_full_disk_loses_nothing_that_memory_can_hold() {
    let dir = tempfile::tempdir().unwrap();
    let test = child("store::child_fills_its_disk_and_then_gets_more_space", dir.path());
    // A file may not grow beyond a megabyte; a write beyond is an error, not a signal.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 2048; exec \"$@\"", "sh"]);
    limited.arg(test.get_program()).args(test.get_args()).env(CHILD_DIR, dir.path());
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let number = |word: &str| -> u64 {
        let line = said.lines().find_map(|line| line.strip_prefix(word));
        line.unwrap_or_else(|| panic!("no '{word}' in {said}")).parse().unwrap()
    };
    assert!(number("kept ") >= number("full ") + 5_000);

    let plant = Plant::open(dir.path());
    let scans = plant.durable_scans();
    assert_eq!(scans.len() as u64, number("kept "));
    for (sequence, scan) in scans {
        assert_eq!(scan, plant.scan(sequence));
    }
}
