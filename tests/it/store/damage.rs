//! What is left when files of the store are damaged or gone, and when the medium takes no writes.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::reading::{Sample, Scan, Value};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;
use cems_gateway::time::trust::{ClockState, Sight};

use super::faults::child;
use super::plant::{Plant, START_MS, copy_dir, settings};

/// Enough for a few sealed epochs and, at a scan a minute, two periods.
const SCANS: u64 = 24_000;

/// The least that a store may be given: its periods are small.
fn small() -> StoreSettings {
    StoreSettings { size_max_mib: 16, ..settings() }
}

/// The scan of this sequence number, at a time that is a minute after the one before.
fn scan(plant: &Plant, sequence: u64) -> Scan {
    let at = UtcTime::from_ms(START_MS + i64::try_from(sequence).unwrap() * 60_000);
    Scan { at, ..plant.scan(sequence) }
}

/// A store that was filled and closed, and its scans.
fn filled(dir: &Path) -> Vec<Scan> {
    let plant = Plant::named(Store::open(dir, &small()).unwrap());
    let scans: Vec<Scan> = (1..=SCANS).map(|sequence| scan(&plant, sequence)).collect();
    for scan in &scans {
        plant.store.append_blocking(scan.clone()).unwrap();
    }
    plant.store.flush().unwrap();
    assert!(plant.store.status().epochs >= 2, "{:?}", plant.store.status());
    plant.store.close().unwrap();
    scans
}

fn periods(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut periods: Vec<PathBuf> =
        entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("raw-")).collect();
    periods.sort();
    periods
}

/// Overwrites the heads of all segments of a database's file, so that sled gives the whole of it up.
fn spoil(database: &Path) {
    let mut file = fs::File::options().write(true).open(database.join("db")).unwrap();
    for segment in 0..64_u64 {
        let at = segment * 256 * 1_024;
        if at < file.metadata().unwrap().len() {
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&[0xA5; 20]).unwrap();
        }
    }
}

fn open(dir: &Path) -> Plant {
    Plant::named(Store::open(dir, &small()).unwrap())
}

/// Waits until `is_so`, which the store sees to while it has nothing else to do.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{what}");
}

/// A store as [`filled`] leaves it, whose first period has contents; gives where they are.
fn filled_and_listed(dir: &Path) -> (Vec<Scan>, PathBuf) {
    let scans = filled(dir);
    let contents = periods(dir)[0].join("contents");
    let plant = open(dir);
    wait_until("the period has no contents", || contents.exists());
    plant.store.close().unwrap();
    (scans, contents)
}

/// Has every entry of the contents tell of a place one byte further on.
fn shift_places(contents: &Path) {
    let mut bytes = fs::read(contents).unwrap();
    let end = bytes.len() - 4;
    for entry in bytes[1..end].chunks_exact_mut(16) {
        let place = u32::from_be_bytes(entry[10..14].try_into().unwrap());
        entry[10..14].copy_from_slice(&(place + 1).to_be_bytes());
    }
    let crc = crc32fast::hash(&bytes[..end]).to_be_bytes();
    bytes[end..].copy_from_slice(&crc);
    fs::write(contents, bytes).unwrap();
}

#[test]
fn a_main_database_that_cannot_be_opened_gives_every_reading_back() {
    let dir = tempfile::tempdir().unwrap();
    let scans = filled(dir.path());
    spoil(&dir.path().join("db"));
    let plant = open(dir.path());
    assert!(!plant.store.status().damage.is_empty());
    plant.assert_holds(&scans);
    plant.assert_latest(&scans);
    assert_eq!(plant.store.durable().sequence, SCANS);
}

#[test]
fn a_main_database_that_is_gone_costs_only_what_was_not_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let scans = filled(dir.path());
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    let plant = open(dir.path());
    let durable = plant.store.durable().sequence;
    let status = plant.store.status();
    assert!((8_192..SCANS).contains(&durable), "{status:?}");
    assert!(!status.damage.is_empty());
    assert_eq!(status.last_sequence, SCANS, "a number is given twice");
    plant.assert_holds(&scans[..usize::try_from(durable).unwrap()]);
}

#[test]
fn a_damaged_period_is_salvaged_when_it_is_read_and_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let scans = filled(dir.path());
    let period = &periods(dir.path())[0];
    // By its contents it would be read without its database.
    let _ = fs::remove_file(period.join("contents"));
    spoil(period);
    let plant = open(dir.path());
    plant.assert_holds(&scans);
    assert!(dir.path().join("damaged-1").exists());
}

#[test]
fn a_damaged_period_with_contents_is_read_at_once_and_salvaged_when_it_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (scans, contents) = filled_and_listed(dir.path());
    spoil(&periods(dir.path())[0]);
    let plant = open(dir.path());
    plant.assert_holds(&scans);
    wait_until("the period is not salvaged", || dir.path().join("damaged-1").exists());
    wait_until("what was salvaged is not listed", || contents.exists());
    plant.assert_holds(&scans);
}

#[test]
fn contents_that_tell_of_wrong_places_cost_nothing_but_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (scans, contents) = filled_and_listed(dir.path());
    shift_places(&contents);
    let plant = open(dir.path());
    plant.assert_holds(&scans);
    assert!(!contents.exists());
    assert_eq!(plant.store.status().damage, Vec::<String>::new());
}

#[test]
fn a_period_that_is_gone_is_told_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let scans = filled(dir.path());
    let periods = periods(dir.path());
    assert!(periods.len() >= 2);
    fs::remove_dir_all(&periods[0]).unwrap();
    let plant = open(dir.path());
    let damage = plant.store.status().damage;
    assert!(damage.iter().any(|note| note.contains("is missing")), "{damage:?}");
    let (first, _) = plant.store.scans_after(0, 1).unwrap().remove(0);
    assert!(first > 1);
    plant.assert_holds(&scans[usize::try_from(first - 1).unwrap()..]);
}

#[test]
fn blocks_that_are_missing_are_told_without_being_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let period = &periods(dir.path())[0];
    fs::remove_file(period.join("db")).unwrap();
    let plant = open(dir.path());
    wait_until("some epochs are never checked", || plant.store.status().unchecked_epochs == 0);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let damage = plant.store.status().damage;
    assert!(damage.iter().any(|note| note.contains("missing or changed")), "{damage:?}");
}

#[test]
fn re_dating_goes_on_behind_epochs_that_are_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let plant = open(dir.path());
    let sight = |shown_ms, steady_ms, state| Sight { shown: UtcTime::from_ms(shown_ms), steady_ms, state };
    plant.store.begin_run(&sight(0, 0, ClockState::Unset), "boot");
    for sequence in 1..=SCANS {
        let scan = scan(&plant, sequence);
        let at = UtcTime::from_ms(scan.at.as_ms() - START_MS);
        plant.store.append_blocking(Scan { at, ..scan }).unwrap();
    }
    let end_ms = i64::try_from(SCANS + 1).unwrap() * 60_000;
    plant.store.note_clock(&sight(START_MS + end_ms, end_ms, ClockState::Synchronised));
    plant.store.close().unwrap();
    drop(plant);
    let periods = periods(dir.path());
    assert!(periods.len() >= 2);
    fs::remove_file(periods[0].join("db")).unwrap();

    let plant = open(dir.path());
    plant.store.begin_run(&sight(START_MS + end_ms, end_ms, ClockState::Synchronised), "boot");
    let redated = plant.store.redate().unwrap();
    assert!((4_096..SCANS).contains(&redated), "{redated}");
    assert!(!plant.store.is_redating());
    let last = START_MS + end_ms - 60_000;
    let last = UtcTime::from_ms(last)..UtcTime::from_ms(last + 1);
    assert_eq!(plant.store.history(plant.series[0], last).unwrap().count(), 1);
}

#[test]
fn names_that_one_place_has_lost_come_from_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let scans = filled(dir.path());
    fs::write(dir.path().join("names"), "rubbish").unwrap();
    open(dir.path()).assert_holds(&scans);
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    let plant = open(dir.path());
    let durable = usize::try_from(plant.store.durable().sequence).unwrap();
    plant.assert_holds(&scans[..durable]);
}

#[test]
fn a_removal_that_was_cut_short_is_ended_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let scans = filled(dir.path());
    copy_dir(&periods(dir.path())[0], &dir.path().join("raw-0000009999.gone"));
    copy_dir(&dir.path().join("db"), &dir.path().join("db.new"));
    let plant = open(dir.path());
    assert_eq!(plant.store.status().damage, Vec::<String>::new());
    plant.assert_holds(&scans);
    assert!(!dir.path().join("raw-0000009999.gone").exists() && !dir.path().join("db.new").exists());
}

#[test]
fn the_files_never_cross_their_limit_whatever_comes() {
    let dir = tempfile::tempdir().unwrap();
    let plant = open(dir.path());
    let limit = u64::from(small().size_max_mib) * 1_024 * 1_024;
    let noise = |number: u64| f64::from_bits(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
    let mut disk_bytes_max = 0;
    for sequence in 1..=400_000_u64 {
        let scan = plant.scan(sequence);
        let samples = scan
            .samples
            .iter()
            .zip(1..)
            .map(|(_, place)| Sample::good(Value::Number(noise(sequence * 8 + place))));
        plant.store.append_blocking(Scan { samples: samples.collect(), ..scan }).unwrap();
        if sequence % 2_000 == 0 {
            disk_bytes_max = plant.store.status().disk_bytes.max(disk_bytes_max);
        }
    }
    plant.store.flush().unwrap();
    let status = plant.store.status();
    assert!(status.expired_epochs > 0 && status.dropped_scans == 0, "{status:?}");
    assert!(disk_bytes_max <= limit, "{disk_bytes_max} of {limit} bytes");
    assert_eq!(status.blob_files, 0);
}

#[test]
fn child_starts_on_a_full_disk_and_then_gets_more_space() {
    let Some(dir) = std::env::var_os(super::faults::CHILD_DIR) else { return };
    let plant = open(Path::new(&dir));
    assert!(plant.store.status().failing.is_some(), "{:?}", plant.store.status());
    let meanwhile: Vec<Scan> = (SCANS + 1..=SCANS + 500).map(|sequence| scan(&plant, sequence)).collect();
    for scan in &meanwhile {
        plant.store.append_blocking(scan.clone()).unwrap();
    }
    plant.assert_latest(&meanwhile);
    let unlimited = rustix::process::Rlimit { current: None, maximum: None };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, unlimited).unwrap();
    while plant.store.flush().is_err() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let scans: Vec<Scan> = (1..=SCANS + 500).map(|sequence| scan(&plant, sequence)).collect();
    plant.assert_holds(&scans);
    println!("\nall there");
}

#[test]
fn the_gateway_starts_on_a_full_disk_and_joins_what_it_took_meanwhile_to_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let test = child("store::damage::child_starts_on_a_full_disk_and_then_gets_more_space", dir.path());
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 0; exec \"$@\" ", "sh"]);
    limited.arg(test.get_program()).args(test.get_args()).env(super::faults::CHILD_DIR, dir.path());
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("all there"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let plant = open(dir.path());
    println!("{:?}", plant.store.status());
    let scans: Vec<Scan> = (1..=SCANS + 500).map(|sequence| scan(&plant, sequence)).collect();
    plant.assert_holds(&scans);
}
