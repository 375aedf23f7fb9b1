//! One column read an item at a time: memory holds a coder and the coded bytes, never a decoded piece.

use std::vec;

use super::Coder;
use super::bits::BitReader;
use super::column::Piece;

/// The items of a column from the first piece on, one by one.
pub(crate) struct Strand<C> {
    pieces: vec::IntoIter<Piece>,
    piece: Piece,
    /// Index of the next item in the column.
    next: usize,
    /// Bits of the piece that are decoded.
    position: usize,
    coder: C,
}

impl<C: Coder> Strand<C> {
    /// Begins at the first item of `pieces`, which follow one another.
    pub(crate) fn of(pieces: Vec<Piece>) -> Self {
        let nothing = Piece { first: 0, count: 0, bytes: Vec::new() };
        Self { pieces: pieces.into_iter(), piece: nothing, next: 0, position: 0, coder: C::default() }
    }

    /// The item of this index, which is not below the one that was asked for before; `None` when there
    /// is none or it does not read back.
    #[inline]
    pub(crate) fn at(&mut self, index: usize) -> Option<C::Item> {
        if index >= self.piece.end() {
            self.open_piece_of(index)?;
        }
        while self.next < index {
            self.decode()?;
        }
        // Of an index that was asked for before there is nothing left.
        if self.next == index { self.decode() } else { None }
    }

    #[inline]
    fn decode(&mut self) -> Option<C::Item> {
        let mut bits = BitReader::at(&self.piece.bytes, self.position);
        let item = self.coder.decode(&mut bits)?;
        self.position = bits.position();
        self.next += 1;
        Some(item)
    }

    #[cold]
    fn open_piece_of(&mut self, index: usize) -> Option<()> {
        while self.piece.end() <= index {
            self.piece = self.pieces.next()?;
            (self.next, self.position, self.coder) = (self.piece.first, 0, C::default());
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::Column;
    use super::super::sample::SampleCoder;
    use super::super::sample::tests::{any_sample, same_bits};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_ascending_choice_of_items_reads_back(
            samples in prop::collection::vec(any_sample(), 1..1_500),
            wanted in prop::collection::btree_set(0_usize..1_600, 0..60),
        ) {
            let mut column = Column::<SampleCoder>::default();
            for sample in &samples {
                column.push(sample);
            }
            let mut strand = Strand::<SampleCoder>::of(column.pieces_from(0));
            for index in wanted {
                match (strand.at(index), samples.get(index)) {
                    (Some(found), Some(expected)) => prop_assert!(same_bits(&found, expected)),
                    (found, expected) => prop_assert_eq!(found.as_ref(), expected),
                }
            }
        }
    }
}
