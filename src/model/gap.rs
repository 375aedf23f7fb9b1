//! A gap: a stretch of time in which readings should be and are not, and why.

use std::fmt;
use std::ops::Range;

use super::quality::{Cause, Quality};
use crate::time::UtcTime;

/// Why readings are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapCause {
    /// They were asked for, and this came of it.
    Read(Cause),
    /// Several causes took turns too quickly to be told apart.
    Mixed,
    /// The machine was off, or started anew without having been stopped in order.
    Power,
    /// The gateway itself was not running.
    Stopped,
    /// The clock was set.
    Clock,
    /// They were kept, and removed before their time because there was no room for them.
    Quota,
    /// They were not asked for: the site did not have the Parameter.
    Configuration,
    /// They were kept, and the medium has lost them.
    Storage,
}

impl GapCause {
    /// One byte for the store; fixed for ever, see `docs/storage-format.md`.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Read(cause) => Quality::Missing(cause).code(),
            Self::Mixed => 1,
            Self::Power => 2,
            Self::Stopped => 3,
            Self::Clock => 4,
            Self::Quota => 5,
            Self::Configuration => 6,
            Self::Storage => 7,
        }
    }

    /// The cause of a stored byte; `None` for a byte that no version has written.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Mixed,
            2 => Self::Power,
            3 => Self::Stopped,
            4 => Self::Clock,
            5 => Self::Quota,
            6 => Self::Configuration,
            7 => Self::Storage,
            _ => match Quality::from_code(code) {
                Some(Quality::Missing(cause)) => Self::Read(cause),
                _ => return None,
            },
        })
    }
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read(cause) => return cause.fmt(f),
            Self::Mixed => "mixed",
            Self::Power => "power",
            Self::Stopped => "stopped",
            Self::Clock => "clock",
            Self::Quota => "quota",
            Self::Configuration => "configuration",
            Self::Storage => "storage",
        })
    }
}

/// A stretch of time without readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// When the first of them should have been read.
    pub from: UtcTime,
    /// When there was a reading again; of one that goes on, the last time that one was missed.
    pub to: UtcTime,
    /// Why.
    pub cause: GapCause,
    /// How many readings of each series are missing, as far as that is known.
    pub missing: u32,
    /// Whether there is still no reading.
    pub ongoing: bool,
    /// Whether there are some readings in between: it comes and goes, or was lost in part.
    pub partial: bool,
}

impl Gap {
    /// Some readings of `time`, nobody knows how many, are missing for this `cause`.
    #[must_use]
    pub const fn partial(time: Range<UtcTime>, cause: GapCause) -> Self {
        Self { from: time.start, to: time.end, cause, missing: 0, ongoing: false, partial: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_byte_that_has_a_meaning_keeps_it() {
        for code in 0..=u8::MAX {
            if let Some(cause) = GapCause::from_code(code) {
                assert_eq!(cause.code(), code);
            }
        }
        assert_eq!((0..=u8::MAX).filter_map(GapCause::from_code).count(), 7 + 9 + 128);
    }
}
