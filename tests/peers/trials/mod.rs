//! Seeded trials of what ends a gateway in the field: killed, cut off from power, out of space, or with
//! damage to its medium. No acknowledged reading is lost or wrong; what a damaged medium itself has lost
//! is told, with a gap where it was.
//!
//! `CEMS_TRIALS` sets how many of each, `CEMS_TRIAL_SEED` runs one that failed again.

mod disk;
pub(crate) mod plant;

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cems_gateway::time::UtcTime;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::random::Random;
use disk::Disk;
use plant::Plant;

/// Trials of each kind where nobody says otherwise.
const TRIALS: u64 = 200;
/// Scans that a child gives at most; enough for a few sealed epochs.
const SCANS_MAX: u64 = 40_000;

/// Runs `trial` with one seed after the other, or with the one that is asked for.
pub(crate) fn trials(count: u64, first_seed: u64, trial: impl Fn(u64, &mut Random)) {
    let variable = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = variable("CEMS_TRIAL_SEED") {
        return trial(seed, &mut Random::new(seed));
    }
    for seed in first_seed..first_seed + variable("CEMS_TRIALS").unwrap_or(count) {
        let _seed = NamedOnFailure(seed);
        trial(seed, &mut Random::new(seed));
    }
}

/// The seed of a trial under way; printed after the reason if the trial fails.
struct NamedOnFailure(u64);

impl Drop for NamedOnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed with CEMS_TRIAL_SEED={}", self.0);
        }
    }
}

/// The program that fills a store, as this machine runs it.
fn native() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_store_trial").into()]
}

/// A child that fills a store, and the last scan that it has acknowledged.
struct Filler {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    acknowledged: u64,
}

impl Filler {
    /// Fills what is in `dir` from where it ends.
    fn start(program: &[OsString], dir: &Path, seed: u64) -> Self {
        Self::with(program, dir, &[seed, SCANS_MAX])
    }

    fn with(program: &[OsString], dir: &Path, numbers: &[u64]) -> Self {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).arg(dir).args(numbers.iter().map(u64::to_string));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines, acknowledged: 0 }
    }

    /// Listens until something was acknowledged beyond `number`, or `word` was said.
    fn listen(&mut self, number: u64, word: &str) {
        let mut line = String::new();
        while self.acknowledged <= number {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the child has ended");
            match line.trim_end().strip_prefix("acknowledged ") {
                Some(acknowledged) => self.acknowledged = acknowledged.parse().unwrap(),
                None if line.trim_end() == word => return,
                None => {}
            }
        }
    }

    /// Stops the child where it stands; what it said before counts.
    fn stop(&mut self) {
        kill_process(pid(&self.child), Signal::STOP).unwrap();
    }

    /// Kills it; gives the last scan that it acknowledged before.
    fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        let rest = String::from_utf8_lossy(&rest).into_owned();
        // The last line may have been cut short by the kill, so it is not believed.
        let whole = rest.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let told = whole.lines().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        told.max().unwrap_or(0).max(self.acknowledged)
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// Every scan up to `acknowledged` is there, and nothing is there that was not given.
fn assert_holds(plant: &Plant, acknowledged: u64) {
    let scans = plant.durable_scans().unwrap();
    for (number, scan) in &scans {
        assert_eq!(*scan, plant.scan(*number));
    }
    let missing = (1..=acknowledged).find(|number| !scans.contains_key(number));
    assert_eq!(missing, None, "of {acknowledged} acknowledged scans; {:?}", plant.store.status());
}

/// Kills `program` while it fills a store, again and again.
pub(crate) fn kill(program: &[OsString], count: u64) {
    trials(count, 1_000, |seed, random| {
        let dir = TempDir::new().unwrap();
        let mut acknowledged = 0;
        for _ in 0..=random.below(2) {
            let mut filler = Filler::start(program, dir.path(), seed);
            filler.listen(acknowledged + random.below(15_000), "enough");
            acknowledged = filler.kill();
            let plant = Plant::open(dir.path(), seed).unwrap();
            assert_eq!(plant.store.status().damage, Vec::<String>::new());
            assert_holds(&plant, acknowledged);
        }
    });
}

/// Takes the power from `program` while it fills a store on a disk of its own.
pub(crate) fn cut_power(program: &[OsString], count: u64) {
    let work = TempDir::new().unwrap();
    trials(count, 2_000, |seed, random| {
        let disk = Disk::new(work.path(), "running", 48);
        let mut filler = Filler::start(program, &disk.path().join("data"), seed);
        filler.listen(random.below(12_000), "enough");
        filler.stop();
        let cut = disk.cut("cut");
        let acknowledged = filler.kill();
        let plant = Plant::open(&cut.path().join("data"), seed).unwrap();
        assert_holds(&plant, acknowledged);
        plant.store.close().unwrap();
        drop(plant);
    });
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    kill(&native(), TRIALS);
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    cut_power(&native(), TRIALS);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    fill_disk(&native(), TRIALS);
}

#[test]
fn damage_gives_no_wrong_reading_and_what_it_costs_is_told() {
    damage_files(&native(), TRIALS);
}

/// Lets `program` fill a store on a disk of its own until there is no room, and sometimes again after.
pub(crate) fn fill_disk(program: &[OsString], count: u64) {
    let work = TempDir::new().unwrap();
    trials(count, 3_000, |seed, random| {
        let disk = Disk::new(work.path(), "full", 24);
        let ballast = disk.path().join("ballast");
        // Room for the start of a store, or just not.
        fs::write(&ballast, vec![1; usize::try_from((12 << 20) + random.below(8 << 20)).unwrap()]).unwrap();
        let data = disk.path().join("data");
        let mut filler = Filler::start(program, &data, seed);
        filler.listen(SCANS_MAX / 2, "failing");
        if random.below(2) == 0 {
            // It goes on as soon as there is room.
            fs::remove_file(&ballast).unwrap();
            let before = filler.acknowledged;
            filler.listen(before, "enough");
        }
        let acknowledged = filler.kill();
        // The next start finds the disk as full as it was.
        let plant = Plant::open(&data, seed).unwrap();
        let _ = fs::remove_file(&ballast);
        while let Err(error) = plant.store.flush() {
            assert!(plant.store.status().failing.is_some(), "{error}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_holds(&plant, acknowledged);
        plant.store.close().unwrap();
        drop(plant);
    });
}

/// A start on a medium that takes no writes: readings wait in memory, and follow when it takes writes.
#[test]
fn a_read_only_medium_keeps_nobody_from_starting() {
    let work = TempDir::new().unwrap();
    let disk = Disk::new(work.path(), "ro", 48);
    let data = disk.path().join("data");
    let mut filler = Filler::start(&native(), &data, 7);
    filler.listen(9_000, "enough");
    let acknowledged = filler.kill();
    disk.remount("ro");
    let plant = Plant::open(&data, 7).unwrap();
    let next = acknowledged + 1_000;
    for number in next..next + 100 {
        plant.store.append_now(plant.scan(number)).unwrap();
    }
    assert!(plant.store.status().failing.is_some());
    disk.remount("rw");
    while let Err(error) = plant.store.flush() {
        assert!(plant.store.status().failing.is_some(), "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_holds(&plant, acknowledged);
    let scans = plant.durable_scans().unwrap();
    assert!((next..next + 100).all(|number| scans.contains_key(&number)));
    assert_eq!(plant.store.status().damage, Vec::<String>::new());
    plant.store.close().unwrap();
}

/// Files below `path` with their lengths.
fn files(path: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap().map(Result::unwrap) {
        match entry.metadata().unwrap() {
            metadata if metadata.is_dir() => found.extend(files(&entry.path())),
            metadata => found.push((entry.path(), metadata.len())),
        }
    }
    found.sort();
    found
}

/// Damages one file of the store as a worn medium or a careless hand does; says what was done.
fn damage(data: &Path, random: &mut Random) -> String {
    let files = files(data);
    // Most of a medium is readings: a file is hit as often as it is large.
    let all: u64 = files.iter().map(|(_, length)| *length).sum();
    let mut at = random.below(all);
    let hit = files.iter().find(|(_, length)| at.checked_sub(*length).map(|rest| at = rest).is_none());
    let (path, length) = hit.unwrap().clone();
    let mut file = fs::File::options().write(true).read(true).open(&path).unwrap();
    let what = match random.below(6) {
        0 => {
            file.set_len(at).unwrap();
            "cut off"
        }
        1 => {
            fs::remove_file(&path).unwrap();
            "removed"
        }
        2 => {
            let torn = path.with_file_name("snap.00000000000AF0C9.generating");
            fs::write(torn, "torn").unwrap();
            "half a snapshot beside"
        }
        3 => {
            file.seek(SeekFrom::Start(at / 4_096 * 4_096)).unwrap();
            let zeros = 4_096.min(length - at / 4_096 * 4_096);
            file.write_all(&vec![0; usize::try_from(zeros).unwrap()]).unwrap();
            "zeroed for 4 KiB at"
        }
        _ => {
            let mut byte = [0];
            file.seek(SeekFrom::Start(at)).unwrap();
            file.read_exact(&mut byte).unwrap();
            file.seek(SeekFrom::Start(at)).unwrap();
            file.write_all(&[byte[0] ^ (1 << random.below(8))]).unwrap();
            "one bit turned at"
        }
    };
    format!("{} {what} {at}", path.strip_prefix(data).unwrap().display())
}

/// A scan that is missing lies in a gap of each of its series.
fn assert_told(plant: &Plant, number: u64, done: &str) {
    let scan = plant.scan(number);
    let moment = scan.at..UtcTime::from_ms(scan.at.as_ms() + 1);
    let (_, series) = plant.groups.iter().find(|(group, _)| *group == scan.group).unwrap();
    for series in series {
        let gaps = plant.store.gaps(*series, &moment).unwrap();
        if gaps.is_empty() {
            let all = plant.store.gaps(*series, &UtcTime::ALWAYS).unwrap();
            let status = plant.store.status();
            panic!("{done}: scan {number} is missing in silence; {status:?}; gaps: {all:?}");
        }
    }
}

/// Damages a file of a store that `program` has filled, and has it go on with that.
pub(crate) fn damage_files(program: &[OsString], count: u64) {
    let work = TempDir::new().unwrap();
    let mut fillings = Vec::new();
    for closed in [true, false] {
        let dir = work.path().join(format!("filled-{closed}"));
        let mut filler = Filler::start(program, &dir, 7);
        filler.listen(u64::MAX - 1, "enough");
        let acknowledged = filler.kill();
        if closed {
            let plant = Plant::open(&dir, 7).unwrap();
            plant.store.close().unwrap();
        }
        fillings.push((dir, acknowledged));
    }
    trials(count, 4_000, |_, random| {
        let (filled, acknowledged) = &fillings[usize::try_from(random.below(2)).unwrap()];
        let data = work.path().join("damaged");
        copy(filled, &data);
        let done = damage(&data, random);
        // What is read from now on ends what was missing before.
        let mut goes_on = Filler::with(program, &data, &[7, 2, acknowledged + 1_000]);
        goes_on.listen(u64::MAX - 1, "checked");
        goes_on.kill();
        let plant = Plant::open(&data, 7).unwrap();
        let scans = plant.durable_scans().unwrap();
        for (number, scan) in &scans {
            assert_eq!(*scan, plant.scan(*number), "{done}");
        }
        for number in (1..=*acknowledged).filter(|number| !scans.contains_key(number)) {
            assert_told(&plant, number, &done);
        }
        drop(plant);
        fs::remove_dir_all(&data).unwrap();
    });
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").args(["-r", "--sparse=always"]).args([from, to]).status().unwrap();
    assert!(done.success());
}
