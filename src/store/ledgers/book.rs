//! A book: numbered lines, a bounded number of them, of which the oldest go first.
//!
//! The key of a line is its number, u32 big-endian; no number is given twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::ledgers::ledger::{Change, Ledger};

/// What a line says, as it is stored.
pub(in crate::store) trait Line: Sized {
    /// The most lines that a book of them has.
    const LINES_MAX: usize;

    /// Its bytes.
    fn write(&self) -> Vec<u8>;

    /// The line of this number out of its bytes; `None` when no version wrote them.
    fn read(number: u32, value: &[u8]) -> Option<Self>;
}

/// The lines by number.
#[derive(Debug)]
pub(in crate::store) struct Book<L> {
    lines: BTreeMap<u32, L>,
    next: u32,
    dropped: u64,
    changed: BTreeSet<u32>,
}

impl<L> Default for Book<L> {
    fn default() -> Self {
        Self { lines: BTreeMap::new(), next: 0, dropped: 0, changed: BTreeSet::new() }
    }
}

impl<L: Line> Book<L> {
    /// Notes the line that `of` makes of the next number.
    pub(in crate::store) fn note(&mut self, of: impl FnOnce(u32) -> L) {
        let number = self.next;
        self.put(number, of(number));
        self.changed.insert(number);
        while self.lines.len() > L::LINES_MAX
            && let Some((oldest, _)) = self.lines.pop_first()
        {
            self.changed.insert(oldest);
            self.dropped += 1;
        }
    }

    /// The lines, oldest first.
    pub(in crate::store) fn lines(&self) -> impl DoubleEndedIterator<Item = &L> {
        self.lines.values()
    }

    /// Lines that had to go.
    pub(in crate::store) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn put(&mut self, number: u32, line: L) {
        self.next = self.next.max(number.saturating_add(1));
        self.lines.insert(number, line);
    }
}

impl<L: Line + Clone> Book<L> {
    /// The last `count` lines that `fit`, oldest first.
    pub(in crate::store) fn last(&self, count: usize, fits: impl Fn(&L) -> bool) -> Vec<L> {
        let mut last: Vec<L> = self.lines().rev().filter(|line| fits(line)).take(count).cloned().collect();
        last.reverse();
        last
    }
}

impl<L: Line> Ledger for Book<L> {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = u32::from_be_bytes(key.try_into().ok()?);
        self.put(number, L::read(number, value)?);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let change = |number: u32| Change {
            key: number.to_be_bytes().to_vec(),
            value: self.lines.get(&number).map(L::write),
        };
        changed.map(change).collect()
    }

    fn forget_stored(&mut self) {
        self.changed.extend(self.lines.keys());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Word(u32, u8);

    impl Line for Word {
        const LINES_MAX: usize = 5;

        fn write(&self) -> Vec<u8> {
            vec![self.1]
        }

        fn read(number: u32, value: &[u8]) -> Option<Self> {
            let [word] = value else { return None };
            Some(Self(number, *word))
        }
    }

    #[test]
    fn no_number_is_given_twice_also_after_a_restart() {
        let mut book = Book::default();
        for word in 0..3 {
            book.note(|number| Word(number, word));
        }
        let mut read_back = Book::<Word>::default();
        for Change { key, value } in book.take_changes() {
            assert_eq!(read_back.restore(&key, &value.unwrap()), Some(()));
        }
        read_back.note(|number| Word(number, 9));
        assert_eq!(read_back.last(2, |_| true), [Word(2, 2), Word(3, 9)]);
        assert_eq!(read_back.last(9, |word| word.1 < 2), [Word(0, 0), Word(1, 1)]);
        assert_eq!(read_back.restore(b"abc", &[1]), None);
        assert_eq!(read_back.restore(b"abcd", &[]), None);
    }

    #[test]
    fn the_oldest_lines_go_first_and_are_counted() {
        let mut book = Book::default();
        for word in 0..7 {
            book.note(|number| Word(number, word));
        }
        assert_eq!((book.lines().count(), book.dropped()), (5, 2));
        let gone = book.take_changes().into_iter().filter(|change| change.value.is_none());
        assert_eq!(gone.map(|change| change.key).collect::<Vec<_>>(), [[0, 0, 0, 0], [0, 0, 0, 1]]);
        book.forget_stored();
        assert_eq!(book.take_changes().len(), 5);
    }
}
