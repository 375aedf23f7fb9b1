//! The store against a plain list: random operations with restarts and crashes, names, retention.

#![expect(clippy::unwrap_used, reason = "what is unexpected in a test ends it")]

mod clock;
mod damage;
mod faults;
mod gaps;
mod model;
mod plant;
mod soak;
mod sums;

use cems_gateway::config::site::StoreSettings;
use cems_gateway::model::quality::Quality;
use cems_gateway::model::reading::{GroupId, Sample, Scan, Value};
use cems_gateway::store::{Store, StoreError};
use cems_gateway::time::UtcTime;
use plant::{Plant, START_MS, copy_dir, settings};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Append { scans: usize, clock_step_ms: i64 },
    Flush,
    Restart,
    Crash,
    Cursor(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..900, prop_oneof![4 => Just(0_i64), 1 => -400_000_i64..400_000])
            .prop_map(|(scans, clock_step_ms)| Step::Append { scans, clock_step_ms }),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
        1 => (0_u64..1_000).prop_map(Step::Cursor),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_store_holds_what_a_plain_list_holds(steps in prop::collection::vec(any_step(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let mut home = dir.path().join("0");
        let mut plant = Plant::open(&home);
        let (mut scans, mut cursor, mut clock_ms): (Vec<Scan>, u64, i64) = (Vec::new(), 0, 0);
        for (number, step) in (1..).zip(steps) {
            match step {
                Step::Append { scans: count, clock_step_ms } => {
                    clock_ms += clock_step_ms;
                    for _ in 0..count {
                        let mut scan = plant.scan(scans.len() as u64 + 1);
                        scan.at = UtcTime::from_ms(scan.at.as_ms() + clock_ms);
                        plant.store.append_blocking(scan.clone()).unwrap();
                        scans.push(scan);
                    }
                }
                Step::Flush => {
                    let durable = plant.store.flush().unwrap();
                    prop_assert_eq!(durable.sequence, scans.len() as u64);
                    prop_assert_eq!(durable.through, scans.last().map(|scan| scan.at));
                }
                Step::Restart => {
                    drop(plant);
                    plant = Plant::open(&home);
                    prop_assert_eq!(plant.store.durable().sequence, scans.len() as u64);
                    prop_assert_eq!(plant.store.cursor("uplink"), cursor);
                }
                Step::Crash => {
                    // What lies in the files while the store runs is what a kill leaves behind.
                    let acknowledged = plant.store.durable().sequence;
                    let left = dir.path().join(number.to_string());
                    copy_dir(&home, &left);
                    drop(plant);
                    home = left;
                    plant = Plant::open(&home);
                    prop_assert!(plant.store.durable().sequence >= acknowledged);
                    scans.truncate(usize::try_from(plant.store.durable().sequence).unwrap());
                    cursor = plant.store.cursor("uplink");
                }
                Step::Cursor(to) => {
                    plant.store.move_cursor("uplink", to).unwrap();
                    cursor = to;
                }
            }
            plant.assert_holds(&scans);
            plant.assert_latest(&scans);
            let status = plant.store.status();
            prop_assert_eq!(status.damage, Vec::<String>::new());
            prop_assert_eq!(status.failing, None);
            prop_assert_eq!(status.blob_files, 0);
        }
        plant.store.flush().unwrap();
        let expected: Vec<(u64, Scan)> = (1..).zip(scans).collect();
        prop_assert_eq!(plant.durable_scans(), expected);
    }
}

#[test]
fn names_stay_and_are_never_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let (series, groups) = (plant.series, plant.groups);
    plant.store.close().unwrap();
    assert_eq!(plant.store.flush(), Err(StoreError::Closed));

    let again = Store::open(dir.path(), &settings()).unwrap();
    let other = again.series("PT-2", "P").unwrap();
    assert!(!series.contains(&other));
    let again = Plant::named(again);
    assert_eq!((again.series, again.groups), (series, groups));
    assert_eq!(again.store.series_name(other), Some(("PT-2".to_owned(), "P".to_owned())));
}

#[test]
fn a_scan_that_does_not_fit_is_refused_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let good = plant.scan(1);
    let contradiction = Sample { value: None, quality: Quality::Good };
    let text = Sample::good(Value::Text("x".repeat(65).into()));
    for (group, samples) in [
        (GroupId(9), good.samples.clone()),
        (plant.groups[0], Vec::new()),
        (plant.groups[1], vec![contradiction]),
        (plant.groups[1], vec![text]),
    ] {
        assert!(plant.store.append_blocking(Scan { group, at: good.at, samples }).is_err());
    }
    assert_eq!(plant.store.flush().unwrap().sequence, 0);
    assert_eq!(plant.store.latest(plant.series[0]), None);
}

#[tokio::test]
async fn everything_appended_becomes_durable_without_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let plant = Plant::open(dir.path());
    let mut durable = plant.store.watch_durable();
    for sequence in 1..=3_000 {
        plant.store.append(plant.scan(sequence)).await.unwrap();
    }
    durable.wait_for(|sequence| *sequence == 3_000).await.unwrap();
    assert_eq!(plant.store.durable().through, Some(plant.scan(3_000).at));
}

#[test]
fn history_that_is_too_old_goes_and_what_is_left_stays_right() {
    let dir = tempfile::tempdir().unwrap();
    let settings = StoreSettings { raw_days: 1, ..settings() };
    let plant = Plant::named(Store::open(dir.path(), &settings).unwrap());
    // A minute between scans: a full epoch is a few days, a period a week or so, all are three weeks.
    let minutes = |sequence| {
        let at = UtcTime::from_ms(START_MS + i64::try_from(sequence).unwrap() * 60_000);
        Scan { at, ..plant.scan(sequence) }
    };
    for sequence in 1..=30_000 {
        plant.store.append_blocking(minutes(sequence)).unwrap();
    }
    assert_eq!(plant.store.flush().unwrap().sequence, 30_000);
    while plant.store.status().waiting_epochs > 0 {
        plant.store.flush().unwrap();
    }
    let status = plant.store.status();
    assert!(status.expired_epochs >= 2 && status.epochs <= 3, "{status:?}");
    assert!(status.disk_bytes < 8 * 1_024 * 1_024, "{} bytes", status.disk_bytes);

    let (first, _) = plant.store.scans_after(0, 1).unwrap().remove(0);
    assert_eq!(first, status.expired_scans + 1);
    let kept: Vec<Scan> = (first..=30_000).map(minutes).collect();
    assert!(kept.len() > 1_440, "less than a day is left");
    plant.assert_holds(&kept);
    drop(plant);
    let plant = Plant::named(Store::open(dir.path(), &settings).unwrap());
    plant.assert_holds(&kept);
    plant.assert_latest(&kept);
}
