//! The block device under the data directory, and the counter that the kernel keeps of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::store::ledgers::flash::Counter;

/// How often the counter is read: what a reboot may hide, against writing it down.
const LOOK_PERIOD: Duration = Duration::from_mins(10);
/// Where `/sys/dev/block/M:m/stat` has the sectors written (Documentation/block/stat.rst).
const SECTORS_WRITTEN: usize = 6;

/// Looks at a device now and then.
#[derive(Debug)]
pub(in crate::store) struct DeviceWatch {
    device: Option<BlockDevice>,
    due: Instant,
}

impl DeviceWatch {
    /// Watches the device that holds `path`, where one does: memory and network hold files as well.
    pub(in crate::store) fn of(path: &Path) -> Self {
        Self { device: BlockDevice::under(path), due: Instant::now() }
    }

    /// Reads the counter if it is time to.
    pub(in crate::store) fn look(&mut self, now: Instant) -> Option<Counter> {
        let device = self.device.as_ref().filter(|_| now >= self.due)?;
        self.due = now + LOOK_PERIOD;
        device.counter()
    }
}

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BlockDevice {
    name: String,
    stat: PathBuf,
}

impl BlockDevice {
    fn under(path: &Path) -> Option<Self> {
        let device = rustix::fs::stat(path).ok()?.st_dev;
        Self::of_number(Path::new("/sys"), rustix::fs::major(device), rustix::fs::minor(device))
    }

    /// The disk of this number, or of the partition of this number: it wears out as a whole.
    fn of_number(sys: &Path, major: u32, minor: u32) -> Option<Self> {
        let found = fs::canonicalize(sys.join(format!("dev/block/{major}:{minor}"))).ok()?;
        let disk = if found.join("partition").exists() { found.parent()?.to_owned() } else { found };
        let name = disk.file_name()?.to_str()?.to_owned();
        let device = Self { name, stat: disk.join("stat") };
        device.sectors_written().is_some().then_some(device)
    }

    fn counter(&self) -> Option<Counter> {
        // A service that sees nothing of /proc but processes does not know.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Some(Counter {
            device: self.name.clone(),
            boot: boot_id(boot.trim()).unwrap_or_default(),
            uptime_s: u64::try_from(uptime.tv_sec).ok()?,
            sectors: self.sectors_written()?,
        })
    }

    fn sectors_written(&self) -> Option<u64> {
        let stat = fs::read_to_string(&self.stat).ok()?;
        stat.split_whitespace().nth(SECTORS_WRITTEN)?.parse().ok()
    }
}

/// The sixteen bytes of a UUID.
fn boot_id(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An SD card with two partitions, as the kernel shows it.
    fn sys() -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        let disk = sys.path().join("devices/mmc0/block/mmcblk0");
        fs::create_dir_all(disk.join("mmcblk0p2")).unwrap();
        fs::create_dir_all(sys.path().join("dev/block")).unwrap();
        fs::write(disk.join("stat"), "  9 8 7 6 5 4 4711 2 0 1 1\n").unwrap();
        fs::write(disk.join("mmcblk0p2/stat"), "  1 1 1 1 1 1 99 1 0 1 1\n").unwrap();
        fs::write(disk.join("mmcblk0p2/partition"), "2\n").unwrap();
        for (number, target) in [("179:0", "mmcblk0"), ("179:2", "mmcblk0/mmcblk0p2")] {
            let target = Path::new("../../devices/mmc0/block").join(target);
            std::os::unix::fs::symlink(target, sys.path().join("dev/block").join(number)).unwrap();
        }
        sys
    }

    #[test]
    fn a_partition_counts_its_whole_disk() {
        let sys = sys();
        for minor in [0, 2] {
            let device = BlockDevice::of_number(sys.path(), 179, minor).unwrap();
            assert_eq!((device.name.as_str(), device.sectors_written()), ("mmcblk0", Some(4_711)));
        }
    }

    #[test]
    fn where_no_block_device_is_nothing_is_invented() {
        assert_eq!(BlockDevice::of_number(sys().path(), 0, 41), None);
        let mut watch = DeviceWatch { device: None, due: Instant::now() };
        assert_eq!(watch.look(Instant::now()), None);
    }

    #[test]
    fn the_counter_is_read_now_and_then() {
        let sys = sys();
        let begun = Instant::now();
        let mut watch = DeviceWatch { device: BlockDevice::of_number(sys.path(), 179, 2), due: begun };
        let counter = watch.look(begun).unwrap();
        assert_eq!((counter.device.as_str(), counter.sectors), ("mmcblk0", 4_711));
        assert_eq!(watch.look(begun + LOOK_PERIOD / 2), None);
        assert!(watch.look(begun + LOOK_PERIOD).is_some());
    }
}
