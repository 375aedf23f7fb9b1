//! Rice code against a range coder, on the residuals of the columns that the store is measured with.
//!
//! ```text
//! bytes SCANS                     bytes a number of each kind of column of so many scans, with either coder
//! numbers SCANS                   how many numbers there are in all columns
//! CODER encode|decode SCANS N     encodes or decodes all columns N times: what N more take is the coder's
//! ```
//!
//! CODER is `rice`, the one of the store, or `range`. `benches/coder/run` calls it and counts instructions.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_possible_truncation)]
#![allow(clippy::cast_precision_loss, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../../src/store/code/bits.rs"]
mod bits;
mod range;
#[allow(dead_code)]
#[path = "../../src/store/code/rice.rs"]
mod rice;
#[allow(dead_code)]
#[path = "../store/workload.rs"]
mod workload;

use std::hint::black_box;

use bits::{BitReader, BitWriter};
use rice::{Rice, Symbol};

/// Kinds of columns with their places in the workload, and the units in which they are whole numbers.
const KINDS: [(&str, std::ops::Range<usize>, f64); 6] = [
    ("energy counter, 0.01", 0..8, 100.0),
    ("voltage, 0.1", 8..11, 10.0),
    ("voltage, 0.01", 11..14, 100.0),
    ("power, 0.001", 14..18, 1_000.0),
    ("current, 0.001", 18..19, 1_000.0),
    ("frequency, 0.01", 19..20, 100.0),
];

/// The residuals of the columns of one kind.
struct Kind {
    name: &'static str,
    columns: Vec<Vec<u64>>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let columns = |scans: &str| kinds(scans).into_iter().flat_map(|kind| kind.columns).collect::<Vec<_>>();
    match words.as_slice() {
        ["bytes", scans] => kinds(scans).iter().for_each(say_bytes),
        ["numbers", scans] => println!("{}", columns(scans).iter().map(Vec::len).sum::<usize>()),
        ["rice", what, scans, times] => repeat(what, times, &columns(scans), rice_encoded, rice_decoded),
        ["range", what, scans, times] => repeat(what, times, &columns(scans), range_encoded, range_decoded),
        _ => println!("this is called by benches/coder/run"),
    }
}

/// The first meter's columns, a constant one, and its times; each begins anew, as in an epoch of the store.
fn kinds(scans: &str) -> Vec<Kind> {
    let meter = &mut workload::site()[0];
    let scans: Vec<_> =
        (0..scans.parse().unwrap()).map(|second| (meter.time(second).as_ms(), meter.values())).collect();
    let residuals = |place: usize, units: f64| {
        differences(scans.iter().map(move |(_, values)| (values[place] * units).round() as i64))
    };
    let mut kinds: Vec<Kind> = KINDS
        .into_iter()
        .map(|(name, places, units)| Kind {
            name,
            columns: places.map(|place| residuals(place, units).map(zigzag).collect()).collect(),
        })
        .collect();
    let constant = differences(scans.iter().map(|_| 0)).map(zigzag).collect();
    kinds.push(Kind { name: "constant", columns: vec![constant] });
    // The distance of each time from where the last step would have led.
    let times = differences(differences(scans.iter().map(|(at, _)| *at))).skip(1).map(zigzag).collect();
    kinds.push(Kind { name: "times, ms", columns: vec![times] });
    kinds
}

/// Each number less the one before; nothing for the first, which both coders would write alike.
fn differences(mut numbers: impl Iterator<Item = i64>) -> impl Iterator<Item = i64> {
    let mut last = numbers.next().unwrap_or(0);
    numbers.map(move |number| number - std::mem::replace(&mut last, number))
}

fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

fn say_bytes(kind: &Kind) {
    let numbers = kind.columns.iter().map(Vec::len).sum::<usize>() as f64;
    let bytes = |encoded: fn(&[u64]) -> Vec<u8>, decoded: fn(&[u8], usize) -> Vec<u64>| {
        let of_column = |column: &Vec<u64>| {
            let bytes = encoded(column);
            assert!(decoded(&bytes, column.len()) == *column, "{} does not read back", kind.name);
            bytes.len()
        };
        kind.columns.iter().map(of_column).sum::<usize>() as f64
    };
    let rice = bytes(rice_encoded, rice_decoded) / numbers;
    let range = bytes(range_encoded, range_decoded) / numbers;
    println!("{},{},{rice:.3},{range:.3}", kind.name, kind.columns.len());
}

fn repeat(
    what: &str,
    times: &str,
    columns: &[Vec<u64>],
    encoded: fn(&[u64]) -> Vec<u8>,
    decoded: fn(&[u8], usize) -> Vec<u64>,
) {
    let coded: Vec<(Vec<u8>, usize)> = columns.iter().map(|column| (encoded(column), column.len())).collect();
    for _ in 0..times.parse::<u32>().unwrap() {
        match what {
            "encode" => columns.iter().for_each(|column| drop(black_box(encoded(black_box(column))))),
            _ => coded.iter().for_each(|(bytes, count)| drop(black_box(decoded(black_box(bytes), *count)))),
        }
    }
}

fn rice_encoded(numbers: &[u64]) -> Vec<u8> {
    let (mut rice, mut out) = (Rice::default(), BitWriter::default());
    for number in numbers {
        rice.put(*number, &mut out);
    }
    out.into_bytes()
}

fn rice_decoded(bytes: &[u8], count: usize) -> Vec<u64> {
    let (mut rice, mut bits) = (Rice::default(), BitReader::new(bytes));
    let numbers = (0..count).map(|_| match rice.take(&mut bits) {
        Some(Symbol::Number(number)) => number,
        Some(Symbol::Leave) | None => u64::MAX,
    });
    numbers.collect()
}

fn range_encoded(numbers: &[u64]) -> Vec<u8> {
    let mut encoder = range::Encoder::default();
    for number in numbers {
        encoder.put(*number);
    }
    encoder.into_bytes()
}

fn range_decoded(bytes: &[u8], count: usize) -> Vec<u64> {
    let mut decoder = range::Decoder::new(bytes);
    (0..count).map(|_| decoder.take()).collect()
}
