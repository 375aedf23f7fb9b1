//! A small plant whose every scan follows from its sequence number, and what a plain list says of it.

use std::ops::Range;
use std::path::Path;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::{GroupId, Reading, Sample, Scan, SeriesId, Value};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;

pub(super) const START_MS: i64 = 1_711_900_800_000;

pub(super) fn settings() -> StoreSettings {
    StoreSettings { durability_window_ms: 100, raw_days: 400, size_max_mib: 64, ..StoreSettings::default() }
}

/// The store with its two groups: one of three series, one of a single series that lies in both.
pub(super) struct Plant {
    pub(super) store: Store,
    pub(super) series: [SeriesId; 3],
    pub(super) groups: [GroupId; 2],
}

impl Plant {
    pub(super) fn open(dir: &Path) -> Self {
        Self::named(Store::open(dir, &settings()).unwrap())
    }

    pub(super) fn named(store: Store) -> Self {
        let series = ["P", "EPI", "SN"].map(|parameter| store.series("PT-1", parameter).unwrap());
        let groups = [store.group(&series).unwrap(), store.group(&series[..1]).unwrap()];
        Self { store, series, groups }
    }

    /// The scan of this sequence number: always the same, so that it can be checked after a kill.
    pub(super) fn scan(&self, sequence: u64) -> Scan {
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
    pub(super) fn durable_scans(&self) -> Vec<(u64, Scan)> {
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
    pub(super) fn expected(scans: &[Scan], place: usize, range: &Range<UtcTime>) -> Vec<Reading> {
        let mut readings: Vec<Reading> = scans
            .iter()
            .filter(|scan| range.contains(&scan.at))
            .filter_map(|scan| Some(Reading::new(scan.at, scan.samples.get(place)?.clone())))
            .collect();
        readings.sort_by_key(|reading| reading.at);
        readings
    }

    pub(super) fn assert_holds(&self, scans: &[Scan]) {
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

    pub(super) fn assert_latest(&self, scans: &[Scan]) {
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

/// Copies a directory with everything in it.
pub(super) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            // A store that is running removes a file now and then.
            match std::fs::copy(entry.path(), target) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
    }
}
