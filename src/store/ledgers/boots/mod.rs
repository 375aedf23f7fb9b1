//! Every run of the gateway on the store: with which scans it began and ended, what became of its clock,
//! and how far the readings from before the clock was set are re-dated. `record` draws the bytes.
//!
//! Only the last [`limits::BOOTS_MAX`] are kept.

mod record;
mod stretch;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::limits;
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;
use crate::time::trust::{ClockState, Sight};

use stretch::Stretch;
pub(in crate::store) use stretch::Stretches;

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// The sequence number of its first scan.
    pub first_sequence: u64,
    /// The sequence number of its last scan; `None` while it goes on. Less than the first where there
    /// was none.
    pub last_sequence: Option<u64>,
    /// Whether it was told to stop, instead of losing its power or being killed.
    pub ended_in_order: bool,
    /// What the clock showed when it began.
    pub started: UtcTime,
    /// How far the clock could be trusted then.
    pub clock: ClockState,
    /// Whether the clock was set then or later in the run.
    pub was_set: bool,
    /// How often somebody set the clock while it ran.
    pub clock_changes: u32,
    /// The last of these.
    pub last_change: Option<ClockChange>,
    /// The kernel's own ID: the same for two runs without a reboot in between; empty where it is not
    /// known.
    pub kernel_boot_id: String,
    stretches: Stretches,
    redating: Option<Mark>,
}

/// The clock was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockChange {
    /// What it would have shown.
    pub before: UtcTime,
    /// What it showed instead.
    pub after: UtcTime,
}

/// How far the scans from before the clock was set are re-dated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// Scans up to this number are done.
    through: u64,
    /// The number of the last scan that there was when that was noted.
    written: u64,
    /// Whether no more come.
    is_done: bool,
}

/// Scans that are to be re-dated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Redating {
    /// The run in which the clock was set.
    pub(in crate::store) run: u32,
    /// The numbers among which they are.
    pub(in crate::store) sequences: Range<u64>,
    /// What became of the clock.
    pub(in crate::store) stretches: Stretches,
    /// Scans that are re-dated already come after this number.
    pub(in crate::store) written: u64,
}

/// The runs that are known.
#[derive(Debug, Default)]
pub(in crate::store) struct Boots {
    by_number: BTreeMap<u32, Boot>,
    changed: Vec<u32>,
    removed: Vec<u32>,
    /// Whether the clock is unset at present.
    is_unset: bool,
}

impl Boots {
    /// Notes that a run begins whose first scan will have the number `first_sequence`; gives its own.
    pub(in crate::store) fn begin(
        &mut self,
        first_sequence: u64,
        sight: &Sight,
        kernel_boot_id: &str,
    ) -> u32 {
        self.add(Boot {
            first_sequence,
            started: sight.shown,
            clock: sight.state,
            kernel_boot_id: kernel_boot_id.to_owned(),
            ..Boot::default()
        });
        self.note_clock(first_sequence, sight);
        self.present()
    }

    fn add(&mut self, boot: Boot) {
        if let Some(before) = self.change_present().filter(|before| before.last_sequence.is_none()) {
            before.last_sequence = boot.first_sequence.checked_sub(1);
        }
        let number = self.present().saturating_add(1);
        self.by_number.insert(number, boot);
        self.changed.push(number);
        while self.by_number.len() > limits::BOOTS_MAX {
            self.removed.extend(self.by_number.pop_first().map(|(number, _)| number));
        }
    }

    /// The number of the last run; 0 before the first.
    fn present(&self) -> u32 {
        self.by_number.last_key_value().map_or(0, |(number, _)| *number)
    }

    fn change(&mut self, number: u32) -> Option<&mut Boot> {
        let boot = self.by_number.get_mut(&number)?;
        if self.changed.last() != Some(&number) {
            self.changed.push(number);
        }
        Some(boot)
    }

    fn change_present(&mut self) -> Option<&mut Boot> {
        self.change(self.present())
    }

    /// Notes that the run was told to stop after the scan of this number.
    pub(in crate::store) fn end(&mut self, last_sequence: u64) {
        if let Some(boot) = self.change_present() {
            boot.last_sequence = Some(last_sequence);
            boot.ended_in_order = true;
        }
    }

    /// The run in which the scan of this number was taken; `None` for one that is too long ago.
    pub(in crate::store) fn of(&self, sequence: u64) -> Option<(u32, &Boot)> {
        let begun = self.by_number.iter().rev().find(|(_, boot)| boot.first_sequence <= sequence);
        begun.map(|(number, boot)| (*number, boot))
    }

    /// Whether the clock is known to have been set in this start of the machine.
    pub(in crate::store) fn was_set(&self, kernel_boot_id: &str) -> bool {
        let is_of_it = |boot: &&Boot| !kernel_boot_id.is_empty() && boot.kernel_boot_id == kernel_boot_id;
        self.by_number.values().filter(is_of_it).any(|boot| boot.was_set)
    }

    /// Notes that somebody set the clock.
    pub(in crate::store) fn note_change(&mut self, change: ClockChange) {
        if let Some(boot) = self.change_present() {
            boot.clock_changes = boot.clock_changes.saturating_add(1);
            boot.last_change = Some(change);
        }
    }

    /// Notes what the clock is like from the scan of this number on. Where it is set, and was not before,
    /// what was read before is to be re-dated.
    pub(in crate::store) fn note_clock(&mut self, next_sequence: u64, sight: &Sight) {
        self.is_unset = sight.state == ClockState::Unset;
        let is_set = !self.is_unset;
        let Some(boot) = self.change_present() else { return };
        boot.was_set |= is_set;
        let stretches = &mut boot.stretches.0;
        // The last place is for the time that is found at the end.
        if stretches.len() >= limits::CLOCK_STRETCHES_MAX - usize::from(!is_set) {
            log::warn!("the clock was set too often: readings from now on are not re-dated");
            return;
        }
        stretches.push(Stretch::beginning(next_sequence, sight));
        if is_set {
            self.begin_redating(next_sequence.saturating_sub(1));
        }
    }

    /// Whether the clock is unset at present.
    pub(in crate::store) fn is_unset(&self) -> bool {
        self.is_unset
    }

    /// Has the scans re-dated that were taken before the clock was set, and that no run has taken on yet.
    fn begin_redating(&mut self, last_sequence: u64) {
        let present = self.present();
        let taken_on = self.kin(present).filter_map(|(number, boot)| match boot.redating? {
            mark if number == present && mark.is_done => Some(mark.through),
            _ => boot.last_sequence.or(Some(last_sequence)),
        });
        let taken_on = taken_on.max().unwrap_or(0);
        let stretches = self.stretches_until(present);
        let is_left = |stretch: &&Stretch| stretch.is_unset && stretch.first_sequence > taken_on;
        let Some(first) = stretches.0.iter().find(is_left).map(|stretch| stretch.first_sequence) else {
            return;
        };
        if let Some(boot) = self.change_present() {
            boot.redating = Some(Mark { through: first - 1, written: last_sequence, is_done: false });
        }
    }

    /// A run and those before it in the same start of the machine.
    fn kin(&self, number: u32) -> impl Iterator<Item = (u32, &Boot)> {
        let id = self.by_number.get(&number).map_or("", |boot| boot.kernel_boot_id.as_str());
        let runs = self.by_number.range(..=number).map(|(number, boot)| (*number, boot));
        runs.filter(move |(of, boot)| *of == number || (!id.is_empty() && boot.kernel_boot_id == id))
    }

    fn stretches_until(&self, number: u32) -> Stretches {
        Stretches(self.kin(number).flat_map(|(_, boot)| boot.stretches.0.iter().copied()).collect())
    }

    /// What is to be re-dated next, of scans up to `last_sequence`.
    pub(in crate::store) fn redating(&self, last_sequence: u64) -> Option<Redating> {
        let due = |(number, boot): (&u32, &Boot)| {
            let mark = boot.redating.filter(|mark| !mark.is_done)?;
            let last = boot.last_sequence.unwrap_or(last_sequence);
            Some((*number, mark, mark.through + 1..last.saturating_add(1)))
        };
        let (run, mark, sequences) = self.by_number.iter().find_map(due)?;
        Some(Redating { run, sequences, stretches: self.stretches_until(run), written: mark.written })
    }

    /// Whether scans of the present run may still come late.
    pub(in crate::store) fn is_present(&self, redating: &Redating) -> bool {
        redating.run == self.present()
    }

    /// Notes that scans up to `through` are re-dated, all of them up to the number `written`.
    pub(in crate::store) fn redated(&mut self, run: u32, through: u64, written: u64) {
        if let Some(mark) = self.change(run).and_then(|boot| boot.redating.as_mut()) {
            (mark.through, mark.written) = (through, written);
        }
    }

    /// Notes that nothing more is to be re-dated of what was set in this run.
    pub(in crate::store) fn has_redated(&mut self, run: u32) {
        if let Some(mark) = self.change(run).and_then(|boot| boot.redating.as_mut()) {
            mark.is_done = true;
        }
    }

    /// Takes over the runs of `younger`, which began before these were known.
    pub(in crate::store) fn go_on_as(&mut self, younger: Self) {
        self.is_unset = younger.is_unset;
        younger.by_number.into_values().for_each(|boot| self.add(boot));
    }
}

impl Ledger for Boots {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = u32::from_be_bytes(key.try_into().ok()?);
        self.by_number.insert(number, record::read(value)?);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let value = |number: &u32| self.by_number.get(number).map(record::value);
        let mut all: Vec<Change> = changed
            .iter()
            .filter_map(|number| {
                Some(Change { key: number.to_be_bytes().to_vec(), value: Some(value(number)?) })
            })
            .collect();
        let removed = std::mem::take(&mut self.removed).into_iter();
        all.extend(removed.map(|number| Change { key: number.to_be_bytes().to_vec(), value: None }));
        all
    }

    fn forget_stored(&mut self) {
        self.changed = self.by_number.keys().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE_MS: i64 = 1_790_000_000_000;

    /// The clock as it is seen after so many seconds of a machine that was started at an unknown time.
    fn unset(steady_s: i64) -> Sight {
        let shown = UtcTime::from_ms(steady_s * 1_000);
        Sight { shown, state: ClockState::Unset, steady_ms: steady_s * 1_000 }
    }

    fn set(steady_s: i64) -> Sight {
        let shown = UtcTime::from_ms(TRUE_MS + steady_s * 1_000);
        Sight { shown, state: ClockState::Synchronised, steady_ms: steady_s * 1_000 }
    }

    fn restarted(boots: &mut Boots) -> Boots {
        let mut back = Boots::default();
        for change in boots.take_changes() {
            assert_eq!(back.restore(&change.key, &change.value.unwrap()), Some(()));
        }
        back
    }

    #[test]
    fn a_reading_is_known_by_the_run_that_it_was_taken_in_even_after_a_restart() {
        let mut boots = Boots::default();
        assert_eq!(boots.begin(1, &set(0), "a"), 1);
        boots.end(90);
        assert_eq!(boots.begin(100, &set(100), "b"), 2);
        let back = restarted(&mut boots);
        for (sequence, number) in
            [(1, Some(1)), (99, Some(1)), (100, Some(2)), (u64::MAX, Some(2)), (0, None)]
        {
            assert_eq!(back.of(sequence).map(|(number, _)| number), number, "{sequence}");
        }
        assert_eq!(back.of(5), boots.of(5));
        assert_eq!(Boots::default().restore(b"abc", b""), None);
    }

    #[test]
    fn a_run_knows_its_last_scan_and_whether_it_was_told_to_stop() {
        let mut boots = Boots::default();
        boots.begin(1, &set(0), "a");
        boots.end(9);
        boots.begin(10, &set(10), "a");
        boots.begin(15, &set(20), "a");
        let ends: Vec<_> =
            boots.by_number.values().map(|boot| (boot.last_sequence, boot.ended_in_order)).collect();
        assert_eq!(ends, [(Some(9), true), (Some(14), false), (None, false)]);
    }

    #[test]
    fn a_run_that_began_before_the_store_could_be_read_counts_on_from_those_in_it() {
        let mut stored = Boots::default();
        stored.begin(1, &set(0), "a");
        let (mut boots, mut younger) = (restarted(&mut stored), Boots::default());
        younger.begin(1_001, &unset(10), "b");
        boots.go_on_as(younger);
        assert_eq!(boots.of(1).unwrap().1.last_sequence, Some(1_000));
        assert_eq!(boots.of(1_001).map(|(number, _)| number), Some(2));
        assert!(boots.is_unset());
        assert_eq!(restarted(&mut boots).by_number, boots.by_number);
    }

    #[test]
    fn changes_of_the_clock_are_counted_and_the_last_is_told() {
        let mut boots = Boots::default();
        let change = |ms| ClockChange { before: UtcTime::from_ms(ms), after: UtcTime::from_ms(ms + 5_000) };
        boots.note_change(change(0));
        boots.begin(1, &set(0), "a");
        boots.note_change(change(1));
        boots.note_change(change(2));
        let (_, boot) = boots.of(1).unwrap();
        assert_eq!((boot.clock_changes, boot.last_change), (2, Some(change(2))));
    }

    #[test]
    fn the_oldest_starts_are_forgotten_and_numbers_count_on() {
        let mut boots = Boots::default();
        for sequence in 0..limits::BOOTS_MAX as u64 + 3 {
            boots.begin(sequence, &set(0), "a");
        }
        assert_eq!(boots.of(2), None);
        assert_eq!(boots.of(3).map(|(number, _)| number), Some(4));
        let gone = boots.take_changes().into_iter().filter(|change| change.value.is_none()).count();
        assert_eq!(gone, 3);
    }

    #[test]
    fn what_was_read_before_the_clock_was_set_is_to_be_re_dated_until_that_is_noted() {
        let mut boots = Boots::default();
        boots.begin(1, &unset(5), "a");
        assert_eq!(boots.redating(10), None);
        boots.note_clock(11, &set(15));
        let redating = boots.redating(12).unwrap();
        assert_eq!((redating.run, redating.sequences, redating.written), (1, 1..13, 10));
        boots.redated(1, 12, 22);
        // Some may still come late.
        assert_eq!(boots.redating(22).unwrap().sequences, 13..23);
        boots.has_redated(1);
        assert_eq!(boots.redating(30), None);
    }

    #[test]
    fn what_a_run_left_undone_is_gone_on_with_after_a_restart_and_after_a_reboot() {
        for kernel_boot_id in ["a", "b"] {
            let mut boots = Boots::default();
            boots.begin(1, &unset(5), "a");
            boots.note_clock(11, &set(15));
            boots.redated(1, 4, 15);
            let mut back = restarted(&mut boots);
            back.begin(20, &set(30), kernel_boot_id);
            let redating = back.redating(25).unwrap();
            assert_eq!((redating.run, &redating.sequences, redating.written), (1, &(5..20), 15));
            assert!(!back.is_present(&redating));
            back.has_redated(1);
            assert_eq!(back.redating(25), None, "{kernel_boot_id}");
        }
    }

    #[test]
    fn a_clock_that_is_set_in_a_later_run_of_the_same_start_of_the_machine_speaks_for_the_earlier() {
        let mut boots = Boots::default();
        boots.begin(1, &unset(5), "a");
        boots.begin(11, &unset(15), "a");
        assert!(!boots.was_set("a"));
        let mut back = restarted(&mut boots);
        back.begin(21, &set(25), "a");
        assert!(back.was_set("a") && !back.was_set("b") && !back.was_set(""));
        assert_eq!(back.redating(30).unwrap().sequences, 1..31);
        back.redated(3, 30, 40);
        back.has_redated(3);
        back.begin(41, &set(50), "a");
        assert_eq!(back.redating(50), None, "it is re-dated once");
    }

    #[test]
    fn nothing_is_known_of_a_run_before_a_reboot_in_which_the_clock_was_never_set() {
        for (before, after) in [("a", "b"), ("", "")] {
            let mut boots = Boots::default();
            boots.begin(1, &unset(5), before);
            boots.begin(11, &set(5), after);
            assert_eq!(boots.redating(20), None);
        }
    }

    #[test]
    fn a_clock_that_loses_the_time_again_has_its_readings_re_dated_again() {
        let mut boots = Boots::default();
        boots.begin(1, &unset(5), "a");
        boots.note_clock(11, &set(15));
        boots.redated(1, 20, 30);
        boots.has_redated(1);
        boots.note_clock(31, &unset(35));
        boots.note_clock(41, &set(45));
        assert_eq!(boots.redating(40).unwrap().sequences, 31..41);
    }

    #[test]
    fn a_clock_that_is_set_for_ever_costs_a_bounded_record() {
        let mut boots = Boots::default();
        boots.begin(1, &unset(0), "a");
        for second in 0..1_000 {
            boots.note_clock(11, &unset(second * 7 % 500));
        }
        boots.note_clock(21, &set(1_000));
        boots.note_clock(31, &set(1_010));
        assert_eq!(boots.redating(30).unwrap().sequences, 1..31);
        let stored = boots.take_changes().remove(0).value.unwrap();
        assert!(stored.len() <= limits::STORE_VALUE_BYTES_MAX, "{}", stored.len());
    }
}
