//! The site that every store is given: 25 meters with 20 series each, scanned once a second.

use cems_gateway::time::UtcTime;

/// Meters of the site.
pub(crate) const METERS: usize = 25;
/// Series of each meter.
pub(crate) const SERIES: usize = 20;
/// Readings of one second.
pub(crate) const READINGS: u64 = (METERS * SERIES) as u64;
/// When it begins: 2024-04-01 in Shanghai.
pub(crate) const START_MS: i64 = 1_711_900_800_000;

/// One meter: 40 % energy counters, 30 % voltages, 20 % powers, one current and one frequency, each with
/// the resolution and the noise of a real one. The same seed gives the same values.
pub(crate) struct Meter {
    seed: u64,
    energy_mwh: [i64; 8],
    voltage_mv: [i64; 6],
    power_w: [i64; 4],
}

/// All meters of the site.
pub(crate) fn site() -> Vec<Meter> {
    (0..METERS as u64).map(|meter| Meter::new(35_031 + meter)).collect()
}

impl Meter {
    fn new(seed: u64) -> Self {
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
        let sum: i64 = (0..4).map(|_| self.random(2_001) - 1_000).sum();
        sum * deviation / 1_155
    }

    /// When its answer of this second came: a few milliseconds into it.
    pub(crate) fn time(&mut self, second: i64) -> UtcTime {
        UtcTime::from_ms(START_MS + second * 1_000 + self.random(8))
    }

    /// The values of the next second.
    pub(crate) fn values(&mut self) -> [f64; SERIES] {
        let mut values = [0.0; SERIES];
        let mut next = values.iter_mut();
        let mut put = |units: i64, per_unit: f64| {
            if let Some(value) = next.next() {
                *value = units as f64 / per_unit;
            }
        };
        for counter in 0..8 {
            let power_w = self.power_w[counter % 4] + self.noise(50);
            self.energy_mwh[counter] += power_w * 1_000 / 3_600;
            put(self.energy_mwh[counter] / 10_000, 100.0);
        }
        for phase in 0..6 {
            self.voltage_mv[phase] += self.noise(20) - (self.voltage_mv[phase] - 230_000) / 200;
            let shown_mv = self.voltage_mv[phase] + self.noise(100);
            if phase < 3 { put(shown_mv / 100, 10.0) } else { put(shown_mv / 10, 100.0) }
        }
        for load in 0..4 {
            if self.random(300) == 0 {
                self.power_w[load] = 5_000 + self.random(20_000);
            }
            let shown_w = self.power_w[load] + self.noise(self.power_w[load] / 500);
            put(shown_w, 1_000.0);
        }
        put(52_000 + self.noise(60), 1_000.0);
        put(5_000 + self.noise(1), 100.0);
        values
    }
}
