//! What a card says of its two slots, read by a reader of its own: the boot state as the boot loader and the system agree on it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::image::{STATE, partition_at};

/// Where the two copies lie in the partition.
const COPIES_AT: [u64; 2] = [0, 524_288];
/// Bytes of one: a checksum, then words, then zeroes.
const COPY_BYTES: usize = 4_096;

/// The newest copy that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BootState(BTreeMap<String, String>);

impl BootState {
    /// # Panics
    /// When no copy is whole: whatever the moment of a cut, one is.
    pub(crate) fn of(card: &Path) -> Self {
        let file = File::open(card).unwrap();
        let begin = partition_at(card, STATE);
        let copies = COPIES_AT.map(|at| {
            let mut copy = [0; COPY_BYTES];
            file.read_exact_at(&mut copy, begin + at).unwrap();
            read(&copy)
        });
        let newest = copies.into_iter().flatten().max_by_key(Self::sequence);
        newest.unwrap_or_else(|| panic!("no copy of the boot state is whole"))
    }

    /// What a word stands for.
    pub(crate) fn word(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}"))
    }

    /// The slot that was confirmed.
    pub(crate) fn slot(&self) -> &str {
        self.word("cems_slot")
    }

    /// The slot on trial, if one is.
    pub(crate) fn trial(&self) -> Option<&str> {
        Some(self.word("cems_trial")).filter(|slot| *slot != "none")
    }

    /// Boots that the trial has left.
    pub(crate) fn tries(&self) -> u64 {
        self.number("cems_tries")
    }

    fn sequence(&self) -> u64 {
        self.number("cems_seq")
    }

    fn number(&self, name: &str) -> u64 {
        u64::from_str_radix(self.word(name), 16).unwrap()
    }
}

impl fmt::Display for BootState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        f.write_str(&words.join(" "))
    }
}

fn read(copy: &[u8; COPY_BYTES]) -> Option<BootState> {
    let (sum, words) = copy.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc32fast::hash(words) {
        return None;
    }
    let texts = words.split(|byte| *byte == 0).take_while(|text| !text.is_empty());
    let pair = |text| {
        let (name, value) = std::str::from_utf8(text).ok()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    texts.map(pair).collect::<Option<_>>().map(BootState)
}
