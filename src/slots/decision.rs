//! What a state means for the slot that has just started.

use super::state::{BootState, Slot};

/// Where the system stands after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterBoot {
    /// The confirmed slot runs, and nothing else is wanted.
    Settled,
    /// The running slot has to prove itself, and is then confirmed.
    OnTrial,
    /// The confirmed slot runs; the next restart of the machine tries the other one.
    TrialAhead,
    /// The other slot was tried and did not prove itself: [`BootState::fall_back`].
    FellBack,
    /// The confirmed slot could not be loaded, so that the boot loader took this one:
    /// [`BootState::fall_back`], with the reason `unbootable`.
    Displaced,
}

/// What `state` means where `running` has started.
#[must_use]
pub fn after_boot(state: &BootState, running: Slot) -> AfterBoot {
    match state.trial {
        Some(trial) if trial == running => AfterBoot::OnTrial,
        _ if state.slot != running => AfterBoot::Displaced,
        Some(_) if state.tries == 0 => AfterBoot::FellBack,
        Some(_) => AfterBoot::TrialAhead,
        None => AfterBoot::Settled,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encoding::tests::any_state;
    use super::super::state::{Contents, Reason, TRIAL_BOOTS};
    use super::*;

    #[test]
    fn a_start_means_what_the_state_says_of_the_running_slot() {
        use AfterBoot::{Displaced, FellBack, OnTrial, Settled, TrialAhead};
        let (a, b) = (Slot::A, Slot::B);
        for (slot, trial, tries, running, expected) in [
            (a, None, 0, a, Settled),
            (b, None, 0, b, Settled),
            (a, Some(b), 3, a, TrialAhead),
            (a, Some(b), 1, a, TrialAhead),
            (a, Some(b), 2, b, OnTrial),
            (a, Some(b), 0, b, OnTrial),
            (a, Some(b), 0, a, FellBack),
            (a, None, 0, b, Displaced),
            (a, Some(a), 1, b, Displaced),
            (a, Some(a), 1, a, OnTrial),
        ] {
            let state = BootState { slot, trial, tries, ..BootState::default() };
            assert_eq!(after_boot(&state, running), expected, "{state:?} in {running}");
        }
    }

    #[test]
    fn a_trial_goes_from_writing_to_confirmed() {
        let mut state = BootState { b: Contents::Bad, reason: Reason::PANIC, ..BootState::default() };
        state.begin_write(Slot::B);
        assert_eq!((state.b, state.trial), (Contents::Empty, None));
        state.begin_trial(Slot::B);
        assert_eq!((state.b, state.trial, state.tries), (Contents::Good, Some(Slot::B), TRIAL_BOOTS));
        assert_eq!(state.reason, Reason::NONE);
        state.confirm(Slot::B);
        let confirmed = BootState { slot: Slot::B, b: Contents::Good, ..BootState::default() };
        assert_eq!(state, confirmed);
    }

    proptest! {
        #[test]
        fn what_a_start_asks_for_leads_to_a_settled_slot(
            state in any_state(),
            running in prop::sample::select(Slot::ALL.to_vec()),
        ) {
            let mut after = state.clone();
            match after_boot(&state, running) {
                AfterBoot::OnTrial => after.confirm(running),
                AfterBoot::FellBack | AfterBoot::Displaced => after.fall_back(running),
                AfterBoot::TrialAhead => after.call_trial_off(),
                AfterBoot::Settled => {}
            }
            prop_assert_eq!(after_boot(&after, running), AfterBoot::Settled);
            prop_assert_eq!(after.slot, running);
        }
    }
}
