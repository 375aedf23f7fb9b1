//! Instants, intervals and clocks.
//!
//! Inside the gateway time is UTC in milliseconds; an offset appears only where a person or a
//! platform reads or writes it. Clocks are handed in, so that a month of a site runs in seconds.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};
use thiserror::Error;

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcTime(i64);

/// Years 0001 to 9999, the range ISO 8601 can write with four digits.
const MIN_MS: i64 = -62_135_596_800_000;
const MAX_MS: i64 = 253_402_300_799_999;

impl UtcTime {
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
        Self::from_ms(self.0.saturating_add(interval.0))
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    #[must_use]
    pub const fn ms_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The last instant at or before this one that is a whole multiple of `interval`.
    #[must_use]
    pub const fn floor(self, interval: Interval) -> Self {
        Self::from_ms(self.0.saturating_sub(self.0.rem_euclid(interval.0)))
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

/// A fixed offset from UTC, in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(Offset);

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

/// Why a text is not an instant, an offset or an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TimeFault {
    /// Neither of the two forms of an instant.
    #[error("not an ISO 8601 time; write it like 2024-04-01T00:00:00+08:00 or 20240401T000000+0800")]
    Form,
    /// A local time where an offset is needed.
    #[error("the time has no offset; add one, like +08:00 or Z")]
    OffsetMissing,
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

/// Reads an instant in the forms of GB/T 7408: extended or basic, with an offset, to the millisecond;
/// a date alone is midnight at `local`.
///
/// # Errors
/// When the form is another, the offset is missing or the date does not exist.
pub fn parse_instant(text: &str, local: UtcOffset) -> Result<UtcTime, TimeFault> {
    if let Some(date) = parse_date(text) {
        return UtcTime::from_civil(date?.to_datetime(jiff::civil::Time::midnight()), local);
    }
    let (date, rest) = text.split_once(['T', 't']).ok_or(TimeFault::Form)?;
    let date = parse_date(date).ok_or(TimeFault::Form)??;
    let zone_at = rest.find(['Z', 'z', '+', '-']).ok_or(TimeFault::OffsetMissing)?;
    let (clock, zone) = rest.split_at(zone_at);
    let time = parse_clock(clock)?;
    UtcTime::from_civil(date.to_datetime(time), UtcOffset::parse(zone)?)
}

/// `2024-04-01` or `20240401`; `None` when the text has another form.
fn parse_date(text: &str) -> Option<Result<Date, TimeFault>> {
    let digits = match text.len() {
        8 => text.to_owned(),
        10 if text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' => text.replace('-', ""),
        _ => return None,
    };
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let date = || {
        let year = digits[..4].parse().ok()?;
        Date::new(year, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()
    };
    Some(date().ok_or(TimeFault::OutOfRange))
}

/// `10:30:05`, `10:30`, `103005` or `1030`, with up to nine decimals of a second.
fn parse_clock(text: &str) -> Result<jiff::civil::Time, TimeFault> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, fraction),
        None => (text, ""),
    };
    let extended = clock.contains(':');
    let digits = clock.replace(':', "");
    let form_holds = match (extended, digits.len()) {
        (true, 4) => clock.len() == 5 && clock.as_bytes()[2] == b':',
        (true, 6) => clock.len() == 8 && clock.as_bytes()[2] == b':' && clock.as_bytes()[5] == b':',
        (false, 4 | 6) => true,
        _ => false,
    };
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !form_holds || !all_digits(&digits) || !all_digits(fraction) || fraction.len() > 9 {
        return Err(TimeFault::Form);
    }
    if text.len() > clock.len() && (fraction.is_empty() || digits.len() == 4) {
        return Err(TimeFault::Form);
    }
    let two = |at: usize| digits.get(at..at + 2).map_or(Ok(0), str::parse::<i8>);
    let (hour, minute, second) = (two(0), two(2), two(4));
    let nanosecond = format!("{fraction:0<9}").parse::<i32>();
    match (hour, minute, second, nanosecond) {
        (Ok(hour), Ok(minute), Ok(second), Ok(nanosecond)) => {
            // Whole milliseconds are what the gateway keeps.
            jiff::civil::Time::new(hour, minute, second, nanosecond / 1_000_000 * 1_000_000)
                .map_err(|_| TimeFault::OutOfRange)
        }
        _ => Err(TimeFault::Form),
    }
}

/// A length of time of fixed size, in milliseconds; never zero or negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(i64);

impl Interval {
    /// One second.
    pub const SECOND: Self = Self(1_000);
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

/// Where the time of day comes from.
pub trait Clock: Send + Sync {
    /// The time of day now.
    fn now(&self) -> UtcTime;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UtcTime {
        UtcTime::from_ms(Timestamp::now().as_millisecond())
    }
}

/// A clock that shows `origin` when it is made and then runs with the runtime's own time, so that
/// it stands still when a test has paused that time.
#[derive(Clone, Copy, Debug)]
pub struct RunningClock {
    origin: UtcTime,
    started: tokio::time::Instant,
}

impl RunningClock {
    /// A clock that shows `origin` now.
    #[must_use]
    pub fn starting_at(origin: UtcTime) -> Self {
        Self { origin, started: tokio::time::Instant::now() }
    }
}

impl Clock for RunningClock {
    fn now(&self) -> UtcTime {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        UtcTime::from_ms(self.origin.0.saturating_add(elapsed_ms))
    }
}

/// A clock that shows what it is set to.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at` until it is set again.
    #[must_use]
    pub fn showing(at: UtcTime) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Makes the clock show `at`.
    pub fn set(&self, at: UtcTime) {
        self.0.store(at.0, Ordering::Release);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcTime {
        UtcTime(self.0.load(Ordering::Acquire))
    }
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
