//! Point (clause 6.9) and Parameter (clause 6.8): where something is measured, and what.

use super::control::Writable;
use super::formula::Formula;
use super::reading_type::ReadingType;
use super::register::Register;
use crate::time::Interval;

/// What part a Point plays in the site's totals; keeps energy from being counted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointRole {
    /// The utility's own metering point.
    Gateway,
    /// The user's main meter.
    Main,
    /// A branch below the main meter.
    Branch,
    /// Below a branch.
    Sub,
    /// Measures again what another Point measures.
    Check,
    /// Computed from other Points.
    Virtual,
    /// Counts products.
    Production,
    /// A distributed energy resource.
    Der,
    /// Weather, temperature.
    Environment,
}

/// A place where something is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Unique in the site.
    pub id: String,
    /// Shown to people.
    pub name: String,
    /// The category it belongs to.
    pub category_id: String,
    /// Its part in the totals.
    pub role: PointRole,
    /// Two-digit energy class.
    pub energy_code: Option<String>,
    /// Sub-item code, such as `01B1A`.
    pub sub_item_code: Option<String>,
    /// Where it is.
    pub location: Option<String>,
    /// The product that is counted here.
    pub product: Option<String>,
    /// Kilowatts.
    pub rated_power_kw: Option<f64>,
    /// Kilowatt-hours.
    pub rated_capacity_kwh: Option<f64>,
    /// What is measured here.
    pub parameters: Vec<Parameter>,
}

/// One measured quantity of a Point.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Unique in its Point, such as `EPI` or `P`.
    pub id: String,
    /// Shown to people.
    pub name: String,
    /// Local mnemonic for quantities that a reading type cannot name.
    pub code: Option<String>,
    /// What the readings measure.
    pub reading_type: ReadingType,
    /// The unit of the readings, such as `kWh`.
    pub unit: String,
    /// Decimals that readings are rounded to.
    pub decimals: Option<u8>,
    /// How often it is read and kept.
    pub interval: Interval,
    /// Readings outside are suspect.
    pub valid: Option<ValidRange>,
    /// Where the readings come from.
    pub source: Source,
}

/// Both ends belong to the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidRange {
    /// The least believable value, in the Parameter's unit.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Parameter {
    /// The register that it is read from, where there is one.
    #[must_use]
    pub const fn metered(&self) -> Option<&Metered> {
        match &self.source {
            Source::Meter(metered) => Some(metered),
            Source::Manual | Source::Formula(_) => None,
        }
    }

    /// The register that it may be written to, and what, where it may.
    #[must_use]
    pub fn writable(&self) -> Option<(&Metered, &Writable)> {
        let metered = self.metered()?;
        metered.writable.as_ref().map(|writable| (metered, writable))
    }

    /// What it is computed from, where it is.
    #[must_use]
    pub const fn formula(&self) -> Option<&Formula> {
        match &self.source {
            Source::Formula(formula) => Some(formula),
            Source::Manual | Source::Meter(_) => None,
        }
    }

    /// Whether its readings are texts.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.metered().is_some_and(|metered| metered.register.data_type.is_text())
    }
}

/// Where a Parameter's readings come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A register of a meter.
    Meter(Metered),
    /// Somebody enters them.
    Manual,
    /// They are computed from other Parameters when they are asked for.
    Formula(Formula),
}

/// The register that a Parameter is read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Metered {
    /// The meter's ID.
    pub meter_id: String,
    /// The register that is read.
    pub register: Register,
    /// From raw value to the Parameter's unit.
    pub conversion: Conversion,
    /// What may be written to it; nothing without that.
    pub writable: Option<Writable>,
}

/// value = (raw x `scale` + `offset`) x `ratio`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conversion {
    /// Engineering units of one raw count.
    pub scale: f64,
    /// Added after scaling, in engineering units.
    pub offset: f64,
    /// Transformer ratios (CT x PT) that the meter itself does not apply.
    pub ratio: f64,
}

impl Conversion {
    /// The raw value is the value.
    pub const NONE: Self = Self { scale: 1.0, offset: 0.0, ratio: 1.0 };
}
