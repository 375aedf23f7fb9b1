//! Growth: the data partition and its file system reach to the end of the card, however large the card is. Every step may be cut off; the
//! next start goes on with it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::Trouble;
use super::ioctl::{resize_ext4, resize_partition};
use super::kernel_log::{complain, note};
use super::partition_table::{self, SECTOR_BYTES, Sector, Span, Table};
use super::watchdog::Watchdog;

/// Where the kernel tells of media and their partitions.
const BLOCK_DEVICES: &str = "/sys/class/block";
/// A file system grows by no more at a time: the watchdog is fed between two steps.
const STEP_BYTES: u64 = 4 << 30;
const MIB: u64 = 1 << 20;

/// Lets the partition at `device` reach to the end of its card. A table of any other shape than ours is left alone.
pub(super) fn widen(device: &Path) {
    match try_to_widen(device) {
        Ok(None) => {}
        Ok(Some(data)) => {
            note(&format!("the data partition reaches to the end of the card: {}", mebibytes(data)));
        }
        Err(trouble) => complain(&format!("the data partition stays as it is: {trouble}")),
    }
}

fn mebibytes(span: Span) -> String {
    format!("{} MiB", span.sectors * SECTOR_BYTES / MIB)
}

fn try_to_widen(device: &Path) -> Result<Option<Span>, Trouble> {
    let partition = Partition::of(device).map_err(|error| format!("{}: {error}", device.display()))?;
    let in_words = |error: io::Error| format!("{}: {error}", partition.medium.display());
    let medium = OpenOptions::new().read(true).write(true).open(&partition.medium).map_err(in_words)?;
    let table = Table::read(|sector| read_sector(&medium, sector)).map_err(in_words)?;
    if partition.number != partition_table::DATA || partition.start != table.data().start {
        return Err(format!("{} is not where the table has the data", device.display()));
    }
    let Some(growth) = table.growth(partition.medium_sectors) else {
        return Ok(None);
    };
    for (sector, bytes) in &growth.writes {
        medium
            .write_all_at(bytes, sector * SECTOR_BYTES)
            .and_then(|()| medium.sync_data())
            .map_err(in_words)?;
    }
    tell_kernel(&medium, growth.data).map_err(in_words)?;
    Ok(Some(growth.data))
}

fn read_sector(medium: &File, sector: u64) -> io::Result<Sector> {
    let mut bytes = [0; size_of::<Sector>()];
    medium.read_exact_at(&mut bytes, sector * SECTOR_BYTES)?;
    Ok(bytes)
}

fn tell_kernel(medium: &File, data: Span) -> io::Result<()> {
    let bytes = |sectors: u64| i64::try_from(sectors * SECTOR_BYTES).map_err(io::Error::other);
    Ok(resize_partition(medium, partition_table::DATA, bytes(data.start)?, bytes(data.sectors)?)?)
}

/// A partition, as the kernel knows it.
#[derive(Debug)]
struct Partition {
    number: i32,
    /// In sectors from the beginning of the medium.
    start: u64,
    /// The medium that it lies on, and how large that is.
    medium: PathBuf,
    medium_sectors: u64,
}

impl Partition {
    fn of(device: &Path) -> io::Result<Self> {
        // Such as `../../devices/.../block/mmcblk0/mmcblk0p6`: a folder of the partition in that of its medium.
        let name = device.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let own = fs::canonicalize(Path::new(BLOCK_DEVICES).join(name))?;
        let of_medium = own.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let medium = of_medium.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            number: number_in(&own.join("partition"))?,
            start: number_in(&own.join("start"))?,
            medium: device.with_file_name(medium),
            medium_sectors: number_in(&of_medium.join("size"))?,
        })
    }
}

fn number_in<N: std::str::FromStr>(file: &Path) -> io::Result<N> {
    let text = fs::read_to_string(file)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no number"))
}

/// Lets the file system that `folder` is mounted from take all of its partition at `device`, a step at a time.
pub(super) fn fill(device: &Path, folder: &str, watchdog: &mut Watchdog) {
    let grown = size_of_both(device).and_then(|(partition_bytes, before)| {
        let mounted = File::open(folder)?;
        let steps = steps(before, partition_bytes);
        for blocks in &steps {
            resize_ext4(&mounted, *blocks)?;
            watchdog.feed();
        }
        let (_, after) = size_of_both(device)?;
        Ok((before, after))
    });
    match grown {
        Ok((before, after)) if after.bytes() > before.bytes() => {
            let [before, after] = [before, after].map(|size| size.bytes() / MIB);
            note(&format!("the file system of the data has grown from {before} to {after} MiB"));
        }
        Ok(_) => {}
        Err(error) => complain(&format!("the file system of the data stays as it is: {error}")),
    }
}

fn size_of_both(device: &Path) -> io::Result<(u64, Ext4Size)> {
    let partition_bytes: u64 = {
        let name = device.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let sectors: u64 = number_in(&Path::new(BLOCK_DEVICES).join(name).join("size"))?;
        sectors.saturating_mul(SECTOR_BYTES)
    };
    let mut superblock = [0; SUPERBLOCK_BYTES];
    File::open(device)?.read_exact_at(&mut superblock, SUPERBLOCK_AT)?;
    let size = Ext4Size::of(&superblock)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its superblock cannot be read"))?;
    Ok((partition_bytes, size))
}

/// Where the superblock of an ext4 lies, and how much of it tells the size.
const SUPERBLOCK_AT: u64 = 1_024;
const SUPERBLOCK_BYTES: usize = 0x154;
/// `s_magic` of the kernel's documentation, "ext4 Data Structures and Algorithms", section 4.1.
const MAGIC: [u8; 2] = 0xef53_u16.to_le_bytes();
/// The kernel mounts no ext4 with larger blocks: 1024 bytes, doubled so many times.
const BLOCK_DOUBLINGS_MAX: u32 = 6;

/// How large a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ext4Size {
    blocks: u64,
    block_bytes: u64,
}

impl Ext4Size {
    /// What a superblock says.
    fn of(superblock: &[u8; SUPERBLOCK_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            let bytes: [u8; 4] = superblock.get(at..at + 4)?.try_into().ok()?;
            Some(u32::from_le_bytes(bytes))
        };
        // `s_blocks_count_lo`, `s_blocks_count_hi` and `s_log_block_size`.
        let (low, high, doublings) = (number(0x04)?, number(0x150)?, number(0x18)?);
        let is_ext4 = superblock.get(0x38..0x3a) == Some(&MAGIC) && doublings <= BLOCK_DOUBLINGS_MAX;
        let blocks = u64::from(high) << 32 | u64::from(low);
        is_ext4.then_some(Self { blocks, block_bytes: 1_024 << doublings })
    }

    const fn bytes(self) -> u64 {
        self.blocks.saturating_mul(self.block_bytes)
    }
}

/// To how many blocks it grows, one step after the other, until it takes all of its partition. None where it does so already.
fn steps(size: Ext4Size, partition_bytes: u64) -> Vec<u64> {
    let (wanted, step) = (partition_bytes / size.block_bytes, STEP_BYTES / size.block_bytes);
    let first = (size.blocks / step + 1) * step;
    if wanted <= size.blocks {
        return Vec::new();
    }
    (first..wanted).step_by(usize::try_from(step).unwrap_or(usize::MAX)).chain([wanted]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock(low: u32, high: u32, doublings: u32) -> [u8; SUPERBLOCK_BYTES] {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        bytes[0x04..0x08].copy_from_slice(&low.to_le_bytes());
        bytes[0x150..0x154].copy_from_slice(&high.to_le_bytes());
        bytes[0x18..0x1c].copy_from_slice(&doublings.to_le_bytes());
        bytes[0x38..0x3a].copy_from_slice(&MAGIC);
        bytes
    }

    #[test]
    fn a_superblock_tells_how_large_its_file_system_is() {
        let size = Ext4Size::of(&superblock(16_384, 0, 2)).unwrap();
        assert_eq!((size.blocks, size.block_bytes, size.bytes()), (16_384, 4_096, 64 * MIB));
        assert_eq!(Ext4Size::of(&superblock(1, 1, 0)).unwrap().blocks, (1 << 32) + 1);
    }

    #[test]
    fn what_is_no_superblock_tells_nothing() {
        assert_eq!(Ext4Size::of(&[0; SUPERBLOCK_BYTES]), None);
        assert_eq!(Ext4Size::of(&superblock(1, 0, 7)), None);
    }

    #[test]
    fn a_file_system_grows_to_its_partition_in_steps_between_which_the_watchdog_is_fed() {
        const GIB: u64 = 1 << 30;
        let blocks = |mib: u64| mib * MIB / 4_096;
        for (from_mib, to_bytes, expected_mib) in [
            (64, 64 * MIB, vec![]),
            (128, 64 * MIB, vec![]),
            (64, 80 * MIB, vec![80]),
            (64, 4 * GIB, vec![4_096]),
            (64, 9 * GIB, vec![4_096, 8_192, 9_216]),
            (4_096, 9 * GIB, vec![8_192, 9_216]),
            (5_000, 9 * GIB, vec![8_192, 9_216]),
            (64, 80 * MIB + 4_095, vec![80]),
        ] {
            let size = Ext4Size { blocks: blocks(from_mib), block_bytes: 4_096 };
            let expected: Vec<u64> = expected_mib.into_iter().map(blocks).collect();
            assert_eq!(steps(size, to_bytes), expected, "{from_mib} MiB in {to_bytes} bytes");
        }
    }

    #[test]
    fn even_a_partition_without_end_is_filled_in_few_steps() {
        let size = Ext4Size { blocks: 16_384, block_bytes: 4_096 };
        assert_eq!(steps(size, 64 << 30).len(), 16);
    }
}
