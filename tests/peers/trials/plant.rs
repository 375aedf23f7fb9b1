//! A small plant whose every scan follows from a seed and its sequence number, so that what a store
//! holds after an accident can be held against what it was given.

use std::collections::BTreeMap;
use std::path::Path;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::Cause;
use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::model::tou::Tou;
use cems_gateway::stats::SeriesKind;
use cems_gateway::store::{SeriesProfile, Store, StoreError};
use cems_gateway::time::{Interval, UtcOffset, UtcTime};

/// When the first scan is taken.
const START_MS: i64 = 1_711_900_800_000;
/// Series of the two groups.
const WIDTHS: [usize; 2] = [5, 3];

/// The store with its groups.
pub(crate) struct Plant {
    pub(crate) store: Store,
    pub(crate) groups: Vec<(GroupId, Vec<SeriesId>)>,
    seed: u64,
}

impl Plant {
    /// Opens the store in `dir`.
    pub(crate) fn open(dir: &Path, seed: u64) -> Result<Self, StoreError> {
        let settings =
            StoreSettings { durability_window_ms: 100, size_max_mib: 16, ..StoreSettings::default() };
        let store = Store::open(dir, &settings)?;
        let mut groups = Vec::new();
        for (number, width) in WIDTHS.into_iter().enumerate() {
            let name = |place| store.series(&format!("PT-{number}"), &format!("P{place}"));
            let series = (0..width).map(name).collect::<Result<Vec<_>, _>>()?;
            groups.push((store.group(&series)?, series));
        }
        let profile = SeriesProfile { kind: SeriesKind::Level, interval: Interval::SECOND, modulus: None };
        let described = groups.iter().flat_map(|(_, series)| series.iter().map(|series| (*series, profile)));
        store.describe(described, UtcOffset::UTC, Tou::default());
        Ok(Self { store, groups, seed })
    }

    /// The scan of this sequence number: both groups take turns, half a second apart.
    pub(crate) fn scan(&self, sequence: u64) -> Scan {
        let turn = usize::from(sequence.is_multiple_of(2));
        let (group, series) = &self.groups[turn];
        let at = UtcTime::from_ms(START_MS + i64::try_from(sequence).unwrap_or(i64::MAX) * 500);
        let sample = |place: u64| {
            let noise = (sequence ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15 + place * 2) >> 20;
            match (place, noise % 40) {
                (_, 0) => Sample::missing(Cause::Timeout),
                (0, _) => Sample::good(Value::Number(f64::from_bits(0x3fe0_0000_0000_0000 | noise))),
                (1, _) => Sample::good(Value::Text(format!("v{}", noise % 3).into())),
                _ => Sample::good(Value::Number(f64::from((noise % 5_000) as u32) / 10.0)),
            }
        };
        Scan { group: *group, at, samples: (0..series.len() as u64).map(sample).collect() }
    }

    /// The scans that the store holds as durable, by their time, which is as good as their number.
    pub(crate) fn durable_scans(&self) -> Result<BTreeMap<u64, Scan>, StoreError> {
        let mut scans = BTreeMap::new();
        let mut after = 0;
        loop {
            let more = self.store.scans_after(after, 2_000)?;
            let Some((last, _)) = more.last() else { return Ok(scans) };
            after = *last;
            scans.extend(more.into_iter().map(|(_, scan)| (number_of(scan.at), scan)));
        }
    }
}

/// The number of the scan that is taken at `at`.
pub(crate) fn number_of(at: UtcTime) -> u64 {
    u64::try_from((at.as_ms() - START_MS) / 500).unwrap_or(0)
}
