//! The desk of repair on files of a folder, without its consoles.

use std::fs;

use tempfile::TempDir;

use super::*;

const KEY: &str = include_str!("../../../tests/it/data/update/key.txt");
const SITE: &str = "[cems]\nid = \"CEMS-1\"\nname = \"works\"\nuser_name = \"user\"\nutc_offset = \"+08:00\"\n\
                    [api]\nlisten = \"127.0.0.1:0\"\n";
const FAULTY: &str = "[cems]\nid = \"CEMS-1\"\nname = \"works\"\n";

/// A folder with a faulty site file, and its desk.
fn desk_with(kept: &[(&str, &str)]) -> (TempDir, RepairDesk) {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| folder.path().join(name);
    fs::write(of("state"), vec![0; 1_048_576]).unwrap();
    fs::write(of("cmdline"), "cems.slot=a").unwrap();
    fs::write(of("site.toml"), FAULTY).unwrap();
    for (name, text) in kept {
        fs::write(of(name), text).unwrap();
    }
    let board = Board {
        board: "test-board".to_owned(),
        state: of("state"),
        slot_a: of("a"),
        slot_b: of("b"),
        boot_area_at: 262_144,
        slot_bytes: 393_216,
        update_key: KEY.trim().to_owned(),
        command_line: of("cmdline"),
    };
    let updates = Updates::of(board).unwrap();
    let trouble = check::read(&of("site.toml")).unwrap_err();
    let bench = Bench { config: &of("site.toml"), data: folder.path(), factory: Some(of("factory.toml")) };
    let desk = RepairDesk::new(&bench, updates, &trouble);
    (folder, desk)
}

#[tokio::test]
async fn a_file_that_ran_last_and_has_faults_today_is_not_offered() {
    let (folder, desk) = desk_with(&[("site.toml.good", FAULTY), ("site.toml.previous", SITE)]);
    let head = desk.head();
    let repair = head.repair.unwrap();
    assert!(!repair.has_good && repair.factory.is_none(), "{repair:?}");
    assert!(repair.faults.iter().any(|fault| fault.contains("user_name")), "{repair:?}");
    assert!(matches!(desk.rollback().await, Ok(Undone::Restored(_, _))), "the one before the last commit");
    assert_eq!(fs::read_to_string(folder.path().join("site.toml")).unwrap(), SITE);
    desk.mended.notified().await;
}

#[tokio::test]
async fn what_is_dropped_or_refused_starts_nothing() {
    let (_folder, desk) = desk_with(&[("site.toml.good", SITE)]);
    desk.stage(&Edit::Whole("[cems]\n".to_owned())).await.unwrap();
    assert!(matches!(desk.commit().await, Err(DraftError::Faults(_))));
    assert!(matches!(desk.rollback().await, Ok(Undone::Dropped)));
    let waited = tokio::time::timeout(Duration::from_millis(50), desk.mended.notified()).await;
    assert!(waited.is_err(), "it was not mended");
}

#[tokio::test]
async fn a_file_that_was_mended_from_elsewhere_needs_no_edit_here() {
    let (folder, desk) = desk_with(&[]);
    assert!(matches!(desk.commit().await, Err(DraftError::Faults(_))));
    fs::write(folder.path().join("site.toml"), SITE).unwrap();
    desk.commit().await.unwrap();
    desk.mended.notified().await;
}

#[tokio::test]
async fn in_repair_no_release_is_confirmed_and_the_factory_reset_wants_the_id() {
    let (folder, desk) = desk_with(&[]);
    assert!(matches!(desk.end_trial(TrialOrder::Confirm).await, Err(UpdateError::NoTrial)));
    let refused = desk.reset_to_factory("CEMS-2").await;
    assert!(matches!(refused, Err(UpdateError::OtherGateway { id }) if id == "CEMS-1"));
    desk.reset_to_factory("CEMS-1").await.unwrap();
    assert!(folder.path().join("factory-reset").exists());
    desk.updates.restart_wanted().await;
}

#[test]
fn whose_file_it_is_is_told_where_it_can_be_read() {
    assert_eq!(whose(FAULTY), ("CEMS-1".to_owned(), "works".to_owned()));
    assert_eq!(whose("[cems]\nid = 5\n"), ("UNKNOWN".to_owned(), String::new()));
    assert_eq!(whose("[cems\n"), ("UNKNOWN".to_owned(), String::new()));
}
