//! How the runs before ended: a mark in the data folder that a run makes at its start and amends at its end.
//!
//! ```text
//! mark at the next start     same start of the machine        another one
//! there is none              this is the first run
//! it says "stopped"          stopped in order
//! it names a standstill      ended by the service manager     reset by the watchdog, if nothing else is known
//! it says nothing            killed, or it ended by itself     what /run/cems-init/reset-cause says
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::machine::Places;
use super::note::Note;
use crate::limits::RUN_ENDS_MAX;
use crate::time::UtcTime;

/// The file in the data folder.
const FILE: &str = "last-run";
const HOUR_MS: i64 = 3_600_000;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There was no run before.
    FirstRun,
    /// It was told to stop, and did.
    Stopped,
    /// The process ended by itself, or somebody killed it.
    Killed,
    /// A part stood still, so that the service manager ended it.
    StoodStill(String),
    /// The machine was started anew.
    Machine(Reset),
}

/// Why a machine was started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// It had no power.
    Power,
    /// Its watchdog found nobody alive.
    Watchdog,
    /// Its kernel panicked.
    Panic,
    /// Somebody had it start anew.
    Reboot,
    /// Nobody knows.
    Unknown,
}

impl Reset {
    /// What `word` of `cems-init` means.
    fn of(word: &str) -> Self {
        match word {
            "power" => Self::Power,
            "watchdog" => Self::Watchdog,
            "panic" => Self::Panic,
            "reboot" => Self::Reboot,
            _ => Self::Unknown,
        }
    }
}

impl Ending {
    /// One word for it, fixed for ever.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::FirstRun => "first-run",
            Self::Stopped => "stopped",
            Self::Killed => "killed",
            Self::StoodStill(_) => "stood-still",
            Self::Machine(Reset::Power) => "power",
            Self::Machine(Reset::Watchdog) => "watchdog",
            Self::Machine(Reset::Panic) => "kernel-panic",
            Self::Machine(Reset::Reboot) => "reboot",
            Self::Machine(Reset::Unknown) => "reset",
        }
    }

    /// Whether it was one that nobody wanted.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        !matches!(self, Self::FirstRun | Self::Stopped | Self::Machine(Reset::Reboot))
    }

    /// How the run of `before` ended, told at the next one.
    fn of(before: Option<&Note>, boot_id: &str, reset: Reset) -> Self {
        let Some(before) = before else { return Self::FirstRun };
        if before.get("stopped").is_some() {
            return Self::Stopped;
        }
        let is_same_boot = !boot_id.is_empty() && before.get("boot_id") == Some(boot_id);
        match (before.get("stood_still"), reset) {
            (Some(parts), _) if is_same_boot => Self::StoodStill(parts.to_owned()),
            (None, _) if is_same_boot => Self::Killed,
            (Some(_), Reset::Unknown) => Self::Machine(Reset::Watchdog),
            (_, reset) => Self::Machine(reset),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoodStill(parts) => write!(f, "{} ({parts})", self.word()),
            _ => f.write_str(self.word()),
        }
    }
}

/// The present run, and how the one before ended.
#[derive(Debug)]
pub struct LastRun {
    path: PathBuf,
    mark: Mutex<Note>,
    ending: Ending,
    /// When bad ends were found, in the hour before this run.
    ends: Vec<UtcTime>,
}

impl LastRun {
    /// Marks in the folder `data` that a run of `version` begins at `now`.
    pub fn begin(data: &Path, places: &Places, now: UtcTime, version: &str) -> Self {
        let path = data.join(FILE);
        let before = Note::read(&path);
        let boot_id = places.boot_id();
        let reset = places.reset_cause().map_or(Reset::Unknown, |word| Reset::of(&word));
        let ending = Ending::of(before.as_ref(), &boot_id, reset);
        let mut ends = before.as_ref().map(|before| ends_of(before, now)).unwrap_or_default();
        if ending.is_bad() {
            ends.push(now);
        }
        let surplus = ends.len().saturating_sub(RUN_ENDS_MAX);
        ends.drain(..surplus);
        let ends_ms: Vec<String> = ends.iter().map(|end| end.as_ms().to_string()).collect();
        let mark = Note::default().with("version", version).with("boot_id", &boot_id);
        let mark = mark.with("started_ms", &now.as_ms().to_string()).with("ends_ms", &ends_ms.join(","));
        let run = Self { path, mark: Mutex::new(mark), ending, ends };
        run.write(&run.mark());
        run
    }

    /// How the run before ended.
    pub const fn ending(&self) -> &Ending {
        &self.ending
    }

    /// How often in the hour before `now` a run ended that nobody had told to.
    pub fn bad_ends_within_an_hour(&self, now: UtcTime) -> usize {
        self.ends.iter().filter(|end| is_within_an_hour(**end, now)).count()
    }

    /// Notes that `parts` stand still, or that none does any more: it may be what ends this run.
    pub fn stands_still(&self, parts: Option<&str>) {
        let mut mark = self.mark();
        let without = std::mem::take(&mut *mark).without("stood_still");
        *mark = match parts {
            Some(parts) => without.with("stood_still", parts),
            None => without,
        };
        self.write(&mark);
    }

    /// Notes that this run ends in order.
    pub fn stopped(&self) {
        let mut mark = self.mark();
        *mark = std::mem::take(&mut *mark).with("stopped", "yes");
        self.write(&mark);
    }

    fn mark(&self) -> MutexGuard<'_, Note> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mark: &Note) {
        if let Err(error) = mark.write(&self.path) {
            log::warn!("{}: {error}; how this run ends will not be known", self.path.display());
        }
    }
}

/// The ends that a mark remembers of the hour before `now`.
fn ends_of(mark: &Note, now: UtcTime) -> Vec<UtcTime> {
    let ends = mark.get("ends_ms").unwrap_or_default().split(',').take(RUN_ENDS_MAX);
    let ends = ends.filter_map(|end| end.parse().ok()).map(UtcTime::from_ms);
    ends.filter(|end| is_within_an_hour(*end, now)).collect()
}

fn is_within_an_hour(end: UtcTime, now: UtcTime) -> bool {
    (0..HOUR_MS).contains(&now.ms_since(end))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A machine and a data folder, in one folder.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            machine.boots("boot-1", None);
            machine
        }

        fn boots(&self, id: &str, cause: Option<&str>) {
            for (path, text) in
                [("proc/sys/kernel/random/boot_id", Some(id)), ("run/cems-init/reset-cause", cause)]
            {
                let path = self.0.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                match text {
                    Some(text) => fs::write(path, format!("{text}\n")).unwrap(),
                    None => drop(fs::remove_file(path)),
                }
            }
        }

        fn begin_at(&self, minute: i64) -> LastRun {
            LastRun::begin(self.0.path(), &Places::under(self.0.path()), at(minute), "1.2.3")
        }
    }

    fn at(minute: i64) -> UtcTime {
        UtcTime::from_ms(1_790_000_000_000 + minute * 60_000)
    }

    #[test]
    fn the_next_run_knows_how_the_one_before_ended() {
        let still: fn(&LastRun) = |run| run.stands_still(Some("store"));
        let mends: fn(&LastRun) = |run| {
            run.stands_still(Some("store"));
            run.stands_still(None);
        };
        let stops: fn(&LastRun) = LastRun::stopped;
        let dies: fn(&LastRun) = |_| {};
        for (ends, boot, cause, told) in [
            (dies, "boot-1", None, "killed"),
            (dies, "boot-1", Some("power"), "killed"),
            (stops, "boot-1", None, "stopped"),
            (stops, "boot-2", Some("power"), "stopped"),
            (still, "boot-1", None, "stood-still (store)"),
            (mends, "boot-1", None, "killed"),
            (still, "boot-2", None, "watchdog"),
            (still, "boot-2", Some("power"), "power"),
            (dies, "boot-2", None, "reset"),
            (dies, "boot-2", Some("power"), "power"),
            (dies, "boot-2", Some("watchdog"), "watchdog"),
            (dies, "boot-2", Some("panic"), "kernel-panic"),
            (dies, "boot-2", Some("reboot"), "reboot"),
            (dies, "boot-2", Some("\u{0}junk"), "reset"),
            (dies, "", None, "reset"),
        ] {
            let machine = Machine::new();
            let first = machine.begin_at(0);
            assert_eq!(first.ending(), &Ending::FirstRun);
            ends(&first);
            machine.boots(boot, cause);
            assert_eq!(machine.begin_at(1).ending().to_string(), told, "{boot} {cause:?}");
        }
    }

    #[test]
    fn bad_ends_are_counted_for_an_hour_and_stops_are_not() {
        let machine = Machine::new();
        for minute in [0, 10, 20] {
            machine.begin_at(minute);
        }
        let run = machine.begin_at(30);
        let counts = [30, 69, 70, 79, 80, 90, 1_000].map(|minute| run.bad_ends_within_an_hour(at(minute)));
        assert_eq!(counts, [3, 3, 2, 2, 1, 0, 0]);
        run.stopped();
        assert_eq!(machine.begin_at(31).bad_ends_within_an_hour(at(31)), 3);
        assert_eq!(machine.begin_at(-500).bad_ends_within_an_hour(at(-500)), 1, "a clock that was set back");
    }

    #[test]
    fn a_run_that_ends_at_once_for_ever_is_counted_as_far_as_there_is_room() {
        let machine = Machine::new();
        for _ in 0..RUN_ENDS_MAX + 20 {
            machine.begin_at(0);
        }
        assert_eq!(machine.begin_at(0).bad_ends_within_an_hour(at(0)), RUN_ENDS_MAX);
    }

    #[test]
    fn garbage_in_the_mark_is_a_run_that_was_killed_or_reset() {
        for garbage in ["", "stopped", "boot_id=\nends_ms=x,,9999999999999999999999,-1\n", "\u{0}=\u{0}"] {
            let machine = Machine::new();
            fs::write(machine.0.path().join(FILE), garbage).unwrap();
            let run = machine.begin_at(0);
            assert_eq!(
                (run.ending().word(), run.bad_ends_within_an_hour(at(0))),
                ("reset", 1),
                "{garbage:?}"
            );
        }
    }
}
