//! A double that came from a decimal number, as that decimal number.

/// Most decimals that are looked for.
pub(crate) const SCALE_MAX: u8 = 6;

const POWERS_OF_TEN: [f64; SCALE_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];

/// Whole numbers below this are exact as doubles.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// `number` as a whole number of units of 10^-`scale`, where that loses not a single bit.
pub(crate) fn scaled(number: f64, scale: u8) -> Option<i64> {
    let units = (number * POWERS_OF_TEN.get(usize::from(scale))?).round();
    if units.is_nan() || units.abs() >= EXACT_BELOW {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    let units = units as i64;
    (unscaled(units, scale).to_bits() == number.to_bits()).then_some(units)
}

/// The double nearest to `units` x 10^-`scale`.
pub(crate) fn unscaled(units: i64, scale: u8) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "`scaled` gives only whole numbers below 2^53")]
    let units = units as f64;
    units / POWERS_OF_TEN.get(usize::from(scale)).copied().unwrap_or(1.0)
}

/// The fewest decimals from `scale` on that hold `number` exactly.
pub(crate) fn scale_from(number: f64, scale: u8) -> Option<(u8, i64)> {
    (scale..=SCALE_MAX).find_map(|scale| scaled(number, scale).map(|units| (scale, units)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_reading_is_found_with_the_fewest_decimals() {
        for (number, expected) in [
            (0.0, Some((0, 0))),
            (230.0, Some((0, 230))),
            (230.4, Some((1, 2304))),
            (-0.05, Some((2, -5))),
            (123_456.789, Some((3, 123_456_789))),
            (0.000_001, Some((6, 1))),
            (0.1 + 0.2, None),
            (f64::from(230.4_f32), None),
            (-0.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e300, None),
        ] {
            assert_eq!(scale_from(number, 0), expected, "{number}");
        }
    }
}
