//! Instants, intervals and clocks.
//!
//! Inside the gateway time is UTC in milliseconds; an offset appears only where a person or a
//! platform reads or writes it. Clocks are handed in, so that a month of a site runs in seconds.

mod clock;
mod interval;
mod machine;
mod offset;
pub mod trust;
mod written;

use std::fmt;
use std::ops::Range;

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{Timestamp, Zoned};
use thiserror::Error;

pub use clock::{Clock, ManualClock, RunningClock, SystemClock};
pub use interval::Interval;
pub use machine::{MachineClock, Places};
pub use offset::UtcOffset;
pub use written::{is_date, parse_instant};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcTime(i64);

/// From the first instant that ISO 8601 can write with a year of four digits to the last one that
/// every offset still can.
const MIN_MS: i64 = -62_135_596_800_000;
const MAX_MS: i64 = 253_402_207_200_000;

impl UtcTime {
    /// All of time but its last millisecond.
    pub const ALWAYS: Range<Self> = Self(MIN_MS)..Self(MAX_MS);

    /// The instant `ms` milliseconds after the epoch, held inside the years 1 to 9999.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(if ms < MIN_MS {
            MIN_MS
        } else if ms > MAX_MS {
            MAX_MS
        } else {
            ms
        })
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// This instant moved by `interval`, held inside the years 1 to 9999.
    #[must_use]
    pub const fn plus(self, interval: Interval) -> Self {
        Self::from_ms(self.0.saturating_add(interval.as_ms()))
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The last instant at or before this one that is a whole multiple of `interval`.
    #[must_use]
    pub const fn floor(self, interval: Interval) -> Self {
        Self::from_ms(self.0.saturating_sub(self.0.rem_euclid(interval.as_ms())))
    }

    /// Like [`floor`](Self::floor), with the multiples counted from local midnight: days begin where
    /// people's days begin.
    #[must_use]
    pub fn floor_local(self, interval: Interval, offset: UtcOffset) -> Self {
        let shift_ms = i64::from(offset.minutes()) * Interval::MINUTE.as_ms();
        let local = Self::from_ms(self.0.saturating_add(shift_ms)).floor(interval);
        Self::from_ms(local.0.saturating_sub(shift_ms))
    }

    /// The local day of this instant, counted from 1970; 0 for all before.
    #[must_use]
    pub fn local_day(self, offset: UtcOffset) -> u32 {
        let shift_ms = i64::from(offset.minutes()) * Interval::MINUTE.as_ms();
        let local_ms = self.0.saturating_add(shift_ms);
        u32::try_from(local_ms.div_euclid(Interval::DAY.as_ms())).unwrap_or(0)
    }

    /// This instant as a calendar date and time at `offset`.
    #[must_use]
    pub fn civil(self, offset: UtcOffset) -> DateTime {
        offset.0.to_datetime(self.timestamp())
    }

    /// The instant at which a wall clock at `offset` shows `civil`.
    ///
    /// # Errors
    /// When the result lies outside the years 1 to 9999.
    pub fn from_civil(civil: DateTime, offset: UtcOffset) -> Result<Self, TimeFault> {
        let timestamp = offset.0.to_timestamp(civil).map_err(|_| TimeFault::OutOfRange)?;
        Ok(Self::from_ms(timestamp.as_millisecond()))
    }

    /// ISO 8601 in extended form with the offset, milliseconds only when there are any
    /// (GB/T 7408: `2024-06-12T10:30:05+08:00`).
    #[must_use]
    pub fn iso(self, offset: UtcOffset) -> IsoTime {
        IsoTime { time: self, offset }
    }

    /// As HTTP writes it: `Wed, 12 Jun 2024 02:30:05 GMT` (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn http_date(self) -> String {
        let printed = DateTimePrinter::new().timestamp_to_rfc9110_string(&self.timestamp());
        printed.unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Debug for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.iso(UtcOffset::UTC), f)
    }
}

/// A [`UtcTime`] as a person or a platform reads it.
#[derive(Clone, Copy)]
pub struct IsoTime {
    time: UtcTime,
    offset: UtcOffset,
}

impl fmt::Display for IsoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.time.civil(self.offset);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )?;
        if at.millisecond() != 0 {
            write!(f, ".{:03}", at.millisecond())?;
        }
        fmt::Display::fmt(&self.offset, f)
    }
}
/// Why a text is not an instant, an offset or an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimeFault {
    /// Neither of the two forms of an instant.
    #[error("not an ISO 8601 time; write it like 2024-04-01T00:00:00+08:00 or 20240401T000000+0800")]
    Form,
    /// A local time where an offset is needed.
    #[error("the time has no offset; add one, like +08:00 or Z")]
    OffsetMissing,
    /// A blank where the sign of the offset should be, as a plus sign becomes in an address.
    #[error("a blank stands before the offset; write + as %2B in an address, like %2B08:00")]
    OffsetSign,
    /// Not an offset.
    #[error("not an offset from UTC; write it like +08:00 or Z, at most 14 hours")]
    Offset,
    /// Not an interval.
    #[error("not an interval; write it like PT1S, PT15M, PT1H or P1D")]
    Interval,
    /// A calendar date that no year from 1 to 9999 has.
    #[error("no such date or time between the years 1 and 9999")]
    OutOfRange,
}
/// The start of the local day that holds `at`.
#[must_use]
pub fn local_midnight(at: UtcTime, offset: UtcOffset) -> UtcTime {
    let zoned: Zoned = at.timestamp().to_zoned(offset.0.to_time_zone());
    zoned.start_of_day().map_or(at, |day| UtcTime::from_ms(day.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHANGHAI: fn() -> UtcOffset = || UtcOffset::from_minutes(480).unwrap();

    #[test]
    fn every_written_form_of_one_instant_reads_the_same() {
        let expected = 1_711_900_800_000;
        for text in [
            "2024-04-01T00:00:00+08:00",
            "2024-04-01T00:00+08:00",
            "20240401T000000+0800",
            "20240401T0000+08",
            "2024-03-31T16:00:00Z",
            "2024-03-31T16:00:00.000Z",
            "2024-04-01",
            "20240401",
            "2024-03-31T24:00:00+08:00",
            "2024-03-31T24:00+08:00",
            "20240331T240000,000+0800",
            "2024-092",
            "2024092T000000+0800",
            "2024-W14-1",
            "2024W141T00:00+08",
            "2024-091T16:00Z",
        ] {
            assert_eq!(parse_instant(text, SHANGHAI()).map(UtcTime::as_ms), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_instant_says_why() {
        for (text, fault) in [
            ("yesterday", TimeFault::Form),
            ("", TimeFault::Form),
            ("2024-04-01T00:00:00", TimeFault::OffsetMissing),
            ("2024-04-01 00:00:00+08:00", TimeFault::Form),
            ("2024-02-30T00:00:00Z", TimeFault::OutOfRange),
            ("2024-04-01T25:00:00Z", TimeFault::OutOfRange),
            ("2024-04-01T0:00:00Z", TimeFault::Form),
            ("2024-04-01T00:00:00.Z", TimeFault::Form),
            ("2024-04-01T00:00:00+15:00", TimeFault::Offset),
            ("2024-04-01T00:00:00+08:60", TimeFault::Offset),
            ("2024年04月01日", TimeFault::Form),
            ("2024-04-01T00:00:00 08:00", TimeFault::OffsetSign),
            ("20240401T000000 0800", TimeFault::OffsetSign),
            ("2024-04-01T00:00 08", TimeFault::OffsetSign),
            ("2024-04-01T00:00:00 ", TimeFault::OffsetMissing),
            ("2024-04-01T00:00:00 noon", TimeFault::OffsetMissing),
            ("2024-0401", TimeFault::Form),
            ("202404-01", TimeFault::Form),
            ("2024-W141", TimeFault::Form),
            ("2024W14-1", TimeFault::Form),
            ("2024-W14", TimeFault::Form),
            ("2024-04", TimeFault::Form),
            ("2023-366", TimeFault::OutOfRange),
            ("2024-000", TimeFault::OutOfRange),
            ("2023-W53-1", TimeFault::OutOfRange),
            ("2024-W14-0", TimeFault::OutOfRange),
            ("2024-W14-8", TimeFault::OutOfRange),
            ("0000-W01-1", TimeFault::OutOfRange),
            ("0000-01-01", TimeFault::OutOfRange),
            ("00000101T000000Z", TimeFault::OutOfRange),
            ("2024-04-01T24:00:01Z", TimeFault::OutOfRange),
            ("2024-04-01T24:01Z", TimeFault::OutOfRange),
            ("2024-04-01T24:00:00.001Z", TimeFault::OutOfRange),
            ("9999-12-31T24:00:00Z", TimeFault::OutOfRange),
        ] {
            assert_eq!(parse_instant(text, UtcOffset::UTC), Err(fault), "{text}");
        }
    }

    #[test]
    fn an_instant_is_written_with_its_offset_and_only_the_milliseconds_it_has() {
        let at = parse_instant("2024-06-12T02:30:05Z", UtcOffset::UTC).unwrap();
        assert_eq!(at.iso(SHANGHAI()).to_string(), "2024-06-12T10:30:05+08:00");
        let later = UtcTime::from_ms(at.as_ms() + 45);
        assert_eq!(later.iso(UtcOffset::UTC).to_string(), "2024-06-12T02:30:05.045+00:00");
        assert_eq!(parse_instant(&later.iso(SHANGHAI()).to_string(), UtcOffset::UTC), Ok(later));
    }

    #[test]
    fn an_instant_is_written_in_greenwich_time_for_http() {
        let at = parse_instant("2024-06-12T10:30:05.9+08:00", UtcOffset::UTC).unwrap();
        assert_eq!(at.http_date(), "Wed, 12 Jun 2024 02:30:05 GMT");
    }

    #[test]
    fn the_first_and_the_last_instant_are_written_as_they_are() {
        let written = |ms| UtcTime::from_ms(ms).iso(UtcOffset::UTC).to_string();
        assert_eq!(written(i64::MIN), "0001-01-01T00:00:00+00:00");
        assert_eq!(written(i64::MAX), "9999-12-30T22:00:00+00:00");
    }

    #[test]
    fn intervals_read_back_as_they_are_written() {
        for text in ["PT1S", "PT0.5S", "PT15M", "PT1H", "P1D", "P1DT1H1M1.001S", "PT1H30M"] {
            assert_eq!(Interval::parse(text).map(|i| i.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "P", "PT", "PT0S", "P1M", "15M", "PT1X", "PT-1S", "PT1.S", "PT1M1H", "P1DT"] {
            assert_eq!(Interval::parse(text), Err(TimeFault::Interval), "{text}");
        }
    }

    #[test]
    fn a_local_day_starts_at_local_midnight() {
        let at = parse_instant("2024-04-01T07:59:00+08:00", UtcOffset::UTC).unwrap();
        let midnight = local_midnight(at, SHANGHAI());
        assert_eq!(midnight.iso(SHANGHAI()).to_string(), "2024-04-01T00:00:00+08:00");
    }
}
