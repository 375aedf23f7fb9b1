//! The state on its medium: two copies, of which a write replaces the older one.

use std::fs::File;
use std::io;
use std::path::Path;

use super::encoding::{COPY_BYTES, Copy, SEQUENCE_MAX, decode, encode};
use super::medium::{self, Medium};
use super::state::BootState;

/// Where the copies lie: half a partition apart, so that no erase block of a card holds both.
const COPIES_AT: [u64; 2] = [0, 524_288];

/// The file or device of the state. A cut at any byte of a write leaves the state before it or after it,
/// since the newer copy stays as it is.
#[derive(Debug)]
pub struct StateFile<M = File> {
    medium: M,
}

impl StateFile {
    /// The state at `path`, a file or a device of at least 528,384 bytes.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path) -> io::Result<Self> {
        medium::open(path).map(Self::on)
    }
}

impl<M: Medium> StateFile<M> {
    /// The state on `medium`.
    pub fn on(medium: M) -> Self {
        Self { medium }
    }

    /// The newest state that is whole; where there is none, that of [`BootState::default`], as the boot
    /// loader has it too.
    ///
    /// # Errors
    /// Those of the medium.
    pub fn read(&self) -> io::Result<BootState> {
        let _turn = self.medium.lock()?;
        Ok(newest(&self.copies()?).map(|(_, copy)| copy.state.clone()).unwrap_or_default())
    }

    /// Writes `state` over the older copy, or the one that is not whole, and returns when it outlives a
    /// power cut.
    ///
    /// # Errors
    /// Those of the medium; then the state is the one before or `state`.
    pub fn write(&self, state: &BootState) -> io::Result<()> {
        self.change(|current| *current = state.clone()).map(|_| ())
    }

    /// Reads the state, lets `change` have its way, and writes it where it became another one; nobody else
    /// writes in between. Gives the state as it is then.
    ///
    /// # Errors
    /// Those of the medium; then the state is the one before or the new one.
    pub fn change(&self, change: impl FnOnce(&mut BootState)) -> io::Result<BootState> {
        let _turn = self.medium.lock()?;
        let copies = self.copies()?;
        let (place, sequence, before) = match newest(&copies) {
            Some((place, copy)) => (1 - place, copy.sequence + 1, Some(copy.state.clone())),
            None => (0, 0, None),
        };
        let mut state = before.clone().unwrap_or_default();
        change(&mut state);
        if before.as_ref() != Some(&state) {
            self.write_copy(place, &Copy { sequence, state: state.clone() })?;
        }
        Ok(state)
    }

    /// Writes anew what is not whole, so that both copies are: one at a time, and the state stays as it is.
    /// Gives how many had to be written.
    ///
    /// # Errors
    /// Those of the medium.
    pub fn mend(&self) -> io::Result<usize> {
        let _turn = self.medium.lock()?;
        let mut written = 0;
        while written < COPIES_AT.len() {
            let copies = self.copies()?;
            let Some(place) = copies.iter().position(Option::is_none) else { break };
            let copy = match newest(&copies) {
                Some((_, whole)) => Copy { sequence: whole.sequence + 1, state: whole.state.clone() },
                None => Copy { sequence: 0, state: BootState::default() },
            };
            self.write_copy(place, &copy)?;
            written += 1;
        }
        Ok(written)
    }

    fn copies(&self) -> io::Result<[Option<Copy>; 2]> {
        let mut copies = [None, None];
        for (copy, at) in copies.iter_mut().zip(COPIES_AT) {
            let mut bytes = vec![0; COPY_BYTES];
            self.medium.read_at(at, &mut bytes)?;
            // One at the end of the sequence could not be followed; a flash would be worn out long before.
            *copy = decode(&bytes).filter(|copy| copy.sequence < SEQUENCE_MAX);
        }
        Ok(copies)
    }

    fn write_copy(&self, place: usize, copy: &Copy) -> io::Result<()> {
        let at = COPIES_AT.get(place).copied().unwrap_or_default();
        self.medium.write_at(at, &encode(copy))?;
        self.medium.sync()
    }
}

/// The copy with the greater sequence, with its place; the first one where they are equal.
fn newest(copies: &[Option<Copy>; 2]) -> Option<(usize, &Copy)> {
    match copies {
        [Some(first), Some(second)] if second.sequence > first.sequence => Some((1, second)),
        [Some(first), _] => Some((0, first)),
        [None, Some(second)] => Some((1, second)),
        [None, None] => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encoding::tests::any_state;
    use super::super::medium::cut::{CutMedium, Loss, Power};
    use super::super::state::{Contents, Reason, Slot};
    use super::*;

    const BYTES: usize = 524_288 + COPY_BYTES;

    fn on_fresh_power(bytes: Vec<u8>) -> StateFile<CutMedium> {
        StateFile::on(CutMedium::new(&Power::endless(), bytes))
    }

    #[test]
    fn a_medium_that_holds_no_state_counts_as_slot_a_and_is_mended() {
        let file = on_fresh_power(vec![0xff; BYTES]);
        assert_eq!(file.read().unwrap(), BootState::default());
        assert_eq!(file.mend().unwrap(), 2);
        assert_eq!(file.copies().unwrap().map(|copy| copy.unwrap().sequence), [0, 1]);
        assert_eq!(file.mend().unwrap(), 0);
    }

    #[test]
    fn a_file_keeps_the_state_from_one_opening_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        std::fs::write(&path, vec![0; BYTES]).unwrap();
        let written = BootState { trial: Some(Slot::B), tries: 3, b: Contents::Good, ..BootState::default() };
        StateFile::open(&path).unwrap().write(&written).unwrap();
        assert_eq!(StateFile::open(&path).unwrap().read().unwrap(), written);
    }

    #[test]
    fn a_state_that_stays_the_same_is_not_written_again() {
        let power = Power::endless();
        let file = StateFile::on(CutMedium::new(&power, vec![0; BYTES]));
        file.mend().unwrap();
        let steps = power.steps_taken();
        file.change(|_| {}).unwrap();
        assert_eq!(power.steps_taken(), steps);
        file.change(|state| state.reason = Reason::PANIC).unwrap();
        assert!(power.steps_taken() > steps);
    }

    #[test]
    fn a_file_that_is_too_short_is_told_and_not_believed() {
        let file = on_fresh_power(vec![0; COPY_BYTES]);
        assert_eq!(file.read().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    /// The naive model of what is read: the last state whose write returned, or the one under way.
    fn read_after_cut(states: &[BootState], cut_at: usize, loss: Loss) -> Result<(), TestCaseError> {
        let power = Power::for_steps(cut_at);
        let file = StateFile::on(CutMedium::new(&power, vec![0; BYTES]));
        let (mut old, mut new) = (BootState::default(), BootState::default());
        for state in states {
            new = state.clone();
            if file.write(state).is_err() {
                break;
            }
            old = state.clone();
        }
        let again = on_fresh_power(file.medium.after_cut(loss));
        let read = again.read().unwrap();
        prop_assert!(read == old || read == new, "read {read:?}, old {old:?}, new {new:?}");
        // And what was cut off stands in nobody's way.
        again.write(&new).unwrap();
        prop_assert_eq!(again.read().unwrap(), new);
        Ok(())
    }

    proptest! {
        #[test]
        fn a_cut_at_any_write_leaves_the_old_state_or_the_new_one(
            states in prop::collection::vec(any_state(), 1..8),
            cut_at in 0_usize..20,
            loss in prop_oneof![Just(Loss::All), any::<u64>().prop_map(Loss::Some)],
        ) {
            read_after_cut(&states, cut_at, loss)?;
        }

        #[test]
        fn a_cut_at_any_byte_leaves_the_old_state_or_the_new_one(
            states in prop::collection::vec(any_state(), 1..6),
            last in any_state(),
            cut in 0..=COPY_BYTES,
            garbage in prop::option::of(any::<[u8; 16]>()),
        ) {
            let file = on_fresh_power(vec![0; BYTES]);
            for state in &states {
                file.write(state).unwrap();
            }
            let before = file.medium.after_cut(Loss::All);
            file.write(&last).unwrap();
            let after = file.medium.after_cut(Loss::All);
            let mut torn = before.clone();
            for at in COPIES_AT.map(|at| usize::try_from(at).unwrap()) {
                torn[at..at + cut].copy_from_slice(&after[at..at + cut]);
                if let Some(garbage) = garbage && before[at..at + COPY_BYTES] != after[at..at + COPY_BYTES] {
                    let sector = at + cut / 512 * 512;
                    for (byte, noise) in torn[sector..].iter_mut().take(512).zip(garbage.iter().cycle()) {
                        *byte ^= noise;
                    }
                }
            }
            let read = on_fresh_power(torn).read().unwrap();
            let old = states.last().unwrap();
            prop_assert!(read == *old || read == last, "read {read:?}, old {old:?}, new {last:?}");
        }
    }
}
