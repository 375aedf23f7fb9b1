//! A simulated year: what the store takes of disk and memory does not grow with its age.

use std::path::Path;
use std::time::Duration;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::Cause;
use cems_gateway::model::reading::{GroupId, Sample, Scan, SeriesId, Value};
use cems_gateway::model::tou::Tou;
use cems_gateway::stats::SeriesKind;
use cems_gateway::store::{SeriesProfile, Store};
use cems_gateway::time::{Interval, UtcOffset, UtcTime};

use super::faults::{CHILD_DIR, child};
use super::plant::START_MS;

const MINUTES: i64 = 365 * 24 * 60;
const MONTH_MINUTES: i64 = 30 * 24 * 60;
const SERIES: usize = 3;

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A scan a minute of counters and noisy levels; the meter is away for an hour a day.
fn scan(group: GroupId, minute: i64) -> Scan {
    let at = UtcTime::from_ms(START_MS + minute * 60_000);
    if minute % 1_440 < 60 {
        return Scan { group, at, samples: vec![Sample::missing(Cause::Timeout); SERIES] };
    }
    let noise = |place: i64| ((minute * 31 + place).wrapping_mul(0x5851_f42d_4c95_7f2d) >> 40) % 100;
    let value = |place: i64| match place % 2 {
        0 => minute * 7 + place * 1_000_000,
        _ => 23_000 + noise(place),
    };
    let number = |place: i64| f64::from(i32::try_from(value(place)).unwrap()) / 100.0;
    let samples = (0_i64..).take(SERIES).map(|place| Sample::good(Value::Number(number(place)))).collect();
    Scan { group, at, samples }
}

#[test]
fn child_lives_for_a_year() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let settings =
        StoreSettings { raw_days: 45, quarter_days: 45, size_max_mib: 32, ..StoreSettings::default() };
    let store = Store::open(Path::new(&dir), &settings).unwrap();
    let name = |place| store.series("PT-1", &format!("P{place}")).unwrap();
    let series: Vec<SeriesId> = (0..SERIES).map(name).collect();
    let group = store.group(&series).unwrap();
    let profile = SeriesProfile { kind: SeriesKind::Level, interval: Interval::MINUTE, modulus: None };
    store.describe(series.iter().map(|series| (*series, profile)), UtcOffset::UTC, Tou::default());
    for minute in 0..MINUTES {
        store.append_blocking(scan(group, minute)).unwrap();
        // Five seconds of a busy site are an hour of this one.
        if minute % 60 == 59 {
            store.flush().unwrap();
        }
        if minute % MONTH_MINUTES == MONTH_MINUTES - 1 {
            while store.status().waiting_quarters > 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
            let status = store.status();
            assert_eq!((status.blob_files, status.dropped_scans), (0, 0));
            println!("\nmonth {} {} {}", status.disk_bytes, memory_kib(), status.gaps);
        }
    }
    store.close().unwrap();
}

#[test]
fn a_year_leaves_file_size_and_memory_flat() {
    let dir = tempfile::tempdir().unwrap();
    let output = child("store::soak::child_lives_for_a_year", dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let months = said.lines().filter_map(|line| line.strip_prefix("month "));
    let months: Vec<Vec<u64>> =
        months.map(|line| line.split(' ').map(|number| number.parse().unwrap()).collect()).collect();
    assert_eq!(months.len(), 12, "{said}");
    // From the third month on as much goes as comes, rows of quarter hours included.
    let most = |months: &[Vec<u64>], column: usize| months.iter().map(|month| month[column]).max().unwrap();
    let (early, late) = months[2..].split_at(4);
    let (disk, memory) = (most(early, 0), most(early, 1));
    assert!(most(late, 0) <= disk + disk / 10, "bytes on disk grow: {months:?}");
    // What the allocator holds wavers by some MiB; a leak of twenty bytes a scan would be ten.
    assert!(most(late, 1) <= memory + 8 * 1_024, "KiB of memory grow: {months:?}");
    assert!(most(late, 2) >= 365 - 60, "the gaps of a year are not all known: {months:?}");
}
