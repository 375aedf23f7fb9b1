//! Rows as they are stored: what the readings of a group come to over a quarter of an hour, a day or a
//! month.
//!
//! ```text
//! key     start u32 | group u16 | part u8
//!         start: minutes since 1970 UTC of a quarter hour, local days since 1970, or local months since
//!         year 0
//! value   version (2) u8 | revision u16 | first place u16 | rows u16 | bits of the rows
//! row     0                                    nothing was read, and nothing is known to have flowed
//!         1, readings (sized), 0, or 1 and total, max, min, last, 0, or 1 and growth, covered, boundary,
//!         rates
//! max, min, last    0, or 1, value, time
//! covered           milliseconds: 0 and seconds (sized), or 1 and a number
//! boundary          0, or 1, 1 when it was interpolated, value
//! rates             0, or 1, a bit for each rate at which something flowed; 1 where that is all that
//!                   flowed, or 0 and a number for each
//! value   1, zigzag difference (sized) from the value before, at the same scale; or 0 and a number
//! number  1, scale (3), zigzag number (sized): a decimal; or 0, the 64 bits of the double
//! time    1, zigzag difference (sized) from the time before, in seconds; or 0, the same in milliseconds
//! ```
//!
//! The first value of a row differs from 0 at scale 0, the first time from the start. Big-endian; sized
//! numbers and scales as in `code`. A part holds the rows of as many series as fit.

mod copy;
#[cfg(test)]
mod outage_tests;
pub(in crate::store) mod quarter_row;
pub(in crate::store) mod quarters;
pub(in crate::store) mod summed;
pub(in crate::store) mod sums;
pub(in crate::store) mod waiting;

use crate::limits;
use crate::model::reading::GroupId;
use crate::model::tou::Rate;
use crate::stats::quarter::{Boundary, Row};
use crate::stats::rates::RateSums;
use crate::stats::summary::{Moment, Summary};
use crate::store::code::bits::{BitReader, BitWriter};
use crate::store::code::{decimal, unzigzag, zigzag};
use crate::time::UtcTime;

const VERSION: u8 = 2;
const HEAD_BYTES: usize = 7;
/// The longest row: every number raw.
const ROW_BYTES_MAX: usize = 160;
const MS_PER_S: i64 = 1_000;
/// Bytes that a record's frame takes of a stored value.
const FRAME_BYTES: usize = 32;

/// The rows of one group over one stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowRecord {
    /// The place in the group of the first row.
    pub(super) first: u16,
    /// How often it was computed anew.
    pub(super) revision: u16,
    /// One row a series.
    pub(super) rows: Vec<Row>,
}

/// The key of a part.
pub(super) fn key(start: u32, group: GroupId, part: u8) -> [u8; 7] {
    let mut key = [part; 7];
    key[..4].copy_from_slice(&start.to_be_bytes());
    key[4..6].copy_from_slice(&group.0.to_be_bytes());
    key
}

/// Start and group of a key; `None` when it is none.
pub(super) fn of_key(key: &[u8]) -> Option<(u32, GroupId)> {
    let (start, rest) = key.split_first_chunk::<4>()?;
    let (group, [_]) = rest.split_first_chunk::<2>()? else { return None };
    Some((u32::from_be_bytes(*start), GroupId(u16::from_be_bytes(*group))))
}

/// The stored parts of the rows of a whole group.
pub(super) fn encode(rows: &[Row], start: UtcTime, revision: u16) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut left = rows;
    let mut first = 0_u16;
    while !left.is_empty() {
        let mut bits = BitWriter::default();
        let mut count = 0_u16;
        for row in left {
            if HEAD_BYTES + bits.len() + ROW_BYTES_MAX + FRAME_BYTES > limits::STORE_VALUE_BYTES_MAX {
                break;
            }
            put_row(row, start, &mut bits);
            count += 1;
        }
        let mut value = vec![VERSION];
        for number in [revision, first, count] {
            value.extend_from_slice(&number.to_be_bytes());
        }
        value.extend_from_slice(bits.bytes());
        parts.push(value);
        first += count;
        left = left.get(usize::from(count)..).unwrap_or_default();
    }
    parts
}

/// The rows of a stored part; `None` when no version wrote that.
pub(super) fn decode(value: &[u8], start: UtcTime) -> Option<RowRecord> {
    let (&VERSION, rest) = value.split_first()? else { return None };
    let (revision, rest) = rest.split_first_chunk::<2>()?;
    let (first, rest) = rest.split_first_chunk::<2>()?;
    let (count, rest) = rest.split_first_chunk::<2>()?;
    let mut bits = BitReader::new(rest);
    let rows = (0..u16::from_be_bytes(*count)).map(|_| take_row(start, &mut bits)).collect::<Option<_>>()?;
    Some(RowRecord { first: u16::from_be_bytes(*first), revision: u16::from_be_bytes(*revision), rows })
}

/// All parts of a record together; without those that no version wrote.
pub(super) fn join(parts: impl Iterator<Item = Option<RowRecord>>) -> Option<RowRecord> {
    let mut whole: Option<RowRecord> = None;
    for part in parts.flatten() {
        match &mut whole {
            None if part.first == 0 => whole = Some(part),
            Some(whole) if usize::from(part.first) == whole.rows.len() => whole.rows.extend(part.rows),
            _ => {}
        }
    }
    whole
}

fn put_row(row: &Row, start: UtcTime, out: &mut BitWriter) {
    if row.is_empty() {
        return out.put(0, 1);
    }
    let summary = &row.summary;
    out.put(1, 1);
    out.put_sized(summary.readings);
    put_optional((!is_zero(summary.total)).then_some(summary.total), out);
    let mut last = Last { at: start, ..Last::default() };
    for moment in [summary.max, summary.min, summary.last] {
        last.put_moment(moment, out);
    }
    put_optional((!is_zero(summary.growth)).then_some(summary.growth), out);
    put_covered(summary.covered_ms, out);
    match row.boundary {
        None => out.put(0, 1),
        Some(Boundary { value, interpolated }) => {
            out.put(0b10 | u64::from(interpolated), 2);
            last.put_value(value, out);
        }
    }
    put_rates(&row.rates, summary, out);
}

fn take_row(start: UtcTime, bits: &mut BitReader<'_>) -> Option<Row> {
    if !bits.flag()? {
        return Some(Row::default());
    }
    let readings = bits.take_sized()?;
    let total = take_optional(bits)?;
    let mut before = Last { at: start, ..Last::default() };
    let max = before.take_moment(bits)?.0;
    let min = before.take_moment(bits)?.0;
    let last = before.take_moment(bits)?.0;
    let growth = take_optional(bits)?;
    let covered_ms = take_covered(bits)?;
    let boundary = if bits.flag()? {
        let interpolated = bits.flag()?;
        Some(Boundary { value: before.take_value(bits)?, interpolated })
    } else {
        None
    };
    let summary = Summary { readings, total, max, min, last, growth, covered_ms };
    let rates = take_rates(&summary, bits)?;
    let row = Row { summary, boundary, rates };
    // Extremes without a reading were never written; they are not told either.
    Some(if row.is_empty() { Row::default() } else { row })
}

/// What was coded last: what follows differs little from it.
#[derive(Default)]
struct Last {
    scale: u8,
    units: i64,
    at: UtcTime,
}

/// A moment that was read back, or that there was none.
struct Taken(Option<Moment>);

impl Last {
    fn put_moment(&mut self, moment: Option<Moment>, out: &mut BitWriter) {
        let Some(Moment { value, at }) = moment else { return out.put(0, 1) };
        out.put(1, 1);
        self.put_value(value, out);
        let later_ms = at.ms_since(self.at);
        let in_seconds = later_ms % MS_PER_S == 0;
        out.put(u64::from(in_seconds), 1);
        out.put_sized(zigzag(if in_seconds { later_ms / MS_PER_S } else { later_ms }));
        self.at = at;
    }

    fn take_moment(&mut self, bits: &mut BitReader<'_>) -> Option<Taken> {
        if !bits.flag()? {
            return Some(Taken(None));
        }
        let value = self.take_value(bits)?;
        let unit_ms = if bits.flag()? { MS_PER_S } else { 1 };
        let later_ms = unzigzag(bits.take_sized()?).checked_mul(unit_ms)?;
        self.at = UtcTime::from_ms(self.at.as_ms().checked_add(later_ms)?);
        Some(Taken(Some(Moment { value, at: self.at })))
    }

    fn put_value(&mut self, value: f64, out: &mut BitWriter) {
        if let Some(units) = decimal::scaled(value, self.scale) {
            out.put(1, 1);
            out.put_sized(zigzag(units - self.units));
            self.units = units;
            return;
        }
        out.put(0, 1);
        put_number(value, out);
        self.follow(value);
    }

    fn take_value(&mut self, bits: &mut BitReader<'_>) -> Option<f64> {
        if bits.flag()? {
            self.units = self.units.checked_add(unzigzag(bits.take_sized()?))?;
            return Some(decimal::unscaled(self.units, self.scale));
        }
        let value = take_number(bits)?;
        self.follow(value);
        Some(value)
    }

    fn follow(&mut self, value: f64) {
        if let Some((scale, units)) = decimal::scale_from(value, 0) {
            (self.scale, self.units) = (scale, units);
        }
    }
}

/// Whether nothing need be written for a number; a negative zero is not one.
fn is_zero(number: f64) -> bool {
    number.to_bits() == 0
}

fn put_optional(number: Option<f64>, out: &mut BitWriter) {
    out.put(u64::from(number.is_some()), 1);
    if let Some(number) = number {
        put_number(number, out);
    }
}

fn take_optional(bits: &mut BitReader<'_>) -> Option<f64> {
    if bits.flag()? { take_number(bits) } else { Some(0.0) }
}

fn put_covered(covered_ms: f64, out: &mut BitWriter) {
    match decimal::scaled(covered_ms, 0) {
        Some(whole_ms) if whole_ms >= 0 && whole_ms % MS_PER_S == 0 => {
            out.put(0, 1);
            out.put_sized((whole_ms / MS_PER_S).unsigned_abs());
        }
        _ => {
            out.put(1, 1);
            put_number(covered_ms, out);
        }
    }
}

fn take_covered(bits: &mut BitReader<'_>) -> Option<f64> {
    if bits.flag()? {
        return take_number(bits);
    }
    let whole_ms = i64::try_from(bits.take_sized()?).ok()?.checked_mul(MS_PER_S)?;
    Some(decimal::unscaled(whole_ms, 0))
}

fn put_rates(rates: &RateSums, summary: &Summary, out: &mut BitWriter) {
    let present: Vec<(Rate, f64)> = rates.present().collect();
    out.put(u64::from(!present.is_empty()), 1);
    if present.is_empty() {
        return;
    }
    for rate in Rate::ALL {
        out.put(u64::from(present.iter().any(|(known, _)| *known == rate)), 1);
    }
    if let [(_, amount)] = present.as_slice()
        && amount.to_bits() == flowed(summary).to_bits()
    {
        return out.put(1, 1);
    }
    out.put(0, 1);
    for (_, amount) in present {
        put_number(amount, out);
    }
}

fn take_rates(summary: &Summary, bits: &mut BitReader<'_>) -> Option<RateSums> {
    let mut rates = RateSums::default();
    if !bits.flag()? {
        return Some(rates);
    }
    let mut present = Vec::with_capacity(Rate::COUNT);
    for rate in Rate::ALL {
        if bits.flag()? {
            present.push(rate);
        }
    }
    let is_all = bits.flag()?;
    for rate in present {
        rates.add(rate, if is_all { flowed(summary) } else { take_number(bits)? });
    }
    Some(rates)
}

/// All that flowed: of a register what it grew, of amounts their sum.
fn flowed(summary: &Summary) -> f64 {
    if is_zero(summary.growth) { summary.total } else { summary.growth }
}

fn put_number(number: f64, out: &mut BitWriter) {
    if let Some((scale, units)) = decimal::scale_from(number, 0) {
        out.put(1, 1);
        out.put(u64::from(scale), 3);
        out.put_sized(zigzag(units));
    } else {
        out.put(0, 1);
        out.put(number.to_bits(), 64);
    }
}

fn take_number(bits: &mut BitReader<'_>) -> Option<f64> {
    if !bits.flag()? {
        return bits.take(64).map(f64::from_bits);
    }
    let scale = u8::try_from(bits.take(3)?).ok().filter(|scale| *scale <= decimal::SCALE_MAX)?;
    Some(decimal::unscaled(unzigzag(bits.take_sized()?), scale))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![(0_i64..10_000_000).prop_map(|units| decimal::unscaled(units, 2)), -1e12_f64..1e12]
    }

    fn any_moment() -> impl Strategy<Value = Option<Moment>> {
        let moment = (any_number(), 0_i64..900_000);
        prop::option::of(moment.prop_map(|(value, ms)| Moment { value, at: UtcTime::from_ms(5_000 + ms) }))
    }

    fn any_row() -> impl Strategy<Value = Row> {
        let boundary = (any_number(), any::<bool>());
        let boundary =
            prop::option::of(boundary.prop_map(|(value, interpolated)| Boundary { value, interpolated }));
        let numbers = (any_number(), any_number(), 0.0..900_000.0_f64);
        let moments = (any_moment(), any_moment(), any_moment());
        let rates = prop::collection::vec((0..Rate::COUNT, any_number()), 0..4);
        let parts = (1_u64..1_000, numbers, moments, boundary, rates);
        parts.prop_map(|(readings, numbers, moments, boundary, amounts)| {
            let (total, growth, covered_ms) = numbers;
            let (max, min, last) = moments;
            let mut rates = RateSums::default();
            for (rate, amount) in amounts {
                rates.add(Rate::ALL[rate], amount);
            }
            Row { summary: Summary { readings, total, max, min, last, growth, covered_ms }, boundary, rates }
        })
    }

    proptest! {
        #[test]
        fn rows_come_back_bit_for_bit_whatever_their_number(
            rows in prop::collection::vec(prop_oneof![4 => any_row(), 1 => Just(Row::default())], 0..250),
            revision: u16,
        ) {
            let start = UtcTime::from_ms(5_000);
            let mut back = Vec::new();
            for value in encode(&rows, start, revision) {
                prop_assert!(value.len() + FRAME_BYTES <= limits::STORE_VALUE_BYTES_MAX);
                let record = decode(&value, start).unwrap();
                prop_assert_eq!((usize::from(record.first), record.revision), (back.len(), revision));
                back.extend(record.rows);
            }
            prop_assert_eq!(back, rows);
        }

        #[test]
        fn arbitrary_bytes_never_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
            decode(&[&[VERSION], value.as_slice()].concat(), UtcTime::from_ms(0));
            of_key(&value);
        }
    }

    fn bytes_a_row(row: Row) -> usize {
        encode(&vec![row; 20], UtcTime::from_ms(0), 0)[0].len() / 20
    }

    fn moment(value: f64, ms: i64) -> Moment {
        Moment { value, at: UtcTime::from_ms(ms) }
    }

    #[test]
    fn a_quarter_hour_of_a_voltage_takes_twenty_two_bytes() {
        let summary = Summary {
            readings: 900,
            total: 207_312.4,
            max: Some(moment(231.2, 400_250)),
            min: Some(moment(229.1, 12_250)),
            last: Some(moment(230.4, 899_250)),
            ..Summary::default()
        };
        assert_eq!(bytes_a_row(Row { summary, ..Row::default() }), 22);
    }

    #[test]
    fn a_quarter_hour_of_a_register_takes_nineteen_bytes_with_its_rate() {
        let summary = Summary {
            readings: 900,
            last: Some(moment(123_456.78, 899_250)),
            growth: 12.34,
            covered_ms: 900_000.0,
            ..Summary::default()
        };
        let mut rates = RateSums::default();
        rates.add(Rate::Peak, 12.34);
        let boundary = Some(Boundary { value: 123_444.45, interpolated: false });
        assert_eq!(bytes_a_row(Row { summary, boundary, rates }), 19);
    }
}
