//! The frame around every stored value: enough to know it again without the database around it.
//!
//! ```text
//! CE 35 (magic) | tree u8 | bytes of key u8 | bytes of value u16 | stamp u32 | key | value | CRC-32 u32
//! ```
//!
//! Big-endian; the CRC is over everything before it. sled keeps a value in one piece in its file, so
//! where a damaged file can be opened no more, its records are found by the magic and believed by the
//! CRC ([`carve`]). The stamp counts writes: of two records of one key the higher one is the later.

use std::io::{self, Read};

use crate::limits;
use crate::store::disk::tree::Tree;

const MAGIC: [u8; 2] = [0xCE, 0x35];
const HEAD_BYTES: usize = 10;
const CRC_BYTES: usize = 4;
/// Longest key of any tree: a cursor's name of the longest ID in UTF-8.
const KEY_BYTES_MAX: usize = u8::MAX as usize;
/// Longest record.
const RECORD_BYTES_MAX: usize = HEAD_BYTES + KEY_BYTES_MAX + limits::STORE_VALUE_BYTES_MAX + CRC_BYTES;
/// Bytes of a damaged file that are looked at together.
const CHUNK_BYTES: usize = 256 * 1_024;

/// One stored record, known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Framed<'a> {
    /// The tree it belongs to.
    pub(in crate::store) tree: Tree,
    /// When it was written, as a count of writes.
    pub(in crate::store) stamp: u32,
    /// Its key.
    pub(in crate::store) key: &'a [u8],
    /// Its value.
    pub(in crate::store) value: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The bytes that are stored; `None` when key or value are longer than any that we write.
    pub(in crate::store) fn to_bytes(self) -> Option<Vec<u8>> {
        let key_bytes = u8::try_from(self.key.len()).ok()?;
        let value_bytes = u16::try_from(self.value.len()).ok()?;
        let mut bytes = Vec::with_capacity(self.stored_bytes());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[self.tree.code(), key_bytes]);
        bytes.extend_from_slice(&value_bytes.to_be_bytes());
        bytes.extend_from_slice(&self.stamp.to_be_bytes());
        bytes.extend_from_slice(self.key);
        bytes.extend_from_slice(self.value);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        Some(bytes)
    }

    /// The record at the start of `bytes`; `None` when there is none that holds.
    pub(in crate::store) fn at_start_of(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [magic_0, magic_1, tree, key_bytes, value_0, value_1, stamp @ ..] = *head;
        if [magic_0, magic_1] != MAGIC {
            return None;
        }
        let tree = Tree::from_code(tree)?;
        let (key, rest) = rest.split_at_checked(usize::from(key_bytes))?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([value_0, value_1])))?;
        let (crc, _) = rest.split_first_chunk::<CRC_BYTES>()?;
        let framed = Self { tree, stamp: u32::from_be_bytes(stamp), key, value };
        let covered = bytes.get(..framed.stored_bytes() - CRC_BYTES)?;
        (crc32fast::hash(covered) == u32::from_be_bytes(*crc)).then_some(framed)
    }

    /// Bytes that it takes with its frame.
    pub(in crate::store) const fn stored_bytes(&self) -> usize {
        HEAD_BYTES + self.key.len() + self.value.len() + CRC_BYTES
    }

    /// Where the value lies in the stored bytes.
    pub(in crate::store) const fn value_offset(&self) -> usize {
        HEAD_BYTES + self.key.len()
    }
}

/// Finds every record that holds in `file`, whatever else is in it, in the order of their places.
///
/// Memory holds one chunk of the file at a time.
///
/// # Errors
/// When the file cannot be read any further.
pub(in crate::store) fn carve(file: impl Read, mut found: impl FnMut(Framed<'_>)) -> io::Result<()> {
    let mut carver = Carver::new(file);
    while carver.step(&mut |_, framed| found(framed))? {}
    Ok(())
}

/// A file that is searched for records, a chunk at a time.
pub(in crate::store) struct Carver<R> {
    file: R,
    window: Vec<u8>,
    /// Where the window begins in the file.
    place: u64,
}

impl<R: Read> Carver<R> {
    /// Searches `file` from where it stands.
    pub(in crate::store) fn new(file: R) -> Self {
        Self { file, window: Vec::with_capacity(CHUNK_BYTES + RECORD_BYTES_MAX), place: 0 }
    }

    /// Searches the next chunk and hands out each record with where it begins, counted from where the
    /// search began; `false` at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub(in crate::store) fn step(&mut self, found: &mut impl FnMut(u64, Framed<'_>)) -> io::Result<bool> {
        let read = self.file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.window)?;
        let is_end = read == 0;
        let place = self.place;
        let searched = carve_window(&self.window, is_end, &mut |at, framed| found(place + at as u64, framed));
        self.window.drain(..searched);
        self.place += searched as u64;
        Ok(!is_end)
    }
}

/// Looks for records in `window` and hands them out with where they begin in it; gives how many of its
/// bytes are done with. What could be the start of a record that goes on behind the window is kept,
/// unless the window is the last.
fn carve_window(window: &[u8], is_last: bool, found: &mut impl FnMut(usize, Framed<'_>)) -> usize {
    let keep = if is_last { 0 } else { RECORD_BYTES_MAX };
    let end = window.len().saturating_sub(keep);
    let mut at = 0;
    while at < end {
        let Some(rest) = window.get(at..) else { break };
        let Some(step) = next_magic(rest) else { return end.max(at) };
        at += step;
        if at >= end {
            break;
        }
        match window.get(at..).and_then(Framed::at_start_of) {
            Some(framed) => {
                found(at, framed);
                at += framed.stored_bytes();
            }
            None => at += 1,
        }
    }
    at.max(end).min(window.len())
}

fn next_magic(bytes: &[u8]) -> Option<usize> {
    bytes.windows(MAGIC.len()).position(|pair| pair == MAGIC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed<'a>(tree: Tree, stamp: u32, key: &'a [u8], value: &'a [u8]) -> Framed<'a> {
        Framed { tree, stamp, key, value }
    }

    /// What was carved: tree, stamp, key and value of each record.
    type Carved = Vec<(Tree, u32, Vec<u8>, Vec<u8>)>;

    fn carved(bytes: &[u8]) -> Carved {
        let mut all = Carved::new();
        let found = |f: Framed<'_>| all.push((f.tree, f.stamp, f.key.to_vec(), f.value.to_vec()));
        carve(bytes, found).unwrap();
        all
    }

    #[test]
    fn a_record_is_known_again_and_a_changed_one_is_not() {
        let bytes = framed(Tree::Ring, 7, b"slot", b"some readings").to_bytes().unwrap();
        assert_eq!(Framed::at_start_of(&bytes), Some(framed(Tree::Ring, 7, b"slot", b"some readings")));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert_eq!(Framed::at_start_of(&changed), None, "byte {at}");
            assert_eq!(Framed::at_start_of(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn records_are_found_over_the_edges_of_chunks() {
        let value = [0xCE; 3_000];
        let record = framed(Tree::Blocks, 1, b"0123456789", &value).to_bytes().unwrap();
        let mut file = Vec::new();
        while file.len() < 5 * CHUNK_BYTES {
            file.extend_from_slice(&record);
            file.extend(std::iter::repeat_n(0x35, file.len() % 7));
        }
        let records = file.len() / record.len();
        assert!(carved(&file).len() >= records - 1, "{} of {records}", carved(&file).len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_written_is_carved_out_of_any_rubbish(
            parts in prop::collection::vec(
                (prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 0..60), any::<u32>()),
                0..12,
            )
        ) {
            let (mut file, mut expected) = (Vec::new(), Carved::new());
            for (rubbish, value, stamp) in &parts {
                file.extend_from_slice(rubbish);
                let record = framed(Tree::Epochs, *stamp, b"key", value).to_bytes().unwrap();
                file.extend_from_slice(&record);
                expected.push((Tree::Epochs, *stamp, b"key".to_vec(), value.clone()));
            }
            prop_assert_eq!(carved(&file), expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            Framed::at_start_of(&bytes);
            carved(&[MAGIC.as_slice(), &bytes].concat());
        }
    }
}
