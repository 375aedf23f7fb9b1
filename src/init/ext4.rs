//! What the superblock of an ext4 says: how large the file system is, and whether the kernel has seen an error in it.
//!
//! The places are those of the kernel's documentation, "ext4 Data Structures and Algorithms", section 4.1, "Super Block".

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Where the superblock lies, and how much of it is looked at.
const SUPERBLOCK_AT: u64 = 1_024;
const SUPERBLOCK_BYTES: usize = 0x154;
/// `s_magic`.
const MAGIC: u16 = 0xef53;
/// A bit of `s_state`: errors were detected.
const HAS_ERRORS: u16 = 2;
/// No ext4 has larger blocks: 1024 bytes, doubled so many times.
const BLOCK_DOUBLINGS_MAX: u32 = 6;

/// A file system, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSystem {
    pub(super) blocks: u64,
    pub(super) block_bytes: u64,
    pub(super) has_errors: bool,
}

impl FileSystem {
    /// The one on a partition.
    pub(super) fn on(device: &Path) -> io::Result<Self> {
        let mut superblock = [0; SUPERBLOCK_BYTES];
        File::open(device)?.read_exact_at(&mut superblock, SUPERBLOCK_AT)?;
        let no_ext4 = || io::Error::new(io::ErrorKind::InvalidData, "its superblock is none of an ext4");
        Self::of(&superblock).ok_or_else(no_ext4)
    }

    fn of(superblock: &[u8; SUPERBLOCK_BYTES]) -> Option<Self> {
        let four = |at: usize| superblock.get(at..at + 4)?.try_into().map(u32::from_le_bytes).ok();
        let two = |at: usize| superblock.get(at..at + 2)?.try_into().map(u16::from_le_bytes).ok();
        let (low, high, block_doublings) = (four(0x04)?, four(0x150)?, four(0x18)?);
        let (magic, state) = (two(0x38)?, two(0x3a)?);
        (magic == MAGIC && block_doublings <= BLOCK_DOUBLINGS_MAX).then_some(Self {
            blocks: u64::from(high) << 32 | u64::from(low),
            block_bytes: 1_024 << block_doublings,
            has_errors: state & HAS_ERRORS != 0,
        })
    }

    pub(super) const fn bytes(self) -> u64 {
        self.blocks.saturating_mul(self.block_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(low: u32, high: u32, block_doublings: u32, state: u16) -> [u8; SUPERBLOCK_BYTES] {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        bytes[0x04..0x08].copy_from_slice(&low.to_le_bytes());
        bytes[0x150..0x154].copy_from_slice(&high.to_le_bytes());
        bytes[0x18..0x1c].copy_from_slice(&block_doublings.to_le_bytes());
        bytes[0x38..0x3a].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[0x3a..0x3c].copy_from_slice(&state.to_le_bytes());
        bytes
    }

    #[test]
    fn a_superblock_tells_how_large_its_file_system_is() {
        let system = FileSystem::of(&superblock(16_384, 0, 2, 1)).unwrap();
        assert_eq!(system, FileSystem { blocks: 16_384, block_bytes: 4_096, has_errors: false });
        assert_eq!(system.bytes(), 64 << 20);
        assert_eq!(FileSystem::of(&superblock(1, 1, 0, 1)).unwrap().blocks, (1 << 32) + 1);
        assert_eq!(FileSystem::of(&superblock(u32::MAX, u32::MAX, 6, 1)).unwrap().bytes(), u64::MAX);
    }

    #[test]
    fn a_superblock_tells_of_errors() {
        let states =
            [0, 1, 2, 3, 4].map(|state| FileSystem::of(&superblock(1, 0, 0, state)).unwrap().has_errors);
        assert_eq!(states, [false, false, true, true, false]);
    }

    #[test]
    fn what_is_no_superblock_tells_nothing() {
        assert_eq!(FileSystem::of(&[0; SUPERBLOCK_BYTES]), None);
        assert_eq!(FileSystem::of(&superblock(1, 0, 7, 1)), None);
    }
}
