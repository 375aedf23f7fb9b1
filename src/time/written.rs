//! Instants as people and platforms write them: the forms of GB/T 7408.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};

use super::{TimeFault, UtcOffset, UtcTime};

/// Reads an instant in the forms of GB/T 7408: extended or basic, by the day of the month, of the year or
/// of the week, with an offset, to the millisecond;
/// `24:00` is the midnight that ends the day, a date alone the one at `local` that begins it.
///
/// # Errors
/// When the form is another, the offset is missing or the date does not exist.
pub fn parse_instant(text: &str, local: UtcOffset) -> Result<UtcTime, TimeFault> {
    if let Some(date) = parse_date(text) {
        return UtcTime::from_civil(date?.to_datetime(Time::midnight()), local);
    }
    let (date, rest) = text.split_once(['T', 't']).ok_or(TimeFault::Form)?;
    let date = parse_date(date).ok_or(TimeFault::Form)??;
    let zone_at = rest.find(['Z', 'z', '+', '-']).ok_or_else(|| without_sign(rest))?;
    let (clock, zone) = rest.split_at(zone_at);
    let civil = parse_clock(clock)?.on(date)?;
    UtcTime::from_civil(civil, UtcOffset::parse(zone)?)
}

/// Whether this is a date alone.
#[must_use]
pub fn is_date(text: &str) -> bool {
    parse_date(text).is_some()
}

/// What is wrong with a clock without `Z`, `+` or `-`. In the query of an address a plus sign stands
/// for a blank, so that a blank before digits was most likely meant as one.
fn without_sign(rest: &str) -> TimeFault {
    match rest.split_once(' ') {
        Some((_, zone)) if UtcOffset::parse(&format!("+{zone}")).is_ok() => TimeFault::OffsetSign,
        _ => TimeFault::OffsetMissing,
    }
}

/// What a clock shows on a given day.
enum ClockTime {
    /// A time of the day.
    Within(Time),
    /// `24:00`, the midnight at its end.
    EndOfDay,
}

impl ClockTime {
    fn on(self, date: Date) -> Result<DateTime, TimeFault> {
        match self {
            Self::Within(time) => Ok(date.to_datetime(time)),
            Self::EndOfDay => {
                let next = date.tomorrow().map_err(|_| TimeFault::OutOfRange)?;
                Ok(next.to_datetime(Time::midnight()))
            }
        }
    }
}

/// A calendar date `2024-04-01`, an ordinal date `2024-092` or a week date `2024-W14-1`, or one of them
/// in basic form, without hyphens; `None` when the text has another form.
fn parse_date(text: &str) -> Option<Result<Date, TimeFault>> {
    let (year, rest) = text.split_at_checked(4)?;
    let rest_of_extended = rest.strip_prefix('-');
    let (in_week, in_year) = (rest_of_extended.unwrap_or(rest), rest_of_extended.is_some());
    if let Some(week) = in_week.strip_prefix('W') {
        let (week, day) = week.split_at_checked(2)?;
        let day = if in_year { day.strip_prefix('-')? } else { day };
        let (year, week, day) = (number(year, 4)?, number(week, 2)?, number(day, 1)?);
        return Some(week_date(year, week, day).ok_or(TimeFault::OutOfRange));
    }
    let year_number = number(year, 4)?;
    if let Some(day) = number(in_week, 3) {
        return Some(ordinal_date(year_number, day).ok_or(TimeFault::OutOfRange));
    }
    let (month, day) = in_week.split_at_checked(2)?;
    let day = if in_year { day.strip_prefix('-')? } else { day };
    let (month, day) = (number(month, 2)?, number(day, 2)?);
    Some(calendar_date(year_number, month, day).ok_or(TimeFault::OutOfRange))
}

/// The number that is written in exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i16> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The calendar library would take a year 0.
fn calendar_date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new((year > 0).then_some(year)?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn ordinal_date(year: i16, day: i16) -> Option<Date> {
    calendar_date(year, 1, 1)?.with().day_of_year(day).build().ok()
}

fn week_date(year: i16, week: i16, day: i16) -> Option<Date> {
    let day = Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()?;
    let date = ISOWeekDate::new((year > 0).then_some(year)?, i8::try_from(week).ok()?, day).ok()?.date();
    // The first days of week 1 of the year 1 lie in the year before.
    (date.year() > 0).then_some(date)
}

/// `10:30:05`, `10:30`, `103005` or `1030`, with up to nine decimals of a second.
fn parse_clock(text: &str) -> Result<ClockTime, TimeFault> {
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
        (Ok(24), Ok(0), Ok(0), Ok(0)) => Ok(ClockTime::EndOfDay),
        (Ok(hour), Ok(minute), Ok(second), Ok(nanosecond)) => {
            // Whole milliseconds are what the gateway keeps.
            Time::new(hour, minute, second, nanosecond / 1_000_000 * 1_000_000)
                .map(ClockTime::Within)
                .map_err(|_| TimeFault::OutOfRange)
        }
        _ => Err(TimeFault::Form),
    }
}
