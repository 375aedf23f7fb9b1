//! (raw x scale + offset) x ratio, worked out as on paper: every number is the decimal that it is written as, and
//! nothing is rounded before the end.

use std::io::{Cursor, Write};

use super::{Fraction, WHOLE_MAX};
use crate::model::point::Conversion;

/// Up to here a double holds every whole number.
const HELD_MAX: f64 = 9_007_199_254_740_992.0;
/// Up to here a double holds every power of ten.
const EXACT_POWER_MAX: u32 = 22;
/// Characters of a double as it is written with an exponent: 17 digits, their sign and point, `e-308`.
const TEXT_BYTES_MAX: usize = 32;

/// A value as the quotient of two whole numbers, of which the second is more than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact {
    numerator: i128,
    denominator: i128,
}

impl Exact {
    /// What `conversion` makes of `raw`; `None` where that takes more digits than there is room for.
    pub(super) fn of(raw: f64, conversion: &Conversion) -> Option<Self> {
        let Fraction { numerator, denominator } = Fraction::of(conversion.scale);
        let [raw, numerator, denominator] = [raw, numerator, denominator].map(Decimal::of);
        let [offset, ratio] = [conversion.offset, conversion.ratio].map(Decimal::of);
        let (divisor, ratio) = (denominator?, ratio?);
        let scaled = raw?.times(numerator?)?.plus(offset?.times(divisor)?)?.times(ratio)?;
        let numerator = scaled.units.checked_mul(power(divisor.places)?)?;
        let denominator = divisor.units.checked_mul(power(scaled.places)?)?;
        let sign = denominator.signum();
        (sign != 0).then_some(Self { numerator: numerator * sign, denominator: denominator * sign })
    }

    /// The double nearest to it; `None` where it takes more than one division to find that.
    #[expect(clippy::cast_precision_loss, reason = "both are whole numbers that a double holds")]
    pub(super) fn nearest(self) -> Option<f64> {
        let Self { mut numerator, mut denominator } = self;
        while denominator % 10 == 0 && numerator % 10 == 0 && numerator != 0 {
            (numerator, denominator) = (numerator / 10, denominator / 10);
        }
        let is_held = |number: i128| number.unsigned_abs() <= WHOLE_MAX;
        (is_held(numerator) && is_held(denominator)).then_some(numerator as f64 / denominator as f64)
    }

    /// The double nearest to it with so many decimals, halves away from zero.
    #[expect(clippy::cast_precision_loss, reason = "a whole number that a double holds")]
    pub(super) fn rounded(self, decimals: u8) -> Option<f64> {
        let decimals = u32::from(decimals);
        let steps = self.numerator.checked_mul(power(decimals)?)?;
        let (whole, rest) = (steps / self.denominator, steps % self.denominator);
        // The rest is less than the denominator, so that what is left of that is not more than a half of it.
        let is_half = rest.unsigned_abs() >= self.denominator.unsigned_abs() - rest.unsigned_abs();
        let steps = if is_half { whole + steps.signum() } else { whole };
        let is_held = steps.unsigned_abs() <= WHOLE_MAX && decimals <= EXACT_POWER_MAX;
        is_held.then(|| steps as f64 / 10_f64.powi(decimals.cast_signed()))
    }
}

/// `units / 10^places`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    units: i128,
    places: u32,
}

impl Decimal {
    /// The shortest decimal that is read back as `number`.
    fn of(number: f64) -> Option<Self> {
        if number.abs() <= HELD_MAX && number.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
            return Some(Self { units: number as i128, places: 0 });
        }
        let mut text = [0; TEXT_BYTES_MAX];
        let mut written = Cursor::new(text.as_mut_slice());
        write!(written, "{number:e}").ok()?;
        let end = usize::try_from(written.position()).ok()?;
        let (digits, exponent) = std::str::from_utf8(text.get(..end)?).ok()?.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let places = i32::try_from(decimals.len()).ok()? - exponent;
        let sign = if number < 0.0 { -1 } else { 1 };
        let units = joined(whole.trim_start_matches('-'), decimals)? * sign;
        match u32::try_from(places) {
            Ok(places) => Some(Self { units, places }),
            Err(_) => Some(Self { units: units.checked_mul(power(places.unsigned_abs())?)?, places: 0 }),
        }
    }

    fn times(self, other: Self) -> Option<Self> {
        let places = self.places.checked_add(other.places)?;
        Some(Self { units: self.units.checked_mul(other.units)?, places })
    }

    fn plus(self, other: Self) -> Option<Self> {
        let places = self.places.max(other.places);
        let units = |of: Self| of.units.checked_mul(power(places - of.places)?);
        Some(Self { units: units(self)?.checked_add(units(other)?)?, places })
    }
}

/// The number of these digits, at most 17 of them.
fn joined(whole: &str, decimals: &str) -> Option<i128> {
    let digit = |digit: char| digit.to_digit(10).map(i128::from);
    whole
        .chars()
        .chain(decimals.chars())
        .try_fold(0_i128, |number, c| number.checked_mul(10)?.checked_add(digit(c)?))
}

fn power(places: u32) -> Option<i128> {
    10_i128.checked_pow(places)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exactly the nearest double is promised")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_double_is_the_shortest_decimal_that_is_read_back_as_it() {
        for (number, units, places) in [
            (0.0, 0, 0),
            (-0.5, -5, 1),
            (3_745.95, 374_595, 2),
            (0.001, 1, 3),
            (1e-9, 1, 9),
            (-1.25e-7, -125, 9),
            (1e17, 100_000_000_000_000_000, 0),
            (123_456.0, 123_456, 0),
        ] {
            assert_eq!(Decimal::of(number), Some(Decimal { units, places }), "{number}");
        }
        for number in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Decimal::of(number), None, "{number}");
        }
    }

    /// A number of so many units of the last of its decimals, and the double that is written so.
    fn written(units: i64, places: u32) -> f64 {
        format!("{units}e-{places}").parse().unwrap()
    }

    /// The same on paper, in whole numbers of the last decimal: the double nearest to it, and with `decimals`.
    fn on_paper([raw, scale, offset, ratio]: [(i64, u32); 4], decimals: u32) -> (f64, f64) {
        let ten = |places: u32| 10_i128.pow(places);
        let scaled = i128::from(raw.0) * i128::from(scale.0) * ten(offset.1);
        let moved = i128::from(offset.0) * ten(raw.1 + scale.1);
        let units = (scaled + moved) * i128::from(ratio.0);
        let places = raw.1 + scale.1 + offset.1 + ratio.1;
        let nearest = format!("{units}e-{places}").parse().unwrap();
        let rounded = if places <= decimals {
            nearest
        } else {
            let step = ten(places - decimals);
            let steps = (units.abs() + step / 2) / step * units.signum();
            format!("{steps}e-{decimals}").parse().unwrap()
        };
        (nearest, rounded)
    }

    fn decimal(units: std::ops::Range<i64>) -> impl Strategy<Value = (i64, u32)> {
        (units, 0_u32..5)
    }

    proptest! {
        #[test]
        fn it_agrees_with_paper(
            raw in decimal(-10_000_000..10_000_000),
            scale in decimal(1..1_000),
            offset in decimal(-10_000..10_000),
            ratio in decimal(1..1_000),
            decimals in 0_u8..8,
        ) {
            let [scale_of, offset_of, ratio_of] = [scale, offset, ratio].map(|of| written(of.0, of.1));
            let conversion = Conversion { scale: scale_of, offset: offset_of, ratio: ratio_of };
            let (nearest, rounded) = on_paper([raw, scale, offset, ratio], u32::from(decimals));
            let exact = Exact::of(written(raw.0, raw.1), &conversion).unwrap();
            prop_assert!(exact.nearest().is_none_or(|found| found == nearest), "{:?} {}", exact, nearest);
            prop_assert!(exact.rounded(decimals).is_none_or(|found| found == rounded), "{:?} {}", exact, rounded);
        }

        /// Ties of a float that a meter shows with as many digits as it has, at the scales of register maps.
        #[test]
        fn a_tie_is_rounded_away_from_zero(steps in -100_000_i64..100_000, decimals in 0_u8..6, shift in 0_u32..4) {
            let tie = steps * 10 + if steps < 0 { -5 } else { 5 };
            let places = u32::from(decimals) + 1;
            let raw = written(tie * 10_i64.pow(shift), places);
            let conversion = Conversion { scale: written(1, shift), ..Conversion::NONE };
            let expected = written(if steps < 0 { steps - 1 } else { steps + 1 }, u32::from(decimals));
            prop_assert_eq!(Exact::of(raw, &conversion).unwrap().rounded(decimals), Some(expected));
        }

        #[test]
        fn no_double_makes_it_panic(raw: f64, scale: f64, offset: f64, ratio: f64, decimals: u8) {
            if let Some(exact) = Exact::of(raw, &Conversion { scale, offset, ratio }) {
                let _ = (exact.nearest(), exact.rounded(decimals));
            }
        }
    }
}
