//! Why something is refused, in the words of the audit book: they quote nothing that was typed.

use crate::config::draft::DraftError;
use crate::model::audit::Reason;
use crate::ops::archive::ArchiveError;
use crate::ops::claim::ClaimError;
use crate::ops::control::ControlError;
use crate::ops::counter_events::CorrectionError;
use crate::ops::demand_response::OrderError;
use crate::ops::manual::EnteringError;
use crate::update::{BundleError, UpdateError};

impl From<&ClaimError> for Reason {
    fn from(error: &ClaimError) -> Self {
        match error {
            ClaimError::Claimed => Self::Conflict,
            ClaimError::WrongCode => Self::NoSuchToken,
            ClaimError::Refused(_) => Self::NotApplied,
        }
    }
}

impl From<&ControlError> for Reason {
    fn from(error: &ControlError) -> Self {
        match error {
            ControlError::NoSuchParameter(_) => Self::NoSuchName,
            ControlError::NotWritable(_) => Self::NotAllowed,
            ControlError::OutOfBounds { .. } | ControlError::LeaseTooLong(_) => Self::OutOfRange,
            ControlError::ClockUnset => Self::ClockUnset,
            ControlError::NothingHeld(_) => Self::NothingThere,
            ControlError::Store(_) | ControlError::Unnoted(_) => Self::Medium,
        }
    }
}

impl From<&OrderError> for Reason {
    fn from(error: &OrderError) -> Self {
        match error {
            OrderError::NoDemandResponse | OrderError::NoSiteLoad | OrderError::NoLoad(_) => Self::NotAllowed,
            OrderError::ClockUnset => Self::ClockUnset,
            OrderError::Id(_)
            | OrderError::Name
            | OrderError::EndBeforeStart
            | OrderError::NotOnQuarter(_)
            | OrderError::OverMidnight
            | OrderError::DeadlineBeforeInvitation
            | OrderError::DeadlineAfterStart => Self::Malformed,
            OrderError::TooFarAhead | OrderError::Amount(_) => Self::OutOfRange,
            OrderError::Begun | OrderError::Cancelled | OrderError::DeadlinePassed | OrderError::Over => {
                Self::TooLate
            }
            OrderError::NoSuchPoint(_) | OrderError::NoSuchEvent(_) => Self::NoSuchName,
            OrderError::Differs(_) => Self::Conflict,
            OrderError::TooMany => Self::Full,
            OrderError::Store(_) => Self::Medium,
        }
    }
}

impl From<&UpdateError> for Reason {
    fn from(error: &UpdateError) -> Self {
        match error {
            UpdateError::NoSlots | UpdateError::UnknownSlot => Self::NotAllowed,
            UpdateError::OnTrial | UpdateError::Busy(_) | UpdateError::Checking | UpdateError::Idle => {
                Self::Conflict
            }
            UpdateError::Bundle(BundleError::Signature(_)) => Self::NoRight,
            UpdateError::Offset { .. } | UpdateError::Piece(_) | UpdateError::Bundle(_) => Self::Malformed,
            UpdateError::OtherBoard { .. }
            | UpdateError::OtherGateway { .. }
            | UpdateError::NotNewer { .. }
            | UpdateError::TooLarge { .. } => Self::OutOfRange,
            UpdateError::ReadBack { .. } | UpdateError::Medium(_) => Self::Medium,
            UpdateError::NoTrial | UpdateError::NothingToGoBackTo => Self::NothingThere,
            UpdateError::NotTaken(_) => Self::Other,
        }
    }
}

impl From<&EnteringError> for Reason {
    fn from(error: &EnteringError) -> Self {
        match error {
            EnteringError::NoSuchParameter { .. } => Self::NoSuchName,
            EnteringError::NotManual(_) => Self::NotAllowed,
            EnteringError::OutOfRange { .. } | EnteringError::Ahead => Self::OutOfRange,
            EnteringError::Time(_) => Self::Malformed,
            EnteringError::TooOld(_) => Self::TooLate,
            EnteringError::ClockUnset => Self::ClockUnset,
            EnteringError::NothingThere => Self::NothingThere,
            EnteringError::Store(_) => Self::Medium,
        }
    }
}

impl From<&CorrectionError> for Reason {
    fn from(error: &CorrectionError) -> Self {
        match error {
            CorrectionError::NoSuchEvent(_) => Self::NoSuchName,
            CorrectionError::NoModulus => Self::NotAllowed,
            CorrectionError::Amount => Self::OutOfRange,
            CorrectionError::ReadingsGone => Self::TooLate,
        }
    }
}

impl From<&ArchiveError> for Reason {
    fn from(error: &ArchiveError) -> Self {
        match error {
            ArchiveError::NothingOf(_) => Self::NoSuchName,
            ArchiveError::Time { .. } | ArchiveError::Refused { .. } => Self::Malformed,
            ArchiveError::Exists(_) | ArchiveError::Busy => Self::Conflict,
            ArchiveError::File { .. }
            | ArchiveError::Interrupted { .. }
            | ArchiveError::Output(_)
            | ArchiveError::Store(_) => Self::Medium,
            ArchiveError::NoThread(_) => Self::Full,
        }
    }
}

impl From<&DraftError> for Reason {
    fn from(error: &DraftError) -> Self {
        match error {
            DraftError::Edit(_) | DraftError::Faults(_) | DraftError::Overloaded(_) => Self::Faulty,
            DraftError::NothingStaged | DraftError::NothingToUndo => Self::NothingThere,
            DraftError::ChangedMeanwhile(_) => Self::Conflict,
            DraftError::NotApplied(_) => Self::NotApplied,
            DraftError::Disk { .. } => Self::Medium,
        }
    }
}
