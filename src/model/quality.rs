//! May one trust a reading, and if not, why.

use std::fmt;

/// What is known about the worth of a [`Reading`](super::reading::Reading).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// Read from the meter and inside its valid range.
    Good,
    /// There is a value, but not one to bill by.
    Suspect(Doubt),
    /// There is no value.
    Missing(Cause),
}

/// Why a value is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubt {
    /// Outside the valid range that the register map or the site gives.
    OutOfRange,
    /// More digits than a double holds; the last ones are rounded.
    Rounded,
    /// The gateway's clock had not been set when it was read: its time is the one that was shown.
    ClockUnset,
    /// Computed between two readings rather than read.
    Interpolated,
    /// Read before the gateway's clock was set; its time was put right afterwards, to within a second.
    Redated,
    /// Entered by hand rather than read.
    Entered,
}

/// Why a value is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The meter did not answer in time.
    Timeout,
    /// What came back was no valid frame.
    Garbled,
    /// A valid frame that answers another question.
    Mismatch,
    /// The meter refused, with this exception code.
    Exception(u8),
    /// The port is closed or the connection is down.
    LineDown,
    /// The meter has not answered for some time and is asked less often.
    BackedOff,
    /// The meter itself says that it has no value (its 'not available' pattern).
    NotAvailable,
    /// The bytes are no number: NaN, infinity or a digit above nine in BCD.
    NotANumber,
    /// The scan was skipped, the cycle before it took too long. Reserved: overruns are counted, and
    /// leave no reading yet.
    Overrun,
    /// It was entered by hand, and taken back.
    Withdrawn,
}

impl Quality {
    /// Whether somebody has put this in place of what stood there before.
    #[must_use]
    pub const fn is_by_hand(self) -> bool {
        matches!(self, Self::Suspect(Doubt::Entered) | Self::Missing(Cause::Withdrawn))
    }

    /// Whether there is a value to use.
    #[must_use]
    pub const fn has_value(self) -> bool {
        !matches!(self, Self::Missing(_))
    }

    /// One byte for the store; fixed for ever, see `docs/storage-format.md`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Suspect(Doubt::OutOfRange) => 1,
            Self::Suspect(Doubt::Rounded) => 2,
            Self::Suspect(Doubt::ClockUnset) => 3,
            Self::Suspect(Doubt::Interpolated) => 4,
            Self::Suspect(Doubt::Redated) => 5,
            Self::Suspect(Doubt::Entered) => 6,
            Self::Missing(Cause::Timeout) => 64,
            Self::Missing(Cause::Garbled) => 65,
            Self::Missing(Cause::Mismatch) => 66,
            Self::Missing(Cause::LineDown) => 67,
            Self::Missing(Cause::BackedOff) => 68,
            Self::Missing(Cause::NotAvailable) => 69,
            Self::Missing(Cause::NotANumber) => 70,
            Self::Missing(Cause::Overrun) => 71,
            Self::Missing(Cause::Withdrawn) => 72,
            Self::Missing(Cause::Exception(code)) => 128 | (code & 127),
        }
    }

    /// The quality of a stored byte; `None` for a byte that no version has written.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Good,
            1 => Self::Suspect(Doubt::OutOfRange),
            2 => Self::Suspect(Doubt::Rounded),
            3 => Self::Suspect(Doubt::ClockUnset),
            4 => Self::Suspect(Doubt::Interpolated),
            5 => Self::Suspect(Doubt::Redated),
            6 => Self::Suspect(Doubt::Entered),
            64 => Self::Missing(Cause::Timeout),
            65 => Self::Missing(Cause::Garbled),
            66 => Self::Missing(Cause::Mismatch),
            67 => Self::Missing(Cause::LineDown),
            68 => Self::Missing(Cause::BackedOff),
            69 => Self::Missing(Cause::NotAvailable),
            70 => Self::Missing(Cause::NotANumber),
            71 => Self::Missing(Cause::Overrun),
            72 => Self::Missing(Cause::Withdrawn),
            code if code >= 128 => Self::Missing(Cause::Exception(code & 127)),
            _ => return None,
        })
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Suspect(doubt) => doubt.fmt(f),
            Self::Missing(cause) => cause.fmt(f),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "out-of-range",
            Self::Rounded => "rounded",
            Self::ClockUnset => "clock-unset",
            Self::Interpolated => "interpolated",
            Self::Redated => "redated",
            Self::Entered => "entered",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "timeout",
            Self::Garbled => "garbled",
            Self::Mismatch => "mismatch",
            Self::Exception(code) => return write!(f, "exception-{code:02}"),
            Self::LineDown => "line-down",
            Self::BackedOff => "backed-off",
            Self::NotAvailable => "not-available",
            Self::NotANumber => "not-a-number",
            Self::Overrun => "overrun",
            Self::Withdrawn => "withdrawn",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_byte_that_has_a_meaning_keeps_it() {
        for code in 0..=u8::MAX {
            if let Some(quality) = Quality::from_code(code) {
                assert_eq!(quality.code(), code);
            }
        }
        assert_eq!((0..=u8::MAX).filter_map(Quality::from_code).count(), 7 + 9 + 128);
    }
}
