//! Which sealed epochs have to go: those older than the history that is kept, and the oldest when
//! the database is too large.

use super::index::{EpochIndex, Sealed};
use crate::config::site::StoreSettings;
use crate::time::{Interval, UtcTime};

/// Epochs removed at one sealing. One comes and one goes, so a few catch up with any setting; and a
/// clock that for a moment runs years ahead costs a few epochs, not the whole history.
const REMOVED_MAX: usize = 4;
/// A database file grows to about two and a half times what it holds before sled uses it again.
const FILE_PER_LIVE_PERCENT: u64 = 250;
/// A file above its limit that holds less than this part of it is mostly free space, which is used
/// again; to remove more would lose history and not make the file smaller.
const LIVE_FLOOR_PERCENT: u64 = 15;

/// The oldest epochs that have to go after one was sealed; the newest one always stays, for its
/// sequence numbers go on.
pub(super) fn expired(
    index: &EpochIndex,
    settings: &StoreSettings,
    sealed_at: UtcTime,
    disk_bytes: u64,
) -> Vec<u32> {
    let kept_from = history_start(settings, sealed_at);
    let mut live_bytes = index.bytes();
    let removable = index.len().saturating_sub(1).min(REMOVED_MAX);
    let mut goes = |epoch: &&Sealed| {
        let gone = epoch.extent.last < kept_from || is_too_large(settings, live_bytes, disk_bytes);
        live_bytes -= u64::from(epoch.bytes);
        gone
    };
    index.iter().take(removable).take_while(|epoch| goes(epoch)).map(|epoch| epoch.number).collect()
}

fn history_start(settings: &StoreSettings, now: UtcTime) -> UtcTime {
    let days_ms = i64::from(settings.raw_days).saturating_mul(Interval::DAY.as_ms());
    UtcTime::from_ms(now.as_ms().saturating_sub(days_ms))
}

fn is_too_large(settings: &StoreSettings, live_bytes: u64, disk_bytes: u64) -> bool {
    let max_bytes = u64::from(settings.size_max_mib) * 1_024 * 1_024;
    live_bytes * FILE_PER_LIVE_PERCENT > max_bytes * 100
        || (disk_bytes > max_bytes && live_bytes * 100 > max_bytes * LIVE_FLOOR_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::epoch::Extent;
    use crate::store::marker::Marker;

    const DAY_MS: i64 = 86_400_000;
    const MIB: u32 = 1_024 * 1_024;

    /// One epoch a day, each of `bytes`.
    fn days(count: u32, bytes: u32) -> EpochIndex {
        let mut index = EpochIndex::default();
        for day in 0..count {
            let at = UtcTime::from_ms(i64::from(day) * DAY_MS);
            let extent = Extent { first: at, last: at, newest: at, first_sequence: 1, last_sequence: 1 };
            let marker = Marker {
                extent,
                scans: 1,
                readings: 1,
                blocks: 1,
                bytes,
                series_named: 1,
                groups_named: 1,
                checksum: 0,
            };
            index.add(day, &marker);
        }
        index
    }

    fn keep(raw_days: u32, size_max_mib: u32) -> StoreSettings {
        StoreSettings { raw_days, size_max_mib, ..StoreSettings::default() }
    }

    #[test]
    fn what_is_older_than_the_history_goes_a_few_epochs_at_a_time() {
        let at = |day: i64| UtcTime::from_ms(day * DAY_MS);
        assert!(expired(&days(10, 1), &keep(30, 10), at(9), 0).is_empty());
        assert_eq!(expired(&days(10, 1), &keep(7, 10), at(9), 0), [0, 1]);
        assert_eq!(expired(&days(10, 1), &keep(1, 10), at(9), 0), [0, 1, 2, 3]);
        assert_eq!(expired(&days(2, 1), &keep(1, 10), at(50_000), 0), [0]);
        assert!(expired(&days(1, 1), &keep(1, 10), at(50_000), 0).is_empty());
    }

    #[test]
    fn the_oldest_go_when_what_is_kept_would_make_the_file_too_large() {
        let now = UtcTime::from_ms(0);
        assert!(expired(&days(4, MIB), &keep(400, 10), now, 0).is_empty());
        assert_eq!(expired(&days(6, MIB), &keep(400, 10), now, 0), [0, 1]);
    }

    #[test]
    fn a_file_above_its_limit_drops_history_but_not_when_it_is_mostly_free_space() {
        let now = UtcTime::from_ms(0);
        let too_large = u64::from(11 * MIB);
        assert_eq!(expired(&days(3, MIB), &keep(400, 10), now, too_large), [0, 1]);
        assert!(expired(&days(1, MIB), &keep(400, 10), now, too_large).is_empty());
        assert!(expired(&days(3, MIB / 4), &keep(400, 10), now, too_large).is_empty());
    }
}
