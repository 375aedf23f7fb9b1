//! Fields of stored values, taken one after the other from their bytes.

/// The next bytes; `None` when there are too few.
pub(super) fn take<const BYTES: usize>(rest: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (taken, left) = rest.split_first_chunk::<BYTES>()?;
    *rest = left;
    Some(*taken)
}

/// The next number; `None` when it is none that anything could have.
pub(super) fn take_number(rest: &mut &[u8]) -> Option<f64> {
    take(rest).map(f64::from_be_bytes).filter(|number| number.is_finite())
}
