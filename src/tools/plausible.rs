//! What a mains meter shows: the quantities, and the values of them that one meets.

use std::ops::RangeInclusive;

use crate::language::Language;

/// Something that meters measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Mains frequency, Hz.
    Frequency,
    /// Voltage, V: of the mains, or of the secondary side of a transformer.
    Voltage,
    /// Power factor, either sign.
    PowerFactor,
    /// Current, A.
    Current,
    /// Active energy, kWh.
    Energy,
}

impl Quantity {
    /// All of them, those first that few wrong readings pass for.
    pub(super) const ALL: [Self; 5] =
        [Self::Frequency, Self::Voltage, Self::PowerFactor, Self::Current, Self::Energy];

    /// What a person calls it.
    pub(super) const fn name(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::Frequency => ("frequency", "频率"),
            Self::Voltage => ("voltage", "电压"),
            Self::PowerFactor => ("power factor", "功率因数"),
            Self::Current => ("current", "电流"),
            Self::Energy => ("energy", "电能"),
        };
        language.pick(english, chinese)
    }

    /// Its unit, 1 where there is none.
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::Frequency => "Hz",
            Self::Voltage => "V",
            Self::PowerFactor => "1",
            Self::Current => "A",
            Self::Energy => "kWh",
        }
    }

    /// The values that one meets at a meter in use; 0 says nothing, so it lies in none of them.
    const fn bands(self) -> &'static [RangeInclusive<f64>] {
        match self {
            // Mains of 50 and of 60 Hz.
            Self::Frequency => &[48.5..=51.5, 58.5..=61.5],
            // 100 V / sqrt 3, 100 to 120 V, 220 to 240 V, 380 to 415 V, each with its tolerance.
            Self::Voltage => &[52.0..=66.0, 90.0..=132.0, 198.0..=265.0, 342.0..=460.0],
            Self::PowerFactor => &[-1.0..=-0.3, 0.3..=1.0],
            Self::Current => &[0.01..=5_000.0],
            Self::Energy => &[0.1..=1e8],
        }
    }

    /// Whether a meter in use may show `value` of it.
    pub(super) fn is_plausible(self, value: f64) -> bool {
        self.bands().iter().any(|band| band.contains(&value))
    }

    /// How much a plausible value says for it: few numbers pass for 50 Hz, most for some energy.
    pub(super) const fn points(self) -> u8 {
        match self {
            Self::Frequency => 4,
            Self::Voltage | Self::PowerFactor => 3,
            Self::Current | Self::Energy => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_meter_in_use_shows_is_plausible_and_its_raw_counts_are_not() {
        for (quantity, value, plausible) in [
            (Quantity::Voltage, 230.1, true),
            (Quantity::Voltage, 57.7, true),
            (Quantity::Voltage, 398.4, true),
            (Quantity::Voltage, 2_301.0, false),
            (Quantity::Voltage, 0.0, false),
            (Quantity::Frequency, 49.98, true),
            (Quantity::Frequency, 4_998.0, false),
            (Quantity::PowerFactor, -0.97, true),
            (Quantity::PowerFactor, 0.0, false),
            (Quantity::PowerFactor, 970.0, false),
            (Quantity::Current, 12.5, true),
            (Quantity::Current, f64::NAN, false),
            (Quantity::Energy, 123_456.7, true),
            (Quantity::Energy, -1.0, false),
        ] {
            assert_eq!(quantity.is_plausible(value), plausible, "{value} {}", quantity.unit());
        }
    }
}
