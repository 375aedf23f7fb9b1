//! Abandon: leaving a slot that cannot be run from, for the other one if that is any better.

use super::state::{BootState, Contents, Reason, Slot};

impl BootState {
    /// Leaves `slot`, which runs and cannot go on. On trial it has no further tries; confirmed it gives way to the other slot
    /// where that is good. Where there is no other, or it was left for the same reason, all stays as it was and `false`
    /// is the answer: between two bad slots nobody goes to and fro.
    pub fn abandon(&mut self, slot: Slot, reason: &Reason) -> bool {
        if self.trial == Some(slot) && self.slot != slot {
            self.tries = 0;
            self.reason = reason.clone();
            return true;
        }
        if self.contents(slot.other()) != Contents::Good {
            return false;
        }
        self.holds(slot, Contents::Bad);
        self.slot = slot.other();
        self.trial = None;
        self.tries = 0;
        self.reason = reason.clone();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_on_trial_has_no_further_tries() {
        let trial = BootState {
            slot: Slot::A,
            trial: Some(Slot::B),
            tries: 2,
            a: Contents::Good,
            b: Contents::Good,
            reason: Reason::NONE,
        };
        let mut state = trial.clone();
        assert!(state.abandon(Slot::B, &Reason::DAMAGED));
        assert_eq!(state, BootState { tries: 0, reason: Reason::DAMAGED, ..trial });
    }

    #[test]
    fn a_confirmed_slot_gives_way_to_a_good_one_and_is_bad_from_then_on() {
        let mut state = BootState { b: Contents::Good, ..BootState::default() };
        assert!(state.abandon(Slot::A, &Reason::CRASH_LOOP));
        assert_eq!((state.slot, state.a, state.b), (Slot::B, Contents::Bad, Contents::Good));
        // The other one is no better: nobody goes back.
        let before = state.clone();
        assert!(!state.abandon(Slot::B, &Reason::CRASH_LOOP));
        assert_eq!(state, before);
    }

    #[test]
    fn without_another_slot_nothing_is_left() {
        for contents in [Contents::Empty, Contents::Bad] {
            let before = BootState { b: contents, ..BootState::default() };
            let mut state = before.clone();
            assert!(!state.abandon(Slot::A, &Reason::DAMAGED));
            assert_eq!(state, before);
        }
    }
}
