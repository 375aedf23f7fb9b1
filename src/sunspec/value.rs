//! What one point of one device says: a value in its unit, or why there is none.

use std::fmt;

use super::layout::Place;
use super::point_type::PointType;
use super::registers::Registers;
use crate::mapping;
use crate::model::point::Conversion;
use crate::model::quality::{Cause, Quality};
use crate::model::reading::Value;
use crate::model::register::{RawValue, Register, Table, WordOrder};

/// The powers of ten that a scale factor may be.
const POWERS: std::ops::RangeInclusive<i16> = -10..=10;

/// Why a point has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The device says that it does not have it.
    NotImplemented,
    /// A register that only grows shows 0, by which a device says as well that it does not count.
    NotAccumulated,
    /// The scale factor of this name has no value, so the number means nothing.
    NoScaleFactor(String),
    /// The scale factor of this name is none.
    ScaleFactor(String, i16),
    /// NaN or infinity.
    NotANumber,
    /// The registers could not be read.
    Unread(Cause),
}

impl Absence {
    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::NotImplemented => "not-implemented".to_owned(),
            Self::NotAccumulated => "not-accumulated".to_owned(),
            Self::NoScaleFactor(_) => "no-scale-factor".to_owned(),
            Self::ScaleFactor(_, _) => "bad-scale-factor".to_owned(),
            Self::NotANumber => "not-a-number".to_owned(),
            Self::Unread(cause) => cause.to_string(),
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotImplemented => f.write_str("not implemented"),
            Self::NotAccumulated => f.write_str("nothing counted, or not implemented"),
            Self::NoScaleFactor(name) => write!(f, "no value: its scale factor {name} is not implemented"),
            Self::ScaleFactor(name, power) => {
                write!(f, "no value: its scale factor {name} is {power}, outside -10 to 10")
            }
            Self::NotANumber => f.write_str("not a number"),
            Self::Unread(cause) => write!(f, "not read: {cause}"),
        }
    }
}

/// The register of a point of the model whose number stands at `model_address`, without a name.
#[must_use]
pub fn register(place: &Place<'_>, model_address: u16) -> Register {
    let point = place.point;
    Register {
        name: String::new(),
        table: Table::HoldingRegister,
        address: model_address.saturating_add(place.offset),
        data_type: point.data_type,
        word_order: WordOrder::ABCD,
        not_available: point.point_type.not_implemented().into_iter().collect(),
    }
}

/// What the point says.
pub(super) fn value(place: &Place<'_>, registers: &Registers) -> Result<Value, Absence> {
    let register = register(place, 0);
    let words = registers.words(place.offset, register.data_type.count()).map_err(Absence::Unread)?;
    let said = |conversion: &Conversion| mapping::sample(&register, &words, conversion, None, None);
    // A point that is not implemented says so itself, whatever became of its scale factor.
    let unscaled = said(&Conversion::NONE);
    if let Quality::Missing(cause) = unscaled.quality {
        return Err(absence(place.point.point_type, cause));
    }
    if let Some(Value::Text(text)) = &unscaled.value
        && text.is_empty()
    {
        return Err(Absence::NotImplemented);
    }
    let sample = said(&Conversion { scale: scale(power(place, registers)?), ..Conversion::NONE });
    sample.value.ok_or(Absence::NotANumber)
}

const fn absence(point_type: PointType, cause: Cause) -> Absence {
    match (point_type, cause) {
        (PointType::Accumulator { .. }, Cause::NotAvailable) => Absence::NotAccumulated,
        (_, Cause::NotAvailable) => Absence::NotImplemented,
        (_, Cause::NotANumber) => Absence::NotANumber,
        (_, cause) => Absence::Unread(cause),
    }
}

/// The power of ten that the raw value is multiplied by; 0 where the point has no scale factor.
pub(super) fn power(place: &Place<'_>, registers: &Registers) -> Result<i16, Absence> {
    let Some(name) = &place.point.scale else { return Ok(0) };
    let power = place.scale_offset.and_then(|offset| scale_factor(offset, registers));
    match power.ok_or_else(|| Absence::NoScaleFactor(name.clone()))? {
        power if POWERS.contains(&power) => Ok(power),
        power => Err(Absence::ScaleFactor(name.clone(), power)),
    }
}

/// The power of ten that stands at `offset`; `None` where the device says that it has none.
pub(super) fn scale_factor(offset: u16, registers: &Registers) -> Option<i16> {
    let power = registers.words(offset, 1).ok()?.first()?.cast_signed();
    (power != i16::MIN).then_some(power)
}

/// Ten to the power, a negative one as the double nearest to the decimal.
pub(super) fn scale(power: i16) -> f64 {
    let magnitude = 10_f64.powi(i32::from(power.unsigned_abs()));
    if power < 0 { 1.0 / magnitude } else { magnitude }
}

/// The raw value of a point that counts groups.
pub(super) fn count(place: &Place<'_>, registers: &Registers) -> Option<u16> {
    let register = register(place, 0);
    let words = registers.words(place.offset, register.data_type.count()).ok()?;
    match crate::modbus::decode::decode(&register, &words) {
        Ok(RawValue::Integer(count)) => u16::try_from(count).ok(),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactly the nearest double is promised")]
mod tests {
    use proptest::prelude::*;

    use super::super::table::Point;
    use super::*;

    fn point(kind: &str, size: u8) -> Point {
        let point_type = PointType::from_name(kind).unwrap();
        Point {
            id: "X".to_owned(),
            offset: 1,
            point_type,
            data_type: point_type.data_type(size).unwrap(),
            scale: None,
            unit: String::new(),
            title: String::new(),
        }
    }

    /// What a point says that stands behind its scale factor; `None` for a point without one.
    fn said(kind: &str, words: &[u16], power: Option<u16>) -> Result<Value, Absence> {
        let size = u8::try_from(words.len()).unwrap();
        let point = Point { scale: power.map(|_| "X_SF".to_owned()), ..point(kind, size) };
        let scale_offset = power.map(|_| 0);
        let place = Place { path: "X".to_owned(), offset: 1, point: &point, scale_offset };
        let mut registers = Registers::default();
        registers.add(1, Ok(&[power.unwrap_or(0)]));
        registers.add(u16::from(size), Ok(words));
        value(&place, &registers)
    }

    #[test]
    fn a_value_is_scaled_to_exactly_the_decimal() {
        for (kind, words, power, value) in [
            ("uint16", &[2301][..], -1_i16, 230.1),
            ("int16", &[0xFFFF], -2, -0.01),
            ("uint16", &[7], 3, 7000.0),
            ("uint32", &[0, 60_010], -3, 60.01),
            ("acc32", &[1, 0], 0, 65_536.0),
            ("uint64", &[0, 0, 0, 150], 3, 150_000.0),
            ("int16", &[1], -10, 1e-10),
            ("int16", &[1], 10, 1e10),
        ] {
            let said = said(kind, words, Some(power.cast_unsigned()));
            assert_eq!(said, Ok(Value::Number(value)), "{kind} {words:?} x 10^{power}");
        }
        assert_eq!(said("float32", &[0x4366, 0x199A], None), Ok(Value::Number(230.1)));
        assert_eq!(said("string", &[0x4142, 0x4300, 0], None), Ok(Value::Text("ABC".into())));
    }

    #[test]
    fn what_is_not_implemented_is_never_a_number() {
        for (kind, words) in [
            ("int16", &[0x8000][..]),
            ("uint16", &[0xFFFF]),
            ("int32", &[0x8000, 0]),
            ("uint32", &[0xFFFF, 0xFFFF]),
            ("uint64", &[0xFFFF; 4]),
            ("enum16", &[0xFFFF]),
            ("bitfield16", &[0xFFFF]),
            ("bitfield32", &[0xFFFF, 0xFFFF]),
            ("float32", &[0x7FC0, 0]),
            ("string", &[0, 0, 0]),
            ("string", &[0x2020, 0x2020]),
        ] {
            assert_eq!(said(kind, words, None), Err(Absence::NotImplemented), "{kind}");
            let no_scale = Some(0x8000);
            assert_eq!(said(kind, words, no_scale), Err(Absence::NotImplemented), "{kind} without scale");
        }
        assert_eq!(said("acc32", &[0, 0], Some(0)), Err(Absence::NotAccumulated));
        assert_eq!(said("float32", &[0x7F80, 0], None), Err(Absence::NotANumber));
    }

    #[test]
    fn a_number_without_a_good_scale_factor_is_not_shown() {
        let name = || "X_SF".to_owned();
        assert_eq!(said("int16", &[230], Some(0x8000)), Err(Absence::NoScaleFactor(name())));
        assert_eq!(said("int16", &[230], Some(11)), Err(Absence::ScaleFactor(name(), 11)));
        assert_eq!(said("int16", &[230], Some(0xFFF5)), Err(Absence::ScaleFactor(name(), -11)));
    }

    proptest! {
        #[test]
        fn whatever_the_registers_hold_a_number_is_finite_and_its_own_decimal(raw: i16, power in -10..=10_i16) {
            let expected: f64 = format!("{raw}e{power}").parse().unwrap();
            match said("int16", &[raw.cast_unsigned()], Some(power.cast_unsigned())) {
                Ok(Value::Number(number)) => prop_assert_eq!(number, expected),
                other => prop_assert!(raw == i16::MIN, "{:?}", other),
            }
        }
    }
}
