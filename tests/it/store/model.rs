//! The store against a plain map: random operations with restarts, crashes, failing writes, late
//! readings and clock steps, from a seed that is printed.

use std::path::Path;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::{GroupId, Reading, Sample, Scan, SeriesId, Value};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;

use super::plant::{START_MS, copy_dir};

/// Overrides the seed, to run one that failed again.
const SEED: &str = "CEMS_MODEL_SEED";
/// Overrides the number of operations.
const STEPS: &str = "CEMS_MODEL_STEPS";
/// Series of the plant, in groups of different width that share some of them.
const SERIES: usize = 12;
const GROUPS: [std::ops::Range<usize>; 4] = [0..3, 3..12, 2..4, 11..12];

/// A generator of its own, so that a seed means the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// What a plain list knows of the store.
#[derive(Default)]
struct Model {
    /// Every scan that was taken, with its sequence number.
    scans: Vec<(u64, Scan)>,
}

struct Run {
    random: Random,
    dir: tempfile::TempDir,
    generation: u32,
    store: Store,
    groups: Vec<GroupId>,
    series: Vec<SeriesId>,
    model: Model,
    now_ms: i64,
    units: Vec<i64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, series, groups) = open(&dir.path().join("0"));
        Self {
            random: Random(seed),
            generation: 0,
            store,
            series,
            groups,
            model: Model::default(),
            now_ms: START_MS,
            units: vec![100_000; SERIES],
            dir,
        }
    }

    fn place(&self) -> std::path::PathBuf {
        self.dir.path().join(self.generation.to_string())
    }

    fn step(&mut self) {
        match self.random.below(40) {
            0 => self.restart(),
            1 => self.crash(),
            2 => self.step_clock(),
            3 => self.append_late(),
            4 => self.flush(),
            5 | 6 => self.check_range(),
            _ => {
                let scans = 1 + self.random.below(400);
                (0..scans).for_each(|_| self.append());
            }
        }
    }

    fn append(&mut self) {
        self.now_ms += i64::try_from(self.random.below(3_000)).unwrap();
        self.append_at(self.now_ms);
    }

    fn append_at(&mut self, at_ms: i64) {
        let place = usize::try_from(self.random.below(GROUPS.len() as u64)).unwrap();
        let samples = GROUPS[place].clone().map(|series| self.sample(series)).collect();
        let scan = Scan { group: self.groups[place], at: UtcTime::from_ms(at_ms), samples };
        self.store.append_blocking(scan.clone()).unwrap();
        self.model.scans.push((self.store.status().last_sequence, scan));
    }

    fn sample(&mut self, series: usize) -> Sample {
        if self.random.one_in(30) {
            let cause = [Cause::Timeout, Cause::Exception(2), Cause::NotAvailable][series % 3];
            return Sample::missing(cause);
        }
        let value = match series {
            0 => Value::Text(format!("v{}", self.random.below(3)).into()),
            1 => Value::Number(f64::from_bits(self.random.below(1 << 62))),
            _ => {
                self.units[series] += i64::try_from(self.random.below(20)).unwrap() - 5;
                Value::Number(f64::from(i32::try_from(self.units[series]).unwrap()) / 100.0)
            }
        };
        let is_doubted = self.random.one_in(50);
        let quality = if is_doubted { Quality::Suspect(Doubt::OutOfRange) } else { Quality::Good };
        Sample { value: Some(value), quality }
    }

    /// Readings that were kept somewhere else for a while: any time before now.
    fn append_late(&mut self) {
        let back_ms = i64::try_from(self.random.below(40_000_000)).unwrap();
        for number in 0..self.random.below(20) {
            self.append_at(self.now_ms - back_ms + i64::try_from(number).unwrap() * 900);
        }
    }

    fn step_clock(&mut self) {
        self.now_ms += i64::try_from(self.random.below(14_400_000)).unwrap() - 7_200_000;
    }

    fn flush(&mut self) {
        let durable = self.store.flush().unwrap();
        // Zero before the first.
        assert_eq!(durable.sequence, self.model.scans.last().map_or(0, |(sequence, _)| *sequence));
    }

    fn restart(&mut self) {
        self.store.close().unwrap();
        let place = self.place();
        self.reopen(&place);
    }

    /// Goes on with a copy that was made while the store was running, as after a kill.
    fn crash(&mut self) {
        let durable = self.store.durable().sequence;
        let from = self.place();
        self.generation += 1;
        let to = self.place();
        copy_dir(&from, &to);
        self.reopen(&to);
        std::fs::remove_dir_all(from).unwrap();
        let kept = self.store.durable().sequence;
        assert!(kept >= durable, "{kept} of {durable} durable scans");
        self.model.scans.retain(|(sequence, _)| *sequence <= kept);
    }

    fn reopen(&mut self, place: &Path) {
        (self.store, self.series, self.groups) = open(place);
        assert_eq!(self.store.status().damage, Vec::<String>::new());
    }

    fn check_range(&mut self) {
        let series = usize::try_from(self.random.below(SERIES as u64)).unwrap();
        let from = self.now_ms - i64::try_from(self.random.below(50_000_000)).unwrap();
        let to = from + i64::try_from(self.random.below(10_000_000)).unwrap();
        self.check(series, from, to);
    }

    fn check(&self, series: usize, from_ms: i64, to_ms: i64) {
        let range = UtcTime::from_ms(from_ms)..UtcTime::from_ms(to_ms);
        let mut expected: Vec<Reading> = Vec::new();
        for (_, scan) in self.model.scans.iter().filter(|(_, scan)| range.contains(&scan.at)) {
            let group = self.groups.iter().position(|group| *group == scan.group).unwrap();
            if let Some(place) = GROUPS[group].clone().position(|member| member == series) {
                expected.push(Reading::new(scan.at, scan.samples[place].clone()));
            }
        }
        expected.sort_by_key(|reading| reading.at);
        let found: Vec<Reading> =
            self.store.history(self.series[series], range.clone()).unwrap().map(Result::unwrap).collect();
        let first_off = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        if let Some(at) = first_off {
            panic!("reading {at} of series {series} is {:?}, not {:?}", found[at], expected[at]);
        }
        assert_eq!(found.len(), expected.len(), "of series {series}");
        assert_eq!(self.store.count(self.series[series], range), Ok(expected.len() as u64));
    }

    fn check_all(&self) {
        for series in 0..SERIES {
            self.check(series, i64::MIN, i64::MAX);
        }
        let mut after = 0;
        let mut expected = self.model.scans.iter();
        loop {
            let scans = self.store.scans_after(after, 500).unwrap();
            let Some((last, _)) = scans.last() else { break };
            after = *last;
            assert!(scans.iter().all(|scan| expected.next() == Some(scan)));
        }
        assert_eq!(expected.next(), None);
    }
}

fn open(place: &Path) -> (Store, Vec<SeriesId>, Vec<GroupId>) {
    let settings = StoreSettings { durability_window_ms: 50, raw_days: 400, ..StoreSettings::default() };
    let store = Store::open(place, &settings).unwrap();
    let series: Vec<SeriesId> =
        (0..SERIES).map(|place| store.series("PT-1", &format!("P{place}")).unwrap()).collect();
    let groups = GROUPS.map(|members| store.group(&series[members]).unwrap());
    (store, series, groups.to_vec())
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_store_holds_what_a_plain_map_holds_whatever_happens_to_it() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number_of(SEED).unwrap_or_else(|| u64::from(now.subsec_nanos()) * 4_294_967 + now.as_secs());
    // Printed when the test fails.
    println!("{SEED}={seed}");
    let mut run = Run::new(seed | 1);
    for _ in 0..number_of(STEPS).unwrap_or(400) {
        run.step();
    }
    run.flush();
    run.check_all();
    run.restart();
    run.check_all();
}
