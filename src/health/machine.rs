//! What the machine says of itself: temperature, memory, disk, flash, and since when it runs.
//!
//! Everything is read from files of the kernel below one root. What is missing, or no number that can be, is not
//! told: no zero stands for it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::addresses::own_addresses;
use super::note::read_text;
use crate::limits::THERMAL_ZONES_MAX;

const KIB: u64 = 1_024;
/// What a sensor of a board can show; one that is not wired shows far less or more.
const TEMPERATURE_MILLIC: std::ops::RangeInclusive<i32> = -60_000..=150_000;
/// Characters of the name of a thermal zone.
const ZONE_CHARS_MAX: usize = 32;

/// Where the machine tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// Those of Linux.
    #[must_use]
    pub fn of_system() -> Self {
        Self::under(Path::new("/"))
    }

    /// The same in another root.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Which start of the machine this is; empty where the kernel does not say.
    #[must_use]
    pub fn boot_id(&self) -> String {
        self.word("proc/sys/kernel/random/boot_id").unwrap_or_default()
    }

    /// Why the machine started, in the word of `cems-init`; `None` where that is not known.
    #[must_use]
    pub fn reset_cause(&self) -> Option<String> {
        self.word("run/cems-init/reset-cause")
    }

    /// What the first process of a box found wrong with the data partition, in its words: `mended` or `rebuilt`, and why.
    #[must_use]
    pub fn data_partition_loss(&self) -> Option<String> {
        let text = read_text(&self.root.join("run/cems-init/data"))?;
        let found = text.trim();
        (found.starts_with("mended") || found.starts_with("rebuilt")).then(|| found.to_owned())
    }

    fn word(&self, file: &str) -> Option<String> {
        let text = read_text(&self.root.join(file))?;
        text.split_whitespace().next().map(str::to_owned)
    }

    /// The number before `kB` behind `name:` (proc(5)), in bytes.
    fn kib_behind(&self, file: &str, name: &str) -> Option<u64> {
        let text = read_text(&self.root.join(file))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(KIB)
    }

    /// Folders in `folder` whose names begin with `prefix`, in the order of their names.
    fn folders(&self, folder: &str, prefix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        let mut found: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
        found.sort();
        found
    }
}

/// How the machine is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// Of each thermal zone that tells one.
    pub temperatures: Vec<Temperature>,
    /// Bytes of memory that this process holds.
    pub resident_bytes: Option<u64>,
    /// Bytes of memory that could be had.
    pub memory_available_bytes: Option<u64>,
    /// The file system of the data folder.
    pub disk: Option<Disk>,
    /// How far the flash is used up, where it says so.
    pub flash: Option<FlashLife>,
    /// Seconds since the machine was started.
    pub uptime_s: Option<u64>,
    /// Which start of the machine this is; empty where the kernel does not say.
    pub boot_id: String,
    /// Addresses by which others reach it.
    pub addresses: Vec<Ipv4Addr>,
}

/// The temperature of a part of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Temperature {
    /// What the kernel calls the part, such as `cpu-thermal`.
    pub zone: String,
    /// In thousandths of a degree Celsius.
    pub millicelsius: i32,
}

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes of all files in it.
    pub used_bytes: u64,
    /// Bytes that this process may still use of it.
    pub free_bytes: u64,
}

/// What an eMMC says of its wear (JESD84-B51, registers 267 to 269 of `EXT_CSD`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashLife {
    /// The device, such as `mmcblk0`.
    pub device: String,
    /// Percent of its life that are used at most, the greater of both kinds of cells; above 100 it has outlived it.
    pub used_percent_max: u8,
    /// How much of its spare blocks is used.
    pub spare: Spare,
}

/// How much of the spare blocks of an eMMC is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// It does not say.
    Unknown,
    /// Less than 80 %.
    Normal,
    /// 80 %.
    Warning,
    /// 90 %.
    Urgent,
}

impl Machine {
    /// Looks at the machine that tells of itself in `places`, and at the file system of the folder `data`.
    #[must_use]
    pub fn look(places: &Places, data: &Path) -> Self {
        Self {
            temperatures: temperatures(places),
            resident_bytes: places.kib_behind("proc/self/status", "VmRSS"),
            memory_available_bytes: places.kib_behind("proc/meminfo", "MemAvailable"),
            disk: disk(data),
            flash: places.folders("sys/block", "mmcblk").iter().find_map(|device| flash_life(device)),
            uptime_s: places.word("proc/uptime").and_then(|word| whole_seconds(&word)),
            boot_id: places.boot_id(),
            addresses: read_text(&places.root.join("proc/net/fib_trie"))
                .map_or_else(Vec::new, |table| own_addresses(&table)),
        }
    }
}

fn temperatures(places: &Places) -> Vec<Temperature> {
    let zones = places.folders("sys/class/thermal", "thermal_zone");
    let temperature = |zone: &PathBuf| {
        let millicelsius = read_text(&zone.join("temp"))?.trim().parse().ok()?;
        let name = read_text(&zone.join("type")).unwrap_or_default();
        let name = name.trim().chars().filter(char::is_ascii_graphic).take(ZONE_CHARS_MAX).collect();
        let can_be = TEMPERATURE_MILLIC.contains(&millicelsius);
        can_be.then_some(Temperature { zone: name, millicelsius })
    };
    zones.iter().take(THERMAL_ZONES_MAX).filter_map(temperature).collect()
}

fn disk(data: &Path) -> Option<Disk> {
    let system = rustix::fs::statvfs(data).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(system.f_frsize);
    let used_bytes = bytes(system.f_blocks.saturating_sub(system.f_bfree));
    (system.f_blocks > 0).then(|| Disk { used_bytes, free_bytes: bytes(system.f_bavail) })
}

fn flash_life(device: &Path) -> Option<FlashLife> {
    let used = read_text(&device.join("device/life_time"))?;
    // Each step is a tenth of its life, 0 is not defined, and 0x0B stands for more than all of it.
    let steps = used.split_whitespace().map(byte).collect::<Option<Vec<u8>>>()?;
    let step = steps.into_iter().max().filter(|step| (1..=11).contains(step))?;
    let spare = match read_text(&device.join("device/pre_eol_info")).and_then(|text| byte(text.trim())) {
        Some(1) => Spare::Normal,
        Some(2) => Spare::Warning,
        Some(3) => Spare::Urgent,
        _ => Spare::Unknown,
    };
    let device = device.file_name()?.to_string_lossy().into_owned();
    Some(FlashLife { device, used_percent_max: step * 10, spare })
}

/// A byte as the kernel writes those of a register: `0x0b`.
fn byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The seconds of `12345.67`.
fn whole_seconds(text: &str) -> Option<u64> {
    text.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A machine whose files lie in a folder.
    struct Files(tempfile::TempDir);

    impl Files {
        fn of(files: &[(&str, &str)]) -> Self {
            let root = Self(tempfile::tempdir().unwrap());
            for (file, text) in files {
                let path = root.0.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            root
        }

        fn look(&self) -> Machine {
            Machine::look(&Places::under(self.0.path()), self.0.path())
        }
    }

    #[test]
    fn a_machine_that_tells_everything_is_told_as_it_is() {
        let told = Files::of(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/class/thermal/thermal_zone1/type", "gpu-thermal\n"),
            ("sys/class/thermal/thermal_zone1/temp", "-5000\n"),
            ("sys/class/thermal/cooling_device0/temp", "1\n"),
            ("proc/self/status", "Name:\tcems-gateway\nVmRSS:\t   11264 kB\n"),
            ("proc/meminfo", "MemTotal:  245760 kB\nMemAvailable:     180000 kB\n"),
            ("sys/block/mmcblk2/device/life_time", "0x01 0x03\n"),
            ("sys/block/mmcblk2/device/pre_eol_info", "0x01\n"),
            ("proc/uptime", "93784.25 180000.11\n"),
            ("proc/sys/kernel/random/boot_id", "0f0e0d0c-0000-4000-8000-000000000001\n"),
            ("run/cems-init/reset-cause", "watchdog\n"),
            ("proc/net/fib_trie", "|-- 192.0.2.7\n/32 host LOCAL\n"),
        ]);
        let places = Places::under(told.0.path());
        assert_eq!(places.reset_cause().as_deref(), Some("watchdog"));
        let machine = told.look();
        let temperatures: Vec<_> =
            machine.temperatures.iter().map(|of| (of.zone.as_str(), of.millicelsius)).collect();
        assert_eq!(temperatures, [("cpu-thermal", 48_312), ("gpu-thermal", -5_000)]);
        assert_eq!(machine.resident_bytes, Some(11_264 * 1_024));
        assert_eq!(machine.memory_available_bytes, Some(180_000 * 1_024));
        let flash = FlashLife { device: "mmcblk2".to_owned(), used_percent_max: 30, spare: Spare::Normal };
        assert_eq!(machine.flash, Some(flash));
        assert_eq!(machine.uptime_s, Some(93_784));
        assert_eq!(machine.addresses, [Ipv4Addr::new(192, 0, 2, 7)]);
        assert_eq!(machine.boot_id, "0f0e0d0c-0000-4000-8000-000000000001");
        assert!(machine.disk.is_some_and(|disk| disk.used_bytes > 0));
    }

    #[test]
    fn a_data_partition_that_was_sound_is_not_spoken_of() {
        let lost = |found: &str| {
            let told = Files::of(&[("run/cems-init/data", found)]);
            Places::under(told.0.path()).data_partition_loss()
        };
        assert_eq!(lost("sound\n"), None);
        assert_eq!(lost("rebuilt superblock gone\n").as_deref(), Some("rebuilt superblock gone"));
        assert_eq!(lost("mended orphans\n").as_deref(), Some("mended orphans"));
        assert_eq!(Places::under(Path::new("/nowhere")).data_partition_loss(), None);
    }

    #[test]
    fn a_machine_that_tells_nothing_is_shown_without_a_single_number() {
        let nothing = Files::of(&[]).look();
        assert_eq!(Machine { disk: None, ..nothing }, Machine::default());
        assert_eq!(
            Machine::look(&Places::under(Path::new("/nowhere")), Path::new("/nowhere")),
            Machine::default()
        );
    }

    #[test]
    fn what_is_no_number_that_can_be_is_not_told() {
        for (file, text) in [
            ("sys/class/thermal/thermal_zone0/temp", "hot\n"),
            ("sys/class/thermal/thermal_zone0/temp", "-274000\n"),
            ("sys/class/thermal/thermal_zone0/temp", "99999999999\n"),
            ("sys/class/thermal/thermal_zone0/temp", ""),
            ("proc/self/status", "VmRSS:\t-1 kB\n"),
            ("proc/self/status", "VmRSS:\t12 MB\n"),
            ("proc/self/status", "VmRSS"),
            ("proc/meminfo", "MemAvailable: 18446744073709551615 kB\n"),
            ("proc/meminfo", "\u{0}\u{0}MemAvailable:1 kB"),
            ("sys/block/mmcblk0/device/life_time", "0x00 0x00\n"),
            ("sys/block/mmcblk0/device/life_time", "0x0c 0x01\n"),
            ("sys/block/mmcblk0/device/life_time", "3 3\n"),
            ("sys/block/mmcblk0/device/life_time", "\n"),
            ("sys/block/sda/device/life_time", "0x01 0x01\n"),
            ("proc/uptime", "soon\n"),
            ("proc/uptime", ".5\n"),
        ] {
            let machine = Files::of(&[(file, text)]).look();
            assert_eq!(Machine { disk: None, ..machine }, Machine::default(), "{file}: {text:?}");
        }
    }

    #[test]
    fn flash_is_as_far_used_up_as_its_worse_cells() {
        for (life_time, pre_eol, used_percent_max, spare) in [
            ("0x01 0x01", "0x01", 10, Spare::Normal),
            ("0x0a 0x02", "0x02", 100, Spare::Warning),
            ("0x00 0x0B", "0x03", 110, Spare::Urgent),
            ("0x05 0x05", "0x00", 50, Spare::Unknown),
            ("0x05 0x05", "full", 50, Spare::Unknown),
        ] {
            let told = Files::of(&[
                ("sys/block/mmcblk0/device/life_time", life_time),
                ("sys/block/mmcblk0/device/pre_eol_info", pre_eol),
                // A card beside it tells nothing.
                ("sys/block/mmcblk1/stat", "1 2 3"),
            ]);
            let flash = FlashLife { device: "mmcblk0".to_owned(), used_percent_max, spare };
            assert_eq!(told.look().flash, Some(flash), "{life_time} {pre_eol}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_the_files_hold_nothing_breaks(text in any::<Vec<u8>>()) {
            let files = [
                "sys/class/thermal/thermal_zone0/temp", "proc/self/status", "proc/meminfo", "proc/uptime",
                "sys/block/mmcblk0/device/life_time", "sys/block/mmcblk0/device/pre_eol_info",
                "proc/sys/kernel/random/boot_id",
            ];
            let root = Files::of(&files.map(|file| (file, "")));
            for file in files {
                fs::write(root.0.path().join(file), &text).unwrap();
            }
            let machine = root.look();
            prop_assert!(machine.temperatures.len() <= 1);
        }
    }
}
