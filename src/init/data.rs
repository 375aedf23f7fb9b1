//! The data partition: checked before it is used, mended where it can be, made anew where it cannot, and never in silence.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use flate2::read::GzDecoder;
use rustix::mount::{MountFlags, mount};

use super::Trouble;
use super::kernel_log::{complain, note};
use super::watchdog::Watchdog;

/// Where it is mounted.
pub(super) const FOLDER: &str = "/data";
/// An empty file system of the size that the partition was made with, packed.
const EMPTY: &str = "/usr/lib/cems-gateway/data.ext4.gz";
/// The checker of Debian's e2fsprogs.
const CHECKER: &str = "/sbin/e2fsck";
/// Exit codes of e2fsck(8) up to here mean that the file system is sound now (1: mended, 2: mended, start anew).
const SOUND_UP_TO: i32 = 3;
/// Bytes written at a time.
const PIECE_BYTES: usize = 256 * 1_024;
/// Characters of the checker's answer that are passed on.
const ANSWER_CHARS_MAX: usize = 300;

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

/// Checks the partition at `device`, mends it or makes it anew, and mounts it.
pub(super) fn open(device: &Path, watchdog: &mut Watchdog) -> Result<Found, Trouble> {
    let found = match check(device) {
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
    Ok(found)
}

fn mount_at(device: &Path) -> Result<(), Trouble> {
    let flags = MountFlags::NOATIME | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(device, FOLDER, "ext4", flags, Some(c"errors=remount-ro"))
        .map_err(|error| format!("{} cannot be mounted: {error}", device.display()))
}

/// First what mends itself safely, then everything.
fn check(device: &Path) -> Result<Found, Trouble> {
    let careful = run_checker("-p", device)?;
    if is_sound(&careful) {
        return Ok(Found::Sound);
    }
    let thorough = run_checker("-fy", device)?;
    if is_sound(&thorough) { Ok(Found::Mended(answer_of(&careful))) } else { Err(answer_of(&thorough)) }
}

fn run_checker(how: &str, device: &Path) -> Result<Output, Trouble> {
    Command::new(CHECKER).arg(how).arg(device).output().map_err(|error| format!("{CHECKER}: {error}"))
}

fn is_sound(output: &Output) -> bool {
    output.status.code().is_some_and(|code| code <= SOUND_UP_TO)
}

/// What the checker said last, on one line.
fn answer_of(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said);
    let words: Vec<&str> = said.split_whitespace().collect();
    let line: Vec<char> = words.join(" ").chars().collect();
    line[line.len().saturating_sub(ANSWER_CHARS_MAX)..].iter().collect()
}

/// Writes the empty file system over the partition.
fn rebuild(device: &Path, watchdog: &mut Watchdog) -> io::Result<()> {
    let mut empty = GzDecoder::new(File::open(EMPTY)?);
    let mut partition = OpenOptions::new().write(true).open(device)?;
    partition.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = empty.read(&mut piece)?;
        if read == 0 {
            break;
        }
        partition.write_all(&piece[..read])?;
        partition.sync_data()?;
        watchdog.feed();
    }
    Ok(())
}

/// Leaves word for the service, which books it, of what was found.
pub(super) fn leave_word(found: &Found, file: &Path) -> io::Result<()> {
    fs::write(file, format!("{found}\n"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn output(code: i32, said: &str) -> Output {
        Output { status: ExitStatus::from_raw(code << 8), stdout: said.into(), stderr: Vec::new() }
    }

    #[test]
    fn what_the_checker_has_mended_is_sound() {
        let sound: Vec<bool> = [0, 1, 2, 3, 4, 8, 12].map(|code| is_sound(&output(code, ""))).to_vec();
        assert_eq!(sound, [true, true, true, true, false, false, false]);
    }

    #[test]
    fn of_a_long_answer_the_end_is_told_on_one_line() {
        let answer = answer_of(&output(4, &format!("{}\nsuperblock\n gone\n", "word ".repeat(200))));
        assert!(answer.ends_with("word superblock gone"), "{answer}");
        assert_eq!(answer.chars().count(), ANSWER_CHARS_MAX);
    }
}
