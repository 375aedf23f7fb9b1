//! Rows as they are stored: what the readings of a group come to over a quarter of an hour, a day or a
//! month.
//!
//! ```text
//! key     start u32 | group u16 | part u8
//!         start: minutes since 1970 UTC of a quarter hour, local days since 1970, or local months since
//!         year 0
//! value   version (1) u8 | revision u16 | first place u16 | rows u16 | bits of the rows
//! row     0                                    nothing was read
//!         1, readings (sized), total, max, min, last, growth, covered milliseconds, boundary
//! max, min, last    0, or 1, value, milliseconds since the start (sized)
//! boundary          0, or 1, 1 when it was interpolated, value
//! number  1, scale (3), zigzag number (sized): a decimal; or 0, the 64 bits of the double
//! ```
//!
//! Big-endian; sized numbers and scales as in `code`. A part holds the rows of as many series as fit.

use super::code::bits::{BitReader, BitWriter};
use super::code::{decimal, unzigzag, zigzag};
use crate::limits;
use crate::model::reading::GroupId;
use crate::stats::quarter::{Boundary, Row};
use crate::stats::summary::{Moment, Summary};
use crate::time::UtcTime;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 7;
/// The longest row: every number raw.
const ROW_BYTES_MAX: usize = 100;
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

fn put_row(row: &Row, start: UtcTime, out: &mut BitWriter) {
    if row.is_empty() {
        return out.put(0, 1);
    }
    let summary = &row.summary;
    out.put(1, 1);
    out.put_sized(summary.readings);
    put_number(summary.total, out);
    for moment in [summary.max, summary.min, summary.last] {
        put_moment(moment, start, out);
    }
    put_number(summary.growth, out);
    put_number(summary.covered_ms, out);
    match row.boundary {
        None => out.put(0, 1),
        Some(Boundary { value, interpolated }) => {
            out.put(0b10 | u64::from(interpolated), 2);
            put_number(value, out);
        }
    }
}

fn take_row(start: UtcTime, bits: &mut BitReader<'_>) -> Option<Row> {
    if !bits.flag()? {
        return Some(Row::default());
    }
    let readings = bits.take_sized()?;
    let total = take_number(bits)?;
    let (max, min, last) =
        (take_moment(start, bits)?.0, take_moment(start, bits)?.0, take_moment(start, bits)?.0);
    let (growth, covered_ms) = (take_number(bits)?, take_number(bits)?);
    let boundary = if bits.flag()? {
        let interpolated = bits.flag()?;
        Some(Boundary { value: take_number(bits)?, interpolated })
    } else {
        None
    };
    let summary = Summary { readings, total, max, min, last, growth, covered_ms };
    Some(Row { summary, boundary })
}

fn put_moment(moment: Option<Moment>, start: UtcTime, out: &mut BitWriter) {
    let Some(Moment { value, at }) = moment else { return out.put(0, 1) };
    out.put(1, 1);
    put_number(value, out);
    out.put_sized(at.ms_since(start).max(0).unsigned_abs());
}

/// A moment that was read back, or that there was none.
struct Taken(Option<Moment>);

fn take_moment(start: UtcTime, bits: &mut BitReader<'_>) -> Option<Taken> {
    if !bits.flag()? {
        return Some(Taken(None));
    }
    let value = take_number(bits)?;
    let after_ms = i64::try_from(bits.take_sized()?).ok()?;
    let at = UtcTime::from_ms(start.as_ms().saturating_add(after_ms));
    Some(Taken(Some(Moment { value, at })))
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
        (1_u64..1_000, numbers, moments, boundary).prop_map(|(readings, numbers, moments, boundary)| {
            let (total, growth, covered_ms) = numbers;
            let (max, min, last) = moments;
            Row { summary: Summary { readings, total, max, min, last, growth, covered_ms }, boundary }
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

    #[test]
    fn a_quarter_hour_of_a_voltage_takes_less_than_thirty_bytes() {
        let at = |ms| UtcTime::from_ms(ms);
        let moment = |value, ms| Some(Moment { value, at: at(ms) });
        let summary = Summary {
            readings: 900,
            total: 207_312.4,
            max: moment(231.2, 400_000),
            min: moment(229.1, 12_000),
            last: moment(230.4, 899_000),
            ..Summary::default()
        };
        let bytes = encode(&vec![Row { summary, boundary: None }; 20], at(0), 0)[0].len();
        assert!(bytes / 20 < 30, "{} bytes a row", bytes / 20);
    }
}
