//! One column of an epoch: a run of items, cut into pieces that each decode alone.

use std::ops::Range;

use super::Coder;
use super::bits::{BitReader, BitWriter};

/// A piece is closed at this size; with the longest sample (a text) two fit into one stored value.
const PIECE_BYTES: usize = 1_500;

/// A run of items of one column.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Index of its first item in the column.
    pub(crate) first: usize,
    /// Items in it.
    pub(crate) count: usize,
    /// The items, coded by a fresh coder.
    pub(crate) bytes: Vec<u8>,
}

impl Piece {
    /// The index after its last item.
    pub(crate) const fn end(&self) -> usize {
        self.first + self.count
    }

    /// Hands the items of `wanted`, indexes in the column, to `each` in order; `None` when one of them
    /// or of those before them does not read back.
    pub(crate) fn decode<C: Coder>(
        &self,
        wanted: &Range<usize>,
        mut each: impl FnMut(usize, C::Item),
    ) -> Option<()> {
        let mut bits = BitReader::new(&self.bytes);
        let mut coder = C::default();
        for index in self.first..self.end().min(wanted.end) {
            let item = coder.decode(&mut bits)?;
            if index >= wanted.start {
                each(index, item);
            }
        }
        Some(())
    }
}

/// A column that still grows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column<C> {
    closed: Vec<Piece>,
    /// Index of the first item of the piece that is being written.
    first: usize,
    count: usize,
    bits: BitWriter,
    coder: C,
}

impl<C: Coder> Column<C> {
    /// Appends an item; gives the bytes that it took.
    pub(crate) fn push(&mut self, item: &C::Item) -> usize {
        if self.bits.len() >= PIECE_BYTES {
            self.close();
        }
        let before = self.bits.len();
        self.coder.encode(item, &mut self.bits);
        self.count += 1;
        self.bits.len() - before
    }

    fn close(&mut self) {
        let bytes = std::mem::take(&mut self.bits).into_bytes();
        let piece = Piece { first: self.first, count: self.count, bytes };
        (self.first, self.count) = (piece.end(), 0);
        self.closed.push(piece);
        self.coder = C::default();
    }

    /// The pieces that hold items of index `from` on.
    pub(crate) fn pieces_from(&self, from: usize) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = self.closed.iter().filter(|piece| piece.end() > from).cloned().collect();
        if self.count > 0 {
            pieces.push(Piece { first: self.first, count: self.count, bytes: self.bits.bytes().to_vec() });
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ramp::RampCoder;
    use super::super::sample::SampleCoder;
    use super::super::sample::tests::{any_sample, same_bits};
    use super::*;

    fn items<C: Coder>(piece: &Piece) -> Option<Vec<C::Item>> {
        let mut items = Vec::new();
        piece.decode::<C>(&(0..usize::MAX), |_, item| items.push(item)).map(|()| items)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_piece_decodes_alone(samples in prop::collection::vec(any_sample(), 1..1_500)) {
            let mut column = Column::<SampleCoder>::default();
            let bytes: usize = samples.iter().map(|sample| column.push(sample)).sum();
            let pieces = column.pieces_from(0);
            prop_assert_eq!(bytes, pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>());
            for piece in pieces.iter().rev() {
                let expected = &samples[piece.first..piece.end()];
                let back = items::<SampleCoder>(piece).unwrap();
                prop_assert_eq!(back.len(), expected.len());
                prop_assert!(back.iter().zip(expected).all(|(left, right)| same_bits(left, right)));
            }
            prop_assert_eq!(pieces.last().map(Piece::end), Some(samples.len()));
        }
    }

    #[test]
    fn a_damaged_piece_gives_what_comes_before_the_fault() {
        let mut column = Column::<RampCoder>::default();
        (0..100_i64).for_each(|number| {
            column.push(&(number * number * 1_000_003));
        });
        let mut piece = column.pieces_from(0).remove(0);
        piece.bytes.truncate(20);
        let mut seen = Vec::new();
        assert_eq!(piece.decode::<RampCoder>(&(0..100), |_, number| seen.push(number)), None);
        assert!(!seen.is_empty() && seen.len() < 100);
        let before_the_fault = 0..seen.len();
        assert_eq!(piece.decode::<RampCoder>(&before_the_fault, |_, _| ()), Some(()));
    }

    #[test]
    fn only_the_items_that_are_wanted_are_handed_out() {
        let mut column = Column::<RampCoder>::default();
        (0..50_i64).for_each(|number| {
            column.push(&(number * 3));
        });
        let mut seen = Vec::new();
        let piece = column.pieces_from(0).remove(0);
        piece.decode::<RampCoder>(&(7..9), |index, number| seen.push((index, number))).unwrap();
        assert_eq!(seen, [(7, 21), (8, 24)]);
    }

    #[test]
    fn reading_from_the_middle_leaves_earlier_pieces_out() {
        let mut column = Column::<SampleCoder>::default();
        for index in 0..2_000_i32 {
            column.push(&crate::model::reading::Sample::good(crate::model::reading::Value::Number(
                f64::from(index).sqrt(),
            )));
        }
        let all = column.pieces_from(0);
        let tail = column.pieces_from(1_999);
        assert!(all.len() > 1 && tail.len() == 1 && tail[0].end() == 2_000);
    }
}
