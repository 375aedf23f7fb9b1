//! From the words of a register to a value in its unit, or a named reason why there is none.
//!
//! value = (raw x scale + offset) x ratio. A meter that counts in steps of 0.1 V and shows 230.1 V
//! must not become 230.10000000000002 V on the way, so the arithmetic keeps decimals decimal: it
//! works in whole numbers as long as it can and divides once, at the end.

mod exact;

use std::ops::RangeInclusive;
use std::sync::Arc;

use self::exact::Exact;
use crate::limits;
use crate::modbus::decode::{EncodeError, decode, encode};
use crate::model::point::{Conversion, ValidRange};
use crate::model::quality::{Cause, Doubt, Quality};
use crate::model::reading::{Sample, Value};
use crate::model::register::{DataType, RawValue, Register};

/// Up to here a double holds every whole number.
const WHOLE_MAX: u128 = 1 << 53;
/// More than any register holds: 2^64.
const RAW_MAX: f64 = 18_446_744_073_709_551_616.0;
/// Up to so many steps a double tells a step from the half way to the next one: 2^50.
const STEPS_MAX: f64 = 1_125_899_906_842_624.0;

/// What `words`, exactly the register's own (bits as 0 or 1), say in engineering units.
///
/// A number that is there is always finite. It is rounded to `decimals` where they are given, and
/// kept but doubted where it lies outside `valid` or had more digits than a double holds.
#[must_use]
pub fn sample(
    register: &Register,
    words: &[u16],
    conversion: &Conversion,
    decimals: Option<u8>,
    valid: Option<ValidRange>,
) -> Sample {
    match decode(register, words) {
        Err(cause) => Sample::missing(cause),
        Ok(RawValue::Text(text)) => Sample::good(Value::Text(bounded(&text))),
        Ok(RawValue::Float(raw)) => number(raw, Quality::Good, conversion, decimals, valid),
        Ok(RawValue::Integer(raw)) => {
            let (raw, quality) = widened(raw);
            number(raw, quality, conversion, decimals, valid)
        }
    }
}

/// The words that say `value`, or what is nearest to it inside `bounds`, in the register: the inverse of
/// [`sample`].
///
/// # Errors
/// When the register cannot hold any such value.
pub fn words(
    register: &Register,
    value: f64,
    conversion: &Conversion,
    bounds: RangeInclusive<f64>,
) -> Result<Vec<u16>, EncodeError> {
    let data_type = register.data_type;
    let out_of_range = EncodeError::Range { data_type };
    let raw = (value / conversion.ratio - conversion.offset) / conversion.scale;
    if let DataType::Float { .. } = data_type {
        return encode(register, &RawValue::Float(raw));
    }
    // What is nearest may lie just outside of a bound that is no whole number of steps.
    let nearest = whole(raw).ok_or(out_of_range)?;
    let is_inside = |words: &Vec<u16>| {
        let read_back = sample(register, words, conversion, None, None);
        read_back.value.as_ref().and_then(Value::number).is_some_and(|number| bounds.contains(&number))
    };
    let candidates = [nearest, nearest - 1, nearest + 1].into_iter();
    let mut encoded = candidates.filter_map(|raw| encode(register, &RawValue::Integer(raw)).ok());
    encoded.find(is_inside).ok_or(out_of_range)
}

/// The nearest whole number; `None` where no register holds it.
#[expect(clippy::cast_possible_truncation, reason = "what is rounded and in range is whole")]
fn whole(raw: f64) -> Option<i128> {
    let rounded = raw.round();
    (rounded.abs() <= RAW_MAX).then_some(rounded as i128)
}

#[expect(clippy::cast_precision_loss, reason = "the loss is what the quality tells")]
fn widened(raw: i128) -> (f64, Quality) {
    let exact = raw.unsigned_abs() <= WHOLE_MAX;
    (raw as f64, if exact { Quality::Good } else { Quality::Suspect(Doubt::Rounded) })
}

fn number(
    raw: f64,
    quality: Quality,
    conversion: &Conversion,
    decimals: Option<u8>,
    valid: Option<ValidRange>,
) -> Sample {
    let exact = Exact::of(raw, conversion);
    // Of numbers with too many digits for that a double is as near as need be.
    let value = match decimals {
        Some(decimals) => exact
            .and_then(|exact| exact.rounded(decimals))
            .unwrap_or_else(|| round(convert(raw, conversion), decimals)),
        None => exact.and_then(Exact::nearest).unwrap_or_else(|| convert(raw, conversion)),
    };
    // Adding zero turns the -0 of a rounded small export into the 0 that people expect.
    let value = value + 0.0;
    if !value.is_finite() {
        return Sample::missing(Cause::NotANumber);
    }
    let inside = valid.is_none_or(|valid| (valid.min..=valid.max).contains(&value));
    let quality = if inside { quality } else { Quality::Suspect(Doubt::OutOfRange) };
    Sample { value: Some(Value::Number(value)), quality }
}

/// (raw x scale + offset) x ratio, with the scale as a fraction and its division last, so that
/// whole counts and whole ratios give the double nearest to the decimal result.
fn convert(raw: f64, conversion: &Conversion) -> f64 {
    let Conversion { scale, offset, ratio } = *conversion;
    let Fraction { numerator, denominator } = Fraction::of(scale);
    (raw * numerator + offset * denominator) * ratio / denominator
}

/// A scale as whole numbers where it is one, such as 0.001 = 1/1000 or 1.2 = 12/10.
struct Fraction {
    numerator: f64,
    denominator: f64,
}

impl Fraction {
    fn of(scale: f64) -> Self {
        Self::unit(scale)
            .or_else(|| Self::decimal(scale))
            .unwrap_or(Self { numerator: scale, denominator: 1.0 })
    }

    /// 1/n. The first test takes scales written short, such as 0.3333333333; the second takes the
    /// small ones, whose reciprocal a double no longer holds to nine decimals.
    fn unit(scale: f64) -> Option<Self> {
        let denominator = (1.0 / scale).round();
        let near = (1.0 / scale - denominator).abs() <= 1e-9;
        let is_unit = denominator.is_finite() && denominator != 0.0 && (near || is(1.0 / denominator, scale));
        is_unit.then_some(Self { numerator: 1.0, denominator })
    }

    /// n/10^k with at most nine digits in all.
    fn decimal(scale: f64) -> Option<Self> {
        (0..=9).map(|digits| 10_f64.powi(digits)).find_map(|denominator| {
            let numerator = (scale * denominator).round();
            let is_decimal = numerator.abs() < 1e9 && is(numerator / denominator, scale);
            is_decimal.then_some(Self { numerator, denominator })
        })
    }
}

#[expect(clippy::float_cmp, reason = "asks whether both are the same double, not whether they are near")]
fn is(left: f64, right: f64) -> bool {
    left == right
}

/// `value` with so many decimals, halves away from zero; the double nearest to that decimal.
///
/// Halves are judged by the decimal that the double stands for: 1.005 becomes 1.01, although the
/// double lies a little below.
fn round(value: f64, decimals: u8) -> f64 {
    let power = 10_f64.powi(i32::from(decimals));
    let magnitude = value.abs();
    let steps = (magnitude * power).floor();
    if steps >= STEPS_MAX {
        return value; // the double itself has no decimals beyond that place
    }
    let half_way = (steps + 0.5) / power;
    let rounded = if magnitude < half_way { steps } else { steps + 1.0 };
    (rounded / power).copysign(value)
}

fn bounded(text: &str) -> Arc<str> {
    let mut bytes = text.len().min(limits::METER_TEXT_BYTES_MAX);
    while !text.is_char_boundary(bytes) {
        bytes -= 1;
    }
    text.get(..bytes).unwrap_or_default().into()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactly the nearest double is promised")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::modbus::decode::encode;
    use crate::model::register::{DataType, Table, WordOrder};

    fn register(data_type: &str) -> Register {
        Register {
            name: "test".to_owned(),
            table: Table::HoldingRegister,
            address: 0,
            data_type: DataType::from_name(data_type).unwrap(),
            word_order: WordOrder::ABCD,
            not_available: Vec::new(),
        }
    }

    fn scaled(scale: f64) -> Conversion {
        Conversion { scale, ..Conversion::NONE }
    }

    fn value(data_type: &str, words: &[u16], conversion: &Conversion, decimals: Option<u8>) -> f64 {
        let sample = sample(&register(data_type), words, conversion, decimals, None);
        sample.value.as_ref().and_then(Value::number).unwrap()
    }

    #[test]
    fn a_decimal_scale_gives_exactly_the_decimal_that_a_person_would_write() {
        for (count, scale, expected) in [
            (2301, 0.1, 230.1),
            (3, 0.1, 0.3),
            (49_999, 0.01, 499.99),
            (1, 1e-6, 1e-6),
            (7, 1e-9, 7e-9),
            (3, 0.3, 0.9),
            (7, 1.2, 8.4),
            (5, 0.05, 0.25),
            (9, 0.333_333_333_3, 3.0),
            (11, 2.5, 27.5),
            (12, -0.1, -1.2),
            (65_535, 0.0, 0.0),
        ] {
            assert_eq!(value("u16", &[count], &scaled(scale), None), expected, "{count} x {scale}");
        }
    }

    #[test]
    fn offset_and_ratio_keep_decimals_decimal_too() {
        for (count, scale, offset, ratio, expected) in [
            (234, 0.1, -40.0, 1.0, -16.6),
            (1, 0.1, 0.0, 3.0, 0.3),
            (2301, 0.1, 0.0, 100.0, 23_010.0),
            (1, 0.001, 0.3, 1.0, 0.301),
        ] {
            let conversion = Conversion { scale, offset, ratio };
            assert_eq!(value("u16", &[count], &conversion, None), expected, "{conversion:?}");
        }
    }

    #[test]
    fn a_float_keeps_the_decimal_that_the_meter_shows() {
        let shown = 230.1_f32.to_bits();
        let words = [(shown >> 16) as u16, (shown & 0xFFFF) as u16];
        assert_eq!(value("f32", &words, &Conversion::NONE, None), 230.1);
        assert_eq!(value("f32", &words, &scaled(0.001), None), 0.2301);
        let tie = 3745.95_f32.to_bits();
        let words = [(tie >> 16) as u16, (tie & 0xFFFF) as u16];
        assert_eq!(value("f32", &words, &scaled(0.001), Some(4)), 3.746);
        assert_eq!(value("f32", &words, &scaled(0.001), None), 3.745_95);
    }

    #[test]
    fn values_are_rounded_half_away_from_zero_to_the_nearest_double() {
        for (given, decimals, expected) in [
            (1.005, 2, 1.01),
            (2.5, 0, 3.0),
            (-2.5, 0, -3.0),
            (0.29, 2, 0.29),
            (8.345, 2, 8.35),
            (0.499_999_999_999_999_94, 0, 0.0),
            (-0.04, 1, 0.0),
            (1e300, 3, 1e300),
            (9_007_199_254_740_991.0, 4, 9_007_199_254_740_991.0),
            (1.25, 255, 1.25),
        ] {
            let rounded = round(given, decimals);
            assert_eq!(rounded, expected, "{given} to {decimals}");
        }
        assert!(value("i16", &[0xFFFF], &scaled(0.01), Some(1)).is_sign_positive(), "no -0");
    }

    #[test]
    fn a_value_outside_its_valid_range_is_kept_and_doubted() {
        let valid = Some(ValidRange { min: 0.0, max: 300.0 });
        let read = |count| sample(&register("u16"), &[count], &scaled(0.1), None, valid);
        assert_eq!(read(3000), Sample::good(Value::Number(300.0)));
        let high = read(3001);
        assert_eq!(high.value, Some(Value::Number(300.1)));
        assert_eq!(high.quality, Quality::Suspect(Doubt::OutOfRange));
    }

    #[test]
    fn a_pattern_for_not_available_is_no_value_whatever_the_word_order() {
        for (name, words) in [("ABCD", [0x7FFF, 0xFFFE]), ("CDAB", [0xFFFE, 0x7FFF])] {
            let register = Register {
                word_order: WordOrder::from_name(name).unwrap(),
                not_available: vec![0x7FFF_FFFE],
                ..register("i32")
            };
            let read = |words: &[u16]| sample(&register, words, &Conversion::NONE, None, None);
            assert_eq!(read(&words), Sample::missing(Cause::NotAvailable));
            assert_eq!(read(&[1, 1]).quality, Quality::Good);
        }
    }

    #[test]
    fn what_is_no_number_gives_no_value() {
        let nan = sample(&register("f32"), &[0x7FC0, 0], &Conversion::NONE, None, None);
        let infinite = sample(&register("f32"), &[0x7F80, 0], &Conversion::NONE, None, None);
        let bad_digit = sample(&register("bcd16"), &[0x00A0], &Conversion::NONE, None, None);
        let overflow = sample(&register("f32"), &[0x7F7F, 0xFFFF], &scaled(1e300), None, None);
        for sample in [nan, infinite, bad_digit, overflow] {
            assert_eq!(sample, Sample::missing(Cause::NotANumber));
        }
    }

    #[test]
    fn an_integer_with_more_digits_than_a_double_holds_is_doubted() {
        let read = |words: [u16; 4]| sample(&register("u64"), &words, &Conversion::NONE, None, None).quality;
        assert_eq!(read([0x0020, 0, 0, 0]), Quality::Good);
        assert_eq!(read([0x0020, 0, 0, 1]), Quality::Suspect(Doubt::Rounded));
        assert_eq!(read([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF]), Quality::Suspect(Doubt::Rounded));
    }

    #[test]
    fn a_text_is_passed_on() {
        let sample = sample(&register("text3"), &[0x4142, 0x4344, 0x2000], &Conversion::NONE, Some(1), None);
        assert_eq!(sample, Sample::good(Value::Text("ABCD".into())));
    }

    #[test]
    fn a_text_keeps_to_its_limit_without_cutting_a_character() {
        let long = format!("a{}", "é".repeat(limits::METER_TEXT_BYTES_MAX));
        let kept = bounded(&long);
        assert_eq!(kept.len(), limits::METER_TEXT_BYTES_MAX - 1);
        assert!(long.starts_with(&*kept));
    }

    #[test]
    fn the_wrong_number_of_words_is_a_mismatch() {
        let sample = sample(&register("f32"), &[1], &Conversion::NONE, None, None);
        assert_eq!(sample, Sample::missing(Cause::Mismatch));
    }

    #[test]
    fn what_is_written_is_the_nearest_step_inside_the_bounds() {
        let written = |data_type: &str, value, scale, bounds: RangeInclusive<f64>| {
            let register = register(data_type);
            let words = words(&register, value, &scaled(scale), bounds).ok()?;
            sample(&register, &words, &scaled(scale), None, None).value.as_ref().and_then(Value::number)
        };
        for (data_type, value, scale, bounds, expected) in [
            ("u16", 50.04, 0.1, 0.0..=100.0, Some(50.0)),
            ("u16", 100.06, 0.1, 0.0..=100.06, Some(100.0)),
            ("i16", -100.06, 0.1, -100.06..=0.0, Some(-100.0)),
            ("i16", -12.0, -0.1, -50.0..=50.0, Some(-12.0)),
            ("f32", 0.3, 1.0, 0.0..=1.0, Some(0.3)),
            ("bcd32", 1234.0, 1.0, 0.0..=9999.0, Some(1234.0)),
            ("bit", 1.0, 1.0, 0.0..=1.0, Some(1.0)),
            ("u16", 7000.0, 0.1, 0.0..=7000.0, None),
            ("u16", 0.5, 1.0, 0.4..=0.6, None),
            ("u64", 1e30, 1.0, 0.0..=1e30, None),
        ] {
            assert_eq!(written(data_type, value, scale, bounds), expected, "{data_type} {value}");
        }
    }

    proptest! {
        #[test]
        fn words_are_the_inverse_of_a_sample_to_half_a_step(
            value in -1000.0_f64..1000.0,
            scale in prop::sample::select(vec![1.0, 0.1, 0.01, -0.5, 2.5]),
            ratio in prop::sample::select(vec![1.0, 20.0]),
            offset in prop::sample::select(vec![0.0, -40.0]),
        ) {
            let (register, conversion) = (register("i32"), Conversion { scale, offset, ratio });
            let words = words(&register, value, &conversion, -1e9..=1e9).unwrap();
            let read = sample(&register, &words, &conversion, None, None);
            let read = read.value.as_ref().and_then(Value::number).unwrap();
            prop_assert!((read - value).abs() <= (scale * ratio).abs() * 0.500_001, "{} read {}", value, read);
        }

        /// The decimal text of count / 10^digits, read by the standard library, is the model.
        #[test]
        fn whole_counts_become_the_double_nearest_to_their_decimal(count: i32, digits in 0_usize..=9) {
            let register = register("i32");
            let words = encode(&register, &RawValue::Integer(count.into())).unwrap();
            let scale: f64 = format!("1e-{digits}").parse().unwrap();
            let expected: f64 = format!("{count}e-{digits}").parse().unwrap();
            let sample = sample(&register, &words, &scaled(scale), None, None);
            prop_assert_eq!(sample.value, Some(Value::Number(expected)));
        }

        /// Rounding is judged on the shortest decimal text of the value.
        #[test]
        fn rounding_agrees_with_rounding_on_paper(units: i64, places in 0_usize..=12, decimals in 0_u8..=12) {
            let units = units % 1_000_000_000_000_000;
            let given: f64 = format!("{units}e-{places}").parse().unwrap();
            prop_assert_eq!(round(given, decimals), round_on_paper(units, places, decimals));
        }

        #[test]
        fn no_words_and_no_conversion_ever_give_a_value_that_is_not_finite(
            words in proptest::collection::vec(any::<u16>(), 4),
            data_type in proptest::sample::select(vec!["u16", "i16", "u32", "f16", "f32", "f64", "bcd32", "u64"]),
            scale: f64, offset: f64, ratio: f64, decimals: Option<u8>,
        ) {
            let register = register(data_type);
            let words = &words[..usize::from(register.data_type.count())];
            let read = sample(&register, words, &Conversion { scale, offset, ratio }, decimals, None);
            prop_assert_eq!(read.value.is_some(), read.quality.has_value());
            prop_assert!(read.value.as_ref().and_then(Value::number).is_none_or(f64::is_finite));
        }
    }

    fn round_on_paper(units: i64, places: usize, decimals: u8) -> f64 {
        let digits = usize::from(decimals);
        if places <= digits {
            return format!("{units}e-{places}").parse().unwrap();
        }
        let step = 10_i64.pow(u32::try_from(places - digits).unwrap());
        let steps = (units.abs() + step / 2) / step * units.signum();
        format!("{steps}e-{digits}").parse().unwrap()
    }
}
