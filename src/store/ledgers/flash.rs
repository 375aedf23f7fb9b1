//! How fast the medium wears out: bytes written to its device per day, and how long it will last. Pure;
//! `block_device.rs` reads the counters.
//!
//! ```text
//! key     'd' | u32 local days since 1970        value   version (1) u8 | u64 bytes | u32 seconds
//! key     'l'                                    value   version (1) u8 | boot ID 16 bytes
//!                                                        | u64 seconds since boot | u64 sectors | device
//! ```
//!
//! Big-endian. Under `d` lies what was written on a day and for how long that was watched, under `l` the
//! counter as it was read last. The kernel counts from boot, so after another boot all that it has
//! counted is new, and what was written between the last look and a reboot is not known.

use std::collections::BTreeMap;

use crate::config::site::FlashEndurance;
use crate::limits;
use crate::store::ledgers::ledger::{Change, Ledger};

const VERSION: u8 = 1;
const DAY_TAG: u8 = b'd';
const LAST_KEY: &[u8] = b"l";
/// What a block device counts in, whatever its own sectors are.
const SECTOR_BYTES: u64 = 512;
const DAY_S: u64 = 86_400;
const DAYS_OF_YEAR: f64 = 365.25;

/// The counter of a device as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Counter {
    /// The name of the device.
    pub(in crate::store) device: String,
    /// Which boot the counter began with; zeros where the system does not tell.
    pub(in crate::store) boot: [u8; 16],
    /// Seconds since then.
    pub(in crate::store) uptime_s: u64,
    /// Sectors written since then.
    pub(in crate::store) sectors: u64,
}

/// How much is written to the medium.
#[derive(Clone, Debug, PartialEq)]
pub struct Wear {
    /// The block device that holds the data directory: the whole disk, which wears out as one.
    pub device: String,
    /// Bytes written to it by everybody since the day began.
    pub today_bytes: u64,
    /// Bytes written to it in a day, on the mean of the last weeks; `None` before it was watched long
    /// enough.
    pub day_bytes: Option<f64>,
}

impl Wear {
    /// How many years the medium lasts at this pace; `None` where that is not known yet.
    #[must_use]
    pub fn years(&self, endurance: FlashEndurance) -> Option<f64> {
        let total_bytes = f64::from(endurance.size_mib) * 1_048_576.0 * f64::from(endurance.cycles);
        let day_bytes = self.day_bytes.filter(|bytes| *bytes > 0.0)?;
        Some(total_bytes / day_bytes / DAYS_OF_YEAR)
    }
}

/// What was written on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Day {
    bytes: u64,
    /// For how long that was watched.
    seconds: u32,
}

/// What was written on the last days.
#[derive(Debug, Default)]
pub(in crate::store) struct FlashDays {
    days: BTreeMap<u32, Day>,
    last: Option<Counter>,
    /// The day of the last look.
    today: u32,
    changed: Vec<u32>,
    removed: Vec<u32>,
    last_changed: bool,
}

impl FlashDays {
    /// Takes in the counter as it was read on a local `day`.
    pub(in crate::store) fn take(&mut self, counter: Counter, day: u32) {
        self.today = day;
        if let Some(last) = self.last.take().filter(|last| last.device == counter.device) {
            let (sectors, seconds) = written_between(&last, &counter);
            self.add(sectors.saturating_mul(SECTOR_BYTES), seconds, day);
        }
        self.last = Some(counter);
        self.last_changed = true;
    }

    /// How much is written; `None` before a device was looked at.
    pub(in crate::store) fn wear(&self) -> Option<Wear> {
        let bytes: u64 = self.days.values().map(|day| day.bytes).sum();
        let seconds: u64 = self.days.values().map(|day| u64::from(day.seconds)).sum();
        #[expect(clippy::cast_precision_loss, reason = "a pace needs no more than sixteen digits")]
        let day_bytes =
            (seconds >= limits::FLASH_WATCHED_MIN_S).then(|| bytes as f64 / seconds as f64 * DAY_S as f64);
        Some(Wear {
            device: self.last.as_ref()?.device.clone(),
            today_bytes: self.days.get(&self.today).map_or(0, |day| day.bytes),
            day_bytes,
        })
    }

    /// Adds what was written in the `seconds` that end on `day`; a long time belongs to several days.
    fn add(&mut self, bytes: u64, seconds: u64, day: u32) {
        let parts = seconds.div_ceil(DAY_S).clamp(1, limits::FLASH_DAYS_MAX as u64);
        for (day, _) in (0..=day).rev().zip(0..parts) {
            let of_day = self.days.entry(day).or_default();
            of_day.bytes = of_day.bytes.saturating_add(bytes / parts);
            let watched_s = u32::try_from(seconds / parts).unwrap_or(u32::MAX);
            of_day.seconds = of_day.seconds.saturating_add(watched_s);
            self.changed.push(day);
        }
        while self.days.len() > limits::FLASH_DAYS_MAX {
            self.removed.extend(self.days.pop_first().map(|(day, _)| day));
        }
    }
}

/// Sectors written between two looks at one device, and the seconds in which that was.
fn written_between(last: &Counter, now: &Counter) -> (u64, u64) {
    if last.boot != now.boot || now.uptime_s < last.uptime_s {
        return (now.sectors, now.uptime_s);
    }
    let seconds = now.uptime_s.saturating_sub(last.uptime_s);
    let sectors = now.sectors.checked_sub(last.sectors).unwrap_or_else(|| {
        // On a 32-bit board the kernel counts in 32 bits, 2 TiB.
        const TURN: u64 = 1 << u32::BITS;
        if last.sectors < TURN { now.sectors + TURN - last.sectors } else { 0 }
    });
    (sectors, seconds)
}

impl Ledger for FlashDays {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let value = value.strip_prefix(&[VERSION])?;
        if key == LAST_KEY {
            let (boot, rest) = value.split_first_chunk::<16>()?;
            let (uptime_s, rest) = rest.split_first_chunk::<8>()?;
            let (sectors, device) = rest.split_first_chunk::<8>()?;
            self.last = Some(Counter {
                device: String::from_utf8(device.to_vec()).ok()?,
                boot: *boot,
                uptime_s: u64::from_be_bytes(*uptime_s),
                sectors: u64::from_be_bytes(*sectors),
            });
            return Some(());
        }
        let day = key.strip_prefix(&[DAY_TAG])?.try_into().map(u32::from_be_bytes).ok()?;
        let (bytes, seconds) = value.split_first_chunk::<8>()?;
        let seconds = seconds.try_into().map(u32::from_be_bytes).ok()?;
        self.days.insert(day, Day { bytes: u64::from_be_bytes(*bytes), seconds });
        self.today = self.today.max(day);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let key = |day: u32| [&[DAY_TAG], day.to_be_bytes().as_slice()].concat();
        let mut days: Vec<u32> = self.changed.drain(..).chain(self.removed.drain(..)).collect();
        days.sort_unstable();
        days.dedup();
        let mut changes: Vec<Change> = days
            .into_iter()
            .map(|day| Change { key: key(day), value: self.days.get(&day).map(day_value) })
            .collect();
        if let Some(last) = self.last.as_ref().filter(|_| self.last_changed) {
            changes.push(Change { key: LAST_KEY.to_vec(), value: Some(last_value(last)) });
        }
        self.last_changed = false;
        changes
    }

    fn forget_stored(&mut self) {
        self.changed = self.days.keys().copied().collect();
        self.last_changed = self.last.is_some();
    }
}

fn day_value(day: &Day) -> Vec<u8> {
    [&[VERSION], day.bytes.to_be_bytes().as_slice(), &day.seconds.to_be_bytes()].concat()
}

fn last_value(last: &Counter) -> Vec<u8> {
    let (uptime_s, sectors) = (last.uptime_s.to_be_bytes(), last.sectors.to_be_bytes());
    [&[VERSION], last.boot.as_slice(), &uptime_s, &sectors, last.device.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(boot: u8, uptime_s: u64, sectors: u64) -> Counter {
        Counter { device: "mmcblk0".to_owned(), boot: [boot; 16], uptime_s, sectors }
    }

    #[test]
    fn what_was_written_between_two_looks_follows_from_the_counters() {
        for (last, now, sectors, seconds) in [
            (counter(1, 100, 50), counter(1, 700, 80), 30, 600),
            // Another boot: the counter and the clock began anew.
            (counter(1, 100, 50), counter(2, 40, 7), 7, 40),
            (counter(1, 100, 50), counter(2, 9_000, 5_000), 5_000, 9_000),
            // Where boots have no ID, time that runs backwards shows another one.
            (counter(0, 100, 50), counter(0, 40, 70), 70, 40),
            // The counter of a 32-bit board has turned over.
            (counter(1, 0, (1 << 32) - 10), counter(1, 60, 5), 15, 60),
            // One that cannot turn over has run backwards: nothing is invented.
            (counter(1, 0, 1 << 40), counter(1, 60, 5), 0, 60),
        ] {
            assert_eq!(written_between(&last, &now), (sectors, seconds), "{last:?} {now:?}");
        }
    }

    #[test]
    fn the_pace_is_the_mean_of_the_time_that_was_watched() {
        let mut flash = FlashDays::default();
        assert_eq!(flash.wear(), None);
        flash.take(counter(1, 1_000, 1_000_000), 20_000);
        let wear = flash.wear().unwrap();
        assert_eq!((wear.today_bytes, wear.day_bytes), (0, None), "what was before is not ours to tell");
        // Half a day with 1,000 sectors, a reboot, and a quarter of a day with 500.
        flash.take(counter(1, 1_000 + 43_200, 1_001_000), 20_000);
        flash.take(counter(2, 21_600, 500), 20_001);
        let wear = flash.wear().unwrap();
        assert_eq!(wear.today_bytes, 500 * 512);
        assert_eq!(wear.day_bytes, Some(2_000.0 * 512.0));
    }

    #[test]
    fn a_medium_lasts_as_its_cycles_allow() {
        for (size_mib, cycles, day_bytes, years) in [
            (4_096, 3_000, Some(64.0 * 1_048_576.0), Some(192_000.0 / 365.25)),
            (256, 1_000, Some(1_048_576.0 * 256.0), Some(1_000.0 / 365.25)),
            (256, 1_000, Some(0.0), None),
            (256, 1_000, None, None),
        ] {
            let wear = Wear { device: "mmcblk0".to_owned(), today_bytes: 0, day_bytes };
            let lasts = wear.years(FlashEndurance { size_mib, cycles });
            assert_eq!(lasts.is_some(), years.is_some());
            assert!(lasts.zip(years).is_none_or(|(lasts, years)| (lasts - years).abs() < 1e-9 * years));
        }
    }

    #[test]
    fn another_device_begins_a_new_account_and_a_long_pause_belongs_to_many_days() {
        let mut flash = FlashDays::default();
        flash.take(counter(1, 0, 0), 100);
        flash.take(counter(1, 3 * 86_400, 3_000), 103);
        assert_eq!(flash.wear().unwrap().today_bytes, 1_000 * 512);
        assert_eq!(flash.days.len(), 3);
        flash.take(Counter { device: "sda".to_owned(), ..counter(1, 0, 9_999) }, 104);
        let wear = flash.wear().unwrap();
        assert_eq!((wear.device.as_str(), wear.today_bytes), ("sda", 0));
    }

    #[test]
    fn everything_reads_back_after_a_restart_and_old_days_go() {
        let mut flash = FlashDays::default();
        let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for day in 0..100_u64 {
            flash.take(counter(1, day * 86_400, day * 7), u32::try_from(day).unwrap());
            for Change { key, value } in flash.take_changes() {
                match value {
                    Some(value) => drop(stored.insert(key, value)),
                    None => drop(stored.remove(&key)),
                }
            }
            assert!(flash.take_changes().is_empty());
        }
        assert_eq!(stored.len(), limits::FLASH_DAYS_MAX + 1);
        let mut restored = FlashDays::default();
        for (key, value) in &stored {
            assert_eq!(restored.restore(key, value), Some(()));
        }
        assert_eq!((restored.wear(), &restored.last), (flash.wear(), &flash.last));
        restored.forget_stored();
        assert_eq!(restored.take_changes().len(), stored.len());
        for (key, value) in
            [(b"d".as_slice(), b"1".as_slice()), (b"x", &[1; 20]), (b"l", &[2; 40]), (b"", b"")]
        {
            assert_eq!(FlashDays::default().restore(key, value), None);
        }
    }
}
