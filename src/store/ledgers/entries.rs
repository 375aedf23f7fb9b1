//! The book of values entered by hand: who entered what, when, and what stood there before.
//!
//! ```text
//! key     number u32
//! value   version (1) u8 | series u32 | for i64 | entered i64 | 0, or 1 and value f64 | 0, or 1 and what
//!         stood there before f64 | who, UTF-8
//! ```
//!
//! Big-endian, times in milliseconds since 1970 UTC. The values themselves are scans like any other;
//! this says how they came about. A bounded number of lines; the oldest go first.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::limits;
use crate::model::reading::SeriesId;
use crate::store::ledgers::book::{Book, Line};
use crate::store::ledgers::fields::{take, take_number};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;

const VERSION: u8 = 1;

/// One line of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct ManualEntry {
    /// Its number, never given again.
    pub number: u32,
    /// Whose value.
    pub series: SeriesId,
    /// The time that the value is for.
    pub at: UtcTime,
    /// When it was entered.
    pub entered: UtcTime,
    /// The value; `None` where it was taken back.
    pub value: Option<f64>,
    /// What stood there before.
    pub before: Option<f64>,
    /// Who entered it.
    pub by: String,
}

/// The book.
#[derive(Debug, Default)]
pub(in crate::store) struct Entries {
    book: Book<ManualEntry>,
    /// Series that somebody entered values for.
    series: BTreeSet<SeriesId>,
}

impl Entries {
    /// Notes an entry under the next number, which it is given.
    pub(in crate::store) fn note(&mut self, entry: ManualEntry) -> ManualEntry {
        let mut noted = entry;
        self.series.insert(noted.series);
        self.book.note(|number| {
            noted.number = number;
            noted.clone()
        });
        noted
    }

    /// Whether values of a series are entered by hand.
    pub(in crate::store) fn has(&self, series: SeriesId) -> bool {
        self.series.contains(&series)
    }

    /// The last `count` lines of some series, oldest first.
    pub(in crate::store) fn of(&self, series: &[SeriesId], count: usize) -> Vec<ManualEntry> {
        self.book.last(count, |entry| series.contains(&entry.series))
    }

    /// How often a value that is for a time in `range` was changed.
    pub(in crate::store) fn corrections(&self, series: SeriesId, range: &Range<UtcTime>) -> u32 {
        if !self.has(series) {
            return 0;
        }
        let in_range = |entry: &&ManualEntry| entry.series == series && range.contains(&entry.at);
        let changed = self.book.lines().filter(in_range).filter(|entry| entry.before.is_some());
        u32::try_from(changed.count()).unwrap_or(u32::MAX)
    }

    /// Lines that had to go.
    pub(in crate::store) const fn dropped(&self) -> u64 {
        self.book.dropped()
    }
}

impl Ledger for Entries {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        self.book.restore(key, value)?;
        self.series.extend(ManualEntry::read(0, value).map(|entry| entry.series));
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        self.book.take_changes()
    }

    fn forget_stored(&mut self) {
        self.book.forget_stored();
    }
}

impl Line for ManualEntry {
    const LINES_MAX: usize = limits::MANUAL_ENTRIES_MAX;

    fn write(&self) -> Vec<u8> {
        let mut value = vec![VERSION];
        value.extend(self.series.0.to_be_bytes());
        value.extend([self.at, self.entered].map(|at| at.as_ms().to_be_bytes()).concat());
        for number in [self.value, self.before] {
            value.push(u8::from(number.is_some()));
            value.extend(number.map(f64::to_be_bytes).into_iter().flatten());
        }
        value.extend(self.by.as_bytes());
        value
    }

    fn read(number: u32, value: &[u8]) -> Option<Self> {
        let mut rest = value.strip_prefix(&[VERSION])?;
        let series = SeriesId(u32::from_be_bytes(take(&mut rest)?));
        let at = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
        let entered = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
        let (value, before) = (take_optional(&mut rest)?.0, take_optional(&mut rest)?.0);
        let by = String::from_utf8(rest.to_vec()).ok()?;
        Some(Self { number, series, at, entered, value, before, by })
    }
}

/// A number that was read back, or that there was none.
struct Taken(Option<f64>);

fn take_optional(rest: &mut &[u8]) -> Option<Taken> {
    match take::<1>(rest)? {
        [0] => Some(Taken(None)),
        [1] => take_number(rest).map(|number| Taken(Some(number))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, value: Option<f64>, before: Option<f64>) -> ManualEntry {
        ManualEntry {
            number: 0,
            series: SeriesId(7),
            at: UtcTime::from_ms(at),
            entered: UtcTime::from_ms(at + 5),
            value,
            before,
            by: "控制台".to_owned(),
        }
    }

    #[test]
    fn the_book_reads_back_as_it_was_written() {
        let mut book = Entries::default();
        book.note(entry(1, Some(12.5), None));
        book.note(entry(1, None, Some(12.5)));
        let mut read_back = Entries::default();
        for Change { key, value } in book.take_changes() {
            assert_eq!(read_back.restore(&key, &value.unwrap()), Some(()));
        }
        assert_eq!(read_back.of(&[SeriesId(7)], 9), book.of(&[SeriesId(7)], 9));
        assert_eq!(book.of(&[SeriesId(7)], 1)[0].number, 1, "the last");
        assert!(read_back.has(SeriesId(7)) && !read_back.has(SeriesId(8)));
        assert_eq!(read_back.note(entry(2, Some(1.0), None)).number, 2, "no number is given twice");
        assert_eq!(read_back.corrections(SeriesId(7), &(UtcTime::from_ms(1)..UtcTime::from_ms(2))), 1);
    }

    #[test]
    fn arbitrary_bytes_are_no_line() {
        let mut book = Entries::default();
        let good = entry(1, Some(2.0), None).write();
        for (key, value) in [
            (&b"abc"[..], good.as_slice()),
            (b"abcd", &good[..5]),
            (b"abcd", &[2]),
            (b"abcd", &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9]),
        ] {
            assert_eq!(book.restore(key, value), None, "{value:?}");
        }
    }
}
