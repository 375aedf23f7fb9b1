//! A medium with a cache of its own: what was written since the last flush may be gone after a power cut.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::harness::random::Random;

/// What a medium writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

/// A cache as large as this is a large one for a disk; when it is full, the oldest write goes to the medium.
const CACHE_BYTES_MAX: usize = 64 << 20;

/// What the medium does when it is asked to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushes {
    /// Keeps all that was written.
    Kept,
    /// Says so and does nothing, as bad cards do.
    Ignored,
}

/// What a power cut takes of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// All of it.
    All,
    /// All but some writes, which arrived in another order than they came in, and one in part: its first sectors.
    /// The number decides which.
    Some(u64),
}

/// What has happened to a medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) writes: u64,
    pub(crate) flushes: u64,
    /// Bytes that were written, and gone after a cut.
    pub(crate) bytes_lost: u64,
}

#[derive(Debug)]
struct Write {
    at: u64,
    bytes: Vec<u8>,
}

impl Write {
    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    /// The part of it that lies between two places, if any.
    fn part(&self, from: u64, to: u64) -> Option<Self> {
        let (from, to) = (from.max(self.at), to.min(self.end()));
        let inside = |place: u64| usize::try_from(place - self.at).unwrap();
        (from < to).then(|| Self { at: from, bytes: self.bytes[inside(from)..inside(to)].to_vec() })
    }
}

/// A file that stands for what the medium keeps without power, and the cache before it.
#[derive(Debug)]
pub(super) struct Medium {
    kept: File,
    bytes: u64,
    flushes: Flushes,
    cache: VecDeque<Write>,
    cached_bytes: usize,
    counts: Counts,
}

impl Medium {
    pub(super) fn new(kept: File, flushes: Flushes) -> io::Result<Self> {
        let bytes = kept.metadata()?.len();
        let (cache, counts) = (VecDeque::new(), Counts::default());
        Ok(Self { kept, bytes, flushes, cache, cached_bytes: 0, counts })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether these bytes are whole sectors of the medium.
    pub(super) fn holds(&self, at: u64, length: usize) -> bool {
        let sector = SECTOR_BYTES as u64;
        let end = at.checked_add(length as u64);
        at.is_multiple_of(sector)
            && length.is_multiple_of(SECTOR_BYTES)
            && end.is_some_and(|end| end <= self.bytes)
    }

    /// What a machine sees: the cache before what is kept.
    pub(super) fn read(&self, at: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.kept.read_exact_at(bytes, at)?;
        let end = at + bytes.len() as u64;
        for part in self.cache.iter().filter_map(|write| write.part(at, end)) {
            let place = usize::try_from(part.at - at).unwrap();
            bytes[place..place + part.bytes.len()].copy_from_slice(&part.bytes);
        }
        Ok(())
    }

    pub(super) fn write(&mut self, at: u64, bytes: Vec<u8>) -> io::Result<()> {
        self.counts.writes += 1;
        self.cached_bytes += bytes.len();
        self.cache.push_back(Write { at, bytes });
        while self.cached_bytes > CACHE_BYTES_MAX {
            self.keep_oldest()?;
        }
        Ok(())
    }

    /// A write that is kept before it is answered, whatever else waits in the cache.
    pub(super) fn write_through(&mut self, at: u64, bytes: Vec<u8>) -> io::Result<()> {
        if self.flushes == Flushes::Ignored {
            return self.write(at, bytes);
        }
        self.counts.writes += 1;
        let write = Write { at, bytes };
        // What is older must not come over it later.
        let older = std::mem::take(&mut self.cache);
        let around = [(0, write.at), (write.end(), u64::MAX)];
        let spared = older.iter().flat_map(|older| around.map(|(from, to)| older.part(from, to)));
        self.cache = spared.flatten().collect();
        self.cached_bytes = self.cache.iter().map(|write| write.bytes.len()).sum();
        keep(&self.kept, &write)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.counts.flushes += 1;
        while self.flushes == Flushes::Kept && !self.cache.is_empty() {
            self.keep_oldest()?;
        }
        Ok(())
    }

    fn keep_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.cache.pop_front() else { return Ok(()) };
        self.cached_bytes -= oldest.bytes.len();
        keep(&self.kept, &oldest)
    }

    /// The power goes.
    pub(super) fn cut(&mut self, loss: Loss) -> io::Result<()> {
        let mut waiting: Vec<Write> = std::mem::take(&mut self.cache).into();
        let mut arrived = 0;
        if let Loss::Some(seed) = loss {
            let mut random = Random::new(seed);
            random.shuffle(&mut waiting);
            waiting.truncate(below(&mut random, waiting.len() + 1));
            if let Some(last) = waiting.last_mut() {
                last.bytes.truncate(below(&mut random, last.bytes.len() / SECTOR_BYTES + 1) * SECTOR_BYTES);
            }
            for write in &waiting {
                arrived += write.bytes.len();
                keep(&self.kept, write)?;
            }
        }
        self.counts.bytes_lost += (self.cached_bytes - arrived) as u64;
        self.cached_bytes = 0;
        Ok(())
    }
}

fn keep(kept: &File, write: &Write) -> io::Result<()> {
    kept.write_all_at(&write.bytes, write.at)
}

fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Sectors of the medium of these tests.
    const SECTORS: usize = 12;

    fn medium(flushes: Flushes) -> Medium {
        let file = tempfile::tempfile().unwrap();
        file.set_len((SECTORS * SECTOR_BYTES) as u64).unwrap();
        Medium::new(file, flushes).unwrap()
    }

    fn place(sector: usize) -> u64 {
        (sector * SECTOR_BYTES) as u64
    }

    /// The first byte of each sector, which is written with one number all over.
    fn sectors(medium: &Medium) -> Vec<u8> {
        let mut bytes = vec![0; SECTORS * SECTOR_BYTES];
        medium.read(0, &mut bytes).unwrap();
        let number = |sector: &[u8]| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a torn sector");
            sector[0]
        };
        bytes.chunks(SECTOR_BYTES).map(number).collect()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write { sector: usize, sectors: usize, through: bool },
        Flush,
        Cut(Option<u64>),
    }

    fn step() -> impl Strategy<Value = Step> {
        let write = (0..SECTORS, 1_usize..5, any::<bool>()).prop_map(|(sector, sectors, through)| {
            Step::Write { sector, sectors: sectors.min(SECTORS - sector), through }
        });
        prop_oneof![6 => write, 1 => Just(Step::Flush), 1 => any::<Option<u64>>().prop_map(Step::Cut)]
    }

    proptest! {
        /// The model keeps for each sector all that it may hold after a cut: what was last kept for sure, and
        /// whatever was written since.
        #[test]
        fn a_cut_leaves_in_each_sector_what_was_kept_or_something_written_since(steps in vec(step(), 0..60)) {
            let mut medium = medium(Flushes::Kept);
            let mut possible = vec![vec![0_u8]; SECTORS];
            for (step, number) in steps.into_iter().zip(1_u8..) {
                match step {
                    Step::Write { sector, sectors, through } => {
                        let bytes = vec![number; sectors * SECTOR_BYTES];
                        for possible in &mut possible[sector..sector + sectors] {
                            if through { possible.clear(); }
                            possible.push(number);
                        }
                        if through {
                            medium.write_through(place(sector), bytes).unwrap();
                        } else {
                            medium.write(place(sector), bytes).unwrap();
                        }
                    }
                    Step::Flush => {
                        medium.flush().unwrap();
                        for possible in &mut possible { possible.drain(..possible.len() - 1); }
                    }
                    Step::Cut(seed) => {
                        medium.cut(seed.map_or(Loss::All, Loss::Some)).unwrap();
                        for (found, possible) in sectors(&medium).into_iter().zip(&mut possible) {
                            prop_assert!(possible.contains(&found), "{found} is none of {possible:?}");
                            prop_assert!(seed.is_some() || found == possible[0], "{found} was never kept");
                            *possible = vec![found];
                        }
                    }
                }
                let newest: Vec<u8> = possible.iter().map(|possible| *possible.last().unwrap()).collect();
                prop_assert_eq!(sectors(&medium), newest);
            }
        }
    }

    /// What is left of three writes over two sectors each, after cuts with many seeds.
    fn leftovers() -> std::collections::BTreeSet<Vec<u8>> {
        let left = |seed| {
            let mut medium = medium(Flushes::Kept);
            for (sector, number) in [(0, 1), (1, 2), (2, 3)] {
                medium.write(place(sector), vec![number; 2 * SECTOR_BYTES]).unwrap();
            }
            medium.cut(Loss::Some(seed)).unwrap();
            sectors(&medium)[..4].to_vec()
        };
        (0..500).map(left).collect()
    }

    #[test]
    fn a_cut_may_lose_tear_and_reorder_what_was_not_flushed() {
        let found = leftovers();
        for (what, expected) in [
            ("nothing", [0, 0, 0, 0]),
            ("all", [1, 2, 3, 3]),
            ("only the last", [0, 0, 3, 3]),
            ("the first in part", [1, 0, 0, 0]),
            ("the first after the second", [1, 1, 2, 0]),
        ] {
            assert!(found.contains(&expected[..]), "{what} was never left: {found:?}");
        }
    }

    #[test]
    fn a_medium_that_ignores_flushes_loses_what_it_called_flushed() {
        let mut medium = medium(Flushes::Ignored);
        medium.write(0, vec![1; SECTOR_BYTES]).unwrap();
        medium.flush().unwrap();
        medium.write_through(place(1), vec![2; SECTOR_BYTES]).unwrap();
        medium.cut(Loss::All).unwrap();
        assert_eq!(sectors(&medium), [0; SECTORS]);
        let bytes_lost = 2 * SECTOR_BYTES as u64;
        assert_eq!(medium.counts(), Counts { writes: 2, flushes: 1, bytes_lost });
    }

    #[test]
    fn only_whole_sectors_inside_the_medium_are_its_own() {
        let medium = medium(Flushes::Kept);
        let all = SECTORS * SECTOR_BYTES;
        assert!(medium.holds(0, all) && medium.holds(all as u64, 0));
        for (at, length) in [(0, all + 512), (512, all), (1, 512), (0, 100), (u64::MAX - 511, 512)] {
            assert!(!medium.holds(at, length), "{at}, {length}");
        }
    }
}
