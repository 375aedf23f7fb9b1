//! Lengths of time, as ISO 8601 writes them.

use std::fmt;

use super::TimeFault;

/// A length of time of fixed size, in milliseconds; never zero or negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(i64);

impl Interval {
    /// One second.
    pub const SECOND: Self = Self(1_000);
    /// A thousandth of a second.
    pub const MILLISECOND: Self = Self(1);
    /// One minute.
    pub const MINUTE: Self = Self(60_000);
    /// Fifteen minutes, the interval of load profiles.
    pub const QUARTER_HOUR: Self = Self(900_000);
    /// One day of 24 hours.
    pub const DAY: Self = Self(86_400_000);

    /// `ms` milliseconds; `None` unless it is positive.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Option<Self> {
        if ms > 0 { Some(Self(ms)) } else { None }
    }

    /// The length in milliseconds.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// The length as the standard library has it.
    #[must_use]
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.unsigned_abs())
    }

    /// Reads ISO 8601 with days, hours, minutes and seconds: `PT1S`, `PT0.5S`, `PT15M`, `P1D`.
    /// Months and years have no fixed length and are refused.
    ///
    /// # Errors
    /// When the text has another form or the length is zero.
    pub fn parse(text: &str) -> Result<Self, TimeFault> {
        let body = text.strip_prefix('P').ok_or(TimeFault::Interval)?;
        let (days, clock) = body.split_once('T').unwrap_or((body, ""));
        if body.ends_with('T') {
            return Err(TimeFault::Interval);
        }
        let mut ms = take_unit(days, &[('W', 604_800_000), ('D', 86_400_000)])?;
        let clock_ms = take_unit(clock, &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])?;
        ms = ms.checked_add(clock_ms).ok_or(TimeFault::Interval)?;
        Self::from_ms(ms).ok_or(TimeFault::Interval)
    }
}

/// Adds up `1H30M`-like text, each unit at most once and in order.
fn take_unit(mut text: &str, units: &[(char, i64)]) -> Result<i64, TimeFault> {
    let mut total_ms = 0_i64;
    for &(letter, unit_ms) in units {
        let Some((number, rest)) = text.split_once(letter) else { continue };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction_ok = fraction.len() <= 3 && (letter == 'S' || fraction.is_empty());
        if whole.is_empty() || whole.len() > 9 || !fraction_ok || number.ends_with('.') {
            return Err(TimeFault::Interval);
        }
        if !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
            return Err(TimeFault::Interval);
        }
        let whole_ms = whole.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_ms));
        let part_ms = format!("{fraction:0<3}").parse::<i64>().ok();
        let sum = whole_ms.zip(part_ms).and_then(|(a, b)| a.checked_add(b));
        total_ms = sum.and_then(|ms| total_ms.checked_add(ms)).ok_or(TimeFault::Interval)?;
        text = rest;
    }
    if text.is_empty() { Ok(total_ms) } else { Err(TimeFault::Interval) }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400_000, self.0 % 86_400_000);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 {
            f.write_str("T")?;
        }
        for (unit_ms, above_ms, letter) in [(3_600_000, 86_400_000, 'H'), (60_000, 3_600_000, 'M')] {
            let count = rest % above_ms / unit_ms;
            if count > 0 {
                write!(f, "{count}{letter}")?;
            }
        }
        let (seconds, ms) = (rest % 60_000 / 1_000, rest % 1_000);
        match (seconds, ms) {
            (0, 0) => Ok(()),
            (_, 0) => write!(f, "{seconds}S"),
            _ => write!(f, "{seconds}.{}S", format!("{ms:03}").trim_end_matches('0')),
        }
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
