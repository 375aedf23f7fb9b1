//! The clock of the machine, and what speaks for the time that it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::trust::{ClockState, Evidence, STEP_MS_MIN, is_impossible};
use super::{Clock, SystemClock, UtcTime};

/// Where the machine tells about its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// A file that the time service touches whenever it has compared the clock; gone after a reboot.
    pub compared: PathBuf,
    /// A folder with one entry for each hardware clock.
    pub hardware_clocks: PathBuf,
    /// A file with the ID that the kernel gives each start of the machine.
    pub boot_id: PathBuf,
}

impl Places {
    /// Those of Linux with systemd (systemd-timesyncd.service(8); Documentation/ABI/testing/rtc-cdev of
    /// the kernel has the folder).
    #[must_use]
    pub fn of_system() -> Self {
        Self::under(Path::new("/"))
    }

    /// The same in another root.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self {
            compared: root.join("run/systemd/timesync/synchronized"),
            hardware_clocks: root.join("sys/class/rtc"),
            boot_id: root.join("proc/sys/kernel/random/boot_id"),
        }
    }

    /// Which start of the machine this is; empty where the kernel does not say.
    #[must_use]
    pub fn read_boot_id(&self) -> String {
        fs::read_to_string(&self.boot_id).map(|id| id.trim_end().to_owned()).unwrap_or_default()
    }

    /// Whether the kernel took its time from a hardware clock that shows a possible one. One whose battery
    /// is dead starts anew each time, and systemd then moves the clock on to the time of the last shutdown.
    #[must_use]
    pub fn has_hardware_clock(&self) -> bool {
        let entries = fs::read_dir(&self.hardware_clocks).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|clock| {
            let number = |name| fs::read_to_string(clock.join(name)).ok()?.trim().parse::<i64>().ok();
            let shown = number("since_epoch").map(|seconds| UtcTime::from_ms(seconds.saturating_mul(1_000)));
            number("hctosys") == Some(1) && shown.is_some_and(|shown| !is_impossible(shown))
        })
    }

    fn last_comparison(&self) -> Option<UtcTime> {
        fs::metadata(&self.compared).and_then(|file| file.modified()).map(utc).ok()
    }
}

fn utc(time: SystemTime) -> UtcTime {
    let ms = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    UtcTime::from_ms(ms)
}

/// Stands for a time that there is not yet.
const NEVER_MS: i64 = i64::MAX;

/// The clock of the machine.
#[derive(Debug)]
pub struct MachineClock {
    places: Places,
    /// What was known when the program started.
    at_start: Evidence,
    /// The last comparison that was seen. The file goes when the time service is stopped.
    compared_ms: AtomicI64,
    /// From here on the clock shows what the comparisons speak for.
    set_from_ms: AtomicI64,
}

impl MachineClock {
    /// The clock of the machine that tells about it in `places`; `known` is what else speaks for it.
    #[must_use]
    pub fn new(places: Places, known: Evidence) -> Self {
        let at_start = Evidence { compared_at: places.last_comparison().or(known.compared_at), ..known };
        let is_compared = at_start.compared_at.is_some();
        Self {
            places,
            compared_ms: AtomicI64::new(at_start.compared_at.map_or(NEVER_MS, UtcTime::as_ms)),
            set_from_ms: AtomicI64::new(if is_compared { i64::MIN } else { NEVER_MS }),
            at_start,
        }
    }

    /// Looks whether it was compared since.
    fn look(&self) {
        let Some(compared) = self.places.last_comparison() else { return };
        self.compared_ms.store(compared.as_ms(), Ordering::Release);
        // It was set a moment before that was noted. Where it is set back later, it is right from there.
        self.set_from_ms.fetch_min(compared.as_ms() - STEP_MS_MIN, Ordering::AcqRel);
    }

    fn evidence_for(&self, shown: UtcTime) -> Evidence {
        self.look();
        if shown.as_ms() < self.set_from_ms.load(Ordering::Acquire) {
            return self.at_start;
        }
        let compared_ms = self.compared_ms.load(Ordering::Acquire);
        Evidence { compared_at: Some(UtcTime::from_ms(compared_ms)), ..self.at_start }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> UtcTime {
        SystemClock.now()
    }

    /// By what spoke for it when it showed that: what it showed before it was set stays in doubt.
    fn state_showing(&self, shown: UtcTime) -> ClockState {
        ClockState::of(shown, &self.evidence_for(shown))
    }

    fn steady_ms(&self) -> i64 {
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        since_boot.tv_sec.saturating_mul(1_000).saturating_add(since_boot.tv_nsec / 1_000_000)
    }

    fn boot_id(&self) -> String {
        self.places.read_boot_id()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const TODAY_S: u64 = 1_790_000_000;
    const HOUR_S: u64 = 3_600;

    /// A machine whose files lie in a folder.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn places(&self) -> Places {
            Places::under(self.0.path())
        }

        fn clock(&self) -> MachineClock {
            let kept_by_hardware = self.places().has_hardware_clock();
            MachineClock::new(self.places(), Evidence { kept_by_hardware, ..Evidence::default() })
        }

        fn compared_at(&self, seconds: u64) {
            let file = self.places().compared;
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            File::create(file).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        }

        fn hardware_clock(&self, name: &str, gave_the_time: &str, since_epoch: &str) {
            let folder = self.places().hardware_clocks.join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("hctosys"), gave_the_time).unwrap();
            fs::write(folder.join("since_epoch"), since_epoch).unwrap();
        }
    }

    fn at(seconds: u64) -> UtcTime {
        UtcTime::from_ms(i64::try_from(seconds).unwrap() * 1_000)
    }

    #[test]
    fn only_a_hardware_clock_that_gave_a_possible_time_speaks_for_the_clock() {
        let machine = Machine::new();
        assert_eq!(machine.clock().state_showing(at(TODAY_S)), ClockState::Unset);
        machine.hardware_clock("rtc0", "0\n", "1790000000\n");
        assert_eq!(machine.clock().state_showing(at(TODAY_S)), ClockState::Unset);
        machine.hardware_clock("rtc1", "1\n", "86400\n");
        assert_eq!(machine.clock().state_showing(at(TODAY_S)), ClockState::Unset, "its battery is dead");
        machine.hardware_clock("rtc2", "1\n", "junk\n");
        assert_eq!(machine.clock().state_showing(at(TODAY_S)), ClockState::Unset);
        machine.hardware_clock("rtc3", "1\n", "1790000000\n");
        assert_eq!(machine.clock().state_showing(at(TODAY_S)), ClockState::Holdover);
    }

    #[test]
    fn what_the_clock_showed_before_its_first_comparison_stays_in_doubt() {
        let machine = Machine::new();
        let clock = machine.clock();
        let restored = at(TODAY_S - HOUR_S);
        assert_eq!(clock.state_showing(restored), ClockState::Unset);
        machine.compared_at(TODAY_S);
        for (seconds, state) in [
            (TODAY_S - HOUR_S, ClockState::Unset),
            (TODAY_S - 2, ClockState::Unset),
            // Read between the step and the note of it.
            (TODAY_S - 1, ClockState::Synchronised),
            (TODAY_S + 2 * HOUR_S, ClockState::Synchronised),
            (TODAY_S + 2 * HOUR_S + 1, ClockState::Holdover),
        ] {
            assert_eq!(clock.state_showing(at(seconds)), state, "{seconds}");
        }
    }

    #[test]
    fn a_clock_whose_time_service_goes_away_is_in_holdover() {
        let machine = Machine::new();
        let clock = machine.clock();
        machine.compared_at(TODAY_S);
        assert_eq!(clock.state_showing(at(TODAY_S)), ClockState::Synchronised);
        fs::remove_file(machine.places().compared).unwrap();
        assert_eq!(clock.state_showing(at(TODAY_S + 3 * HOUR_S)), ClockState::Holdover);
    }

    #[test]
    fn a_clock_that_is_set_back_by_its_time_service_is_right_from_there() {
        let machine = Machine::new();
        let clock = machine.clock();
        machine.compared_at(TODAY_S);
        assert_eq!(clock.state_showing(at(TODAY_S)), ClockState::Synchronised);
        machine.compared_at(TODAY_S - 5 * HOUR_S);
        assert_eq!(clock.state_showing(at(TODAY_S - 5 * HOUR_S)), ClockState::Synchronised);
    }

    #[test]
    fn a_program_that_starts_after_the_comparison_believes_the_clock_at_once() {
        let machine = Machine::new();
        machine.compared_at(TODAY_S);
        let clock = machine.clock();
        assert_eq!(clock.state_showing(at(TODAY_S - 60)), ClockState::Synchronised);
    }

    #[test]
    fn the_steady_clock_of_the_machine_does_not_run_back() {
        let clock = Machine::new().clock();
        let before = clock.steady_ms();
        assert!(clock.steady_ms() >= before && before >= 0);
        assert_eq!(clock.boot_id(), "", "nothing tells it");
    }

    /// What happens to a machine without a hardware clock.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Wait(u64),
        Compared,
        ServiceStops,
        ProgramRestarts,
        Reboots,
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (1..3 * HOUR_S).prop_map(Event::Wait),
            2 => Just(Event::Compared),
            1 => Just(Event::ServiceStops),
            1 => Just(Event::ProgramRestarts),
            1 => Just(Event::Reboots),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_clock_is_synchronised_when_it_was_compared_lately_and_unset_until_it_was(
            events in prop::collection::vec(any_event(), 1..40),
        ) {
            let machine = Machine::new();
            let (mut clock, mut now) = (machine.clock(), TODAY_S);
            // The plain model: when it was compared last since the machine was started.
            let mut compared: Option<u64> = None;
            for event in events {
                match event {
                    Event::Wait(seconds) => now += seconds,
                    Event::Compared => {
                        machine.compared_at(now);
                        compared = Some(now);
                    }
                    Event::ServiceStops => {
                        let _ = fs::remove_file(machine.places().compared);
                    }
                    Event::ProgramRestarts => {
                        let known = Evidence { was_set: compared.is_some(), ..Evidence::default() };
                        clock = MachineClock::new(machine.places(), known);
                        if !machine.places().compared.exists() {
                            // Only that it was compared once is known then.
                            compared = compared.map(|_| 0);
                        }
                    }
                    Event::Reboots => {
                        let _ = fs::remove_file(machine.places().compared);
                        (clock, compared) = (machine.clock(), None);
                    }
                }
                let expected = match compared {
                    None => ClockState::Unset,
                    Some(compared) if now - compared <= 2 * HOUR_S => ClockState::Synchronised,
                    Some(_) => ClockState::Holdover,
                };
                prop_assert_eq!(clock.state_showing(at(now)), expected, "{:?}", event);
            }
        }
    }
}
