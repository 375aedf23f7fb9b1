//! The bytes of an entry.
//!
//! ```text
//! key     i64 start, milliseconds since 1970 UTC, its sign bit turned over | scope u8 | group or series u32
//! value   version (1) u8 | cause u8 | flags u8 | i64 end | u32 missing
//! scope   0 everything, 1 a group, 2 a series
//! flags   1 it goes on, 2 there are readings in between
//! ```
//!
//! Big-endian, so that keys sort by time, those before 1970 as well.

use super::scope::Scope;
use crate::model::gap::{Gap, GapCause};
use crate::time::UtcTime;

const VERSION: u8 = 1;
const GOES_ON: u8 = 1;
const IS_PARTIAL: u8 = 2;
const SIGN: u64 = 1 << 63;

/// The key of the entry of `scope` that begins at `from`.
pub(super) fn key(scope: Scope, from: UtcTime) -> Vec<u8> {
    let (code, number) = scope.code();
    let from = from.as_ms().cast_unsigned() ^ SIGN;
    [from.to_be_bytes().as_slice(), &[code], &number.to_be_bytes()].concat()
}

/// The value of an entry.
pub(super) fn value(gap: &Gap) -> Vec<u8> {
    let flags = (GOES_ON * u8::from(gap.ongoing)) | (IS_PARTIAL * u8::from(gap.partial));
    let head = [VERSION, gap.cause.code(), flags];
    [head.as_slice(), &gap.to.as_ms().to_be_bytes(), &gap.missing.to_be_bytes()].concat()
}

/// The entry of a stored key and value; `None` when no version wrote that.
pub(super) fn read(key: &[u8], value: &[u8]) -> Option<(Scope, Gap)> {
    let (from, rest) = key.split_first_chunk::<8>()?;
    let (&code, number) = rest.split_first()?;
    let scope = Scope::from_code(code, u32::from_be_bytes(number.try_into().ok()?))?;
    let (&[VERSION, cause, flags], rest) = value.split_first_chunk::<3>()? else { return None };
    let (to, missing) = rest.split_first_chunk::<8>()?;
    let gap = Gap {
        from: UtcTime::from_ms((u64::from_be_bytes(*from) ^ SIGN).cast_signed()),
        to: UtcTime::from_ms(i64::from_be_bytes(*to)),
        cause: GapCause::from_code(cause)?,
        missing: u32::from_be_bytes(missing.try_into().ok()?),
        ongoing: flags & GOES_ON != 0,
        partial: flags & IS_PARTIAL != 0,
    };
    Some((scope, gap))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::quality::Cause;
    use crate::model::reading::{GroupId, SeriesId};

    #[test]
    fn an_entry_reads_back_and_sorts_by_its_start() {
        let mut keys = Vec::new();
        for (number, scope) in
            [Scope::All, Scope::Group(GroupId(7)), Scope::Series(SeriesId(70_000))].into_iter().enumerate()
        {
            let gap = Gap {
                from: UtcTime::from_ms(i64::try_from(number).unwrap() * 5_000 - 5_000),
                to: UtcTime::from_ms(9_000),
                cause: GapCause::Read(Cause::Exception(2)),
                missing: 3,
                ongoing: number == 1,
                partial: number == 2,
            };
            let key = key(scope, gap.from);
            assert_eq!(read(&key, &value(&gap)), Some((scope, gap)));
            keys.push(key);
        }
        assert!(keys.is_sorted());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            key in prop::collection::vec(any::<u8>(), 0..20),
            value in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            read(&key, &value);
        }
    }
}
