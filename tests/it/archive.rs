//! Readings out of a store and back into one: CSV, backup, restore.

#![expect(clippy::unwrap_used, reason = "what is unexpected in a test ends it")]

mod backup;
mod command_line;
mod export;

use std::path::Path;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::{Cause, Doubt, Quality};
use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::store::{Store, Taken, Wanted, What};
use cems_gateway::time::UtcTime;

const START_MS: i64 = 1_717_200_000_000;

/// A store of two groups that share a series: power, energy and a serial number.
struct Plant {
    store: Store,
    groups: [GroupId; 2],
}

impl Plant {
    fn open(dir: &Path) -> Self {
        let settings = StoreSettings { durability_window_ms: 50, ..StoreSettings::default() };
        let store = Store::open(dir, &settings).unwrap();
        let series = [("PT-1", "P"), ("PT-1", "EPI"), ("PT-2", "SN")];
        let series: Vec<SeriesId> = series.iter().map(|(p, q)| store.series(p, q).unwrap()).collect();
        let groups = [store.group(&series).unwrap(), store.group(&series[..1]).unwrap()];
        Self { store, groups }
    }

    /// The scan of this number: what it holds follows from the number alone.
    fn scan(&self, number: u32) -> Scan {
        let at = UtcTime::from_ms(START_MS + i64::from(number) * 1_000 + i64::from(number % 2) * 7);
        let power = Sample::good(Value::Number(f64::from(number % 977) / 10.0));
        if number.is_multiple_of(5) {
            return Scan { group: self.groups[1], at, samples: vec![power] };
        }
        let energy = match number % 7 {
            0 => Sample::missing(Cause::Exception(2)),
            1 => Sample {
                value: Some(Value::Number(f64::from_bits(0x3fe0_0000_0000_0000 | u64::from(number)))),
                quality: Quality::Suspect(Doubt::OutOfRange),
            },
            _ => Sample::good(Value::Number(f64::from(number) / 100.0)),
        };
        let serial = Sample::good(Value::Text(format!("SN \"{}\", 甲", number % 3).into()));
        Scan { group: self.groups[0], at, samples: vec![power, energy, serial] }
    }

    fn append(&self, numbers: std::ops::Range<u32>) {
        numbers.for_each(|number| self.store.append_blocking(self.scan(number)).unwrap());
        self.store.flush().unwrap();
    }

    /// Every scan with the names of what was read, in the order they were taken.
    fn scans(&self) -> Vec<Named> {
        walk(&self.store)
    }
}

/// A reading by its name, with the bits of its value.
type Named = (UtcTime, Vec<(String, String, String)>);

fn walk(store: &Store) -> Vec<Named> {
    let times = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
    let all = store.walk(Wanted { what: What::All, times, sequences: 0..u64::MAX });
    let named = |taken: Taken| {
        let series = store.group_series(taken.group).unwrap();
        let samples = taken.samples.into_iter().map(|(place, sample)| {
            let (point, parameter) = store.series_name(series[usize::from(place)]).unwrap();
            (point, parameter, bits(&sample))
        });
        (taken.at, samples.collect())
    };
    all.map(|taken| named(taken.unwrap())).collect()
}

fn bits(sample: &Sample) -> String {
    match &sample.value {
        Some(Value::Number(number)) => format!("{} {:016x}", sample.quality, number.to_bits()),
        other => format!("{} {other:?}", sample.quality),
    }
}
