//! Readings as few bits.

use super::{bits_of, bits_of_scan, take_long};
use crate::limits;
use crate::model::reading::{GroupId, Scan};
use crate::store::code::Coder;
use crate::store::code::bits::{BitReader, BitWriter};
use crate::store::code::column::Piece;
use crate::store::code::ramp::RampCoder;
use crate::store::code::sample::SampleCoder;
use crate::store::code::strand::Strand;
use crate::store::columns::column_of;
use crate::store::periods::block::pieces;
use crate::store::ring::{Record, RingCoder, records};

/// Columns of a block that are looked at: times, sequence numbers and two series.
const COLUMNS: u16 = 4;
/// The same for every group of a ring here.
const WIDTH: usize = 3;

/// Bits are samples, and numbers of a ramp, up to where they say nothing; those are the same once they are
/// coded again.
pub fn code(bytes: &[u8]) {
    let samples = decoded::<SampleCoder>(bytes);
    let again = decoded_again::<SampleCoder>(&samples);
    let same = again.iter().map(bits_of).eq(samples.iter().map(bits_of));
    assert!(same, "samples change when they are coded again: {samples:?} {again:?}");
    let numbers = decoded::<RampCoder>(bytes);
    assert_eq!(decoded_again::<RampCoder>(&numbers), numbers, "numbers change when they are coded again");
}

fn decoded<C: Coder>(bytes: &[u8]) -> Vec<C::Item> {
    let (mut bits, mut coder) = (BitReader::new(bytes), C::default());
    std::iter::from_fn(|| coder.decode(&mut bits)).take(limits::EPOCH_SCANS_MAX).collect()
}

fn decoded_again<C: Coder>(items: &[C::Item]) -> Vec<C::Item> {
    let (mut bits, mut coder) = (BitWriter::default(), C::default());
    for item in items {
        coder.encode(item, &mut bits);
    }
    let bytes = bits.into_bytes();
    let (mut bits, mut coder) = (BitReader::new(&bytes), C::default());
    items.iter().map_while(|_| coder.decode(&mut bits)).collect()
}

/// The values of stored blocks, each behind its length. The pieces of a column follow one another from its
/// first item on, and are the same read whole and item by item.
pub fn block(bytes: &[u8]) {
    let mut rest = bytes;
    let values: Vec<&[u8]> = std::iter::from_fn(|| take_long(&mut rest)).collect();
    for value in &values {
        let bytes_of_pieces =
            pieces(value).map(|pieces| pieces.iter().map(|piece| piece.to_piece().bytes.len()).sum());
        assert!(bytes_of_pieces.unwrap_or(0) <= value.len(), "the pieces are longer than the block");
    }
    for column in 0..COLUMNS {
        let Ok(pieces) = column_of(GroupId(1), column, 0, values.iter().map(Ok)) else { continue };
        let ends = pieces.iter().map(Piece::end);
        let firsts = pieces.iter().map(|piece| piece.first);
        // A piece without items ends where it begins, and is none of the column's.
        let expected = pieces.first().map(|piece| piece.first).into_iter().chain(ends);
        assert!(expected.zip(firsts).all(|(expected, first)| expected == first), "pieces with a hole");
        check_column::<SampleCoder, _>(&pieces, bits_of);
        check_column::<RampCoder, _>(&pieces, |number| *number);
    }
}

fn check_column<C: Coder, T: PartialEq>(pieces: &[Piece], same: impl Fn(&C::Item) -> T) {
    let mut strand = Strand::<C>::of(pieces.to_vec());
    for piece in pieces {
        let mut whole = Vec::new();
        let is_whole =
            piece.decode::<C>(&(piece.first..piece.end()), |index, item| whole.push((index, item))).is_some();
        for (index, item) in &whole {
            let alone = strand.at(*index);
            assert!(
                alone.is_some_and(|alone| same(&alone) == same(item)),
                "item {index} reads otherwise alone"
            );
        }
        if !is_whole {
            return;
        }
    }
}

/// Records of a ring, each behind its length. The batches that they hold are scans up to where one does not
/// read; those are the same once they are coded again.
pub fn ring(bytes: &[u8]) {
    let mut rest = bytes;
    let (mut coder, mut batch, mut scans) = (RingCoder::default(), Vec::new(), Vec::new());
    while let Some(record) = take_long(&mut rest).and_then(Record::from_bytes) {
        batch.extend_from_slice(record.part);
        if !record.ends_batch {
            continue;
        }
        let Some(decoded) = coder.decode(&std::mem::take(&mut batch), |group| (group.0 < 4).then_some(WIDTH))
        else {
            break;
        };
        scans.extend(decoded.into_iter().map(|(_, scan)| scan));
    }
    let again = decoded_from_ring(&scans);
    let same = again.iter().map(bits_of_scan).eq(scans.iter().map(bits_of_scan));
    assert!(same, "scans change when they are coded again: {scans:?} {again:?}");
}

fn decoded_from_ring(scans: &[Scan]) -> Vec<Scan> {
    let (mut writer, mut reader) = (RingCoder::default(), RingCoder::default());
    let (mut left, mut again) = (scans, Vec::new());
    while !left.is_empty() {
        let (count, batch) = writer.encode(0, left);
        left = left.get(count..).unwrap_or_default();
        let parts = records(7, &batch);
        let whole: Vec<u8> = parts
            .flat_map(|record| Record::from_bytes(&record).map_or(vec![], |of| of.part.to_vec()))
            .collect();
        assert!(whole == batch, "records change the batch that they hold");
        let decoded = reader.decode(&whole, |_| Some(WIDTH)).unwrap_or_default();
        again.extend(decoded.into_iter().map(|(_, scan)| scan));
    }
    again
}
