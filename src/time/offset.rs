//! Offsets from UTC.

use std::fmt;

use jiff::tz::Offset;

use super::TimeFault;

/// A fixed offset from UTC, in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub(super) Offset);

impl UtcOffset {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Offset::UTC);

    /// The offset `minutes` east of UTC; `None` beyond 14 hours either way.
    #[must_use]
    pub fn from_minutes(minutes: i32) -> Option<Self> {
        (minutes.abs() <= 14 * 60).then(|| Offset::from_seconds(minutes * 60).ok()).flatten().map(Self)
    }

    /// Minutes east of UTC.
    #[must_use]
    pub fn minutes(self) -> i32 {
        self.0.seconds() / 60
    }

    /// Reads `Z`, `+08:00`, `+0800` or `+08`.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str) -> Result<Self, TimeFault> {
        if matches!(text, "Z" | "z") {
            return Ok(Self::UTC);
        }
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(TimeFault::Offset),
        };
        let digits = match digits.as_bytes() {
            [h1, h2] => [*h1, *h2, b'0', b'0'],
            [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => [*h1, *h2, *m1, *m2],
            _ => return Err(TimeFault::Offset),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(TimeFault::Offset);
        }
        let pair = |tens: u8, ones: u8| i32::from(tens - b'0') * 10 + i32::from(ones - b'0');
        let (hours, minutes) = (pair(digits[0], digits[1]), pair(digits[2], digits[3]));
        if minutes > 59 {
            return Err(TimeFault::Offset);
        }
        Self::from_minutes(sign * (hours * 60 + minutes)).ok_or(TimeFault::Offset)
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.minutes();
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}
