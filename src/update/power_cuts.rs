//! The whole way of an update with the power taken away at any write of it: whatever the medium loses or puts
//! in another order, the box starts a slot that is whole.

use std::io;
use std::rc::Rc;

use proptest::prelude::*;

use super::admission::Admission;
use super::bundle::tests::{bundle, images, key};
use super::error::UpdateError;
use super::transfer::{Target, Transfer};
use super::version::Version;
use crate::slots::medium::cut::{CutMedium, Loss, Power};
use crate::slots::{AfterBoot, Board, BootState, Contents, Slot, StateFile, TRIAL_BOOTS, after_boot};

const BOOT_AREA_AT: u32 = 262_144;
const SLOT_BYTES: u32 = BOOT_AREA_AT + 131_072;
const STATE_BYTES: usize = 524_288 + 4_096;
/// What the old system is full of.
const OLD: u8 = 0xaa;

/// The media of a box without power.
#[derive(Clone)]
struct Media {
    state: Vec<u8>,
    slots: [Vec<u8>; 2],
}

/// What happens on the way of an update.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The bundle is received, written, read back and put on trial.
    Update { piece_bytes: usize },
    /// The boot loader takes one of the tries, where something is on trial.
    Boot,
    /// The system that has started looks at what its start means; on trial it proves itself.
    Prove,
    /// As above, and it never proves itself.
    Fail,
}

impl Media {
    /// Slot `a` confirmed, and in slot `b` whatever was there.
    fn fresh() -> Self {
        let bytes = usize::try_from(SLOT_BYTES).unwrap();
        let media = Self { state: vec![0; STATE_BYTES], slots: [vec![OLD; bytes], vec![0x55; bytes]] };
        media.under(&Power::endless(), Loss::All, |file, _| file.mend().map(drop)).0
    }

    /// Lets `work` have the power, which goes when it ends or before. Gives the media afterwards.
    fn under<T>(
        &self,
        power: &Rc<Power>,
        loss: Loss,
        work: impl FnOnce(StateFile<&CutMedium>, [&CutMedium; 2]) -> T,
    ) -> (Self, T) {
        let medium = |bytes: &Vec<u8>| CutMedium::new(power, bytes.clone());
        let (state, a, b) = (medium(&self.state), medium(&self.slots[0]), medium(&self.slots[1]));
        let done = work(StateFile::on(&state), [&a, &b]);
        (Self { state: state.after_cut(loss), slots: [a.after_cut(loss), b.after_cut(loss)] }, done)
    }

    fn read_state(&self) -> BootState {
        self.under(&Power::endless(), Loss::All, |file, _| file.read().unwrap()).1
    }

    fn slot(&self, slot: Slot) -> &[u8] {
        &self.slots[usize::from(slot == Slot::B)]
    }

    fn is_new(&self, slot: Slot) -> bool {
        let (root, boot) = images();
        let boot_area = usize::try_from(BOOT_AREA_AT).unwrap();
        self.slot(slot).starts_with(&root) && self.slot(slot)[boot_area..].starts_with(&boot)
    }

    fn is_whole(&self, slot: Slot) -> bool {
        self.is_new(slot) || self.slot(slot).iter().all(|byte| *byte == OLD)
    }

    /// The slot that the next boot starts.
    fn next(&self) -> Slot {
        let state = self.read_state();
        state.trial.filter(|_| state.tries > 0).unwrap_or(state.slot)
    }

    /// Whatever may be started has to be whole.
    fn check(&self) -> Result<(), TestCaseError> {
        let state = self.read_state();
        for slot in [self.next(), state.slot] {
            prop_assert!(self.is_whole(slot), "slot {slot} may start and is not whole: {state:?}");
        }
        for slot in Slot::ALL {
            let is_said_good = state.contents(slot) == Contents::Good;
            prop_assert!(!is_said_good || self.is_whole(slot), "slot {slot} is said to be good: {state:?}");
        }
        Ok(())
    }

    /// Goes one step while the power lasts; gives the media afterwards, and whether it got to its end.
    fn go(&self, step: Step, running: Slot, power: &Rc<Power>, loss: Loss) -> (Self, bool) {
        let (media, done) = self.under(power, loss, |file, slots| match step {
            Step::Update { piece_bytes } => update(file, slots, running, piece_bytes).is_ok(),
            Step::Boot => take_try(&file).is_ok(),
            Step::Prove => settle(&file, running, true).is_ok(),
            Step::Fail => settle(&file, running, false).is_ok(),
        });
        (media, done && !power.is_gone())
    }
}

fn admission() -> Admission {
    let text = format!(
        "board = \"test-board\"\nstate = \"/s\"\nslot_a = \"/a\"\nslot_b = \"/b\"\nupdate_key = \"RW\"\n\
         boot_area_at = {BOOT_AREA_AT}\nslot_bytes = {SLOT_BYTES}\n"
    );
    Admission::of(&Board::parse("board.toml", &text).unwrap(), Version::of_this(), false)
}

fn update(
    state: StateFile<&CutMedium>,
    [a, b]: [&CutMedium; 2],
    running: Slot,
    piece_bytes: usize,
) -> Result<(), UpdateError> {
    let slot = running.other();
    let medium = if slot == Slot::A { a } else { b };
    let target = Target { state, medium, slot, boot_area_at: BOOT_AREA_AT.into() };
    let mut transfer = Transfer::new(key(), admission(), target);
    bundle().chunks(piece_bytes).try_for_each(|piece| transfer.take(piece))?;
    transfer.finish().map(drop)
}

/// The only write of the boot loader's script.
fn take_try(file: &StateFile<&CutMedium>) -> io::Result<()> {
    let is_tried = |state: &BootState| state.trial.is_some() && state.tries > 0;
    file.change(|state| state.tries -= u8::from(is_tried(state))).map(drop)
}

fn settle(file: &StateFile<&CutMedium>, running: Slot, proves_itself: bool) -> io::Result<()> {
    file.mend()?;
    match after_boot(&file.read()?, running) {
        AfterBoot::OnTrial if proves_itself => file.change(|state| state.confirm(running)).map(drop),
        AfterBoot::FellBack => file.change(|state| state.fall_back(running)).map(drop),
        _ => Ok(()),
    }
}

fn any_loss() -> impl Strategy<Value = Loss> {
    prop_oneof![Just(Loss::All), any::<u64>().prop_map(Loss::Some)]
}

fn any_piece() -> impl Strategy<Value = usize> {
    prop_oneof![1_000_usize..65_536, Just(65_536)]
}

#[test]
fn an_update_that_nothing_disturbs_is_tried_and_confirmed() {
    let mut media = Media::fresh();
    for (step, running) in
        [(Step::Update { piece_bytes: 65_536 }, Slot::A), (Step::Boot, Slot::A), (Step::Prove, Slot::B)]
    {
        media = media.go(step, running, &Power::endless(), Loss::All).0;
    }
    assert!(media.is_new(Slot::B));
    let state = media.read_state();
    assert_eq!((state.slot, state.trial, state.b), (Slot::B, None, Contents::Good));
}

#[test]
fn an_update_that_never_proves_itself_is_left_after_its_tries() {
    let mut media = Media::fresh();
    media = media.go(Step::Update { piece_bytes: 65_536 }, Slot::A, &Power::endless(), Loss::All).0;
    for _ in 0..TRIAL_BOOTS {
        assert_eq!(media.next(), Slot::B);
        for step in [Step::Boot, Step::Fail] {
            media = media.go(step, Slot::B, &Power::endless(), Loss::All).0;
        }
    }
    assert_eq!(media.next(), Slot::A);
    media = media.go(Step::Fail, Slot::A, &Power::endless(), Loss::All).0;
    let state = media.read_state();
    assert_eq!((state.slot, state.trial, state.b), (Slot::A, None, Contents::Bad));
}

#[test]
fn a_cut_at_every_single_write_of_an_update_leaves_a_slot_that_is_whole() {
    let step = Step::Update { piece_bytes: 40_000 };
    let undisturbed = Power::endless();
    let _ready = Media::fresh().go(step, Slot::A, &undisturbed, Loss::All);
    for cut_at in 1..=undisturbed.steps_taken() {
        for loss in [Loss::All, Loss::Some(1), Loss::Some(77), Loss::Some(4_711)] {
            let media = Media::fresh().go(step, Slot::A, &Power::for_steps(cut_at), loss).0;
            media.check().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A life of a box with updates, boots and trials, in which the power goes at any write of any of them.
    #[test]
    fn whenever_the_power_goes_a_slot_that_is_whole_starts(
        life in prop::collection::vec((0_usize..24, any_loss(), any_piece(), any::<bool>()), 1..9),
        last_piece in any_piece(),
    ) {
        let mut media = Media::fresh();
        for (cut_at, loss, piece_bytes, proves_itself) in life {
            // A boot, what its start means, and an update where the system is confirmed.
            let power = if cut_at == 0 { Power::endless() } else { Power::for_steps(cut_at) };
            let running = media.next();
            let settling = if proves_itself { Step::Prove } else { Step::Fail };
            for step in [Step::Boot, settling, Step::Update { piece_bytes }] {
                let is_update = matches!(step, Step::Update { .. });
                if is_update && media.read_state().slot != running {
                    continue;
                }
                let (after, got_to_its_end) = media.go(step, running, &power, loss);
                after.check()?;
                media = after;
                if !got_to_its_end {
                    break;
                }
            }
        }
        // And with the power back for good the next update gets through.
        let endless = Power::endless();
        let running = media.next();
        for step in [Step::Boot, Step::Prove, Step::Update { piece_bytes: last_piece }] {
            media = media.go(step, running, &endless, Loss::All).0;
        }
        let running = media.next();
        for step in [Step::Boot, Step::Prove] {
            media = media.go(step, running, &endless, Loss::All).0;
        }
        prop_assert!(media.is_new(running) && media.read_state().slot == running);
    }
}
