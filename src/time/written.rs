//! Instants as people and platforms write them: the forms of GB/T 7408.

use jiff::civil::Date;

use super::{TimeFault, UtcOffset, UtcTime};

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
