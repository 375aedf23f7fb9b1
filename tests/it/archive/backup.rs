//! Backup and restore of a whole store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::reading::{Sample, Scan, Value};
use cems_gateway::ops::archive::{
    ArchiveError, BackupReport, NewFile, RestoreReport, backup, open_backup, restore,
};
use cems_gateway::store::Store;
use cems_gateway::time::UtcTime;
use tempfile::TempDir;

use super::{Plant, START_MS, walk};

fn back_up(plant: &Plant, file: &Path) -> Result<BackupReport, ArchiveError> {
    let new = NewFile::begin(file)?;
    let report = backup(&plant.store, UtcTime::from_ms(START_MS), new.file(), &mut |_, _| {})?;
    new.keep().map(|()| report)
}

fn bring_back(plant: &Plant, file: &Path) -> Result<RestoreReport, ArchiveError> {
    restore(&plant.store, &open_backup(file)?, file, &mut |_, _| {})
}

/// A plant with some scans, and its backup.
fn backed_up(dir: &TempDir, scans: u32) -> (Plant, PathBuf) {
    let plant = Plant::open(&dir.path().join("data"));
    plant.append(0..scans);
    let file = dir.path().join("store.backup");
    back_up(&plant, &file).unwrap();
    (plant, file)
}

/// An epoch is sealed a step with each write.
fn wait_for_sealing(store: &Store) {
    let mut flushes = 0..10_000;
    while store.status().epochs == 0 {
        assert!(flushes.next().is_some(), "nothing was sealed");
        store.flush().unwrap();
    }
}

#[test]
fn a_store_that_goes_on_is_backed_up_and_brought_back_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(&dir.path().join("data"));
    plant.append(0..12_000);
    wait_for_sealing(&plant.store);
    let (file, is_done) = (dir.path().join("store.backup"), AtomicBool::new(false));
    let report = std::thread::scope(|threads| {
        threads.spawn(|| {
            for number in (12_000..).take_while(|_| !is_done.load(Ordering::Relaxed)) {
                plant.store.append_blocking(plant.scan(number)).unwrap();
            }
        });
        let report = back_up(&plant, &file);
        is_done.store(true, Ordering::Relaxed);
        report.unwrap()
    });
    let appended = walk(&plant.store);
    assert!((12_000..=appended.len() as u64).contains(&report.scans), "{report:?}");
    assert_eq!(report.unread, 0);
    assert_eq!(report.bytes, file.metadata().unwrap().len());

    let other = Plant::open(&dir.path().join("other"));
    let restored = bring_back(&other, &file).unwrap();
    assert_eq!((restored.readings, restored.readings_added), (report.readings, report.readings));
    let brought_back = walk(&other.store);
    assert_eq!(brought_back.len() as u64, report.scans);
    assert!(brought_back == appended[..brought_back.len()], "the readings differ");
}

#[test]
fn a_second_restore_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (plant, file) = backed_up(&dir, 9_000);
    let report = bring_back(&plant, &file).unwrap();
    assert_eq!(report.readings_added, 0, "into the store itself");
    let other = Plant::open(&dir.path().join("other"));
    assert!(bring_back(&other, &file).unwrap().readings_added > 0);
    let (after_first, last) = (walk(&other.store), other.store.last_sequence());
    let again = bring_back(&other, &file).unwrap();
    assert_eq!((again.readings_added, other.store.last_sequence()), (0, last));
    assert!(walk(&other.store) == after_first);
    assert!(after_first == plant.scans());
}

#[test]
fn only_what_is_missing_is_added_and_the_newest_stays_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (plant, file) = backed_up(&dir, 300);
    let other = Plant::open(&dir.path().join("other"));
    // Scans 100 to 200 are there; at 201 one of the three series is, with another value; and a later one.
    other.append(100..201);
    let power = other.store.group(&[other.store.series("PT-1", "P").unwrap()]).unwrap();
    let own = Sample::good(Value::Number(-1.5));
    for number in [201, 5_000] {
        let at = other.scan(number).at;
        other.store.append_blocking(Scan { group: power, at, samples: vec![own.clone()] }).unwrap();
    }
    let report = bring_back(&other, &file).unwrap();
    let there: usize = (100..201).map(|number| plant.scan(number).samples.len()).sum();
    assert_eq!(report.readings - report.readings_added, there as u64 + 1);

    let mut readings: Vec<_> =
        walk(&other.store).into_iter().flat_map(|(at, of)| of.into_iter().map(move |of| (at, of))).collect();
    let mut expected: Vec<_> =
        plant.scans().into_iter().flat_map(|(at, of)| of.into_iter().map(move |of| (at, of))).collect();
    let own_bits = super::bits(&own);
    for reading in expected.iter_mut().filter(|(at, of)| *at == plant.scan(201).at && of.1 == "P") {
        reading.1.2.clone_from(&own_bits);
    }
    expected.push((plant.scan(5_000).at, ("PT-1".to_owned(), "P".to_owned(), own_bits)));
    readings.sort();
    expected.sort();
    assert_eq!(readings, expected);

    let power = other.store.series("PT-1", "P").unwrap();
    let latest = other.store.latest(power).unwrap().reading.unwrap();
    assert_eq!((latest.at, latest.value), (plant.scan(5_000).at, own.value));
}

#[test]
fn a_restore_brings_back_what_damage_has_taken() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (dir.path().join("data"), dir.path().join("store.backup"));
    let plant = Plant::open(&data);
    plant.append(0..12_000);
    wait_for_sealing(&plant.store);
    back_up(&plant, &file).unwrap();
    let mut before = plant.scans();
    plant.store.close().unwrap();
    drop(plant);
    for entry in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("raw-") {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let plant = Plant::open(&data);
    let left = plant.scans().len();
    assert!(left < before.len(), "nothing was lost");
    assert!(bring_back(&plant, &file).unwrap().readings_added > 0);
    let mut after = plant.scans();
    before.sort();
    after.sort();
    assert!(after == before, "{left} were left, {} are there, {} were", after.len(), before.len());
}

#[test]
fn readers_of_scans_go_on_where_they_were_in_a_store_that_was_empty() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(&dir.path().join("data"));
    plant.append(0..50);
    plant.store.move_cursor("uplink", 30).unwrap();
    let file = dir.path().join("store.backup");
    back_up(&plant, &file).unwrap();
    let empty = Plant::open(&dir.path().join("empty"));
    assert_eq!(bring_back(&empty, &file).unwrap().cursors_set, 1);
    assert_eq!(empty.store.cursor("uplink"), 30);
    let busy = Plant::open(&dir.path().join("busy"));
    busy.append(900..901);
    assert_eq!(bring_back(&busy, &file).unwrap().cursors_set, 0);
    assert_eq!(busy.store.cursor("uplink"), 0, "what was added has not been sent");
}

#[test]
fn the_gaps_come_back_where_the_series_have_the_same_ids() {
    let dir = tempfile::tempdir().unwrap();
    let (plant, file) = backed_up(&dir, 300);
    let always = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
    let gaps = |plant: &Plant| {
        let energy = plant.store.series("PT-1", "EPI").unwrap();
        plant.store.gaps(energy, &always).unwrap()
    };
    assert!(!gaps(&plant).is_empty());
    let same = Plant::open(&dir.path().join("same"));
    let report = bring_back(&same, &file).unwrap();
    assert_eq!((report.records, report.records_added > 0), (report.records_added, true));
    assert_eq!(gaps(&same), gaps(&plant));
    let again = bring_back(&same, &file).unwrap();
    assert_eq!((again.records_added, gaps(&same)), (0, gaps(&plant)));
    same.store.close().unwrap();
    let same = Plant::open(&dir.path().join("same"));
    assert_eq!(gaps(&same), gaps(&plant), "after a restart");

    let store = Store::open(&dir.path().join("other"), &StoreSettings::default()).unwrap();
    store.series("PT-0", "P").unwrap();
    let other = restore(&store, &open_backup(&file).unwrap(), &file, &mut |_, _| {}).unwrap();
    assert_eq!((other.records_added, other.readings), (0, other.readings_added), "other IDs");
}

#[test]
fn a_backup_that_is_cut_off_or_changed_anywhere_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, file) = backed_up(&dir, 12);
    let whole = std::fs::read(&file).unwrap();
    let other = Plant::open(&dir.path().join("other"));
    let broken = dir.path().join("broken.backup");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        for bytes in [&whole[..at], &changed] {
            std::fs::write(&broken, bytes).unwrap();
            let refused = bring_back(&other, &broken).unwrap_err();
            assert!(matches!(refused, ArchiveError::Refused { .. }), "byte {at}: {refused}");
        }
    }
    assert_eq!(other.store.last_sequence(), 0);
    assert!(bring_back(&other, &file).unwrap().readings_added > 0);
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_no_half_one() {
    let dir = tempfile::tempdir().unwrap();
    let (plant, file) = backed_up(&dir, 10);
    let before = std::fs::read(&file).unwrap();
    assert!(matches!(back_up(&plant, &file), Err(ArchiveError::Exists(_))));
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let nowhere = dir.path().join("no such folder").join("store.backup");
    let refused = back_up(&plant, &nowhere).unwrap_err();
    assert!(refused.to_string().contains("no such folder"), "{refused}");
    plant.store.close().unwrap();
    let late = dir.path().join("late.backup");
    assert!(matches!(back_up(&plant, &late), Err(ArchiveError::Store(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "data and one backup");
}
