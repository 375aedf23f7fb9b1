//! Growth: the data partition and its file system reach to the end of the card, however large the card is. Every step may be cut off; the
//! next start goes on with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::Trouble;
use super::ext4::FileSystem;
use super::ioctl::{resize_ext4, resize_partition};
use super::kernel_log::{complain, note};
use super::partition_table::{self, Growth, SECTOR_BYTES, Sector, Span, Table};
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
    let medium = File::open(&partition.medium).map_err(in_words)?;
    let table = Table::read(|sector| read_sector(&medium, sector)).map_err(in_words)?;
    if partition.number != partition_table::DATA || partition.start != table.data().start {
        return Err(format!("{} is not where the table has the data", device.display()));
    }
    let Some(growth) = table.growth(partition.medium_sectors) else {
        return Ok(None);
    };
    write(&partition.medium, &growth).map_err(in_words)?;
    Ok(Some(growth.data))
}

/// Writes the table sector by sector, and tells the kernel of it.
fn write(medium: &Path, growth: &Growth) -> io::Result<()> {
    let medium = OpenOptions::new().write(true).open(medium)?;
    for (sector, bytes) in &growth.writes {
        medium.write_all_at(bytes, sector * SECTOR_BYTES)?;
        medium.sync_data()?;
    }
    let bytes = |sectors: u64| i64::try_from(sectors * SECTOR_BYTES).map_err(io::Error::other);
    let (start, length) = (bytes(growth.data.start)?, bytes(growth.data.sectors)?);
    Ok(resize_partition(&medium, partition_table::DATA, start, length)?)
}

fn read_sector(medium: &File, sector: u64) -> io::Result<Sector> {
    let mut bytes = [0; size_of::<Sector>()];
    medium.read_exact_at(&mut bytes, sector * SECTOR_BYTES)?;
    Ok(bytes)
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
    match try_to_fill(device, folder, watchdog) {
        Ok((before, after)) if after > before => {
            let [before, after] = [before, after].map(|bytes| bytes / MIB);
            note(&format!("the file system of the data has grown from {before} to {after} MiB"));
        }
        Ok(_) => {}
        Err(error) => complain(&format!("the file system of the data does not grow: {error}")),
    }
}

/// Gives its bytes before and after.
fn try_to_fill(device: &Path, folder: &str, watchdog: &mut Watchdog) -> io::Result<(u64, u64)> {
    let before = FileSystem::on(device)?;
    let partition_bytes = File::open(device)?.seek(SeekFrom::End(0))?;
    let mounted = File::open(folder)?;
    for blocks in steps(before, partition_bytes) {
        resize_ext4(&mounted, blocks)?;
        watchdog.feed();
    }
    Ok((before.bytes(), FileSystem::on(device)?.bytes()))
}

/// To how many blocks it grows, one step after the other, until it takes all of its partition. None where it does so already.
fn steps(system: FileSystem, partition_bytes: u64) -> Vec<u64> {
    let (wanted, step) = (partition_bytes / system.block_bytes, STEP_BYTES / system.block_bytes);
    let first = (system.blocks / step + 1) * step;
    if wanted <= system.blocks {
        return Vec::new();
    }
    (first..wanted).step_by(usize::try_from(step).unwrap_or(usize::MAX)).chain([wanted]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of blocks of 4096 bytes.
    fn file_system(mib: u64) -> FileSystem {
        FileSystem { blocks: mib * MIB / 4_096, block_bytes: 4_096, has_errors: false }
    }

    #[test]
    fn a_file_system_grows_to_its_partition_in_steps_between_which_the_watchdog_is_fed() {
        const GIB: u64 = 1 << 30;
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
            let expected: Vec<u64> = expected_mib.into_iter().map(|mib| file_system(mib).blocks).collect();
            assert_eq!(
                steps(file_system(from_mib), to_bytes),
                expected,
                "{from_mib} MiB in {to_bytes} bytes"
            );
        }
    }

    #[test]
    fn the_largest_partition_is_filled_in_few_steps() {
        assert_eq!(steps(file_system(64), 64 << 30).len(), 16);
    }
}
