//! Run: the one update that may be under way, and how it stands; shared by all doors.
//!
//! Everything here blocks: pieces are written where they come in, on the threads of whoever brings them.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::admission::Admission;
use super::error::UpdateError;
use super::signature::{SignatureFault, UpdateKey};
use super::transfer::{Target, Transfer};
use super::version::Version;
use super::words::Fault;
use crate::limits;
use crate::slots::{AfterBoot, Board, BootState, Contents, Reason, Slot, after_boot};

/// How long nothing may come before the slot is given up.
const IDLE_MAX: Duration = Duration::from_mins(10);

/// Through which door an update comes, and from whom: one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line on the box.
    CommandLine,
    /// Somebody at a console.
    Console,
    /// A platform, over HTTP.
    Platform(String),
    /// The broker of the uplink.
    Broker,
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Self::CommandLine => "the command line".to_owned(),
            Self::Console => "a console".to_owned(),
            Self::Platform(id) => format!("the platform '{id}'"),
            Self::Broker => "the broker".to_owned(),
        }
    }
}

/// What is wished beside the bundle itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// To take any release, not only a newer one.
    pub forced: bool,
    /// To start the new release at once; otherwise the next restart does.
    pub restarts: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self { forced: false, restarts: true }
    }
}

/// A part of a bundle.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Where it lies in the bundle. From 0 a new transfer begins.
    pub offset: u64,
    /// At most [`limits::UPDATE_PIECE_BYTES_MAX`].
    pub bytes: &'a [u8],
    /// Counts with the first piece.
    pub wish: Wish,
}

/// How an update stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is under way.
    Idle,
    /// It comes in.
    Receiving {
        /// Bytes that have come.
        bytes: u64,
        /// Bytes of the bundle; 0 while its head has not come.
        of: u64,
    },
    /// All has come and is read back from the medium.
    Checking,
    /// It is in its slot; a restart tries it.
    Ready,
    /// The running system is on trial.
    Trial,
    /// The running system has proved itself since it was started.
    Confirmed,
    /// The system that was tried did not prove itself, and this one came back.
    RolledBack {
        /// Why, as far as anybody could say.
        reason: Reason,
    },
}

impl State {
    /// Its name in one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Receiving { .. } => "receiving",
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::Trial => "trial",
            Self::Confirmed => "confirmed",
            Self::RolledBack { .. } => "rolled-back",
        }
    }
}

/// How things stand, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// How the update stands.
    pub state: State,
    /// The slot that runs.
    pub slot: Option<Slot>,
    /// The release that runs.
    pub running: Version,
    /// The release that comes, or has come.
    pub offered: Option<Version>,
    /// Why the last update was not taken.
    pub fault: Option<Fault>,
}

/// A transfer with what belongs to it.
struct Held {
    transfer: Transfer<File>,
    origin: Origin,
    wish: Wish,
    touched: Instant,
    /// How things stood before it began.
    before: State,
}

/// The updates of this box.
pub struct Updates {
    board: Board,
    key: UpdateKey,
    running: Option<Slot>,
    has_fallen_back: bool,
    held: Mutex<Option<Held>>,
    shown: watch::Sender<View>,
    restart: Notify,
}

impl Updates {
    /// The updates of `board`. Settles what the start means for the state: after a fall-back the trial is
    /// cleared and its slot marked bad.
    ///
    /// # Errors
    /// When the key of the board is none.
    pub fn of(board: Board) -> Result<Arc<Self>, SignatureFault> {
        let key = UpdateKey::parse(&board.update_key)?;
        let running = board.running();
        let ((state, has_fallen_back), fault) = match settle(&board, running) {
            Ok(settled) => (settled, None),
            Err(error) => ((State::Idle, false), Some(Fault::from(&UpdateError::from(error)))),
        };
        let view = View { state, slot: running, running: Version::of_this(), offered: None, fault };
        let (shown, _) = watch::channel(view);
        let (held, restart) = (Mutex::default(), Notify::new());
        Ok(Arc::new(Self { board, key, running, has_fallen_back, held, shown, restart }))
    }

    /// Whether it was this start that found the slot on trial given up.
    #[must_use]
    pub fn has_fallen_back(&self) -> bool {
        self.has_fallen_back
    }

    /// How things stand. Never waits for the medium.
    #[must_use]
    pub fn view(&self) -> View {
        self.shown.borrow().clone()
    }

    /// Hears of every change of how things stand.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<View> {
        self.shown.subscribe()
    }

    /// Tells how things stand once more: to whoever has sent something that changed nothing.
    pub fn tell_again(&self) {
        self.shown.send_modify(|_| {});
    }

    /// Comes back when the machine is to be restarted.
    pub async fn restart_wanted(&self) {
        self.restart.notified().await;
    }

    /// Asks for a restart of the machine.
    pub fn ask_for_restart(&self) {
        self.restart.notify_one();
    }

    /// What would be taken without force; for a check without writing.
    #[must_use]
    pub fn admission(&self, forced: bool) -> (UpdateKey, Admission) {
        (self.key.clone(), Admission::of(&self.board, Version::of_this(), forced))
    }

    /// Takes the next piece of a bundle from `origin`. A piece that has come before is passed over, so that
    /// it may be sent again. With the last one the slot is read back in a thread of its own, as
    /// [`State::Checking`] shows. Gives how many bytes have come in all.
    ///
    /// # Errors
    /// Why the piece is not taken; unless it was only out of order, the transfer is over.
    pub fn take(self: &Arc<Self>, origin: &Origin, piece: Piece<'_>) -> Result<u64, UpdateError> {
        if piece.bytes.len() > limits::UPDATE_PIECE_BYTES_MAX {
            return Err(UpdateError::Piece(limits::UPDATE_PIECE_BYTES_MAX));
        }
        let mut held = self.lock();
        self.drop_idle(&mut held);
        if self.view().state == State::Checking {
            return Err(UpdateError::Checking);
        }
        if let Some(other) = held.as_ref().filter(|held| held.origin != *origin) {
            return Err(UpdateError::Busy(other.origin.name()));
        }
        if piece.offset == 0 {
            // The one before is dropped first: its slot is the same.
            self.give_up(&mut held, None);
            let begun = self.begin(origin, piece.wish);
            *held = Some(begun.inspect_err(|error| self.show_fault(error))?);
        }
        let Some(current) = held.as_mut() else { return Err(UpdateError::Offset { expected: 0 }) };
        match current.go_on(piece) {
            Err(error @ UpdateError::Offset { .. }) => return Err(error),
            Err(error) => {
                self.give_up(&mut held, Some(&error));
                return Err(error);
            }
            Ok(()) => {}
        }
        let received = current.transfer.received();
        if current.transfer.is_whole() {
            if let Some(held) = held.take() {
                self.finish_aside(held)?;
            }
        } else {
            self.show_receiving(current);
        }
        Ok(received)
    }

    /// Gives up what `origin` has begun: whoever sent it has left.
    pub fn leave(&self, origin: &Origin) {
        let mut held = self.lock();
        if held.as_ref().is_some_and(|held| held.origin == *origin) {
            self.give_up(&mut held, None);
        }
    }

    /// Gives up a transfer in which nothing has come for ten minutes; to be called now and then.
    pub fn settle(&self) {
        self.drop_idle(&mut self.lock());
    }

    /// Confirms the slot on trial: it has proved itself, or a person says so.
    ///
    /// # Errors
    /// When nothing is on trial or the medium takes no writes.
    pub fn confirm(&self) -> Result<(), UpdateError> {
        let running = self.running.ok_or(UpdateError::UnknownSlot)?;
        if self.view().state != State::Trial {
            return Err(UpdateError::NoTrial);
        }
        self.board.open_state()?.change(|state| state.confirm(running))?;
        self.show(State::Confirmed);
        Ok(())
    }

    /// The trial has failed: asks for a restart, which is of the confirmed slot. A system that has had its time
    /// gets no other try: meanwhile nothing is read.
    ///
    /// # Errors
    /// When the medium takes no writes; the restart is asked for all the same.
    pub fn fail_trial(&self, reason: Reason) -> Result<(), UpdateError> {
        self.ask_for_restart();
        self.board.open_state()?.change(|state| state.give_trial_up(reason))?;
        Ok(())
    }

    /// A person goes back: from a trial to the confirmed slot, from an update that waits for its restart to
    /// none, from a confirmed slot to the one before it, which is then on trial. Gives whether that takes a
    /// restart, which is asked for.
    ///
    /// # Errors
    /// When there is nothing to go back to or the medium takes no writes.
    pub fn back(&self) -> Result<bool, UpdateError> {
        let _nothing_under_way = self.lock_where_nothing_is_under_way()?;
        let running = self.running.ok_or(UpdateError::UnknownSlot)?;
        let file = self.board.open_state()?;
        let state = file.read()?;
        let other = running.other();
        match after_boot(&state, running) {
            AfterBoot::OnTrial => file.change(|state| state.give_trial_up(Reason::BY_HAND))?,
            AfterBoot::TrialAhead => {
                file.change(BootState::call_trial_off)?;
                self.show(State::Idle);
                return Ok(false);
            }
            _ if state.contents(other) == Contents::Good => {
                let state = file.change(|state| state.begin_trial(other))?;
                self.show(State::Ready);
                state
            }
            _ => return Err(UpdateError::NothingToGoBackTo),
        };
        self.ask_for_restart();
        Ok(true)
    }

    fn lock_where_nothing_is_under_way(&self) -> Result<MutexGuard<'_, Option<Held>>, UpdateError> {
        let mut held = self.lock();
        self.drop_idle(&mut held);
        match held.as_ref() {
            _ if self.view().state == State::Checking => Err(UpdateError::Checking),
            Some(other) => Err(UpdateError::Busy(other.origin.name())),
            None => Ok(held),
        }
    }

    fn begin(&self, origin: &Origin, wish: Wish) -> Result<Held, UpdateError> {
        let running = self.running.ok_or(UpdateError::UnknownSlot)?;
        let state = self.board.open_state()?;
        // The slot that is written is never the one to fall back to.
        if state.read()?.slot != running {
            return Err(UpdateError::OnTrial);
        }
        let slot = running.other();
        let medium = self.board.open_slot(slot)?;
        let target = Target { state, medium, slot, boot_area_at: self.board.boot_area_at };
        let (key, admission) = self.admission(wish.forced);
        let transfer = Transfer::new(key, admission, target);
        let (origin, touched, before) = (origin.clone(), Instant::now(), self.view().state);
        Ok(Held { transfer, origin, wish, touched, before })
    }

    /// Reads the slot back where it holds nobody up.
    fn finish_aside(self: &Arc<Self>, held: Held) -> Result<(), UpdateError> {
        self.show_receiving(&held);
        self.show(State::Checking);
        let updates = Arc::clone(self);
        let work = move || match held.transfer.finish() {
            Ok(_) => {
                updates.show(State::Ready);
                if held.wish.restarts {
                    updates.ask_for_restart();
                }
            }
            Err(error) => {
                updates.show(State::Idle);
                updates.show_fault(&error);
            }
        };
        std::thread::Builder::new().name("update".to_owned()).spawn(work).map(drop).map_err(|error| {
            let error = UpdateError::from(error);
            self.show(State::Idle);
            self.show_fault(&error);
            error
        })
    }

    fn drop_idle(&self, held: &mut Option<Held>) {
        if held.as_ref().is_some_and(|held| held.touched.elapsed() >= IDLE_MAX) {
            self.give_up(held, Some(&UpdateError::Idle));
        }
    }

    /// Ends a transfer before its end. Where it had written nothing, things stand as before.
    fn give_up(&self, held: &mut Option<Held>, fault: Option<&UpdateError>) {
        let Some(held) = held.take() else { return };
        self.show(if held.transfer.has_begun_to_write() { State::Idle } else { held.before });
        if let Some(fault) = fault {
            self.show_fault(fault);
        }
    }

    fn show(&self, state: State) {
        self.shown.send_modify(|view| {
            view.state = state;
            view.fault = None;
        });
    }

    fn show_receiving(&self, held: &Held) {
        let transfer = &held.transfer;
        let (bytes, of) = (transfer.received(), transfer.bytes_in_all());
        self.shown.send_modify(|view| {
            view.state = State::Receiving { bytes, of };
            view.offered = transfer.manifest().map(|manifest| manifest.version);
            view.fault = None;
        });
    }

    fn show_fault(&self, error: &UpdateError) {
        self.shown.send_modify(|view| view.fault = Some(error.into()));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn go_on(&mut self, piece: Piece<'_>) -> Result<(), UpdateError> {
        let expected = self.transfer.received();
        let known = expected.checked_sub(piece.offset).and_then(|known| usize::try_from(known).ok());
        let fresh = known.map(|known| piece.bytes.get(known..).unwrap_or_default());
        let fresh = fresh.ok_or(UpdateError::Offset { expected })?;
        self.touched = Instant::now();
        self.transfer.take(fresh)
    }
}

/// What the start means, put into the state; and whether it means a fall-back.
fn settle(board: &Board, running: Option<Slot>) -> io::Result<(State, bool)> {
    let Some(running) = running else { return Ok((State::Idle, false)) };
    let file = board.open_state()?;
    file.mend()?;
    let state = file.read()?;
    match after_boot(&state, running) {
        AfterBoot::OnTrial => Ok((State::Trial, false)),
        AfterBoot::TrialAhead => Ok((State::Ready, false)),
        // It is told until another update comes.
        AfterBoot::Settled if state.contents(running.other()) == Contents::Bad => {
            Ok((State::RolledBack { reason: state.reason }, false))
        }
        AfterBoot::Settled => Ok((State::Idle, false)),
        AfterBoot::FellBack => {
            let state = file.change(|state| {
                // A system that could still say why it is left has done so.
                if state.reason == Reason::NONE {
                    state.reason = Reason::PANIC;
                }
                state.fall_back(running);
            })?;
            Ok((State::RolledBack { reason: state.reason }, true))
        }
        AfterBoot::Displaced => {
            let state = file.change(|state| {
                state.reason = Reason::UNBOOTABLE;
                state.fall_back(running);
            })?;
            Ok((State::RolledBack { reason: state.reason }, true))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::super::bundle::tests::bundle;
    use super::super::signature::tests::KEY;
    use super::*;

    /// A box with files for its devices, on which `slot` runs.
    fn updates(folder: &TempDir, slot: Slot, state: &BootState) -> Arc<Updates> {
        let path = |name: &str| folder.path().join(name);
        fs::write(path("state"), vec![0; 1_048_576]).unwrap();
        for slot in Slot::ALL {
            fs::write(path(slot.name()), vec![0; 524_288]).unwrap();
        }
        board(folder).open_state().unwrap().write(state).unwrap();
        started(folder, slot)
    }

    /// The same box after a start of `slot`.
    fn started(folder: &TempDir, slot: Slot) -> Arc<Updates> {
        let board = board(folder);
        fs::write(&board.command_line, format!("cems.slot={slot}")).unwrap();
        Updates::of(board).unwrap()
    }

    fn board(folder: &TempDir) -> Board {
        let path = |name: &str| folder.path().join(name);
        Board {
            board: "test-board".to_owned(),
            state: path("state"),
            slot_a: path("a"),
            slot_b: path("b"),
            boot_area_at: 262_144,
            slot_bytes: 524_288,
            update_key: KEY.to_owned(),
            command_line: path("cmdline"),
        }
    }

    fn piece(offset: u64, bytes: &[u8]) -> Piece<'_> {
        Piece { offset, bytes, wish: Wish::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_that_nobody_goes_on_sending_is_given_up_after_ten_minutes() {
        let folder = tempfile::tempdir().unwrap();
        let updates = updates(&folder, Slot::A, &BootState::default());
        let bundle = bundle();
        updates.take(&Origin::Broker, piece(0, &bundle[..60_000])).unwrap();
        let other = Origin::Platform("p".to_owned());
        tokio::time::advance(Duration::from_secs(599)).await;
        assert!(matches!(updates.take(&other, piece(0, &bundle[..10])), Err(UpdateError::Busy(_))));
        tokio::time::advance(Duration::from_secs(1)).await;
        updates.settle();
        let view = updates.view();
        assert!(view.state == State::Idle && view.fault == Some(Fault::from(&UpdateError::Idle)));
        assert_eq!(updates.take(&other, piece(0, &bundle[..10])).unwrap(), 10);
    }

    #[test]
    fn what_is_refused_before_it_writes_leaves_things_as_they_stood() {
        let tried = BootState { trial: Some(Slot::B), tries: 2, b: Contents::Good, ..BootState::default() };
        for (slot, state, stands) in [
            (Slot::B, &tried, State::Trial),
            (Slot::A, &tried, State::Ready),
            (Slot::A, &BootState::default(), State::Idle),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let updates = updates(&folder, slot, state);
            assert!(updates.take(&Origin::Console, piece(0, b"no bundle at all")).is_err());
            assert_eq!(updates.view().state, stands);
            assert!(updates.view().fault.is_some());
        }
    }

    #[test]
    fn a_person_goes_back_from_a_trial_from_a_trial_ahead_and_from_a_confirmed_system() {
        let tried = BootState { trial: Some(Slot::B), tries: 2, b: Contents::Good, ..BootState::default() };
        let both = BootState { b: Contents::Good, ..BootState::default() };
        for (slot, state, restarts, trial, tries) in [
            (Slot::B, &tried, Some(true), Some(Slot::B), 0),
            (Slot::A, &tried, Some(false), None, 0),
            (Slot::A, &both, Some(true), Some(Slot::B), 3),
            (Slot::A, &BootState::default(), None, None, 0),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let updates = updates(&folder, slot, state);
            assert_eq!(updates.back().ok(), restarts, "{state:?}");
            let after = updates.board.open_state().unwrap().read().unwrap();
            assert_eq!((after.slot, after.trial, after.tries), (Slot::A, trial, tries), "{state:?}");
        }
    }

    #[test]
    fn a_system_that_never_got_to_do_its_work_is_left_at_the_next_start() {
        let tried = BootState { trial: Some(Slot::B), tries: 2, b: Contents::Good, ..BootState::default() };
        let folder = tempfile::tempdir().unwrap();
        updates(&folder, Slot::B, &tried).fail_trial(Reason::UNHEALTHY).unwrap();
        let after = started(&folder, Slot::A);
        assert_eq!(after.view().state, State::RolledBack { reason: Reason::UNHEALTHY });
    }

    #[test]
    fn a_trial_that_is_over_says_why_and_one_that_never_said_it_was_a_panic() {
        let over = BootState { trial: Some(Slot::B), b: Contents::Good, ..BootState::default() };
        for (said, told) in [(Reason::NONE, Reason::PANIC), (Reason::UNHEALTHY, Reason::UNHEALTHY)] {
            let folder = tempfile::tempdir().unwrap();
            let updates = updates(&folder, Slot::A, &BootState { reason: said, ..over.clone() });
            assert_eq!(updates.view().state, State::RolledBack { reason: told.clone() });
            let state = updates.board.open_state().unwrap().read().unwrap();
            assert_eq!((state.trial, state.b, state.reason), (None, Contents::Bad, told));
        }
    }

    #[test]
    fn a_start_in_the_slot_that_nobody_chose_stays_there() {
        let folder = tempfile::tempdir().unwrap();
        let updates = updates(&folder, Slot::B, &BootState { b: Contents::Good, ..BootState::default() });
        assert_eq!(updates.view().state, State::RolledBack { reason: Reason::UNBOOTABLE });
        let state = updates.board.open_state().unwrap().read().unwrap();
        assert_eq!((state.slot, state.a), (Slot::B, Contents::Bad));
        assert!(updates.has_fallen_back());
    }
}
