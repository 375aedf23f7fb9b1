//! Doors to what lies on a medium, which may give back anything. No part of the product.

mod archive;
mod coding;
mod records;

pub use archive::backup;
pub use coding::{block, code, ring};
pub use records::{frame, record};

use crate::model::reading::{GroupId, Sample, Scan, Value};
use crate::time::UtcTime;

/// A sample as something that is equal only to one that is the same bit for bit.
type SampleBits = (Option<Result<u64, String>>, u8);

fn bits_of(sample: &Sample) -> SampleBits {
    let value = sample.value.as_ref().map(|value| match value {
        Value::Number(number) => Ok(number.to_bits()),
        Value::Text(text) => Err(text.to_string()),
    });
    (value, sample.quality.code())
}

/// The same of a scan.
fn bits_of_scan(scan: &Scan) -> (GroupId, UtcTime, Vec<SampleBits>) {
    (scan.group, scan.at, scan.samples.iter().map(bits_of).collect())
}

/// Takes what is behind a length of one byte off the front of `bytes`.
fn take_short<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first()?;
    let (taken, rest) = rest.split_at_checked(usize::from(*length))?;
    *bytes = rest;
    Some(taken)
}

/// Takes what is behind a length of two bytes off the front of `bytes`.
fn take_long<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (taken, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *bytes = rest;
    Some(taken)
}
