//! `ReadingType`: the 18 numbers that say what a series of readings measures.
//!
//! The form is that of IEC 61968-9 Annex C; that GB/T 35031.302 uses the same eighteen is inferred
//! from its contents list. Written with dots, because two fields may be negative.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Number of fields.
pub const FIELDS: usize = 18;

/// The names of the fields, in order.
pub const FIELD_NAMES: [&str; FIELDS] = [
    "macroPeriod",
    "aggregate",
    "measuringPeriod",
    "accumulation",
    "flowDirection",
    "commodity",
    "measurementKind",
    "interharmonicNumerator",
    "interharmonicDenominator",
    "argumentNumerator",
    "argumentDenominator",
    "tou",
    "cpp",
    "consumptionTier",
    "phases",
    "multiplier",
    "unit",
    "currency",
];

/// The eighteen fields of a reading type, in the order of IEC 61968-9 Annex C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadingType([i16; FIELDS]);

const MACRO_PERIOD: usize = 0;
const MEASURING_PERIOD: usize = 2;
const ACCUMULATION: usize = 3;
const TOU: usize = 11;

/// Accumulation 1 `bulkQuantity`, 3 `cumulative` and 9 `summation`: registers that only grow.
const CUMULATIVE: [i16; 3] = [1, 3, 9];
/// Accumulation 4 `deltaData`: the amount since the value before.
const DELTA: i16 = 4;
/// Measurement kind 12: energy.
const ENERGY: i16 = 12;
/// Measurement kind 37: power.
const POWER: i16 = 37;
/// Measurement kind 38: power factor.
const POWER_FACTOR: i16 = 38;
/// Measurement kind 58: volume.
const VOLUME: i16 = 58;
/// Flow 0 none and 1 forward: what is taken.
const FLOWS_TAKEN: [i16; 2] = [0, 1];
/// Flow 19 reverse: what is given.
const FLOW_GIVEN: i16 = 19;
/// Phases 0 none, 224 ABC and 225 ABCN: all of them together.
const ALL_PHASES: [i16; 3] = [0, 224, 225];
/// Units 72 Wh and 31 J.
const ENERGY_UNITS: [i16; 2] = [72, 31];
/// Unit 73 varh.
const REACTIVE_UNIT: i16 = 73;
/// Units 199 t and 3 kg.
const MASS_UNITS: [i16; 2] = [199, 3];

macro_rules! fields {
    ($($place:literal $name:ident: $meaning:literal,)*) => {
        impl ReadingType {
            $(
                #[doc = $meaning]
                #[must_use]
                pub const fn $name(&self) -> i16 {
                    self.0[$place]
                }
            )*
        }
    };
}

fields! {
    0 macro_period: "Of which calendar period it is: 11 a day, 13 a month.",
    1 aggregate: "How many values became one: 2 the mean, 8 the greatest.",
    2 measuring_period: "Over how long it is measured: 2 fifteen minutes.",
    3 accumulation: "Whether it grows: 1 a register, 4 what was added, 12 at this instant.",
    4 flow_direction: "Which way it flows: 1 forward, 19 reverse, 4 net.",
    5 commodity: "What flows: 1 and 2 electricity, 7 natural gas, 9 water.",
    6 measurement_kind: "What is measured: 12 energy, 37 power, 8 demand.",
    7 interharmonic_numerator: "Which harmonic, above the line.",
    8 interharmonic_denominator: "Which harmonic, below the line.",
    9 argument_numerator: "How much one count stands for, above the line.",
    10 argument_denominator: "How much one count stands for, below the line.",
    11 tou: "Which rate of a time-of-use tariff; 0 all together.",
    12 cpp: "Which critical peak period.",
    13 consumption_tier: "Which tier of consumption.",
    14 phases: "Of which phases: 128 A, 64 B, 32 C.",
    15 multiplier: "The power of ten of the unit: 3 kilo.",
    16 unit: "The unit: 72 watt-hours, 38 watts.",
    17 currency: "The currency, ISO 4217.",
}

impl ReadingType {
    /// The reading type with these fields.
    #[must_use]
    pub const fn new(fields: [i16; FIELDS]) -> Self {
        Self(fields)
    }

    /// The fields in order.
    #[must_use]
    pub const fn fields(&self) -> &[i16; FIELDS] {
        &self.0
    }

    /// Whether this is a register that only grows, so that what counts is its increase.
    #[must_use]
    pub fn is_cumulative(&self) -> bool {
        CUMULATIVE.contains(&self.accumulation())
    }

    /// Whether this is the amount since the value before.
    #[must_use]
    pub const fn is_delta(&self) -> bool {
        self.accumulation() == DELTA
    }

    /// Whether values of both may be summed up: registers with registers, levels with levels.
    #[must_use]
    pub fn accumulates_like(&self, other: &Self) -> bool {
        (self.is_cumulative(), self.is_delta()) == (other.is_cumulative(), other.is_delta())
    }

    /// Whether this measures energy.
    #[must_use]
    pub const fn is_energy(&self) -> bool {
        self.measurement_kind() == ENERGY
    }

    /// Whether this is all of something, rather than what flows in one phase or at one rate.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        ALL_PHASES.contains(&self.phases()) && self.tou() == 0
    }

    /// Whether this is an amount of energy or of what carries it: active energy, a volume or a mass.
    #[must_use]
    pub fn is_amount_of_energy(&self) -> bool {
        let is_active = self.is_energy() && ENERGY_UNITS.contains(&self.unit());
        is_active || self.measurement_kind() == VOLUME || MASS_UNITS.contains(&self.unit())
    }

    /// Whether this is reactive energy.
    #[must_use]
    pub const fn is_reactive_energy(&self) -> bool {
        self.is_energy() && self.unit() == REACTIVE_UNIT
    }

    /// Whether this is a power factor.
    #[must_use]
    pub const fn is_power_factor(&self) -> bool {
        self.measurement_kind() == POWER_FACTOR
    }

    /// Whether what is measured is taken by the object, as far as it has a direction at all.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        FLOWS_TAKEN.contains(&self.flow_direction())
    }

    /// Whether what is measured is given by the object.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.flow_direction() == FLOW_GIVEN
    }

    /// The two-digit energy class of the commodity, where it says one.
    #[must_use]
    pub const fn energy_code(&self) -> Option<&'static str> {
        match self.commodity() {
            1 | 2 => Some("01"),
            9 | 14 => Some("02"),
            7 => Some("03"),
            10 | 12 => Some("04"),
            13 => Some("05"),
            8 => Some("08"),
            _ => None,
        }
    }

    /// The amount of the same over a period: `macro_period` and `measuring_period` say which, `tou` at
    /// which rate.
    #[must_use]
    pub const fn over(&self, macro_period: i16, measuring_period: i16, tou: u8) -> Self {
        let mut fields = self.0;
        fields[MACRO_PERIOD] = macro_period;
        fields[MEASURING_PERIOD] = measuring_period;
        fields[ACCUMULATION] = DELTA;
        fields[TOU] = tou as i16;
        Self(fields)
    }

    /// Whether this measures power.
    #[must_use]
    pub const fn is_power(&self) -> bool {
        self.measurement_kind() == POWER
    }
}

/// Why a text is no reading type.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is no readingTypeID; it has 18 whole numbers joined by dots, like 0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"
)]
pub struct ReadingTypeFault(String);

impl FromStr for ReadingType {
    type Err = ReadingTypeFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ReadingTypeFault(text.chars().take(80).collect());
        let mut fields = [0; FIELDS];
        let mut parts = text.split('.');
        for field in &mut fields {
            let part = parts.next().ok_or_else(fault)?;
            let digits = part.strip_prefix('-').unwrap_or(part);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(fault());
            }
            *field = part.parse().map_err(|_| fault())?;
        }
        if parts.next().is_some() { Err(fault()) } else { Ok(Self(fields)) }
    }
}

impl fmt::Display for ReadingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write!(f, "{field}")?;
        }
        Ok(())
    }
}

/// A reading type in which any field may be `*`: what a request filters by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingTypePattern([Option<i16>; FIELDS]);

impl ReadingTypePattern {
    /// Whether `reading_type` fits.
    #[must_use]
    pub fn matches(&self, reading_type: &ReadingType) -> bool {
        self.0.iter().zip(reading_type.fields()).all(|(want, have)| want.is_none_or(|w| w == *have))
    }
}

impl fmt::Display for ReadingTypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match field {
                Some(number) => write!(f, "{number}")?,
                None => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

impl FromStr for ReadingTypePattern {
    type Err = ReadingTypeFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut wanted = [None; FIELDS];
        let mut concrete = Vec::with_capacity(FIELDS);
        for (index, part) in text.split('.').enumerate() {
            concrete.push(if part == "*" { "0" } else { part });
            if let (Some(slot), true) = (wanted.get_mut(index), part != "*") {
                *slot = Some(0);
            }
        }
        let fault = || ReadingTypeFault(text.chars().take(80).collect());
        let parsed: ReadingType = concrete.join(".").parse().map_err(|_| fault())?;
        for (slot, field) in wanted.iter_mut().zip(parsed.fields()) {
            *slot = slot.map(|_| *field);
        }
        Ok(Self(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENERGY_IMPORT: &str = "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0";

    #[test]
    fn a_reading_type_prints_as_it_was_written() {
        for text in [ENERGY_IMPORT, "0.0.0.12.0.0.0.0.0.0.0.0.0.0.0.-2.0.0"] {
            assert_eq!(text.parse::<ReadingType>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn every_field_has_its_name_and_its_place() {
        let id: ReadingType = "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18".parse().unwrap();
        let begin = [id.macro_period(), id.aggregate(), id.measuring_period(), id.accumulation()];
        let middle = [id.flow_direction(), id.commodity(), id.measurement_kind(), id.tou(), id.phases()];
        let end = [id.multiplier(), id.unit(), id.currency()];
        assert_eq!((begin, middle, end), ([1, 2, 3, 4], [5, 6, 7, 12, 15], [16, 17, 18]));
        assert_eq!((FIELD_NAMES[11], FIELD_NAMES[15], FIELD_NAMES[17]), ("tou", "multiplier", "currency"));
    }

    #[test]
    fn sixteen_fields_letters_and_hyphens_are_refused() {
        for text in
            ["", "1.2.3", "0-0-2-4-1-1-12-0-0-0-0-0-0-0-72-0", "a.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0"]
        {
            assert!(text.parse::<ReadingType>().is_err(), "{text}");
        }
        assert!(format!("{ENERGY_IMPORT}.0").parse::<ReadingType>().is_err());
        assert!(ENERGY_IMPORT.replace("12", "99999").parse::<ReadingType>().is_err());
    }

    #[test]
    fn a_star_matches_any_value_of_its_field_and_no_other() {
        let energy: ReadingType = ENERGY_IMPORT.parse().unwrap();
        let any_direction: ReadingTypePattern = "0.0.0.1.*.1.12.0.0.0.0.0.0.0.0.3.72.0".parse().unwrap();
        let exported: ReadingType = "0.0.0.1.19.1.12.0.0.0.0.0.0.0.0.3.72.0".parse().unwrap();
        let reactive: ReadingType = "0.0.0.1.19.1.12.0.0.0.0.0.0.0.0.3.73.0".parse().unwrap();
        assert!(any_direction.matches(&energy) && any_direction.matches(&exported));
        assert!(!any_direction.matches(&reactive));
        assert_eq!(any_direction.to_string(), "0.0.0.1.*.1.12.0.0.0.0.0.0.0.0.3.72.0");
        assert!("*.*".parse::<ReadingTypePattern>().is_err());
    }

    #[test]
    fn an_energy_register_is_cumulative_and_a_power_is_not() {
        let energy: ReadingType = ENERGY_IMPORT.parse().unwrap();
        let power: ReadingType = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0".parse().unwrap();
        assert!(energy.is_cumulative() && energy.is_energy() && !energy.is_power());
        assert!(!power.is_cumulative() && power.is_power());
    }
}
