//! The contents of a period that is over: where in its file each block lies.
//!
//! sled makes a table of all pages when a database is opened, which takes milliseconds and megabytes,
//! and reads a page of several records for one of them. A stored block is known by itself (`frame`), so
//! who knows where it lies needs no sled to read it. When a period is written no more, its file is
//! searched for blocks, a step at a time, and what was found is put beside it:
//!
//! ```text
//! contents   version (1) u8 | entry | entry | ... | CRC-32 u32 over all before
//! entry      key of the block (10) | where its record begins u32 | bytes of the record u16
//! ```
//!
//! Big-endian, in order of the keys. It is a hint and no promise: what is not listed, or is not found
//! where it should be, is read through sled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::reading::GroupId;
use crate::store::code::column::Piece;
use crate::store::columns::{self, Columns};
use crate::store::disk::frame::{Carver, Framed};
use crate::store::disk::key::BlockKey;
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;
use crate::store::periods::marker::Marker;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 10;
const ENTRY_BYTES: usize = KEY_BYTES + 4 + 2;
const CRC_BYTES: usize = 4;
/// Chunks of the file that are searched in one step: a megabyte, so that no write waits long for it.
const CHUNKS_A_STEP: usize = 4;

/// The contents of one period.
pub(in crate::store) struct Contents {
    database: File,
    entries: Vec<u8>,
}

impl Contents {
    /// The contents of the period in `directory`; `None` when they are not there or not whole.
    pub(in crate::store) fn open(directory: &Path) -> Option<Self> {
        let mut entries = fs::read(place(directory)).ok()?;
        let (covered, crc) = entries.split_last_chunk::<CRC_BYTES>()?;
        let is_whole = crc32fast::hash(covered) == u32::from_be_bytes(*crc);
        let end = covered.len();
        if !is_whole || covered.first() != Some(&VERSION) {
            return None;
        }
        entries.truncate(end);
        entries.remove(0);
        Some(Self { database: File::open(directory.join("db")).ok()?, entries })
    }

    /// Whether the period in `directory` has contents, whatever is in them.
    pub(in crate::store) fn are_in(directory: &Path) -> bool {
        place(directory).exists()
    }

    /// Removes the contents of the period in `directory`, which are not to be relied on.
    pub(in crate::store) fn remove(directory: &Path) {
        if let Err(error) = fs::remove_file(place(directory)) {
            log::debug!("store: {}: {error}; its contents stay", directory.display());
        }
    }

    /// Whether the blocks of `epoch` are listed: all of them, or none.
    pub(in crate::store) fn lists(&self, epoch: u32) -> bool {
        let first = self.entries().get(self.position(|key| *key < BlockKey::first_of(epoch).to_bytes()));
        first.is_some_and(|entry| entry.starts_with(&epoch.to_be_bytes()))
    }

    fn entries(&self) -> &[[u8; ENTRY_BYTES]] {
        self.entries.as_chunks().0
    }

    /// How many entries come before the first whose key is not `before`.
    fn position(&self, before: impl Fn(&[u8; KEY_BYTES]) -> bool) -> usize {
        self.entries().partition_point(|entry| entry.first_chunk().is_some_and(&before))
    }

    /// The value of the block that `entry` tells of.
    fn read(&self, entry: &[u8; ENTRY_BYTES]) -> Result<Vec<u8>, StoreError> {
        let [key @ .., p0, p1, p2, p3, b0, b1] = entry;
        let mut record = vec![0; usize::from(u16::from_be_bytes([*b0, *b1]))];
        let read =
            self.database.read_exact_at(&mut record, u64::from(u32::from_be_bytes([*p0, *p1, *p2, *p3])));
        let framed = read.ok().and_then(|()| Framed::at_start_of(&record));
        let framed = framed.filter(|framed| framed.tree == Tree::Blocks && framed.key == key);
        let Some(Framed { value, .. }) = framed else {
            let reason = "a block is not where it was".to_owned();
            return Err(StoreError::Damaged { what: "the contents of a period".to_owned(), reason });
        };
        Ok(value.to_vec())
    }
}

/// One sealed epoch of a period with contents that list it.
pub(in crate::store) struct ListedEpoch {
    /// The contents.
    pub(in crate::store) contents: Arc<Contents>,
    /// The epoch.
    pub(in crate::store) number: u32,
}

impl Columns for ListedEpoch {
    fn groups(&self) -> Result<Vec<GroupId>, StoreError> {
        let mut groups = Vec::new();
        let mut from = BlockKey::first_of(self.number);
        loop {
            let place = self.contents.position(|key| *key < from.to_bytes());
            let entry = self.contents.entries().get(place);
            let key = entry.and_then(|entry| BlockKey::from_bytes(entry.get(..KEY_BYTES)?));
            let Some(key) = key.filter(|key| key.epoch == self.number) else { return Ok(groups) };
            groups.push(key.group);
            let Some(next) = key.group.0.checked_add(1) else { return Ok(groups) };
            from.group = GroupId(next);
        }
    }

    fn pieces(&self, group: GroupId, column: u16, from: usize) -> Result<Vec<Piece>, StoreError> {
        let first_of_group = BlockKey { epoch: self.number, group, column: 0, scan: 0 };
        let first = BlockKey { column, ..first_of_group }.to_bytes();
        let last = BlockKey { column, scan: u16::MAX, ..first_of_group }.to_bytes();
        let begin = self.contents.position(|key| *key < first_of_group.to_bytes());
        // The block before the first that begins behind it, which may hold other columns too.
        let start = self.contents.position(|key| *key <= first).saturating_sub(1).max(begin);
        let end = self.contents.position(|key| *key <= last);
        let entries = self.contents.entries().get(start..end).unwrap_or_default();
        columns::column_of(group, column, from, entries.iter().map(|entry| self.contents.read(entry)))
    }
}

/// A period that is searched for its contents.
pub(in crate::store) struct Listing {
    /// The epoch that the period begins with.
    pub(in crate::store) first: u32,
    directory: PathBuf,
    carver: Carver<File>,
    found: Found,
}

impl Listing {
    /// Begins to search the period in `directory`, which is written no more.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub(in crate::store) fn begin(first: u32, directory: PathBuf) -> io::Result<Self> {
        let carver = Carver::new(File::open(directory.join("db"))?);
        Ok(Self { first, directory, carver, found: Found::default() })
    }

    /// Searches a megabyte more; gives the bytes of the contents at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(in crate::store) fn step(&mut self) -> io::Result<Option<Vec<u8>>> {
        for _ in 0..CHUNKS_A_STEP {
            if !self.carver.step(&mut |place, framed| self.found.add(place, framed))? {
                return Ok(Some(std::mem::take(&mut self.found).into_bytes()));
            }
        }
        Ok(None)
    }

    /// Puts the contents beside the period, on the medium when this returns.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(in crate::store) fn write(&self, contents: &[u8]) -> io::Result<()> {
        let place = place(&self.directory);
        let next = place.with_extension("new");
        let written = File::create(&next).and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()
        });
        let written = written.and_then(|()| fs::rename(&next, place));
        // What is left of it would only take room.
        written.inspect_err(|_| drop(fs::remove_file(&next)))
    }
}

/// What was found of a period.
#[derive(Default)]
struct Found {
    blocks: Vec<FoundBlock>,
    /// How many blocks each epoch has, as its marker says.
    counts: BTreeMap<u32, u32>,
    /// Epochs of which something was found that differs: an earlier attempt to write them.
    doubtful: BTreeSet<u32>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FoundBlock {
    key: [u8; KEY_BYTES],
    /// CRC-32 of the value: tells two versions of a block apart.
    crc: u32,
    place: u32,
    bytes: u16,
}

impl FoundBlock {
    fn epoch(&self) -> u32 {
        self.key.first_chunk().map_or(0, |epoch| u32::from_be_bytes(*epoch))
    }
}

impl Found {
    /// Takes in a record that begins at `place`. What cannot be listed is missed at the end.
    fn add(&mut self, place: u64, framed: Framed<'_>) {
        match framed.tree {
            Tree::Blocks => {
                let block = framed.key.try_into().ok().zip(u32::try_from(place).ok());
                let bytes = u16::try_from(framed.stored_bytes()).ok();
                if let Some(((key, place), bytes)) = block.zip(bytes) {
                    self.blocks.push(FoundBlock { key, crc: crc32fast::hash(framed.value), place, bytes });
                }
            }
            Tree::Epochs => {
                let epoch = framed.key.try_into().map(u32::from_be_bytes).ok();
                if let Some((epoch, marker)) = epoch.zip(Marker::from_bytes(framed.value))
                    && *self.counts.entry(epoch).or_insert(marker.blocks) != marker.blocks
                {
                    self.doubtful.insert(epoch);
                }
            }
            _ => {}
        }
    }

    /// The contents. An epoch is in them when the blocks found are those that its marker counts, each
    /// in one version only: then nothing is missing, and nothing is left of an earlier attempt.
    fn into_bytes(mut self) -> Vec<u8> {
        self.blocks.sort_unstable();
        self.blocks.dedup_by(|next, block| (next.key, next.crc) == (block.key, block.crc));
        let twice = self.blocks.windows(2).filter(|pair| pair[0].key == pair[1].key);
        self.doubtful.extend(twice.map(|pair| pair[0].epoch()));

        let mut bytes = vec![VERSION];
        for blocks in self.blocks.chunk_by(|block, next| block.epoch() == next.epoch()) {
            let epoch = blocks[0].epoch();
            let count = u32::try_from(blocks.len()).ok();
            if self.counts.get(&epoch).copied() != count || self.doubtful.contains(&epoch) {
                continue;
            }
            for block in blocks {
                bytes.extend_from_slice(&block.key);
                bytes.extend_from_slice(&block.place.to_be_bytes());
                bytes.extend_from_slice(&block.bytes.to_be_bytes());
            }
        }
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }
}

fn place(directory: &Path) -> PathBuf {
    directory.join("contents")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::{Sample, Scan, Value};
    use crate::store::disk::engine::{self, Use};
    use crate::store::epoch::Epoch;
    use crate::store::names::NameCounts;
    use crate::store::periods::period::{Period, Tier};
    use crate::store::periods::sealed::{SealedEpoch, Sealing};
    use crate::time::UtcTime;

    /// Two groups of noisy values, enough for several blocks each; `seed` makes one epoch another.
    fn epoch(seed: u32) -> Epoch {
        let mut epoch = Epoch::default();
        for (scan, sequence) in (0_u32..1_000).zip(1_u64..) {
            let noise = |place: u32| (scan * (7_919 + seed) + place * 104_729) % 100_003;
            let samples = (0..4).map(|place| Sample::good(Value::Number(f64::from(noise(place))))).collect();
            let at = UtcTime::from_ms(1_700_000_000_000 + i64::from(scan) * 1_000);
            let group = GroupId(if scan % 2 == 0 { 3 } else { 5 });
            epoch.push(sequence, &Scan { group, at, samples });
        }
        epoch
    }

    fn opened(directory: &Path) -> Arc<Period> {
        Arc::new(Period::open(directory, Tier::Readings, Use::Write).unwrap())
    }

    fn seal(period: &Arc<Period>, number: u32, epoch: Epoch) {
        let mut sealing = Sealing::begin(number, epoch, Arc::clone(period)).unwrap();
        while sealing.step(NameCounts::default()).unwrap().is_none() {}
    }

    fn list(directory: &Path) -> Contents {
        let mut listing = Listing::begin(0, directory.to_owned()).unwrap();
        let contents = std::iter::repeat_with(|| listing.step().unwrap()).find_map(|step| step).unwrap();
        listing.write(&contents).unwrap();
        Contents::open(directory).unwrap()
    }

    /// Everything that an epoch holds, by group and column.
    fn all_of(columns: &dyn Columns) -> Vec<(GroupId, u16, Vec<u8>)> {
        let columns_of = |group| {
            (0..6_u16).map(move |column| {
                let pieces = columns.pieces(group, column, 0).unwrap();
                (group, column, pieces.into_iter().flat_map(|piece| piece.bytes).collect())
            })
        };
        columns.groups().unwrap().into_iter().flat_map(columns_of).collect()
    }

    #[test]
    fn by_its_contents_a_period_reads_as_through_its_database() {
        let dir = tempfile::tempdir().unwrap();
        let period = opened(dir.path());
        for number in [4, 5, 9] {
            seal(&period, number, epoch(number));
        }
        let contents = Arc::new(list(dir.path()));
        for number in [4, 5, 9] {
            assert!(contents.lists(number));
            let listed = ListedEpoch { contents: Arc::clone(&contents), number };
            let stored = all_of(&SealedEpoch { period: Arc::clone(&period), number });
            assert_eq!(stored.len(), 12);
            assert_eq!(all_of(&listed), stored);
        }
        assert!(![3, 6, 10].into_iter().any(|number| contents.lists(number)));
    }

    #[test]
    fn an_epoch_of_which_an_earlier_attempt_is_left_is_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        let period = opened(dir.path());
        seal(&period, 1, epoch(1));
        let mut attempt = Sealing::begin(2, epoch(2), Arc::clone(&period)).unwrap();
        attempt.step(NameCounts::default()).unwrap();
        seal(&period, 2, epoch(3));
        seal(&period, 3, epoch(4));
        let contents = list(dir.path());
        assert_eq!([1, 2, 3].map(|number| contents.lists(number)), [true, false, true]);
    }

    #[test]
    fn a_block_that_is_not_where_it_was_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let period = opened(dir.path());
        seal(&period, 1, epoch(1));
        engine::close(period);
        let contents = Arc::new(list(dir.path()));
        let file = File::options().write(true).open(dir.path().join("db")).unwrap();
        file.set_len(600).unwrap();
        let listed = ListedEpoch { contents, number: 1 };
        assert!(matches!(listed.pieces(GroupId(3), 2, 0), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn contents_that_are_not_whole_are_none() {
        let dir = tempfile::tempdir().unwrap();
        seal(&opened(dir.path()), 1, epoch(1));
        list(dir.path());
        let whole = fs::read(place(dir.path())).unwrap();
        for end in [0, 3, whole.len() / 2, whole.len() - 1] {
            fs::write(place(dir.path()), &whole[..end]).unwrap();
            assert!(Contents::open(dir.path()).is_none(), "cut at {end}");
        }
        for byte in (0..whole.len()).step_by(11) {
            let mut changed = whole.clone();
            changed[byte] ^= 0x10;
            fs::write(place(dir.path()), changed).unwrap();
            assert!(Contents::open(dir.path()).is_none(), "byte {byte}");
        }
        fs::write(place(dir.path()), whole).unwrap();
        assert!(Contents::open(dir.path()).is_some());
        Contents::remove(dir.path());
        assert!(Contents::open(dir.path()).is_none());
    }
}
