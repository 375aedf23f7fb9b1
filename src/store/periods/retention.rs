//! Which period databases have to go: those whose readings are older than they are kept, and the
//! oldest when there is no room for the next epoch.

use crate::config::site::StoreSettings;
use crate::limits;
use crate::store::index::{EpochIndex, Sealed};
use crate::time::{Interval, UtcTime};

/// Bytes of files that an epoch may need while it is sealed, for each byte of its blocks: sled writes
/// a page again for every few entries that come to it.
const FILE_PER_BLOCK: u64 = 4;
/// Bytes that the files of all databases may grow by beside that: a few segments each.
const SLACK_BYTES: u64 = 12 * limits::STORE_SEGMENT_BYTES as u64;

/// Bytes that all databases may have on disk.
pub(in crate::store) fn size_max_bytes(settings: &StoreSettings) -> u64 {
    u64::from(settings.size_max_mib) * 1_024 * 1_024
}

/// Whether an epoch of `epoch_bytes` can be sealed without crossing the limit.
pub(in crate::store) fn has_room(settings: &StoreSettings, disk_bytes: u64, epoch_bytes: u64) -> bool {
    disk_bytes + epoch_bytes * FILE_PER_BLOCK + SLACK_BYTES <= size_max_bytes(settings)
}

/// Whether the readings of a period, its epochs given, have been kept long enough by `now`. A period
/// goes as a whole, a few days after its oldest reading could.
pub(in crate::store) fn is_expired<'a>(
    settings: &StoreSettings,
    now: UtcTime,
    mut epochs: impl Iterator<Item = &'a Sealed>,
) -> bool {
    let days_ms = i64::from(settings.raw_days).saturating_mul(Interval::DAY.as_ms());
    let kept_from = UtcTime::from_ms(now.as_ms().saturating_sub(days_ms));
    epochs.all(|epoch| epoch.extent.last < kept_from)
}

/// Whether a period that begins with epoch `first` and has `bytes` on disk takes no further epoch.
pub(in crate::store) fn is_full(
    settings: &StoreSettings,
    index: &EpochIndex,
    first: u32,
    bytes: u64,
) -> bool {
    let of_period = || index.iter().filter(|epoch| epoch.number >= first);
    let start = of_period().map(|epoch| epoch.extent.first).min();
    let end = of_period().map(|epoch| epoch.extent.last).max();
    let is_long = start
        .zip(end)
        .is_some_and(|(start, end)| end.ms_since(start) >= limits::PERIOD_DAYS_MAX * Interval::DAY.as_ms());
    let bytes_max = size_max_bytes(settings) / limits::PERIODS_OF_SIZE_MAX;
    is_long || bytes >= bytes_max.min(limits::PERIOD_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::epoch::Extent;
    use crate::store::periods::marker::Marker;

    const DAY_MS: i64 = 86_400_000;
    const MIB: u64 = 1_024 * 1_024;

    fn day(day: i64) -> UtcTime {
        UtcTime::from_ms(day * DAY_MS)
    }

    /// One epoch a day, from `first_day` on.
    fn days(first_day: i64, count: u32) -> EpochIndex {
        let mut index = EpochIndex::default();
        for number in 0..count {
            let at = day(first_day + i64::from(number));
            let extent = Extent { first: at, last: at, newest: at, first_sequence: 1, last_sequence: 1 };
            let marker = Marker {
                extent,
                scans: 1,
                readings: 1,
                blocks: 1,
                bytes: 1,
                series_named: 1,
                groups_named: 1,
                checksum: 0,
            };
            index.add(number, &marker);
        }
        index
    }

    fn keep(raw_days: u32, size_max_mib: u32) -> StoreSettings {
        StoreSettings { raw_days, size_max_mib, ..StoreSettings::default() }
    }

    #[test]
    fn a_period_goes_when_its_newest_reading_has_been_kept_long_enough() {
        let index = days(0, 7);
        let is_expired = |now| is_expired(&keep(30, 64), now, index.iter());
        assert!(!is_expired(day(36)));
        assert!(is_expired(day(37)));
        assert!(!is_expired(day(0)));
    }

    #[test]
    fn a_period_ends_after_some_days_or_bytes() {
        let settings = keep(30, 64);
        assert!(!is_full(&settings, &days(0, 7), 0, 4 * MIB - 1));
        assert!(is_full(&settings, &days(0, 8), 0, 0));
        assert!(!is_full(&settings, &days(0, 8), 3, 0));
        assert!(is_full(&settings, &days(0, 1), 0, 4 * MIB));
        assert!(!is_full(&settings, &EpochIndex::default(), 0, 0));
    }

    #[test]
    fn an_epoch_has_room_when_all_that_it_can_write_stays_below_the_limit() {
        let settings = keep(30, 16);
        assert!(has_room(&settings, 9 * MIB, MIB));
        assert!(!has_room(&settings, 9 * MIB + 1, MIB));
    }
}
