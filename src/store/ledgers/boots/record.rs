//! The bytes of a run.
//!
//! ```text
//! key        run u32, counting from 1
//! value      version (2) u8 | clock state at the start u8 | flags u8 | first sequence number u64
//!            | last sequence number u64, 0 while it is not known | time of the start i64 ms
//!            | changes of the clock u32 | shown before the last i64 ms | shown after it i64 ms
//!            | re-dated through u64 | last sequence number then u64
//!            | stretches u8 | stretch ... | boot ID of the kernel, text
//! stretch    first sequence number u64 | shown i64 ms | lead i64 ms | unset u8
//! flags      1 ended in order, 2 the clock was set, 4 last sequence number known, 8 re-dates, 16 has re-dated
//! version 1  version (1) u8 | clock state u8 | first sequence number u64 | time of the start i64 ms
//!            | boot ID of the kernel, text
//! ```
//!
//! Big-endian.

use super::stretch::{Stretch, Stretches};
use super::{Boot, ClockChange, Mark};
use crate::limits;
use crate::time::UtcTime;
use crate::time::trust::ClockState;

const VERSION: u8 = 2;
const ENDED_IN_ORDER: u8 = 1;
const WAS_SET: u8 = 2;
const HAS_LAST: u8 = 4;
const REDATES: u8 = 8;
const HAS_REDATED: u8 = 16;

/// The value of a run.
pub(super) fn value(boot: &Boot) -> Vec<u8> {
    let mark = boot.redating.unwrap_or_default();
    let flags = [
        (ENDED_IN_ORDER, boot.ended_in_order),
        (WAS_SET, boot.was_set),
        (HAS_LAST, boot.last_sequence.is_some()),
        (REDATES, boot.redating.is_some()),
        (HAS_REDATED, mark.is_done),
    ];
    let flags = flags.into_iter().filter(|(_, holds)| *holds).fold(0, |all, (flag, _)| all | flag);
    let change = boot.last_change.unwrap_or_default();
    let mut value = vec![VERSION, boot.clock.code(), flags];
    value.extend(boot.first_sequence.to_be_bytes());
    value.extend(boot.last_sequence.unwrap_or(0).to_be_bytes());
    value.extend(boot.started.as_ms().to_be_bytes());
    value.extend(boot.clock_changes.to_be_bytes());
    value.extend(change.before.as_ms().to_be_bytes());
    value.extend(change.after.as_ms().to_be_bytes());
    value.extend(mark.through.to_be_bytes());
    value.extend(mark.written.to_be_bytes());
    let stretches = &boot.stretches.0[..boot.stretches.0.len().min(limits::CLOCK_STRETCHES_MAX)];
    value.push(u8::try_from(stretches.len()).unwrap_or(0));
    for stretch in stretches {
        value.extend(stretch.first_sequence.to_be_bytes());
        value.extend(stretch.shown_from.as_ms().to_be_bytes());
        value.extend(stretch.lead_ms.to_be_bytes());
        value.push(u8::from(stretch.is_unset));
    }
    value.extend(boot.kernel_boot_id.as_bytes());
    value
}

/// The run of a stored value; `None` when no version wrote that.
pub(super) fn read(value: &[u8]) -> Option<Boot> {
    let (&version, rest) = value.split_first()?;
    let mut rest = Bytes(rest);
    let clock = ClockState::from_code(rest.byte()?)?;
    match version {
        1 => read_first_version(clock, rest),
        VERSION => read_present_version(clock, rest),
        _ => None,
    }
}

fn read_first_version(clock: ClockState, mut rest: Bytes<'_>) -> Option<Boot> {
    let (first_sequence, started) = (rest.number()?, rest.time()?);
    let was_set = clock != ClockState::Unset;
    Some(Boot { first_sequence, started, clock, was_set, kernel_boot_id: rest.text()?, ..Boot::default() })
}

fn read_present_version(clock: ClockState, mut rest: Bytes<'_>) -> Option<Boot> {
    let flags = rest.byte()?;
    let has = |flag: u8| flags & flag != 0;
    let (first_sequence, last_sequence) = (rest.number()?, rest.number()?);
    let started = rest.time()?;
    let clock_changes = u32::from_be_bytes(rest.take()?);
    let change = ClockChange { before: rest.time()?, after: rest.time()? };
    let mark = Mark { through: rest.number()?, written: rest.number()?, is_done: has(HAS_REDATED) };
    let count = rest.byte()?;
    let stretches = (0..count).map(|_| rest.stretch()).collect::<Option<_>>()?;
    Some(Boot {
        first_sequence,
        last_sequence: has(HAS_LAST).then_some(last_sequence),
        ended_in_order: has(ENDED_IN_ORDER),
        started,
        clock,
        was_set: has(WAS_SET),
        clock_changes,
        last_change: (clock_changes > 0).then_some(change),
        kernel_boot_id: rest.text()?,
        stretches: Stretches(stretches),
        redating: has(REDATES).then_some(mark),
    })
}

/// What is left to be read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn signed(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn time(&mut self) -> Option<UtcTime> {
        self.signed().map(UtcTime::from_ms)
    }

    fn stretch(&mut self) -> Option<Stretch> {
        Some(Stretch {
            first_sequence: self.number()?,
            shown_from: self.time()?,
            lead_ms: self.signed()?,
            is_unset: self.byte()? != 0,
        })
    }

    fn text(self) -> Option<String> {
        String::from_utf8(self.0.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_reads_back_whole() {
        let plain = Boot { first_sequence: 7, kernel_boot_id: "a".to_owned(), ..Boot::default() };
        let stretch = Stretch {
            first_sequence: 7,
            shown_from: UtcTime::from_ms(-5),
            lead_ms: i64::MIN,
            is_unset: true,
        };
        let eventful = Boot {
            last_sequence: Some(0),
            ended_in_order: true,
            clock: ClockState::Holdover,
            was_set: true,
            clock_changes: 3,
            last_change: Some(ClockChange { before: UtcTime::from_ms(1), after: UtcTime::from_ms(2) }),
            stretches: Stretches(vec![stretch; limits::CLOCK_STRETCHES_MAX]),
            redating: Some(Mark { through: 8, written: 9, is_done: true }),
            ..plain.clone()
        };
        for boot in [plain, eventful] {
            assert_eq!(read(&value(&boot)), Some(boot));
        }
    }

    #[test]
    fn a_run_of_the_first_version_is_understood() {
        let stored = [[1, 2].as_slice(), &9_u64.to_be_bytes(), &1_000_i64.to_be_bytes(), b"boot"].concat();
        let expected = Boot {
            first_sequence: 9,
            started: UtcTime::from_ms(1_000),
            clock: ClockState::Synchronised,
            was_set: true,
            kernel_boot_id: "boot".to_owned(),
            ..Boot::default()
        };
        assert_eq!(read(&stored), Some(expected));
    }

    #[test]
    fn what_no_version_wrote_is_no_run() {
        let whole = value(&Boot { stretches: Stretches::default(), ..Boot::default() });
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        assert_eq!(read(&[3, 0, 0]), None);
        assert_eq!(read(&[VERSION, 9, 0]), None);
    }
}
