//! How many bytes a reading takes, on the mix of quantities that a plant has.

use super::code::decimal;
use super::epoch::Epoch;
use super::ring::RingCoder;
use super::{block, ring};
use crate::limits;
use crate::model::reading::{GroupId, Sample, Scan, Value};
use crate::time::UtcTime;

/// Twenty series scanned once a second: 40 % energy counters, 30 % voltages, 20 % powers, one current
/// and one frequency, each with the resolution and the noise of a real meter.
pub(super) struct Plant {
    seed: u64,
    energy_mwh: [i64; 8],
    voltage_mv: [i64; 6],
    power_w: [i64; 4],
}

impl Plant {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, energy_mwh: [81_234_000; 8], voltage_mv: [230_000; 6], power_w: [12_000; 4] }
    }

    /// Uniform in 0..`below`.
    fn random(&mut self, below: u64) -> i64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        ((self.seed >> 11) % below).cast_signed()
    }

    /// Roughly normal, standard deviation `deviation`.
    fn noise(&mut self, deviation: i64) -> i64 {
        let sum: i64 = (0..12).map(|_| self.random(2_001) - 1_000).sum();
        sum * deviation / 2_000
    }

    pub(super) fn scan(&mut self, at: UtcTime) -> Scan {
        let mut values = Vec::with_capacity(20);
        for meter in 0..8 {
            let power_w = self.power_w[meter % 4] + self.noise(50);
            self.energy_mwh[meter] += power_w * 1_000 / 3_600;
            values.push(decimal::unscaled(self.energy_mwh[meter] / 10_000, 2));
        }
        for phase in 0..6 {
            self.voltage_mv[phase] += self.noise(20) - (self.voltage_mv[phase] - 230_000) / 200;
            let shown_mv = self.voltage_mv[phase] + self.noise(100);
            values.push(decimal::unscaled(
                shown_mv / if phase < 3 { 100 } else { 10 },
                if phase < 3 { 1 } else { 2 },
            ));
        }
        for load in 0..4 {
            if self.random(300) == 0 {
                self.power_w[load] = 5_000 + self.random(20_000);
            }
            let shown_w = self.power_w[load] + self.noise(self.power_w[load] / 500);
            values.push(decimal::unscaled(shown_w, 3));
        }
        values.push(decimal::unscaled(52_000 + self.noise(60), 3));
        values.push(decimal::unscaled(5_000 + self.noise(1), 2));
        let samples = values.into_iter().map(|value| Sample::good(Value::Number(value))).collect();
        Scan { group: GroupId(0), at, samples }
    }
}

fn bytes_per_reading(bytes: usize, readings: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / f64::from(u32::try_from(readings).unwrap())
}

#[test]
fn a_quantised_reading_takes_well_under_a_byte() {
    let mut plant = Plant::new(35_031);
    let scans: Vec<Scan> = (0_i64..)
        .take(limits::EPOCH_SCANS_MAX)
        .map(|second| plant.scan(UtcTime::from_ms(1_711_900_800_000 + second * 1_000)))
        .collect();
    let readings = scans.len() * scans[0].samples.len();

    let mut epoch = Epoch::default();
    (1_u64..).zip(&scans).for_each(|(sequence, scan)| epoch.push(sequence, scan));
    let blocks = epoch.groups().iter().flat_map(|(group, columns)| block::blocks(0, *group, columns));
    let sealed: usize = blocks.map(|block| block.value.len()).sum();
    let sealed = bytes_per_reading(sealed, readings);

    let mut coder = RingCoder::default();
    let five_seconds = scans.chunks(5);
    let records =
        five_seconds.flat_map(|scans| ring::records(0, &coder.encode(1, scans).1).collect::<Vec<_>>());
    let ringed = bytes_per_reading(records.map(|record| record.len()).sum(), readings);

    assert!(sealed < 0.65, "{sealed:.3} bytes a sealed reading");
    assert!(ringed < 0.8, "{ringed:.3} bytes a reading in the ring");
}
