//! Updates as they are asked for: whoever asks is noted in the audit book.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::Ops;
use crate::model::alarm::Alarm;
use crate::model::audit::{Actor, Deed, Note};
use crate::rights::private_file;
use crate::slots::Reason;
use crate::update::{Origin, Piece, State, UpdateError, Updates, View, Wish};

/// The file in the data folder by which the first process of a box knows that it is to be as it was delivered.
const FACTORY_RESET: &str = "factory-reset";

/// What a person decides about a trial by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialOrder {
    /// The running system stays.
    Confirm,
    /// The system before comes back.
    Back,
}

impl TrialOrder {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Back => "back",
        }
    }
}

impl Ops {
    /// From now on updates go through `updates`; only the first counts.
    pub fn serve_updates(&self, updates: Arc<Updates>) {
        // A machine has its slots from the start or never.
        let _only_the_first = self.updates.set(updates);
    }

    /// The updates of this machine.
    ///
    /// # Errors
    /// When it has no slots.
    pub fn updates(&self) -> Result<&Arc<Updates>, UpdateError> {
        self.updates.get().ok_or(UpdateError::NoSlots)
    }

    /// How an update stands; `None` where the machine has no slots.
    #[must_use]
    pub fn update_view(&self) -> Option<View> {
        self.updates.get().map(|updates| updates.view())
    }

    /// Takes a piece of a bundle; blocks. The first one is noted, and whatever is refused.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn take_update(&self, actor: Actor, origin: &Origin, piece: Piece<'_>) -> Result<u64, UpdateError> {
        let taken = self.updates().and_then(|updates| updates.take(origin, piece));
        match taken {
            Ok(_) if piece.offset > 0 => taken,
            // Whoever sends is told where it goes on; that is no refusal.
            Err(UpdateError::Offset { .. }) => taken,
            _ => self.noted(taken, Note::done(actor, Deed::Update).about("receive")),
        }
    }

    /// Takes the bundle in `file`, up to the end of its check; blocks. What comes of it is noted.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn take_update_file(
        &self,
        actor: Actor,
        origin: &Origin,
        file: impl Read,
        wish: Wish,
        progress: impl FnMut(u64, u64),
    ) -> Result<View, UpdateError> {
        let taken = self.updates().and_then(|updates| updates.take_file(origin, file, wish, progress));
        self.noted(taken, Note::done(actor, Deed::Update).about("receive"))
    }

    /// Ends a trial by hand, or goes back; blocks. Gives whether the machine restarts for it.
    ///
    /// # Errors
    /// Why nothing was done.
    pub fn end_trial(&self, actor: Actor, order: TrialOrder) -> Result<bool, UpdateError> {
        let done = self.updates().and_then(|updates| match order {
            TrialOrder::Confirm => updates.confirm().map(|()| false),
            TrialOrder::Back => updates.back(),
        });
        self.noted(done, Note::done(actor, Deed::Update).about(order.word()))
    }

    /// Has the box start anew as it was delivered, as [`reset_to_factory`] does, and notes it.
    ///
    /// # Errors
    /// As [`reset_to_factory`], and when the machine is no box of ours.
    pub fn reset_to_factory(&self, actor: Actor, named: &str, data: &Path) -> Result<(), UpdateError> {
        let site = self.site();
        let done = self.updates().and_then(|updates| reset_to_factory(updates, (&site.cems.id, named), data));
        self.noted(done, Note::done(actor, Deed::Update).about(FACTORY_RESET))
    }

    /// A system that came and went is worth a look; one that a person sent away is not.
    pub(super) fn update_alarm(&self) -> Option<Alarm> {
        match self.update_view()?.state {
            State::RolledBack { reason } if reason != Reason::BY_HAND => {
                Some(Alarm::UpdateRolledBack { reason: reason.word().to_owned() })
            }
            _ => None,
        }
    }
}

/// Has the box start anew as it was delivered: leaves the wish in the folder `data` for the first process, which empties
/// it at the next start, and asks for that. Blocks. The ID of the gateway has to be `named`, so that nobody does it
/// by mistake.
///
/// # Errors
/// When another ID is named, or the wish cannot be left.
pub fn reset_to_factory(
    updates: &Updates,
    (id, named): (&str, &str),
    data: &Path,
) -> Result<(), UpdateError> {
    if named != id {
        return Err(UpdateError::OtherGateway { id: id.to_owned() });
    }
    private_file(&data.join(FACTORY_RESET)).and_then(|wish| wish.sync_all())?;
    File::open(data)?.sync_all()?;
    updates.ask_for_restart();
    Ok(())
}
