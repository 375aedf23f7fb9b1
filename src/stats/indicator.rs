//! Indicators: what sums of energy come to in standard coal, money, power and shares.
//!
//! Sums come first and the one division last; a mean of ratios is never taken.

use crate::time::Interval;

/// Decimals that a ratio has at least.
const RATIO_DECIMALS: i32 = 3;
/// Digits that a small ratio has at least.
const RATIO_DIGITS: i32 = 5;

/// A ratio before it is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// What is divided.
    pub numerator: f64,
    /// By what.
    pub denominator: f64,
}

impl Ratio {
    /// The quotient; `None` where there is nothing to divide by.
    #[must_use]
    pub fn divide(self) -> Option<f64> {
        let is_zero = self.denominator.abs() < f64::MIN_POSITIVE;
        (!is_zero).then(|| rounded(self.numerator / self.denominator)).filter(|value| value.is_finite())
    }
}

/// Three decimals, and as many more as five digits of a small number take. Both sums that it comes from
/// are told beside it.
fn rounded(ratio: f64) -> f64 {
    if ratio.abs() < f64::MIN_POSITIVE || !ratio.is_finite() {
        return ratio;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a double is below 400")]
    let digits_before = ratio.abs().log10().floor() as i32 + 1;
    let decimals = RATIO_DECIMALS.max(RATIO_DIGITS - digits_before);
    // Above this a double has no decimals to round to, and below this no such power of ten.
    if !(-12..=12).contains(&digits_before) {
        return ratio;
    }
    let scale = 10_f64.powi(decimals);
    (ratio * scale).round() / scale
}

/// A weighted sum; `None` where one of the values is not known.
#[must_use]
pub fn weighted_sum(terms: impl IntoIterator<Item = (f64, Option<f64>)>) -> Option<f64> {
    terms.into_iter().try_fold(0.0, |sum, (weight, value)| Some(sum + weight * value?))
}

/// A sum of what is known; `None` where nothing is.
#[must_use]
pub fn known_sum(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    values.into_iter().flatten().fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// The apparent energy of active and reactive energy.
#[must_use]
pub fn apparent(active: f64, reactive: f64) -> f64 {
    active.hypot(reactive)
}

/// Milliseconds as hours.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few years fit a double")]
pub fn hours(ms: i64) -> f64 {
    ms.max(0) as f64 / (60.0 * Interval::MINUTE.as_ms() as f64)
}

/// How much of a unit one of `unit` is, and which unit: kWh, m3, kg, or itself where it is another.
#[must_use]
pub fn base_unit(unit: &str) -> (f64, &str) {
    match unit {
        "Wh" => (1e-3, "kWh"),
        "kWh" => (1.0, "kWh"),
        "MWh" => (1e3, "kWh"),
        "GWh" => (1e6, "kWh"),
        "MJ" => (1.0 / 3.6, "kWh"),
        "GJ" => (1e3 / 3.6, "kWh"),
        "L" | "l" => (1e-3, "m3"),
        "m3" | "m³" => (1.0, "m3"),
        "kg" => (1.0, "kg"),
        "t" => (1e3, "kg"),
        other => (1.0, other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn divided(numerator: f64, denominator: f64) -> Option<f64> {
        Ratio { numerator, denominator }.divide()
    }

    #[test]
    fn a_ratio_has_three_decimals_or_five_digits() {
        for (numerator, denominator, quotient) in [
            (486_300.0, 1_215.75, 400.0),
            (75_726.27, 1_215.75, 62.288),
            (1.0, 3.0, 0.33333),
            (2.0, 30_000.0, 0.000_066_667),
            (1e9, 3.0, 333_333_333.333),
            (0.0, 5.0, 0.0),
        ] {
            assert_eq!(divided(numerator, denominator), Some(quotient), "{numerator} / {denominator}");
        }
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(divided(1.0, 0.0), None);
        assert_eq!(divided(0.0, -0.0), None);
        assert_eq!(divided(f64::MAX, 1e-300), None, "what is no number is no answer");
    }

    #[test]
    fn a_weighted_sum_needs_every_value_and_a_known_sum_one() {
        assert_eq!(weighted_sum([(1.0, Some(5.0)), (-2.0, Some(1.0))]), Some(3.0));
        assert_eq!(weighted_sum([(1.0, Some(5.0)), (0.0, None)]), None);
        assert_eq!(known_sum([None, Some(2.0), Some(3.0)]), Some(5.0));
        assert_eq!(known_sum([None, None]), None);
    }

    #[test]
    fn units_of_one_kind_are_one_base_unit() {
        for (unit, expected) in
            [("MWh", (1_000.0, "kWh")), ("t", (1_000.0, "kg")), ("L", (0.001, "m3")), ("1", (1.0, "1"))]
        {
            assert_eq!(base_unit(unit), expected);
        }
        assert!((base_unit("GJ").0 * 3.6 - 1_000.0).abs() < 1e-9);
        assert!((apparent(3.0, 4.0) - 5.0).abs() < 1e-12);
        assert!((hours(5_400_000) - 1.5).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_rounded_ratio_is_the_quotient_to_five_digits(numerator in -1e9_f64..1e9, denominator in 1e-3_f64..1e6) {
            let exact = numerator / denominator;
            let found = divided(numerator, denominator).unwrap();
            prop_assert!((found - exact).abs() <= exact.abs() * 5.1e-5 + 1e-15, "{found} is not {exact}");
            prop_assert!((found - exact).abs() <= 0.000_51);
        }
    }
}
