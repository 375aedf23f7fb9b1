//! The file system of the data on a card whose machine is off, as the tools of this machine see it.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::image::{DATA, partition_at};
use super::tool::run;

/// Where in a file system the number of its blocks stands.
const BLOCKS_AT: u64 = 1_024 + 4;
const BLOCK_BYTES: u64 = 4_096;

pub(crate) struct FileSystem {
    card: PathBuf,
    at: u64,
}

impl FileSystem {
    /// That of the data partition.
    pub(crate) fn of(card: &Path) -> Self {
        Self { card: card.to_owned(), at: partition_at(card, DATA) }
    }

    /// How the tools of ext4 are told of it.
    fn name(&self) -> String {
        format!("{}?offset={}", self.card.display(), self.at)
    }

    /// How large it is.
    pub(crate) fn bytes(&self) -> u64 {
        let mut blocks = [0; 4];
        fs::File::open(&self.card).unwrap().read_exact_at(&mut blocks, self.at + BLOCKS_AT).unwrap();
        u64::from(u32::from_le_bytes(blocks)) * BLOCK_BYTES
    }

    /// # Panics
    /// When there is anything to be mended but what a journal does.
    pub(crate) fn assert_sound(&self, dir: &Path) {
        // A checker that has played back a journal opens the file once more, from its beginning.
        let alone = dir.join("data-partition");
        let mut copy = Command::new("dd");
        copy.args(["status=none", "bs=1M", "conv=sparse"]).arg(format!("if={}", self.card.display()));
        run(copy.arg(format!("of={}", alone.display())).arg(format!("skip={}", self.at >> 20)));
        let replayed = Command::new("/sbin/e2fsck").arg("-p").arg(&alone).output().unwrap();
        assert!(replayed.status.code().is_some_and(|code| code <= 1), "{replayed:?}");
        run(Command::new("/sbin/e2fsck").arg("-fn").arg(&alone));
    }

    /// What a file holds.
    pub(crate) fn file(&self, path: &str, dir: &Path) -> Vec<u8> {
        let dumped = dir.join("dumped");
        self.debug(&format!("dump {path} {}", dumped.display()));
        fs::read(dumped).unwrap()
    }

    /// Carries out an order of debugfs(8).
    pub(crate) fn debug(&self, order: &str) {
        run(Command::new("/sbin/debugfs").args(["-w", "-R", order, &self.name()]));
    }

    /// Writes over what it begins with, and over so much that no copy of it is left.
    pub(crate) fn spoil(&self, mib: usize) {
        let card = fs::File::options().write(true).open(&self.card).unwrap();
        card.write_all_at(&vec![0xa5; mib << 20], self.at).unwrap();
    }
}
