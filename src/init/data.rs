//! The data partition: as large as the card lets it be, checked before it is used, mended where it can be, made anew where it cannot, and
//! never in silence.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use rustix::mount::{MountFlags, mount};

use super::ext4::FileSystem;
use super::kernel_log::{complain, note};
use super::watchdog::Watchdog;
use super::{Trouble, growth};

/// Where it is mounted.
pub(super) const FOLDER: &str = "/data";
/// An empty file system of the size that the partition of a new card has, packed.
const EMPTY: &str = "/usr/lib/cems-gateway/data.ext4.gz";
/// The checker of Debian's e2fsprogs.
const CHECKER: &str = "/sbin/e2fsck";
/// Exit codes of e2fsck(8) up to here mean that the file system is sound now (1: mended, 2: mended, start anew).
const SOUND_UP_TO: i32 = 3;
/// What it says goes here while it runs.
const CHECKER_SAYS: &str = "/run/cems-init/e2fsck";
/// How long it may take; one that is not done then will never be.
const CHECK_MAX: Duration = Duration::from_mins(30);
/// Between two looks at it.
const CHECK_LOOK: Duration = Duration::from_millis(20);
/// Bytes written at a time, of which the first hold what makes the rest a file system.
const PIECE_BYTES: usize = 256 * 1_024;
/// Characters of the checker's answer that are passed on, and bytes at its end that they are looked for in.
const ANSWER_CHARS_MAX: usize = 300;
const ANSWER_BYTES_MAX: u64 = 4_096;

/// In what state the data was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// As it was left; a journal may have been played back.
    Sound,
    /// With faults that were mended: something may be missing.
    Mended(String),
    /// Beyond repair: everything is gone, and the partition is empty.
    Rebuilt(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound => f.write_str("sound"),
            Self::Mended(why) => write!(f, "mended {why}"),
            Self::Rebuilt(why) => write!(f, "rebuilt {why}"),
        }
    }
}

/// Lets the partition at `device` grow, checks it, mends it or makes it anew, and mounts it.
pub(super) fn open(device: &Path, watchdog: &mut Watchdog) -> Result<Found, Trouble> {
    growth::widen(device);
    let found = match check(device, watchdog) {
        Ok(found) => mount_at(device).map(|()| found),
        Err(why) => Err(why),
    };
    let found = match found {
        Ok(found) => found,
        Err(why) => {
            complain(&format!("the data partition is beyond repair and is made anew: {why}"));
            rebuild(device, watchdog)
                .map_err(|error| format!("the data partition cannot be made anew: {error}"))?;
            mount_at(device)?;
            Found::Rebuilt(why)
        }
    };
    note(&format!("data partition: {found}"));
    growth::fill(device, FOLDER, watchdog);
    Ok(found)
}

fn mount_at(device: &Path) -> Result<(), Trouble> {
    let flags = MountFlags::NOATIME | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(device, FOLDER, "ext4", flags, Some(c"errors=remount-ro"))
        .map_err(|error| format!("{} cannot be mounted: {error}", device.display()))
}

/// First what mends itself safely, then everything.
fn check(device: &Path, watchdog: &mut Watchdog) -> Result<Found, Trouble> {
    let mut run =
        |how| run_checker(how, device, || watchdog.feed()).map_err(|error| format!("{CHECKER}: {error}"));
    // The careful check is content with what it has mended, and with a file that is gone.
    let had_errors = FileSystem::on(device).is_ok_and(|system| system.has_errors);
    let careful = run("-p")?;
    match (careful.is_sound(), had_errors) {
        (true, false) => return Ok(Found::Sound),
        (true, true) => return Ok(Found::Mended(careful.last_words())),
        (false, _) => {}
    }
    let thorough = run("-fy")?;
    if thorough.is_sound() { Ok(Found::Mended(careful.last_words())) } else { Err(thorough.last_words()) }
}

/// How the checker has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    /// Its exit code; none where it was killed.
    code: Option<i32>,
    /// The end of what it said.
    said: String,
}

impl Answer {
    fn is_sound(&self) -> bool {
        self.code.is_some_and(|code| code <= SOUND_UP_TO)
    }

    /// What it said last, on one line.
    fn last_words(&self) -> String {
        let words: Vec<&str> = self.said.split_whitespace().collect();
        let line: Vec<char> = words.join(" ").chars().collect();
        line[line.len().saturating_sub(ANSWER_CHARS_MAX)..].iter().collect()
    }
}

/// Runs the checker; `still_here` is called all the while, as a large card takes longer than a watchdog waits.
fn run_checker(how: &str, device: &Path, mut still_here: impl FnMut()) -> io::Result<Answer> {
    let mut said = File::options().create(true).truncate(true).read(true).write(true).open(CHECKER_SAYS)?;
    // Its room in memory is free as soon as nobody has it open.
    fs::remove_file(CHECKER_SAYS)?;
    let mut checker = Command::new(CHECKER)
        .arg(how)
        .arg(device)
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said.try_clone()?)
        .spawn()?;
    let end = Instant::now() + CHECK_MAX;
    let status = loop {
        match checker.try_wait()? {
            Some(status) => break status,
            None if Instant::now() > end => checker.kill()?,
            None => {}
        }
        still_here();
        thread::sleep(CHECK_LOOK);
    };
    Ok(Answer { code: status.code(), said: end_of(&mut said)? })
}

fn end_of(said: &mut File) -> io::Result<String> {
    let bytes = said.metadata()?.len();
    said.seek(SeekFrom::Start(bytes.saturating_sub(ANSWER_BYTES_MAX)))?;
    let mut end = Vec::new();
    said.take(ANSWER_BYTES_MAX).read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

/// Writes the empty file system over the partition.
fn rebuild(device: &Path, watchdog: &mut Watchdog) -> io::Result<()> {
    let partition = OpenOptions::new().write(true).open(device)?;
    let mut empty = GzDecoder::new(File::open(EMPTY)?);
    first_piece_last(&mut empty, |piece, at| {
        watchdog.feed();
        partition.write_all_at(piece, at)?;
        partition.sync_data()
    })
}

/// Writes piece by piece, each with its place, and zeroes where the first one belongs until all others are there: whenever this is
/// cut off, there is no file system, and not one that looks whole over the remains of another.
fn first_piece_last(
    empty: &mut impl io::Read,
    mut write: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let (mut first, mut piece) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    write(&piece, 0)?;
    let first_bytes = read_piece(empty, &mut first)?;
    let mut at = first_bytes as u64;
    loop {
        let bytes = read_piece(empty, &mut piece)?;
        if bytes == 0 {
            break;
        }
        write(&piece[..bytes], at)?;
        at += bytes as u64;
    }
    write(&first[..first_bytes], 0)
}

/// Fills `piece` as far as there is anything; gives how far.
fn read_piece(from: &mut impl io::Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match from.read(&mut piece[filled..])? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}

/// Leaves word for the service, which books it, of what was found.
pub(super) fn leave_word(found: &Found, file: &Path) -> io::Result<()> {
    fs::write(file, format!("{found}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i32, said: &str) -> Answer {
        Answer { code: Some(code), said: said.to_owned() }
    }

    #[test]
    fn what_the_checker_has_mended_is_sound() {
        let sound: Vec<bool> = [0, 1, 2, 3, 4, 8, 12].map(|code| answer(code, "").is_sound()).to_vec();
        assert_eq!(sound, [true, true, true, true, false, false, false]);
        assert!(!Answer { code: None, said: String::new() }.is_sound(), "it was killed");
    }

    #[test]
    fn of_a_long_answer_the_end_is_told_on_one_line() {
        let words = answer(4, &format!("{}\nsuperblock\n gone\n", "word ".repeat(200))).last_words();
        assert!(words.ends_with("word superblock gone"), "{words}");
        assert_eq!(words.chars().count(), ANSWER_CHARS_MAX);
    }

    /// What is there after so many writes of a file system of `n` over one of `o`, when the power goes.
    fn partition_after(writes: usize, bytes: usize) -> Vec<u8> {
        let (mut partition, mut left) = (vec![b'o'; bytes], writes);
        let ended = first_piece_last(&mut vec![b'n'; bytes].as_slice(), |piece, at| {
            left = left.checked_sub(1).ok_or(io::ErrorKind::Other)?;
            partition[usize::try_from(at).unwrap()..][..piece.len()].copy_from_slice(piece);
            Ok(())
        });
        assert_eq!(ended.is_ok(), writes >= 4);
        partition
    }

    #[test]
    fn a_partition_that_is_made_anew_begins_with_nothing_until_all_of_it_is_there() {
        let bytes = 2 * PIECE_BYTES + PIECE_BYTES / 2;
        for writes in 1..=3 {
            let there = partition_after(writes, bytes);
            assert!(there[..PIECE_BYTES].iter().all(|byte| *byte == 0), "{writes} writes");
        }
        assert_eq!(partition_after(4, bytes), vec![b'n'; bytes]);
    }
}
