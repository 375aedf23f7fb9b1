//! Half precision floats (IEEE 754 binary16), which the stable compiler does not have yet.

const MANTISSA_BITS: i32 = 10;
const EXPONENT_MIN: i32 = -14;
const INFINITY: u16 = 0x7C00;
const SIGN: u16 = 0x8000;

/// The double nearest to the shortest decimal that means this half, as 0.1 rather than
/// 0.0999755859375; `None` for NaN and infinity.
pub(super) fn to_double(bits: u16) -> Option<f64> {
    let exact = exact(bits)?;
    // Five significant digits tell any two halves apart.
    (0..5).find_map(|decimals| {
        let rounded: f64 = format!("{exact:.decimals$e}").parse().ok()?;
        (from_double(rounded) == Some(bits)).then_some(rounded)
    })
}

fn exact(bits: u16) -> Option<f64> {
    let magnitude = bits & !SIGN;
    if magnitude >= INFINITY {
        return None;
    }
    let mantissa = f64::from(magnitude & 0x3FF);
    let value = match magnitude >> MANTISSA_BITS {
        0 => mantissa * 2_f64.powi(EXPONENT_MIN - MANTISSA_BITS),
        biased => (mantissa + 1024.0) * 2_f64.powi(i32::from(biased) - 15 - MANTISSA_BITS),
    };
    Some(if bits & SIGN == 0 { value } else { -value })
}

/// The half nearest to `value`, ties to even; `None` for NaN and beyond the largest half.
pub(super) fn from_double(value: f64) -> Option<u16> {
    if !value.is_finite() {
        return None;
    }
    let exponent = (i32::try_from(value.to_bits() >> 52 & 0x7FF).ok()? - 1023).max(EXPONENT_MIN);
    // Scaling by a power of two is exact, so this rounds only once. A mantissa that rounds up to
    // the next power of two carries into the exponent by itself.
    let mantissa = (value.abs() * 2_f64.powi(MANTISSA_BITS - exponent)).round_ties_even();
    let magnitude = f64::from((exponent - EXPONENT_MIN) << MANTISSA_BITS) + mantissa;
    if magnitude >= f64::from(INFINITY) {
        return None;
    }
    let sign = if value.is_sign_negative() { SIGN } else { 0 };
    Some(sign | to_u16(magnitude))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has checked that it is a whole number below 0x7C00"
)]
fn to_u16(magnitude: f64) -> u16 {
    magnitude as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_reads_back_as_itself() {
        for bits in 0..=u16::MAX {
            let value = to_double(bits);
            assert_eq!(value.is_none(), bits & !SIGN >= INFINITY, "{bits:#06x}");
            if let Some(value) = value {
                assert_eq!(from_double(value), Some(bits));
            }
        }
    }

    #[test]
    fn a_half_is_the_nearest_one() {
        for (value, bits) in [
            (1.0, 0x3C00),
            (-2.0, 0xC000),
            (0.1, 0x2E66),
            (65_504.0, 0x7BFF),
            (65_519.9, 0x7BFF),
            (5.960_464_477_539_063e-8, 0x0001),
            (2.9e-8, 0x0000),
            (2_049.0, 0x6800),
            (2_051.0, 0x6802),
            (2_047.9, 0x6800),
        ] {
            assert_eq!(from_double(value), Some(bits), "{value}");
        }
        assert_eq!(from_double(65_520.0), None);
    }

    #[test]
    fn a_tenth_stays_a_tenth() {
        assert_eq!(to_double(0x2E66), Some(0.1));
    }
}
