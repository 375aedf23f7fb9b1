//! What a kill, a worn medium and a full disk do to the store.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cems_gateway::model::reading::Scan;
use cems_gateway::store::StoreError;
use cems_gateway::time::UtcTime;

use super::plant::{Plant, copy_dir};

/// Set for the process that is killed.
pub(super) const CHILD_DIR: &str = "CEMS_STORE_CHILD_DIR";
/// Set when that process asks for a flush now and then, so that the ring is what it lives by; at full
/// speed one epoch after the other is sealed.
const CHILD_FLUSHES: &str = "CEMS_STORE_CHILD_FLUSHES";

pub(super) fn child(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(CHILD_DIR, dir).stdout(Stdio::piped());
    command
}

#[test]
fn child_appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let flushes = std::env::var_os(CHILD_FLUSHES).is_some();
    let plant = Plant::open(Path::new(&dir));
    let mut acknowledged = plant.store.durable().sequence;
    for sequence in acknowledged + 1.. {
        plant.store.append_blocking(plant.scan(sequence)).unwrap();
        if flushes && sequence % 7 == 0 {
            plant.store.flush().unwrap();
        }
        let durable = plant.store.durable().sequence;
        if durable > acknowledged {
            acknowledged = durable;
            println!("\nacknowledged {acknowledged}");
        }
    }
}

/// Reads what the child says until it has acknowledged often enough, kills it, and gives the last
/// sequence number that it acknowledged.
fn kill_after(mut child: Child, acknowledgements: u64) -> u64 {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    let mut seen = 0;
    for line in lines.map_while(Result::ok) {
        let Some(sequence) = line.strip_prefix("acknowledged ") else { continue };
        // The last line may be cut short by the kill, so it is not believed.
        if seen == acknowledgements {
            child.kill().unwrap();
            break;
        }
        acknowledged = sequence.parse().unwrap();
        seen += 1;
    }
    child.wait().unwrap();
    acknowledged
}

#[test]
fn ten_kills_lose_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut seed = 35_031_u64;
    let mut before = 0;
    for round in 0..10 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut child = child("store::faults::child_appends_until_it_is_killed", dir.path());
        if round % 2 == 0 {
            child.env(CHILD_FLUSHES, "1");
        }
        let acknowledged = kill_after(child.spawn().unwrap(), 1 + (seed >> 60));
        assert!(acknowledged > before, "round {round} made no progress");

        let plant = Plant::open(dir.path());
        assert_eq!(plant.store.status().damage, Vec::<String>::new());
        let durable = plant.store.durable().sequence;
        assert!(durable >= acknowledged, "round {round}: {durable} of {acknowledged}");
        let mut expected = 1;
        for (sequence, scan) in plant.durable_scans() {
            assert_eq!(sequence, expected);
            assert_eq!(scan, plant.scan(sequence), "round {round}");
            expected += 1;
        }
        assert_eq!(expected, durable + 1);
        before = durable;
    }
}

/// Damages a copy of the database file in one of the ways that a worn medium does.
fn damage(file: &Path, way: u64, at: u64) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = usize::try_from(at).unwrap() % bytes.len();
    match way % 3 {
        0 => bytes[at] ^= 0x10,
        1 => {
            let end = (at + 4_096).min(bytes.len());
            bytes[at..end].fill(0);
        }
        _ => bytes.truncate(at),
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_damaged_file_neither_stops_the_gateway_nor_gives_a_wrong_reading() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    let plant = Plant::open(&closed);
    let scans: Vec<Scan> = (1..=5_000).map(|sequence| plant.scan(sequence)).collect();
    for scan in &scans {
        plant.store.append_blocking(scan.clone()).unwrap();
    }
    plant.store.flush().unwrap();
    let running = dir.path().join("running");
    copy_dir(&closed, &running);
    plant.store.close().unwrap();
    drop(plant);

    let mut seed = 11_u64;
    for round in 0..24 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let copy = dir.path().join("copy");
        copy_dir(if round % 2 == 0 { &closed } else { &running }, &copy);
        damage(&copy.join("db/db"), round, seed >> 33);
        let plant = Plant::open(&copy);
        let all = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
        let mut is_whole = true;
        for (place, series) in plant.series.iter().enumerate() {
            let expected = Plant::expected(&scans, place, &all);
            let mut left = expected.iter();
            for reading in plant.store.history(*series, all.clone()).unwrap().flatten() {
                assert!(left.any(|expected| *expected == reading), "round {round}: {reading:?}");
            }
            is_whole &= left.next().is_none();
        }
        for (sequence, scan) in plant.durable_scans() {
            assert_eq!(scan, plant.scan(sequence), "round {round}");
        }
        let status = plant.store.status();
        let was_closed = round % 2 == 0;
        assert!(is_whole || !was_closed || !status.damage.is_empty(), "round {round}: an unseen loss");
        assert!(!was_closed || status.last_sequence == 5_000, "round {round}: numbers are given twice");
        plant.store.append_blocking(plant.scan(status.last_sequence + 1)).unwrap();
        plant.store.flush().unwrap();
        drop(plant);
        std::fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn child_fills_its_disk_and_then_gets_more_space() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let plant = Plant::open(Path::new(&dir));
    let mut sequence = 0;
    let mut append = |count: u64| {
        for _ in 0..count {
            sequence += 1;
            plant.store.append_blocking(plant.scan(sequence)).unwrap();
        }
        sequence
    };
    while plant.store.status().failing.is_none() {
        append(1_000);
        // The flush is what fills the disk; that it fails in the end is what this waits for.
        let _ = plant.store.flush();
    }
    let acknowledged = plant.store.durable().sequence;
    println!("\nfull {acknowledged}");
    let taken = append(5_000);
    assert!(matches!(plant.store.flush(), Err(StoreError::Failing { .. })));
    // Far enough back for a value of every series.
    let newest: Vec<Scan> = (taken - 100..=taken).map(|sequence| plant.scan(sequence)).collect();
    plant.assert_latest(&newest);

    let unlimited = rustix::process::Rlimit { current: None, maximum: None };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, unlimited).unwrap();
    while plant.store.flush().is_err() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    println!("\nkept {}", plant.store.durable().sequence);
}

#[test]
fn a_full_disk_loses_nothing_that_memory_can_hold() {
    let dir = tempfile::tempdir().unwrap();
    let test = child("store::faults::child_fills_its_disk_and_then_gets_more_space", dir.path());
    // A file may not grow beyond a megabyte; a write beyond is an error, not a signal.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 2048; exec \"$@\"", "sh"]);
    limited.arg(test.get_program()).args(test.get_args()).env(CHILD_DIR, dir.path());
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let number = |word: &str| -> u64 {
        let line = said.lines().find_map(|line| line.strip_prefix(word));
        line.unwrap_or_else(|| panic!("no '{word}' in {said}")).parse().unwrap()
    };
    assert!(number("kept ") >= number("full ") + 5_000);

    let plant = Plant::open(dir.path());
    let scans = plant.durable_scans();
    assert_eq!(scans.len() as u64, number("kept "));
    for (sequence, scan) in scans {
        assert_eq!(scan, plant.scan(sequence));
    }
}
